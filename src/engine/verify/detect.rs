//! Which commands check a repository, read off its root. Several kinds match: all of them, in a fixed order.

use crate::limits::verify as limits;
use serde_json::Value;

/// Whose output it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// Detected: what it prints is known, and a pass with no test is no pass.
    Known,
    /// Named by a person in the repository's configuration: exit 0 is what they asked for.
    Named,
}

/// One command that checks the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckCommand {
    /// For `sh -c`.
    pub command: String,
    /// Whose output it is.
    pub runner: Runner,
}

/// What GNU make reads at the root: the first of these that is there.
pub const MAKEFILES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];

/// Whether `make` may read it: a makefile of the root, or one that such a file includes.
pub fn is_makefile(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    MAKEFILES.contains(&path) || name.rsplit('.').next() == Some("mk")
}

/// A tree as detection sees it.
pub trait Files {
    /// Whether a file is there; `path` from the root.
    fn has(&self, path: &str) -> bool;
    /// A small text file; None when it isn't there, too large or not UTF-8.
    fn text(&self, path: &str) -> Option<String>;
    /// Whether any file's path is so.
    fn any(&self, wanted: &dyn Fn(&str) -> bool) -> bool;
}

/// The commands of the configuration, else those that the root tells about.
pub fn checks(named: Option<&[String]>, files: &dyn Files) -> Vec<CheckCommand> {
    if let Some(named) = named {
        return named
            .iter()
            .map(|command| CheckCommand { command: command.clone(), runner: Runner::Named })
            .collect();
    }
    let found =
        [cargo(files), node(files), python(files), go(files), maven(files), gradle(files), make(files)];
    found.into_iter().flatten().map(|command| CheckCommand { command, runner: Runner::Known }).collect()
}

/// Whether two commands are the same check, however they are called: by the kind of program they run.
pub fn is_same_kind(one: &str, other: &str) -> bool {
    let program = |command: &str| {
        let program = command.split(' ').find(|word| !word.contains('=')).unwrap_or_default();
        match program {
            "npm" | "pnpm" | "yarn" | "bun" => "node".to_owned(),
            "./gradlew" => "gradle".to_owned(),
            other => other.to_owned(),
        }
    };
    program(one) == program(other)
}

/// Checks of the base that the change no longer has.
pub fn taken_away(base: &[CheckCommand], change: &[CheckCommand]) -> Vec<String> {
    let is_gone =
        |check: &&CheckCommand| !change.iter().any(|now| is_same_kind(&now.command, &check.command));
    base.iter().filter(is_gone).map(|check| check.command.clone()).collect()
}

/// All failures are wanted, in every kind: one that is old must not hide one that is new.
fn cargo(files: &dyn Files) -> Option<String> {
    files.has("Cargo.toml").then(|| {
        if files.has("Cargo.lock") {
            "cargo test --locked --no-fail-fast"
        } else {
            "cargo test --no-fail-fast"
        }
        .to_owned()
    })
}

/// Which package manager a lockfile of Node belongs to. Where there are several, the first counts, for setup and for the
/// checks alike: npm is there wherever Node is.
const NODE_LOCKS: &[(&str, &str)] = &[
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
];

/// The manager whose lockfile is there; None: no lockfile is.
pub fn node_manager(files: &dyn Files) -> Option<&'static str> {
    NODE_LOCKS.iter().find(|(lock, _)| files.has(lock)).map(|(_, manager)| *manager)
}

/// `package.json`, where it can be read.
pub fn node_manifest(files: &dyn Files) -> Option<Value> {
    serde_json::from_str(&files.text("package.json")?).ok()
}

/// The test script of `package.json`.
pub fn test_script(files: &dyn Files) -> Option<String> {
    let manifest = node_manifest(files)?;
    let script = manifest["scripts"]["test"].as_str()?.trim();
    // what `npm init` writes when nobody answered
    let is_some = !script.is_empty() && !script.contains("no test specified");
    is_some.then(|| script.to_owned())
}

fn node(files: &dyn Files) -> Option<String> {
    test_script(files)?;
    Some(match node_manager(files).unwrap_or("npm") {
        "bun" => "bun run test".to_owned(),
        manager => format!("{manager} test"),
    })
}

/// The lists of packages that pip installs from, those for tests too.
pub const REQUIREMENTS: &[&str] = &[
    "requirements.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "requirements-test.txt",
    "test-requirements.txt",
    "requirements/dev.txt",
    "requirements/test.txt",
];

/// Whether something names pytest as the runner.
pub fn is_pytest(files: &dyn Files) -> bool {
    let mentions = |name: &str, word: &str| files.text(name).is_some_and(|text| text.contains(word));
    files.has("pytest.ini")
        || files.any(&|path| path.rsplit('/').next() == Some("conftest.py"))
        || mentions("pyproject.toml", "pytest")
        || mentions("setup.cfg", "[tool:pytest]")
        || mentions("tox.ini", "pytest")
        || REQUIREMENTS.iter().any(|name| mentions(name, "pytest"))
}

fn python(files: &dyn Files) -> Option<String> {
    let is_python = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "tox.ini"]
        .iter()
        .any(|name| files.has(name));
    let is_test = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.ends_with(".py")
            && (name.starts_with("test_")
                || name.ends_with("_test.py")
                || name == "tests.py"
                || name == "test.py")
    };
    if !is_python && !files.any(&is_test) {
        return None;
    }
    // a package below `src` is found without being installed
    let is_src = files.any(&|path| {
        path.strip_prefix("src/")
            .is_some_and(|rest| rest.matches('/').count() == 1 && rest.ends_with("/__init__.py"))
    });
    let source = if is_src { "PYTHONPATH=\"$PWD/src\" " } else { "" };
    let python = format!("PATH=\"$PWD/.venv/bin:$PATH\" {source}python3 -m");
    match (is_pytest(files), files.any(&is_test)) {
        (true, _) => Some(format!("{python} pytest -q")),
        (false, true) if files.has("test.py") && !files.any(&|path| path.contains("test_")) => {
            Some(format!("{python} unittest -v test"))
        }
        (false, true) => Some(format!("{python} unittest discover -v")),
        (false, false) => None,
    }
}

fn go(files: &dyn Files) -> Option<String> {
    files.has("go.mod").then(|| "go test ./...".to_owned())
}

fn maven(files: &dyn Files) -> Option<String> {
    files.has("pom.xml").then(|| "mvn -B -o -fae test".to_owned())
}

fn gradle(files: &dyn Files) -> Option<String> {
    let is_gradle = files.has("build.gradle") || files.has("build.gradle.kts");
    is_gradle.then(|| {
        if files.has("gradlew") {
            "./gradlew --offline --continue test"
        } else {
            "gradle --offline --continue test"
        }
        .to_owned()
    })
}

fn make(files: &dyn Files) -> Option<String> {
    test_target(files).map(|_| "make test".to_owned())
}

/// Every rule for the target `test`, with its recipe, of the makefile that GNU make reads: the first of these names. Where
/// the target has no recipe, its prerequisites are what runs, and their rules follow.
pub fn test_target(files: &dyn Files) -> Option<String> {
    let name = MAKEFILES.into_iter().find(|name| files.has(name))?;
    let text = files.text(name)?;
    let (mut targets, mut rules, mut next) = (vec!["test"], Vec::new(), 0);
    while let Some(target) = targets.get(next).filter(|_| next < limits::MAKE_TARGETS) {
        let own = rules_of(&text, target);
        let is_recipe = |line: &&str| line.starts_with(['\t', ' ']) || line.contains(';');
        if !own.iter().any(is_recipe) {
            let words =
                own.iter().filter_map(|line| line.split_once(':')).flat_map(|(_, rest)| rest.split(' '));
            let new: Vec<&str> = words.filter(|word| !word.is_empty() && !targets.contains(word)).collect();
            targets.extend(new);
        }
        rules.extend(own);
        next += 1;
    }
    (!rules.is_empty()).then(|| rules.join("\n"))
}

/// The lines of a makefile's rules for one target.
fn rules_of<'a>(makefile: &'a str, target: &str) -> Vec<&'a str> {
    let mut is_within = false;
    let mut rules = Vec::new();
    for line in makefile.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if !line.starts_with(['\t', ' ']) {
            is_within = is_rule(line, target);
        }
        if is_within {
            rules.push(line);
        }
    }
    rules
}

/// `test: …` or `test :: …`, and not the variable `test := …` (nor `::=`).
fn is_rule(line: &str, target: &str) -> bool {
    let Some(rest) = line.strip_prefix(target).map(str::trim_start) else { return false };
    rest.starts_with(':') && !rest.trim_start_matches(':').starts_with('=')
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) struct Fake(pub(crate) Vec<(&'static str, &'static str)>);

    impl Files for Fake {
        fn has(&self, path: &str) -> bool {
            self.0.iter().any(|(name, _)| *name == path)
        }
        fn text(&self, path: &str) -> Option<String> {
            self.0.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
        }
        fn any(&self, wanted: &dyn Fn(&str) -> bool) -> bool {
            self.0.iter().any(|(name, _)| wanted(name))
        }
    }

    #[test]
    fn commands_are_read_off_the_root() {
        let check = |files: &[(&'static str, &'static str)], expected: &[&str]| {
            let found = checks(None, &Fake(files.to_vec()));
            assert_eq!(found.iter().map(|c| c.command.as_str()).collect::<Vec<_>>(), expected, "{files:?}");
        };
        let venv = |rest: &str| format!("PATH=\"$PWD/.venv/bin:$PATH\" python3 -m {rest}");
        check(&[("README.md", "")], &[]);
        check(&[("Cargo.toml", "")], &["cargo test --no-fail-fast"]);
        check(&[("Cargo.toml", ""), ("Cargo.lock", "")], &["cargo test --locked --no-fail-fast"]);
        check(&[("package.json", "{}")], &[]);
        check(
            &[("package.json", r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#)],
            &[],
        );
        check(&[("package.json", r#"{"scripts":{"test":"mocha"}}"#)], &["npm test"]);
        check(&[("package.json", r#"{"scripts":{"test":"jest"}}"#), ("yarn.lock", "")], &["yarn test"]);
        check(&[("package.json", "not json")], &[]);
        check(&[("setup.py", ""), ("tests/test_a.py", "")], &[&venv("unittest discover -v")]);
        check(&[("setup.py", ""), ("test.py", "")], &[&venv("unittest -v test")]);
        check(&[("pyproject.toml", "[tool.pytest.ini_options]")], &[&venv("pytest -q")]);
        check(&[("pyproject.toml", "")], &[]);
        let src = "PATH=\"$PWD/.venv/bin:$PATH\" PYTHONPATH=\"$PWD/src\" python3 -m unittest discover -v";
        check(&[("setup.py", ""), ("src/a/__init__.py", ""), ("tests/test_a.py", "")], &[src]);
        check(&[("go.mod", "module x")], &["go test ./..."]);
        check(&[("Makefile", "all:\n\ttrue\ntest: all\n\ttrue\n")], &["make test"]);
        check(&[("Makefile", "tests:\n\ttrue\ntest := 1\n")], &[]);
        check(&[("Makefile", "all:\n\ttest: x\ntest ::= 1\n")], &[]);
        check(&[("Makefile", "test :: all\n\ttrue\n")], &["make test"]);
        // make does not read the second
        check(&[("GNUmakefile", "all:\n"), ("Makefile", "test:\n")], &[]);
        let node = r#"{"scripts":{"test":"jest"}}"#;
        check(&[("package.json", node), ("yarn.lock", ""), ("package-lock.json", "")], &["npm test"]);
        check(&[("requirements/dev.txt", "pytest"), ("setup.py", "")], &[&venv("pytest -q")]);
        check(
            &[("Makefile", "test:\n"), ("Cargo.toml", ""), ("go.mod", "")],
            &["cargo test --no-fail-fast", "go test ./...", "make test"],
        );
    }

    #[test]
    fn kinds_are_told_apart_by_the_program() {
        assert!(is_same_kind("cargo test", "cargo test --locked"));
        assert!(is_same_kind("A=1 B=2 python3 -m pytest -q", "python3 -m unittest"));
        assert!(is_same_kind("npm test", "pnpm test") && is_same_kind("gradle test", "./gradlew test"));
        assert!(!is_same_kind("npm test", "make test"));
    }

    #[test]
    fn a_check_that_is_gone_is_seen() {
        let checks = |files: &[(&'static str, &'static str)]| checks(None, &Fake(files.to_vec()));
        let both = checks(&[("Makefile", "test:\n"), ("Cargo.toml", "")]);
        let one = checks(&[("Cargo.toml", ""), ("Cargo.lock", "")]);
        assert_eq!(taken_away(&both, &one), ["make test"]);
        assert!(taken_away(&one, &both).is_empty() && taken_away(&both, &both).is_empty());
    }

    #[test]
    fn the_configuration_wins() {
        let named = ["./check.sh".to_owned()];
        let found = checks(Some(&named), &Fake(vec![("Cargo.toml", "")]));
        assert_eq!(found, [CheckCommand { command: "./check.sh".to_owned(), runner: Runner::Named }]);
        assert!(checks(Some(&[]), &Fake(vec![("Cargo.toml", "")])).is_empty());
    }
}
