//! What a repository needs before an agent can work in it, read off the lockfiles of its base commit.

use crate::engine::verify::detect::Files;

/// One step of setup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// For `sh -c`, with the network of the allow-list.
    pub command: String,
    /// Says whether the host's caches are enough: exit 0 without any network means that the step is not needed.
    pub enough: Option<&'static str>,
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

/// What is kept of a workspace after setup: folders that later works get as links.
pub const KEPT: &[&str] = &["node_modules", ".venv"];
/// Files whose content decides whether an earlier setup's result fits.
pub const LOCKFILES: &[&str] = &[
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    "requirements.txt",
    "uv.lock",
    "go.sum",
    "go.mod",
];

/// The configuration's commands, else what the lockfiles tell about.
pub fn steps(named: Option<&[String]>, files: &dyn Files) -> Vec<Step> {
    let step =
        |command: &str, client, enough| Step { command: command.to_owned(), enough, after: None, client };
    if let Some(named) = named {
        return named.iter().map(|command| step(command, Client::Any, None)).collect();
    }
    let mut found = Vec::new();
    if files.has("Cargo.lock") {
        found.push(step("cargo fetch --locked", Client::Cargo, Some("cargo fetch --locked --offline")));
    }
    let node = [
        (&["package-lock.json", "npm-shrinkwrap.json"][..], "npm ci --ignore-scripts"),
        (&["pnpm-lock.yaml"][..], "pnpm install --frozen-lockfile --ignore-scripts"),
        (&["yarn.lock"][..], "yarn install --frozen-lockfile --ignore-scripts"),
        (&["bun.lock", "bun.lockb"][..], "bun install --frozen-lockfile --ignore-scripts"),
    ];
    if files.has("package.json")
        && let Some((_, command)) = node.iter().find(|(locks, _)| locks.iter().any(|lock| files.has(lock)))
    {
        let after = command.starts_with("npm").then_some("npm rebuild --offline");
        found.push(Step { after, ..step(command, Client::Node, None) });
    }
    if files.has("uv.lock") {
        found.push(step("uv sync --frozen", Client::Python, None));
    } else if files.has("requirements.txt") {
        found.push(step(
            "python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt",
            Client::Python,
            None,
        ));
    }
    if files.has("go.sum") {
        found.push(step("go mod download", Client::Go, Some("go mod download")));
    }
    found
}

/// What a person could say where there is no lockfile to go by; None: nothing seems to be needed.
pub fn advice(files: &dyn Files) -> Option<String> {
    let text = files.text("package.json")?;
    let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
    let wanted = ["dependencies", "devDependencies"]
        .iter()
        .any(|key| manifest[key].as_object().is_some_and(|all| !all.is_empty()));
    let help = "dependencies were not set up: package.json names some and there is no lockfile; commit one, or add `setup: [\"npm install --ignore-scripts\"]` to .github/quantum.yml";
    wanted.then(|| help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::verify::detect::tests::Fake;

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
        let fake = |text| Fake(vec![("package.json", text)]);
        assert!(
            advice(&fake(r#"{"devDependencies":{"a":"1"}}"#)).is_some_and(|help| help.contains("setup:"))
        );
        assert_eq!(advice(&fake("{}")), None);
        let named = ["make deps".to_owned()];
        assert_eq!(steps(Some(&named), &Fake(vec![("Cargo.lock", "")]))[0].command, "make deps");
        assert!(steps(Some(&[]), &Fake(vec![("Cargo.lock", "")])).is_empty());
    }
}
