//! What a person could say or do where setup knows nothing to do, as a line of configuration that works.

use super::steps::PIP;
use crate::engine::verify::detect::{Files, is_pytest, node_manifest};
use std::path::Path;

/// Where something is needed for sure and there is no lockfile that we know; None: nothing seems to be needed. `shown` is
/// what sandboxes see of this host.
pub fn advice(files: &dyn Files, shown: &[&Path]) -> Option<String> {
    let say =
        |found: &str, command: &str| Some(format!("dependencies were not set up: {found}; {}", add(command)));
    for (lock, command) in [
        ("poetry.lock", "poetry config virtualenvs.in-project true --local && poetry install"),
        ("Pipfile.lock", "PIPENV_VENV_IN_PROJECT=1 pipenv sync --dev"),
        ("pdm.lock", "pdm sync"),
    ] {
        if files.has(lock) {
            return say(&format!("{lock} is not among the lockfiles that are known"), command);
        }
    }
    // these have no lockfile, and their caches are shown
    let is_shown = |cache: &str| shown.iter().any(|path| path.ends_with(cache));
    if files.has("pom.xml") && !is_shown(".m2/repository") {
        return Some(
            "dependencies were not set up: Maven's come from ~/.m2/repository, which is not there; run `mvn -B test` once on this machine"
                .to_owned(),
        );
    }
    if wants_packages(files) {
        return say("package.json names some and there is no lockfile", "npm install --ignore-scripts");
    }
    let wanted = pyproject(files)?.get("project")?.get("dependencies")?.as_array()?.len();
    if wanted == 0 {
        None
    } else {
        say("pyproject.toml names some and there is no lockfile", &python(files)?)
    }
}

/// Where a manifest is there and nobody can tell whether something is needed: said only when the checks don't pass.
pub fn hint(files: &dyn Files) -> Option<String> {
    let say = |found: &str, command: &str| {
        Some(format!("no dependencies were set up, as {found}; if the checks need some, {}", add(command)))
    };
    if let Some(command) = python(files) {
        return say("there is no list of them (requirements.txt, uv.lock)", &command);
    }
    if files.has("Cargo.toml") && !files.has("Cargo.lock") {
        return say("there is no Cargo.lock", "cargo fetch");
    }
    None
}

fn add(command: &str) -> String {
    format!("add `setup: [{command:?}]` to .github/quantum.yml")
}

/// Installs the test runner where it is pytest, and the project where it can be installed.
fn python(files: &dyn Files) -> Option<String> {
    let manifest = pyproject(files);
    let project = manifest.as_ref().and_then(|manifest| manifest.get("project"));
    let is_package = project.is_some()
        || files.has("setup.py")
        || files.text("setup.cfg").is_some_and(|text| text.contains("[metadata]"));
    let extras = project.and_then(|project| project.get("optional-dependencies"));
    let extra =
        ["test", "tests", "dev"].iter().find(|name| extras.is_some_and(|all| all.get(name).is_some()));
    let package = extra.map_or(".".to_owned(), |extra| format!("'.[{extra}]'"));
    let wanted: Vec<String> = [(is_pytest(files), "pytest".to_owned()), (is_package, package)]
        .into_iter()
        .filter_map(|(is_wanted, what)| is_wanted.then_some(what))
        .collect();
    (!wanted.is_empty()).then(|| format!("{PIP} {}", wanted.join(" ")))
}

fn pyproject(files: &dyn Files) -> Option<toml::Table> {
    files.text("pyproject.toml")?.parse().ok()
}

fn wants_packages(files: &dyn Files) -> bool {
    let manifest = node_manifest(files).unwrap_or_default();
    let names_some = |key: &str| manifest[key].as_object().is_some_and(|all| !all.is_empty());
    ["dependencies", "devDependencies"].iter().any(|key| names_some(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::verify::detect::tests::Fake;

    #[test]
    fn advice_is_a_line_of_configuration() {
        let check = |file: &'static str, text: &'static str, expected: Option<&str>| {
            let said = advice(&Fake(vec![(file, text)]), &[]);
            assert_eq!(said.is_some(), expected.is_some(), "{file}: {said:?}");
            assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()), "{file}");
        };
        check(
            "package.json",
            r#"{"devDependencies":{"a":"1"}}"#,
            Some("setup: [\"npm install --ignore-scripts\"]"),
        );
        check("package.json", "{}", None);
        check("package.json", "[", None);
        check("poetry.lock", "", Some("poetry install"));
        check("pyproject.toml", "[project]\ndependencies = ['a']", Some("pip install -q .\"]`"));
        check("pyproject.toml", "[project]\ndependencies = []", None);
        check("pyproject.toml", "[", None);
        check("README.md", "", None);
        check("pom.xml", "", Some("`mvn -B test` once on this machine"));
        let shown = Path::new("/home/me/.m2/repository");
        assert_eq!(advice(&Fake(vec![("pom.xml", "")]), &[shown]), None);
    }

    #[test]
    fn a_hint_is_a_line_of_configuration() {
        let check = |files: &[(&'static str, &'static str)], expected: Option<&str>| {
            let said = hint(&Fake(files.to_vec()));
            assert_eq!(said.is_some(), expected.is_some(), "{files:?}: {said:?}");
            assert!(said.as_ref().is_none_or(|said| said.contains(expected.unwrap_or_default())), "{said:?}");
        };
        let pip = |what: &str| format!("`setup: [\"{PIP} {what}\"]` to .github/quantum.yml");
        check(&[("pyproject.toml", "[tool.pytest.ini_options]")], Some(&pip("pytest")));
        check(&[("setup.py", ""), ("tests/conftest.py", "")], Some(&pip("pytest .")));
        check(&[("setup.py", "")], Some(&pip(".")));
        check(&[("setup.cfg", "[metadata]")], Some(&pip(".")));
        check(&[("setup.cfg", "[flake8]")], None);
        check(
            &[("pyproject.toml", "[project.optional-dependencies]\ndev = ['pytest']")],
            Some(&pip("pytest '.[dev]'")),
        );
        check(&[("Cargo.toml", "")], Some("`setup: [\"cargo fetch\"]`"));
        check(&[("Makefile", ""), ("package.json", "{}")], None);
    }
}
