//! What of a change could weaken the checks: tests that are gone, and edits of what decides which tests run. A change may have
//! a good reason for either; whoever reads the receipt is told, and how many tests ran before.

use super::{
    detect::{Files, MAKEFILES, node_manifest},
    listed,
};
use std::collections::HashMap;

/// How two trees differ, by paths of the base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// There no more.
    pub removed: Vec<String>,
    /// With another content.
    pub changed: Vec<String>,
    /// Not there before.
    pub added: Vec<String>,
}

/// In words, one each; empty: nothing of the kind.
pub fn signs(difference: &Difference, base: &dyn Files, change: &dyn Files) -> Vec<String> {
    let mut said = Vec::new();
    let gone: Vec<&str> =
        difference.removed.iter().map(String::as_str).filter(|path| is_test(path)).collect();
    if !gone.is_empty() {
        said.push(format!("the change removes {}", listed(&gone)));
    }
    let shorter: Vec<String> = difference
        .changed
        .iter()
        .filter(|path| is_test(path))
        .filter_map(|path| {
            let lost = lost(&base.text(path)?, &change.text(path)?);
            (lost > 0).then(|| format!("{path} ({lost} lines)"))
        })
        .collect();
    if !shorter.is_empty() {
        let shorter: Vec<&str> = shorter.iter().map(String::as_str).collect();
        said.push(format!("the change takes out or rewrites lines of {}", listed(&shorter)));
    }
    let mut edited: Vec<&str> = [&difference.removed, &difference.changed, &difference.added]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .filter(|path| decides(path))
        .collect();
    if difference.changed.iter().any(|path| path == "package.json") && script(base) != script(change) {
        edited.push("the test script of package.json");
    }
    if difference.changed.iter().any(|path| path == "pyproject.toml") && pytest(base) != pytest(change) {
        edited.push("pytest's settings in pyproject.toml");
    }
    if !edited.is_empty() {
        said.push(format!("the change edits what decides which tests run: {}", listed(&edited)));
    }
    said
}

/// Lines that are no longer there; empty ones and those that only moved or were indented otherwise don't count.
fn lost(before: &str, after: &str) -> usize {
    let mut left: HashMap<String, usize> = HashMap::new();
    for line in after.lines().map(str::trim).filter(|line| !line.is_empty()) {
        *left.entry(line.to_owned()).or_default() += 1;
    }
    let mut is_lost = |line: &str| match left.get_mut(line) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        Some(_) | None => true,
    };
    before.lines().map(str::trim).filter(|line| !line.is_empty()).filter(|line| is_lost(line)).count()
}

fn is_test(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or(name);
    let in_tests =
        folders.split('/').any(|folder| matches!(folder, "test" | "tests" | "__tests__" | "spec" | "specs"));
    let has = |mark: &str| name.contains(mark);
    in_tests
        || stem.starts_with("test_")
        || ["_test", "_spec", "Test", "Tests"].iter().any(|end| stem.ends_with(end))
        || has(".test.")
        || has(".spec.")
        || matches!(stem, "test" | "tests")
}

/// Settings of runners, and build files that say what a test is.
fn decides(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let whole =
        ["conftest.py", "pytest.ini", "tox.ini", "setup.cfg", "pom.xml", "build.gradle", "build.gradle.kts"];
    let starts =
        ["jest.config.", "vitest.config.", ".mocharc", "karma.conf", "ava.config.", "playwright.config."];
    whole.contains(&name)
        || MAKEFILES.contains(&name)
        || starts.iter().any(|start| name.starts_with(start))
        || path == ".cargo/config.toml"
}

/// All scripts count that the test script may call.
fn script(files: &dyn Files) -> Option<serde_json::Value> {
    let manifest = node_manifest(files)?;
    let own = |name: &str| manifest["scripts"][name].clone();
    Some(serde_json::json!([
        own("pretest"),
        own("test"),
        own("posttest"),
        manifest["jest"],
        manifest["mocha"],
        manifest["ava"]
    ]))
}

fn pytest(files: &dyn Files) -> Option<toml::Value> {
    let manifest: toml::Table = files.text("pyproject.toml")?.parse().ok()?;
    manifest.get("tool")?.get("pytest").cloned()
}

#[cfg(test)]
mod tests {
    use super::super::detect::tests::Fake;
    use super::*;

    #[test]
    fn tests_that_go_and_settings_that_change_are_seen() {
        let check = |removed: &[&str], changed: &[&str], base: &'static str, change: &'static str| {
            let own = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
            let difference = Difference { removed: own(removed), changed: own(changed), added: Vec::new() };
            let name = if base.starts_with('[') { "pyproject.toml" } else { "package.json" };
            signs(&difference, &Fake(vec![(name, base)]), &Fake(vec![(name, change)])).join("; ")
        };
        let script = r#"{"scripts":{"test":"jest"}}"#;
        assert_eq!(check(&["src/a.rs", "README.md"], &["src/b.rs", "tests/b.rs"], "{}", "{}"), "");
        assert_eq!(check(&["tests/a.rs", "src/a.js"], &[], "{}", "{}"), "the change removes tests/a.rs");
        for path in ["a/test_b.py", "a/b_test.go", "src/a.test.ts", "a/ATest.java", "spec/a.rb"] {
            assert_eq!(check(&[path], &[], "{}", "{}"), format!("the change removes {path}"));
        }
        let edits = "the change edits what decides which tests run: ";
        assert_eq!(
            check(&[], &["a/conftest.py", "Makefile"], "{}", "{}"),
            format!("{edits}a/conftest.py, Makefile")
        );
        let other = r#"{"scripts":{"test":"true"}}"#;
        assert_eq!(
            check(&[], &["package.json"], script, other),
            format!("{edits}the test script of package.json")
        );
        let more = r#"{"scripts":{"test":"jest"},"dependencies":{"a":"1"}}"#;
        assert_eq!(check(&[], &["package.json"], script, more), "");
        assert_eq!(
            check(&[], &["pyproject.toml"], "[tool.pytest.ini_options]", "[project]"),
            format!("{edits}pytest's settings in pyproject.toml")
        );
        let many: Vec<String> = (0..12).map(|n| format!("tests/{n:02}.rs")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(check(&many, &[], "{}", "{}").ends_with("tests/09.rs and 2 more"));
    }
}
