//! What a repository needs before an agent can work in it, read off the lockfiles of its base commit.

use crate::engine::verify::detect::{Files, REQUIREMENTS, is_makefile, node_manager};

/// One step of setup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// For `sh -c`, with the network of the allow-list.
    pub command: String,
    /// Says whether the host's caches are enough: exit 0 without any network means that the step is not needed.
    pub enough: Option<&'static str>,
    /// Whether the same command may do without a network, from the host's caches; what it leaves is kept.
    pub from_caches: bool,
    /// What follows without a network: build scripts of dependencies run only there. It may fail.
    pub after: Option<&'static str>,
    /// Which package client it is, for the hosts it may reach.
    pub client: Client,
}

/// A package client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// cargo
    Cargo,
    /// npm, pnpm, yarn, bun
    Node,
    /// pip, uv
    Python,
    /// go
    Go,
    /// Whatever the repository's own commands are.
    Any,
}

/// What is kept of a workspace after a client's step: folders of its root that later works get as links.
pub fn kept(client: Client) -> &'static [&'static str] {
    match client {
        Client::Node => &["node_modules"],
        Client::Python => &[".venv"],
        Client::Cargo | Client::Go => &[],
        Client::Any => &["node_modules", ".venv"],
    }
}

/// Whether a file's content decides if an earlier setup's result fits.
pub fn counts(path: &str) -> bool {
    const NAMES: &[&str] = &[
        "Cargo.lock",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "pnpm-lock.yaml",
        "pnpm-workspace.yaml",
        "yarn.lock",
        ".yarnrc.yml",
        ".npmrc",
        "bun.lock",
        "bun.lockb",
        "uv.lock",
        "go.sum",
        "go.mod",
    ];
    NAMES.contains(&path) || is_requirements(path)
}

/// More than the lists that are installed from: they include each other, and files with constraints.
fn is_requirements(path: &str) -> bool {
    let name = path.strip_prefix("requirements/").unwrap_or(path);
    name.ends_with(".txt")
        && !name.contains('/')
        && (name.contains("requirements") || name.contains("constraints") || name != path)
}

/// Whether a package client reads or runs it besides the lockfile, so that another one may make another result.
pub fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "package.json" | "pyproject.toml" | "setup.py" | "setup.cfg")
}

/// The words of a shell's command, whatever stands around them.
pub fn words(command: &str) -> impl Iterator<Item = &str> {
    let is_around = |c: char| c.is_whitespace() || "\"'`;&|()<>=$".contains(c);
    command.split(is_around).filter(|word| !word.is_empty())
}

/// Whether a word of a command names this file, or a folder that it is in; `make` means its makefiles.
pub fn means(word: &str, path: &str) -> bool {
    let word = word.trim_start_matches("./").trim_end_matches('/');
    if word == "make" {
        return is_makefile(path);
    }
    path.strip_prefix(word).is_some_and(|rest| !word.is_empty() && (rest.is_empty() || rest.starts_with('/')))
}

/// The configuration's commands, else what the lockfiles tell about.
pub fn steps(named: Option<&[String]>, files: &dyn Files) -> Vec<Step> {
    let step = |command: &str, client| Step {
        command: command.to_owned(),
        enough: None,
        from_caches: client != Client::Any,
        after: None,
        client,
    };
    if let Some(named) = named {
        return named.iter().map(|command| step(command, Client::Any)).collect();
    }
    let mut found = Vec::new();
    if files.has("Cargo.lock") {
        let enough = Some("cargo fetch --locked --offline");
        found.push(Step { enough, from_caches: false, ..step("cargo fetch --locked", Client::Cargo) });
    }
    if let Some((command, after)) = node(files) {
        found.push(Step { after, ..step(command, Client::Node) });
    }
    if files.has("uv.lock") {
        found.push(step("uv sync --frozen", Client::Python));
    } else if let Some(command) = pip(files) {
        found.push(step(&command, Client::Python));
    }
    if files.has("go.sum") {
        let enough = Some("go mod download");
        found.push(Step { enough, from_caches: false, ..step("go mod download", Client::Go) });
    }
    found
}

/// What the lockfile's manager installs with, and what runs the build scripts afterwards.
fn node(files: &dyn Files) -> Option<(&'static str, Option<&'static str>)> {
    if !files.has("package.json") {
        return None;
    }
    Some(match node_manager(files)? {
        "npm" => ("npm ci --ignore-scripts", Some("npm rebuild --offline")),
        "pnpm" => ("pnpm install --frozen-lockfile --ignore-scripts", Some("pnpm rebuild")),
        "yarn" if files.has(".yarnrc.yml") => {
            ("YARN_ENABLE_SCRIPTS=0 YARN_NODE_LINKER=node-modules yarn install --immutable", None)
        }
        "yarn" => ("yarn install --frozen-lockfile --ignore-scripts", None),
        _ => ("bun install --frozen-lockfile --ignore-scripts", None),
    })
}

/// How pip installs. The host's own packages stay in sight: a test runner that is not in the list is often there.
pub(super) const PIP: &str = "python3 -m venv --system-site-packages .venv && .venv/bin/pip install -q";

fn pip(files: &dyn Files) -> Option<String> {
    let lists: Vec<&str> = REQUIREMENTS.iter().copied().filter(|name| files.has(name)).collect();
    (!lists.is_empty()).then(|| format!("{PIP} -r {}", lists.join(" -r ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::verify::detect::tests::Fake;

    #[test]
    fn what_a_command_names_is_known() {
        let check = |command: &str, path: &str, expected: bool| {
            assert_eq!(words(command).any(|word| means(word, path)), expected, "{command} {path}");
        };
        check("sh ./deps.sh", "deps.sh", true);
        check("sh ./deps.sh", "README.md", false);
        check("cd tools&&(bash 'setup/all.sh')", "tools/a/b", true);
        check("X=1 make deps", "Makefile", true);
        check("pip install .", "setup.cfg", false);
    }

    #[test]
    fn lockfiles_say_what_is_needed() {
        let check = |files: &[&'static str], expected: &[Client]| {
            let fake = Fake(files.iter().map(|name| (*name, "")).collect());
            assert_eq!(
                steps(None, &fake).iter().map(|step| step.client).collect::<Vec<_>>(),
                expected,
                "{files:?}"
            );
        };
        check(&["README.md"], &[]);
        check(&["Cargo.toml"], &[]);
        check(&["Cargo.toml", "Cargo.lock"], &[Client::Cargo]);
        check(&["package.json"], &[]);
        check(&["package.json", "package-lock.json", "requirements.txt"], &[Client::Node, Client::Python]);
        check(&["go.mod"], &[]);
        check(&["go.mod", "go.sum"], &[Client::Go]);
        check(&["requirements-dev.txt"], &[Client::Python]);
        let named = ["make deps".to_owned()];
        assert_eq!(steps(Some(&named), &Fake(vec![("Cargo.lock", "")]))[0].command, "make deps");
        assert!(steps(Some(&[]), &Fake(vec![("Cargo.lock", "")])).is_empty());
    }

    #[test]
    fn the_command_is_the_lockfile_s() {
        let check = |files: &[&'static str], expected: &str| {
            let fake = Fake(files.iter().map(|name| (*name, "")).collect());
            assert_eq!(steps(None, &fake)[0].command, expected, "{files:?}");
        };
        check(&["package.json", "package-lock.json", "yarn.lock"], "npm ci --ignore-scripts");
        check(&["package.json", "yarn.lock"], "yarn install --frozen-lockfile --ignore-scripts");
        check(
            &["package.json", "yarn.lock", ".yarnrc.yml"],
            "YARN_ENABLE_SCRIPTS=0 YARN_NODE_LINKER=node-modules yarn install --immutable",
        );
        check(
            &["requirements.txt", "requirements/dev.txt"],
            "python3 -m venv --system-site-packages .venv && .venv/bin/pip install -q -r requirements.txt -r requirements/dev.txt",
        );
    }

    #[test]
    fn what_decides_about_an_earlier_result() {
        for path in
            ["Cargo.lock", "requirements.txt", "requirements-dev.txt", "requirements/base.txt", ".npmrc"]
        {
            assert!(counts(path), "{path}");
        }
        for path in
            ["a/Cargo.lock", "README.txt", "requirements/a/b.txt", "package.json", "docs/requirements.txt"]
        {
            assert!(!counts(path), "{path}");
        }
    }
}
