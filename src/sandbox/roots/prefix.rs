//! What stands beside a folder of programs. `X/bin` on `PATH` says that the programs are meant, not that all of X is:
//! X may as well be somebody's project. So X is shown where it is known to be an installed toolchain and holds nothing
//! else; of a known toolchain that shares its folder only its own parts are.

use crate::limits::sandbox::PREFIX_ENTRIES;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What may be seen beside a folder of programs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// All of the prefix.
    Whole,
    /// These parts of it.
    Parts(Vec<PathBuf>),
}

/// A toolchain, known by what it always has.
struct Kind {
    /// Files and folders that it has, all of them; a `*` at the end stands for any rest.
    has: &'static [&'static str],
    /// What else may lie at its top besides [`COMMON`].
    more: &'static [&'static str],
    /// What is its own where it shares the folder with something else.
    parts: &'static [&'static str],
}

/// What installed programs of every kind have at their top.
const COMMON: &[&str] = &[
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libexec",
    "share",
    "include",
    "man",
    "info",
    "doc",
    "docs",
    "LICENSE*",
    "LICENCE*",
    "COPYING*",
    "COPYRIGHT*",
    "NOTICE*",
    "README*",
    "CHANGELOG*",
    "AUTHORS*",
    "NEWS*",
    "VERSION*",
];

const KINDS: &[Kind] = &[
    // a virtual environment
    Kind {
        has: &["pyvenv.cfg", "bin/python*", "lib/p*"],
        more: &["pyvenv.cfg", "CACHEDIR.TAG", ".gitignore", ".lock"],
        parts: &["pyvenv.cfg", "lib/python*", "lib/pypy*"],
    },
    Kind {
        has: &["conda-meta/history", "lib"],
        more: &[
            "conda-meta",
            "condabin",
            "compiler_compat",
            "cmake",
            "envs",
            "etc",
            "fonts",
            "mkspecs",
            "phrasebooks",
            "pkgs",
            "plugins",
            "qml",
            "resources",
            "shell",
            "ssl",
            "translations",
            "var",
            "x86_64-*",
            "aarch64-*",
        ],
        parts: &["lib", "libexec", "share", "include", "ssl", "conda-meta"],
    },
    Kind {
        has: &["bin/python3*", "lib/python3*"],
        more: &["BUILD", "openssl", "ssl", "python"],
        parts: &["lib/python3*", "lib/libpython3*"],
    },
    Kind {
        has: &["bin/node", "lib/node_modules/npm"],
        more: &["etc", "installation.lock"],
        parts: &["lib/node_modules", "include/node"],
    },
    Kind {
        has: &["bin/go", "VERSION", "src/runtime", "pkg/tool"],
        more: &[
            "api",
            "misc",
            "pkg",
            "src",
            "test",
            "go.env",
            "codereview.cfg",
            "PATENTS",
            "SECURITY.md",
            "CONTRIBUTING.md",
        ],
        parts: &["VERSION", "go.env", "lib", "pkg", "src"],
    },
    Kind {
        has: &["bin/java", "release", "lib"],
        more: &[
            "conf",
            "demo",
            "jmods",
            "jre",
            "legal",
            "release",
            "sample",
            "src.zip",
            "ASSEMBLY_EXCEPTION",
            "ADDITIONAL_LICENSE_INFO",
            "DISCLAIMER",
            "THIRD_PARTY_README*",
            "THIRDPARTYLICENSEREADME*",
            "Welcome.html",
            "version.txt",
        ],
        parts: &["conf", "lib", "jre", "release"],
    },
    Kind { has: &["lib/rustlib"], more: &["etc"], parts: &["lib", "libexec"] },
    Kind { has: &["bin/ruby", "lib/ruby"], more: &["etc"], parts: &["lib"] },
    Kind { has: &["bin/mvn", "boot", "lib"], more: &["boot", "conf"], parts: &["boot", "conf", "lib"] },
    Kind {
        has: &["bin/gradle", "lib/gradle-*"],
        more: &["init.d", "media", "src"],
        parts: &["init.d", "lib"],
    },
    // Homebrew keeps the data of services in its `var` and their settings in its `etc`
    Kind {
        has: &["bin", "Cellar"],
        more: &[],
        parts: &["Cellar", "opt", "sbin", "lib", "libexec", "include", "share"],
    },
];

/// Where installed things alone lie, whatever they are: each may have the common folders without being known.
const INSTALLED: &[&str] = &["/opt", "/snap"];
/// Stores of packages, each of which is one for everybody.
const STORES: &[&str] = &["/nix/store", "/gnu/store"];
/// What programs of a user share with all that the user's programs keep.
const SHARED: &[&str] = &[".local", ".cargo", ".config", ".cache"];
/// What a project has at its top, and no installed program.
const PROJECT: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".jj",
    ".env",
    ".envrc",
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "Gemfile",
    "composer.json",
    "Makefile",
    "CMakeLists.txt",
    "Dockerfile",
    "compose.yaml",
    "docker-compose.yml",
    "quantum.yml",
];

/// What may be seen of the prefix whose `bin` this is.
pub(super) fn beside(bin: &Path) -> Beside {
    let nothing = Beside::Parts(Vec::new());
    let Some(prefix) = bin.parent().filter(|_| bin.ends_with("bin")) else { return nothing };
    let Some(real) = prefix.canonicalize().ok().filter(|real| real.parent().is_some()) else {
        return nothing;
    };
    let Some(entries) = top(&real) else { return nothing };
    let is_shared = |path: &Path| SHARED.iter().any(|name| path.ends_with(name));
    let is_project = is_project(&real) || is_shared(prefix) || is_shared(&real);
    let only = |more: &[&str]| {
        let may = |name: &String| COMMON.iter().chain(more).any(|known| is_like(name, known));
        !is_project && entries.iter().all(may)
    };
    if is_package(&real) {
        return Beside::Whole;
    }
    let known: Vec<&Kind> =
        KINDS.iter().filter(|kind| kind.has.iter().all(|has| !found(&real, has).is_empty())).collect();
    // one that is two (a Node.js put into a virtual environment) may have what both have
    let more: Vec<&str> = known.iter().flat_map(|kind| kind.more).copied().collect();
    let is_installed = INSTALLED.iter().any(|place| real.starts_with(place) && real != Path::new(place));
    let is_brew = known.iter().any(|kind| kind.has.contains(&"Cellar"));
    if (!known.is_empty() || is_installed) && !is_brew && only(&more) {
        return Beside::Whole;
    }
    let parts = known.iter().flat_map(|kind| kind.parts);
    Beside::Parts(parts.flat_map(|part| found(prefix, part)).collect())
}

/// Whether this folder is a project's top.
pub(super) fn is_project(folder: &Path) -> bool {
    PROJECT.iter().any(|name| folder.join(name).symlink_metadata().is_ok())
}

/// What is in a folder of Node.js packages or in a store was installed, whatever it holds.
fn is_package(real: &Path) -> bool {
    let above = real.parent().filter(|above| above.parent().is_some());
    let scope = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"@"));
    let above = above.map(|above| above.parent().filter(|_| scope(above)).unwrap_or(above));
    above.is_some_and(|above| above.ends_with("node_modules"))
        || STORES.iter().any(|store| real.starts_with(store) && real != Path::new(store))
}

/// The names at a folder's top; none where there are more than any prefix has.
fn top(folder: &Path) -> Option<Vec<String>> {
    let names = fs::read_dir(folder).ok()?.flatten().take(PREFIX_ENTRIES + 1);
    let names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    (names.len() <= PREFIX_ENTRIES).then_some(names)
}

fn is_like(name: &str, known: &str) -> bool {
    known.strip_suffix('*').map_or(name == known, |start| name.starts_with(start))
}

/// What there is of this name in the prefix; a `*` at the end stands for any rest.
fn found(prefix: &Path, named: &str) -> Vec<PathBuf> {
    let path = prefix.join(named);
    let (Some(folder), Some(name), true) = (path.parent(), path.file_name(), named.ends_with('*')) else {
        return if path.exists() { vec![path] } else { Vec::new() };
    };
    let known = name.to_string_lossy();
    let names = fs::read_dir(folder).into_iter().flatten().flatten().take(PREFIX_ENTRIES);
    let names = names.filter(|entry| is_like(&entry.file_name().to_string_lossy(), &known));
    names.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(place: &Path, files: &str) -> PathBuf {
        let _ = fs::remove_dir_all(place);
        fs::create_dir_all(place.join("bin")).unwrap();
        for file in files.split_whitespace().map(|file| place.join(file)) {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            if file.to_string_lossy().ends_with('/') {
                fs::create_dir_all(&file).unwrap();
            } else {
                fs::write(file, "").unwrap();
            }
        }
        place.to_owned()
    }

    #[test]
    fn an_installed_toolchain_is_shown_and_a_project_is_not() {
        let place = tempfile::tempdir().unwrap();
        let x = place.path().canonicalize().unwrap().join("x");
        let check = |files: &str, expected: &str| {
            let said = match beside(&prefix(&x, files).join("bin")) {
                Beside::Whole => "whole".to_owned(),
                Beside::Parts(parts) => {
                    let mut parts: Vec<_> = parts
                        .iter()
                        .map(|part| part.strip_prefix(&x).unwrap().display().to_string())
                        .collect();
                    parts.sort();
                    parts.join(" ")
                }
            };
            assert_eq!(said, expected, "{files}");
        };
        // toolchains
        let (venv, node) = (
            "pyvenv.cfg bin/python lib/python3.12/a include/",
            "bin/node lib/node_modules/npm/a include/node/a",
        );
        let go = "bin/go VERSION src/runtime/a pkg/tool/a go.env";
        let java = "bin/java release lib/modules conf/a jmods/a legal/a";
        for whole in [
            venv,
            node,
            go,
            java,
            &format!("{venv} {node}"),
            "bin/python3.12 lib/python3.12/a include/a share/man/a",
            "bin/cargo lib/rustlib/a etc/bash_completion.d/a share/a libexec/a",
            "bin/ruby lib/ruby/3.3/a",
            "bin/mvn boot/a conf/settings.xml lib/a LICENSE NOTICE README.txt",
            "bin/gradle lib/gradle-a.jar init.d/a",
            "bin/python3 lib/python3.12/a conda-meta/history condabin/a etc/a x86_64-conda-linux-gnu/a",
        ] {
            check(whole, "whole");
        }
        // projects
        for project in [
            "conf/prod.yml",
            "lib/a",
            "lib/a share/a README.md",
            "etc/a",
            "src/a pkg/a",
            "release/a legal/a",
            ".git/config lib/a",
            "secret.txt",
        ] {
            check(project, "");
        }
        // both in one folder: the toolchain alone
        check(&format!("{venv} conf/prod.yml lib/secret"), "lib/python3.12 pyvenv.cfg");
        check(&format!("{venv} pyproject.toml"), "lib/python3.12 pyvenv.cfg");
        check(&format!("{node} .npmrc-backup lib/secret"), "include/node lib/node_modules");
        check(&format!("{go} notes"), "VERSION go.env pkg src");
        check("Cellar/a var/mysql/a etc/my.cnf lib/a", "Cellar lib");
    }

    #[test]
    fn a_place_for_installed_things_and_a_users_shared_folder() {
        let place = tempfile::tempdir().unwrap();
        let at = |inner: &str, files: &str| beside(&prefix(&place.path().join(inner), files).join("bin"));
        let nothing = Beside::Parts(Vec::new());
        let python = "bin/python3 lib/python3.12/a share/keyrings/a";
        assert!(matches!(at(".local", python), Beside::Parts(parts) if parts.len() == 1));
        assert_eq!(at("node_modules/yarn", "package.json lib/a"), Beside::Whole);
        assert_eq!(at("node_modules/@pnpm/exe", "package.json dist/a"), Beside::Whole);
        assert_eq!(at("packages/yarn", "package.json lib/a"), nothing);
        assert_eq!(beside(&place.path().join("absent/bin")), nothing);
        assert_eq!(beside(Path::new("/bin")), nothing);
    }
}
