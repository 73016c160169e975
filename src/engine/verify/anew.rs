//! Checks that the change itself defines anew. What they print is then the change's own word, and proves nothing about the
//! tests that were there. Whoever means it honestly is asked to look; one who does not has no pass to show.

use super::{
    detect::{CheckCommand, Files, is_makefile, is_same_kind, node_manifest, test_script, test_target},
    weaker::Difference,
};
use std::collections::BTreeSet;

/// Which of the commands the change defines anew.
pub fn redefined(
    commands: &[CheckCommand],
    difference: &Difference,
    base: &dyn Files,
    change: &dyn Files,
) -> Vec<String> {
    let paths = || [&difference.removed, &difference.changed, &difference.added].into_iter().flatten();
    let touches = |is: fn(&str) -> bool| paths().any(|path| is(path));
    let scripts = |files: &dyn Files| node_manifest(files).map(|manifest| manifest["scripts"].clone());
    let had_script = test_script(base).is_some();
    let manifests = || paths().filter(|path| path.rsplit('/').next() == Some("Cargo.toml"));
    let anew = [
        // a script calls others
        ("npm", had_script && (scripts(base) != scripts(change) || touches(is_node_setting))),
        // a target needs others, and uses variables
        ("make", test_target(base).is_some() && touches(is_makefile)),
        (
            "cargo",
            touches(is_cargo_setting)
                || manifests().any(|path| !own(change, path).is_subset(&own(base, path))),
        ),
        ("python3", touches(is_python_runner)),
    ];
    let is_anew = |check: &&CheckCommand| {
        anew.iter().any(|(program, is_so)| *is_so && is_same_kind(&check.command, program))
    };
    commands.iter().filter(is_anew).map(|check| check.command.clone()).collect()
}

/// What can name another shell, or code that is loaded first.
fn is_node_setting(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, ".npmrc" | ".yarnrc" | ".yarnrc.yml" | ".pnpmfile.cjs" | "bunfig.toml")
}

/// What can name another compiler, or a program that runs the tests.
fn is_cargo_setting(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let (name, folder) = (parts.next(), parts.next());
    folder == Some(".cargo") && matches!(name, Some("config" | "config.toml"))
}

/// `python -m` looks for the runner in the working folder first, and in `src` where that is named.
fn is_python_runner(path: &str) -> bool {
    let first = path.strip_prefix("src/").unwrap_or(path).split('/').next().unwrap_or(path);
    let name = first.split('.').next().unwrap_or(first);
    let is_module = first.rsplit('.').next() == Some("py") || path != first && !first.contains('.');
    is_module
        && matches!(name, "pytest" | "_pytest" | "unittest" | "pluggy" | "sitecustomize" | "usercustomize")
}

/// Targets of a manifest that don't run under the standard harness, and what is not tested at all.
fn own(files: &dyn Files, path: &str) -> BTreeSet<String> {
    let table = files.text(path).and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
    let mut found = BTreeSet::new();
    let is_off =
        |table: &toml::Value, key: &str| table.get(key).and_then(toml::Value::as_bool) == Some(false);
    for kind in ["lib", "bin", "test", "example", "bench"] {
        let targets = match table.get(kind) {
            Some(toml::Value::Array(targets)) => targets.as_slice(),
            Some(target) => std::slice::from_ref(target),
            None => &[],
        };
        for target in targets {
            let off = ["harness", "test", "doctest"].into_iter().filter(|key| is_off(target, key));
            found.extend(off.map(|key| format!("{kind} {:?} {key}", target.get("name"))));
        }
    }
    let package = table.get("package");
    let auto = ["autotests", "autobins", "autolib"]
        .into_iter()
        .filter(|key| package.is_some_and(|package| is_off(package, key)));
    found.extend(auto.map(str::to_owned));
    found
}

#[cfg(test)]
mod tests {
    use super::super::detect::{checks, tests::Fake};
    use super::*;

    /// One file before and after; an empty text: it is not there.
    fn check(name: &'static str, base: &'static str, change: &'static str) -> Vec<String> {
        let with = |text: &'static str| {
            let mut files =
                vec![("package.json", "{\"scripts\":{\"test\":\"jest\"}}"), ("Cargo.toml", "[package]")];
            files.extend([("Makefile", "test:\n\tgo\n"), ("setup.py", ""), ("test_a.py", "")]);
            files.retain(|(own, _)| *own != name);
            files.extend((!text.is_empty()).then_some((name, text)));
            Fake(files)
        };
        let own = |is: bool| if is { vec![name.to_owned()] } else { Vec::new() };
        let difference = Difference {
            removed: own(change.is_empty()),
            added: own(base.is_empty()),
            changed: own(!base.is_empty() && !change.is_empty() && base != change),
        };
        let (base, change) = (with(base), with(change));
        redefined(&checks(None, &change), &difference, &base, &change)
    }

    #[test]
    fn a_command_that_the_change_defines_anew_is_seen() {
        let jest = "{\"scripts\":{\"test\":\"npm run unit\",\"unit\":\"jest\"}}";
        let echo = "{\"scripts\":{\"test\":\"npm run unit\",\"unit\":\"echo 9 passing\"}}";
        assert_eq!(check("package.json", jest, echo), ["npm test"]);
        assert!(check("package.json", jest, jest).is_empty());
        assert_eq!(check("package.json", jest, "{\"scripts\":{\"test\":\"npm run unit\"}}"), ["npm test"]);
        assert!(check("package.json", "{\"name\":\"a\"}", jest).is_empty(), "the first there is");
        assert_eq!(check(".npmrc", "", "script-shell=./sh.sh"), ["npm test"]);
        assert_eq!(check("Makefile", "test: a\n", "test: a\nb:\n"), ["make test"]);
        assert_eq!(check("GNUmakefile", "", "test:\n\techo\n"), ["make test"]);
        assert!(check("src/lib.rs", "a", "b").is_empty());
    }

    #[test]
    fn a_harness_of_the_change_s_own_is_seen() {
        let cargo = ["cargo test --no-fail-fast"];
        assert_eq!(check(".cargo/config", "", "[target.'cfg(all())']"), cargo);
        let plain = "[package]\nname='a'\n[dependencies]\na='1'";
        assert!(check("Cargo.toml", "[package]\nname='a'", plain).is_empty());
        assert!(check("Cargo.toml", plain, "[package]\nname='a'\n[[test]]\nname='t'").is_empty());
        assert_eq!(check("Cargo.toml", plain, "[package]\n[[test]]\nname='t'\nharness=false"), cargo);
        assert_eq!(check("Cargo.toml", plain, "[lib]\ntest=false"), cargo);
        assert!(
            check("Cargo.toml", "[lib]\ntest=false", "[lib]\ntest=false\n[package]\nname='b'").is_empty()
        );
        for path in ["unittest.py", "pytest/__init__.py", "src/sitecustomize.py"] {
            assert!(check(path, "", "x").iter().any(|command| command.contains("python3")), "{path}");
        }
        assert!(check("tests/pytest_a.py", "", "x").is_empty());
    }
}
