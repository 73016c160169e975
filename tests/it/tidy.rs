//! Invariants of the source itself: imports point down, files and functions are small, the core is pure, the docs
//! name real files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Lines of a file before its own tests (`#[cfg(test)] mod …` at its end), comments and empty ones included.
const FILE_LINES: usize = 400;
/// Lines of a function.
const FUNCTION_LINES: usize = 70;

/// What each module may import from this crate, as `src/lib.rs` says too. `ids`, `clock`, `limits`, `report`, `metrics` are everybody's.
const MAY_USE: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "server", "engine", "agent", "tool", "model", "sandbox", "git", "github", "store", "config",
            "run", "intent",
        ],
    ),
    ("server", &["github", "store"]),
    ("engine", &["agent", "model", "sandbox", "git", "github", "store", "config", "run", "intent"]),
    ("config", &["run", "sandbox"]),
    ("agent", &["tool", "model", "run", "sandbox", "intent"]),
    ("tool", &["model", "run", "sandbox", "intent"]),
    ("store", &["run"]),
    ("run", &["intent"]),
    ("github", &["http", "intent"]),
    ("model", &["http"]),
    ("sandbox", &[]),
    ("git", &[]),
    ("http", &[]),
    ("intent", &[]),
    ("ids", &[]),
    ("clock", &[]),
    ("limits", &[]),
    ("report", &[]),
    ("metrics", &[]),
];
const EVERYBODYS: &[&str] = &["ids", "clock", "limits", "report", "metrics"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut todo = vec![root().join(folder)];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// The text before the file's own tests.
fn product(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

/// What stands after the file's own tests: nobody would look at it.
fn after_tests(text: &str) -> &str {
    let Some(at) = text.find("#[cfg(test)]\nmod ") else { return "" };
    let tests = &text[at..];
    let end = match tests.find([';', '{']) {
        Some(end) if tests[end..].starts_with(';') => Some(end + 1),
        _ => tests.find("\n}").map(|end| end + 2),
    };
    end.map_or("", |end| tests[end..].trim())
}

fn module(path: &Path) -> String {
    path.components()
        .nth(1)
        .map(|c| c.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned())
        .unwrap_or_default()
}

/// Every module named after `crate::`, nested braces included; what a comment names is no import.
fn imported(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text = code.collect::<Vec<_>>().join("\n");
    for part in text.split("crate::").skip(1) {
        let Some(inner) = part.strip_prefix('{') else {
            names.push(part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            continue;
        };
        let mut depth = 1;
        let mut name = String::new();
        // only the first word of each path in the outermost braces is a module of ours
        let mut is_first = true;
        for c in inner.chars() {
            let is_word = c.is_alphanumeric() || c == '_';
            if depth == 1 && is_first && is_word {
                name.push(c);
            } else if !name.is_empty() {
                names.push(std::mem::take(&mut name));
                is_first = false;
            }
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => is_first = true,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    names
}

#[test]
fn imports_point_down() {
    let may: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut unused: BTreeSet<(&str, &str)> =
        MAY_USE.iter().flat_map(|(own, names)| names.iter().map(|name| (*own, *name))).collect();
    for (path, text) in files("src", "rs") {
        let own = module(&path);
        if own == "lib" || own == "main" {
            continue;
        }
        let Some(allowed) = may.get(own.as_str()) else {
            wrong.push(format!("{}: the module `{own}` is not in the table", path.display()));
            continue;
        };
        for name in imported(product(&text)) {
            unused.retain(|pair| *pair != (own.as_str(), name.as_str()));
            let known = may.contains_key(name.as_str());
            if known
                && name != own
                && !allowed.contains(&name.as_str())
                && !EVERYBODYS.contains(&name.as_str())
            {
                wrong.push(format!("{}: `{own}` imports `{name}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point up:\n{}", wrong.join("\n"));
    assert!(unused.is_empty(), "the table allows what nobody needs: {unused:?}");
}

#[test]
fn the_dependency_rule_of_the_docs_is_the_table() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let (_, rule) = text.split_once("# The dependency rule").unwrap();
    let told: Vec<_> = rule.lines().filter(|line| line.starts_with("//! | `")).collect();
    let users = MAY_USE.iter().filter(|(_, names)| !names.is_empty());
    let rows: Vec<_> = users.map(|(own, names)| format!("//! | `{own}` | {} |", names.join(", "))).collect();
    assert_eq!(told, rows, "the table in src/lib.rs");
}

#[test]
fn the_import_reader_reads_nested_braces() {
    assert_eq!(imported("use crate::{ids::{A, B}, run::Plan, model};"), ["ids", "run", "model"]);
    assert_eq!(imported("use crate::git::Source; crate::cli::main()"), ["git", "cli"]);
    assert_eq!(imported("/// See [`crate::git`].\n    // crate::cli\nuse crate::run;"), ["run"]);
}

#[test]
fn files_are_small() {
    let long: Vec<_> = files("src", "rs")
        .into_iter()
        .chain(files("tests", "rs"))
        .map(|(path, text)| (product(&text).lines().count(), path))
        .filter(|(lines, _)| *lines > FILE_LINES)
        .collect();
    assert!(long.is_empty(), "files over {FILE_LINES} lines: {long:?}");
}

#[test]
fn a_files_own_tests_are_its_end() {
    assert_eq!(after_tests("fn a() {}\n\n#[cfg(test)]\nmod tests;\nmod b;\n"), "mod b;");
    assert_eq!(after_tests("#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n\nfn b() {}\n"), "fn b() {}");
    assert_eq!(after_tests("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n"), "");
    let unseen: Vec<_> = ["src", "tests"]
        .iter()
        .flat_map(|folder| files(folder, "rs"))
        .filter(|(path, text)| path != Path::new("tests/it/tidy.rs") && !after_tests(text).is_empty())
        .map(|(path, _)| path)
        .collect();
    assert!(unseen.is_empty(), "code after a file's own tests, which no rule here sees: {unseen:?}");
}

/// Whether a function begins here, whoever may call it and however.
fn begins_function(line: &str) -> bool {
    let mut rest = line.trim_start();
    if let Some(seen) = rest.strip_prefix("pub(") {
        rest = seen.split_once(") ").map_or(seen, |(_, rest)| rest);
    }
    for word in ["pub ", "default ", "const ", "async ", "unsafe ", "extern \"C\" "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.starts_with("fn ")
}

#[test]
fn the_function_reader_reads_every_kind() {
    for line in [
        "fn a() {",
        "    pub fn a() {",
        "pub(crate) async fn a() {",
        "pub(in crate::x) const unsafe fn a() {",
        "unsafe extern \"C\" fn a() {",
    ] {
        assert!(begins_function(line), "{line}");
    }
    assert!(!begins_function("// fn a() {") && !begins_function("const A: fn() = b;"));
}

#[test]
fn functions_are_small() {
    let mut long = Vec::new();
    for (path, text) in ["src", "tests", "benches"].iter().flat_map(|folder| files(folder, "rs")) {
        let lines: Vec<&str> = product(&text).lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if !begins_function(line) || line.trim_end().ends_with(';') {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let end = lines[at..]
                .iter()
                .position(|l| l.starts_with(&format!("{}}}", " ".repeat(indent))))
                .unwrap_or(0);
            if end > FUNCTION_LINES {
                long.push(format!("{}:{} has {end} lines", path.display(), at + 1));
            }
        }
    }
    assert!(long.is_empty(), "functions over {FUNCTION_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let banned = [
        "async ",
        ".await",
        "tokio",
        "std::fs",
        "std::net",
        "std::process",
        "SystemTime",
        "Instant",
        "rand::",
        "std::env",
        "println!",
    ];
    let mut found = Vec::new();
    for (path, text) in files("src", "rs") {
        if !["run", "intent"].contains(&module(&path).as_str()) {
            continue;
        }
        for (at, line) in product(&text).lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            if let Some(word) = banned.iter().find(|word| line.contains(**word)) {
                found.push(format!("{}:{}: {word}", path.display(), at + 1));
            }
        }
    }
    assert!(found.is_empty(), "impure:\n{}", found.join("\n"));
}

#[test]
fn forbidden_names_are_absent() {
    let forbidden = ["core", "common", "utils", "util", "manager", "helper", "helpers", "service", "misc"];
    let found: Vec<_> = files("src", "rs")
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| forbidden.contains(&path.file_stem().unwrap_or_default().to_string_lossy().as_ref()))
        .collect();
    assert!(found.is_empty(), "files named after nothing: {found:?}");
}

#[test]
fn docs_name_real_files() {
    let mut texts = files("docs", "md");
    for name in ["README.md", "CONTRIBUTING.md"] {
        texts.push((PathBuf::from(name), fs::read_to_string(root().join(name)).unwrap()));
    }
    let mut missing = Vec::new();
    for (path, text) in texts {
        for word in text.split('`').skip(1).step_by(2) {
            let is_ours = [
                "src/",
                "tests/",
                "docs/",
                "prompts/",
                "migrations/",
                "deploy/",
                "benches/",
                ".ci/",
                ".github/workflows/",
            ]
            .iter()
            .any(|start| word.starts_with(start));
            let plain = word.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
            if is_ours && plain && !root().join(word).exists() {
                missing.push(format!("{}: `{word}`", path.display()));
            }
        }
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let folder = root().join(&path).parent().unwrap().to_owned();
            if !target.contains("://") && !folder.join(target).exists() {
                missing.push(format!("{}: ({target})", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "the docs name files that do not exist:\n{}", missing.join("\n"));
}

#[test]
fn every_dependency_has_its_line_of_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let why = fs::read_to_string(root().join("docs/decisions/0005-dependencies.md")).unwrap();
    let row =
        |name: &str| why.lines().any(|line| line.starts_with("| `") && line.contains(&format!("`{name}`")));
    let tables = ["dependencies", "dev-dependencies"].map(|table| manifest[table].as_table().unwrap());
    let names: Vec<_> = tables.into_iter().flat_map(toml::Table::keys).collect();
    let silent: Vec<_> = names.iter().filter(|name| !row(name)).collect();
    assert!(silent.is_empty(), "no reason in docs/decisions/0005-dependencies.md: {silent:?}");
    let all: String = ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| files(folder, "rs"))
        .map(|(_, text)| text)
        .collect();
    let unused: Vec<_> =
        names.iter().filter(|name| !all.contains(&format!("{}::", name.replace('-', "_")))).collect();
    assert!(unused.is_empty(), "dependencies that nothing uses: {unused:?}");
}

#[test]
fn every_decision_is_in_the_index() {
    let index = fs::read_to_string(root().join("docs/decisions/0000-index.md")).unwrap();
    for (path, _) in files("docs/decisions", "md") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            name.starts_with("0000") || index.contains(&format!("({name})")),
            "{name} is not in the index"
        );
    }
}
