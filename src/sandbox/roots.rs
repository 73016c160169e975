//! What of the host a sandbox is shown besides the system's own folders: the toolchains that `PATH` means, and the
//! package caches, all read-only.
//!
//! Never shown: anybody's home folder itself, our own data folder, or a folder so broad that it holds one of them
//! (`roots/private.rs`). Credential files inside what is shown are masked by the walls. The environment comes in as a value; here
//! only the disk is read.

mod prefix;
mod private;
mod rustup;
mod versions;

use super::environment;
use crate::limits::sandbox as limits;
use prefix::Beside;
use private::Private;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The host as roots are looked for.
#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Our data folder: never shown.
    pub data: PathBuf,
    /// The operator's extra folders (`QUANTUM_SANDBOX_READ`).
    pub extra: Vec<PathBuf>,
}

/// What is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    /// Folders, shown read-only at their own path.
    pub read: Vec<PathBuf>,
    /// Environment that makes the tools find them; `PATH` is what comes before the system's folders.
    pub env: Vec<(String, String)>,
    /// Environment for a setup that tries to do without a network, and for nothing else.
    pub setup_env: Vec<(String, String)>,
    /// For `doctor`: what it is and where.
    pub listing: Vec<(String, PathBuf)>,
    /// Folders of the setting that are not shown, and why.
    pub refused: Vec<(PathBuf, &'static str)>,
}

/// Where the system's programs live: folders every sandbox has anyway.
pub(super) const SYSTEM: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"];
/// How a toolchain of rustup's is listed.
const RUST: &str = "rust toolchain";
/// Tools whose real place is looked for when `PATH` only has a link to them.
const TOOLS: &[&str] = &[
    "cargo", "rustc", "node", "npm", "pnpm", "yarn", "bun", "deno", "python3", "python", "pytest", "uv",
    "go", "java", "mvn", "gradle", "make", "cc", "gcc", "clang", "ruby", "php", "dotnet",
];

/// Looks for toolchains and caches.
pub fn discover(host: &HostFacts) -> Roots {
    let private = Private::of(host.env.get("HOME").map(Path::new), &host.data);
    let mut found = Finding { host, private, roots: Roots::default(), path: Vec::new() };
    found.rust();
    found.pyenv();
    found.path_entries();
    found.named_roots();
    found.caches();
    for extra in &host.extra {
        if let Err(why) = found.try_show("extra", extra) {
            found.roots.refused.push((extra.clone(), why));
        }
    }
    let path: Vec<String> = found.path.iter().map(|path| path.display().to_string()).collect();
    if !path.is_empty() {
        found.roots.env.push(("PATH".to_owned(), path.join(":")));
    }
    found.roots
}

struct Finding<'a> {
    host: &'a HostFacts,
    private: Private,
    roots: Roots,
    path: Vec<PathBuf>,
}

impl Finding<'_> {
    fn var(&self, name: &str) -> Option<PathBuf> {
        self.host
            .env
            .get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    }

    fn home(&self) -> Option<PathBuf> {
        self.var("HOME").filter(|home| home != Path::new("/"))
    }

    fn in_home(&self, variable: &str, folder: &str) -> Option<PathBuf> {
        self.var(variable).or_else(|| Some(self.home()?.join(folder)))
    }

    /// Shows a folder unless it is there already or must not be seen.
    fn show(&mut self, what: &str, folder: &Path) -> bool {
        self.try_show(what, folder).is_ok()
    }

    /// As [`Self::show`], and says why not.
    fn try_show(&mut self, what: &str, folder: &Path) -> Result<(), &'static str> {
        let real = folder.canonicalize().map_err(|_| "it can't be opened")?;
        self.private.check(folder)?;
        self.private.check(&real)?;
        // a path with dots in it is shown as what it means
        let dots = folder.components().any(|part| part == std::path::Component::ParentDir);
        for place in [folder, real.as_path()].into_iter().skip(dots.into()) {
            let covered = SYSTEM.iter().any(|system| place.starts_with(system))
                || self.roots.read.iter().any(|root| place.starts_with(root));
            if !covered {
                self.roots.read.push(place.to_owned());
                self.roots.listing.push((what.to_owned(), place.to_owned()));
            }
        }
        Ok(())
    }

    fn lead(&mut self, folder: PathBuf) {
        if !self.path.contains(&folder) {
            self.path.push(folder);
        }
    }

    /// rustup's programs are proxies that need their home; the toolchain they stand for needs nothing.
    fn rust(&mut self) {
        let Some(home) = self.in_home("RUSTUP_HOME", ".rustup") else { return };
        let settings = fs::read_to_string(home.join("settings.toml")).unwrap_or_default();
        let default = settings
            .parse::<toml::Table>()
            .ok()
            .and_then(|t| Some(t.get("default_toolchain")?.as_str()?.to_owned()));
        let named = self.host.env.get("RUSTUP_TOOLCHAIN").filter(|name| !name.is_empty()).cloned();
        let Some(name) = named.or(default).filter(|name| !name.contains('/')) else { return };
        let Some(folder) = versions::toolchain(&home.join("toolchains"), &name) else { return };
        if folder.join("bin/cargo").exists() && self.show(RUST, &folder) {
            self.lead(folder.join("bin"));
        }
    }

    /// pyenv's shims need all of pyenv; the version they stand for needs nothing.
    fn pyenv(&mut self) {
        let Some(home) = self.in_home("PYENV_ROOT", ".pyenv") else { return };
        let named = self
            .host
            .env
            .get("PYENV_VERSION")
            .cloned()
            .or_else(|| fs::read_to_string(home.join("version")).ok());
        let Some(name) = named.and_then(|text| Some(text.split([':', '\n']).next()?.trim().to_owned()))
        else {
            return;
        };
        let folder = home.join("versions").join(&name);
        if !name.is_empty()
            && !name.contains('/')
            && folder.join("bin").is_dir()
            && self.show("python (pyenv)", &folder)
        {
            self.lead(folder.join("bin"));
            // a virtual environment by that name stands on another version
            self.behind_link(&folder.join("bin/python"));
        }
    }

    fn path_entries(&mut self) {
        let path = self.host.env.get("PATH").cloned().unwrap_or_default();
        let entries: Vec<PathBuf> = path
            .split(':')
            .map(PathBuf::from)
            .filter(|entry| entry.is_absolute() && entry.is_dir())
            .collect();
        for entry in entries.into_iter().take(limits::PATH_ENTRIES) {
            match entry.file_name().and_then(|name| name.to_str()) {
                Some("shims") => self.shims(&entry),
                _ => self.entry(&entry),
            }
        }
    }

    /// A folder of programs, with the toolchain that it belongs to; the top of a project is none.
    fn entry(&mut self, entry: &Path) {
        // `/usr/local/go/bin` is shown, being of the system, but nobody looks there who isn't led
        let is_on_path = environment::SYSTEM_PATH.split(':').any(|own| entry == Path::new(own));
        let is_bin = ["bin", "sbin"].iter().any(|name| entry.ends_with(name));
        if !is_on_path && (is_bin || !prefix::is_project(entry)) && self.programs("on PATH", entry) {
            self.lead(entry.to_owned());
        }
        for tool in TOOLS {
            self.behind_link(&entry.join(tool));
        }
    }

    /// Shows a folder of programs and what of its prefix is known to belong to them.
    fn programs(&mut self, what: &str, folder: &Path) -> bool {
        match prefix::beside(folder) {
            Beside::Whole => {
                let whole = folder.parent().is_some_and(|prefix| self.show(what, prefix));
                whole || self.show(what, folder)
            }
            Beside::Parts(parts) => {
                let shown = self.show(what, folder);
                for part in parts.iter().filter(|_| shown) {
                    self.show(what, part);
                }
                shown
            }
        }
    }

    /// Where a link on `PATH` really leads: `/usr/local/bin/node → /opt/node/bin/node`. A program that lies in no folder of
    /// programs is shown alone.
    fn behind_link(&mut self, program: &Path) {
        let what = "behind a link on PATH";
        let Ok(real) = program.canonicalize() else { return };
        let is_shown = self.roots.read.iter().any(|root| real.starts_with(root));
        if real == program || is_shown || SYSTEM.iter().any(|system| real.starts_with(system)) {
            return;
        }
        match real.parent() {
            Some(folder) if folder.ends_with("bin") => self.programs(what, folder),
            // .NET's program lies at the top of its own folder
            Some(folder) if folder.join("host/fxr").is_dir() && !prefix::is_project(folder) => {
                self.show(what, folder)
            }
            _ => self.show(what, &real),
        };
    }

    /// asdf and mise: every installed version; on `PATH` the one that the home's `.tool-versions` names, then the newest.
    fn shims(&mut self, shims: &Path) {
        let Some(installs) =
            shims.parent().map(|home| home.join("installs")).filter(|installs| installs.is_dir())
        else {
            return;
        };
        if !self.show("asdf or mise", &installs) {
            return;
        }
        let named = self.home().map(|home| home.join(".tool-versions"));
        let named = named.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        versions::bins(&installs, &named).into_iter().for_each(|bin| self.lead(bin));
    }

    fn named_roots(&mut self) {
        for name in ["GOROOT", "JAVA_HOME", "RUNNER_TOOL_CACHE"] {
            let Some(folder) = self.var(name).filter(|folder| folder.is_dir()) else { continue };
            if SYSTEM.iter().any(|system| folder.starts_with(system)) || self.show(name, &folder) {
                self.roots.env.push((name.to_owned(), folder.display().to_string()));
                if folder.join("bin").is_dir() {
                    self.lead(folder.join("bin"));
                }
            }
        }
    }

    /// Caches that tools can use without writing to them.
    fn caches(&mut self) {
        if let Some(cargo) = self.in_home("CARGO_HOME", ".cargo") {
            let parts = ["registry", "git"].map(|part| self.show("cargo's cache", &cargo.join(part)));
            // cargo takes a home it can't write to: it then works without its lock
            if parts.contains(&true) {
                self.roots.env.push(("CARGO_HOME".to_owned(), cargo.display().to_string()));
            }
        }
        if let Some(npm) = self
            .in_home("npm_config_cache", ".npm")
            .filter(|npm| self.show("npm's cache", &npm.join("_cacache")))
        {
            // it reads a cache that it can't add to, and installs nothing else with one
            self.roots.setup_env.push(("npm_config_cache".to_owned(), npm.display().to_string()));
        }
        let modules = self.var("GOMODCACHE").or_else(|| Some(self.in_home("GOPATH", "go")?.join("pkg/mod")));
        if let Some(modules) = modules.filter(|folder| self.show("Go's modules", folder)) {
            self.roots.env.push(("GOMODCACHE".to_owned(), modules.display().to_string()));
        }
        if let Some(maven) = self
            .home()
            .map(|home| home.join(".m2/repository"))
            .filter(|folder| self.show("Maven's cache", folder))
        {
            self.roots
                .env
                .push(("MAVEN_ARGS".to_owned(), format!("-o -Dmaven.repo.local={}", maven.display())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(home: &Path, path: &str) -> HostFacts {
        let env = [("HOME", home.display().to_string()), ("PATH", path.to_owned())];
        HostFacts {
            env: env.map(|(k, v)| (k.to_owned(), v)).into(),
            data: home.join(".local/share/quantum"),
            extra: Vec::new(),
        }
    }

    fn made(home: &Path, folders: &[&str]) {
        folders.iter().for_each(|folder| fs::create_dir_all(home.join(folder)).unwrap());
    }

    #[test]
    fn toolchains_are_found_and_homes_are_not_shown() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().canonicalize().unwrap();
        made(
            &home,
            &[
                "bin",
                ".cargo/bin",
                ".cargo/registry",
                ".rustup/toolchains/stable-x/bin",
                ".local/bin",
                ".local/share/quantum",
                "tools/go/bin",
                "tools/go/src/runtime",
                "tools/go/pkg/tool",
            ],
        );
        made(&home, &[".pyenv/versions/3.12.1/bin", ".pyenv/shims"]);
        fs::write(home.join(".rustup/settings.toml"), "default_toolchain = \"stable-x\"").unwrap();
        fs::write(home.join(".rustup/toolchains/stable-x/bin/cargo"), "").unwrap();
        fs::write(home.join(".pyenv/version"), "3.12.1\n").unwrap();
        fs::write(home.join("tools/go/bin/go"), "").unwrap();
        fs::write(home.join("tools/go/VERSION"), "").unwrap();
        let path = [".pyenv/shims", ".cargo/bin", ".local/bin", "bin", "tools/go/bin"]
            .map(|p| home.join(p).display().to_string())
            .join(":");
        let roots = discover(&facts(&home, &path));
        let shown: Vec<_> =
            roots.read.iter().map(|p| p.strip_prefix(&home).unwrap().display().to_string()).collect();
        let expected = [
            ".rustup/toolchains/stable-x",
            ".pyenv/versions/3.12.1",
            ".cargo/bin",
            ".local/bin",
            "bin",
            "tools/go",
            ".cargo/registry",
        ];
        assert_eq!(shown, expected);
        assert!(
            roots.read.iter().all(|root| !home.starts_with(root) && !facts(&home, "").data.starts_with(root))
        );
        let lead = &roots.env.iter().find(|(name, _)| name == "PATH").unwrap().1;
        assert!(lead.starts_with(&format!(
            "{0}/.rustup/toolchains/stable-x/bin:{0}/.pyenv/versions/3.12.1/bin",
            home.display()
        )));
    }

    #[test]
    fn what_the_system_holds_beside_its_own_path_is_led_to() {
        let place = tempfile::tempdir().unwrap();
        let roots = discover(&facts(place.path(), "/usr/share:/usr/sbin"));
        assert_eq!(roots.env, [("PATH".to_owned(), "/usr/share".to_owned())]);
        assert!(roots.read.iter().all(|root| !root.starts_with("/usr")), "it is shown anyway");
    }

    #[test]
    fn broad_folders_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().join("home/me");
        made(&home, &["x"]);
        let extra = ["/", "/etc", "/root", "/home"].map(PathBuf::from).into_iter().chain([
            home.clone(),
            place.path().to_owned(),
            home.join("x"),
        ]);
        let host = HostFacts { extra: extra.collect(), ..facts(&home, "") };
        assert_eq!(discover(&host).read, [home.join("x").canonicalize().unwrap()]);
    }

    #[test]
    fn a_project_on_path_is_not_shown_and_its_programs_are() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().canonicalize().unwrap();
        made(
            &home,
            &["app/bin", "app/conf", "tools/venv/bin", "tools/venv/lib/python3.12", "checkout/.git", "links"],
        );
        made(&home, &["other/bin", "other/secrets", "lone"]);
        for file in ["tools/venv/pyvenv.cfg", "tools/venv/bin/python", "other/bin/node", "lone/go"] {
            fs::write(home.join(file), "").unwrap();
        }
        std::os::unix::fs::symlink(home.join("other/bin/node"), home.join("links/node")).unwrap();
        std::os::unix::fs::symlink(home.join("lone/go"), home.join("links/go")).unwrap();
        let path =
            ["app/bin", "tools/venv/bin", "checkout", "links"].map(|p| home.join(p).display().to_string());
        let roots = discover(&facts(&home, &path.join(":")));
        let shown: Vec<_> =
            roots.read.iter().map(|p| p.strip_prefix(&home).unwrap().display().to_string()).collect();
        assert_eq!(shown, ["app/bin", "tools/venv", "links", "other/bin", "lone/go"]);
    }
}
