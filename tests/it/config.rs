//! Settings and `.github/quantum.yml` as an operator meets them: which one counts, and what is said about a wrong one.

use crate::story::{Desk, Told, good};
use serde_json::{Value, json};
use std::fs;

/// A run that only answers, with these variables; what it came to.
fn run(desk: &Desk, variables: &[(&str, &str)], args: &[&str]) -> Told {
    let model = desk.script(&[json!({"text": "an answer"})]);
    let usual: &[&str] = if args.contains(&"--model") { &[] } else { &["--model", &model] };
    let mut command = desk.quantum(&[&["run", "Say it", "--json"], usual, args].concat());
    desk.told(command.envs(variables.iter().copied()))
}

/// Refused before anything began: the code, and what message and hint say.
fn refused(told: &Told, code: &str, says: &[&str]) {
    let error = told.document()["error"].clone();
    assert_eq!((told.exit, error["code"].as_str()), (1, Some(code)), "{error}\n{}", told.stderr);
    for word in says {
        assert!(error["message"].as_str().unwrap().contains(word), "{word:?} is not in {error}");
    }
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
}

fn outcome(told: &Told) -> String {
    told.document()["outcome"].as_str().unwrap().to_owned()
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let desk = Desk::new();
    let model = desk.script(&good());
    let stopped = |file: &str, variables: &[(&str, &str)], args: &[&str], expected: &str| {
        desk.script(&good());
        fs::write(desk.repo().join("quantum.toml"), file).unwrap();
        let mut command = desk.quantum(&[&["run", "Make it good", "--json"], args].concat());
        let told = desk.told(command.envs(variables.iter().copied()));
        assert_eq!(outcome(&told), expected, "{file:?} {variables:?} {args:?}: {}", told.stderr);
    };
    let low = format!("model = \"{model}\"\nbudget_steps = 1\n");
    stopped(&low, &[], &[], "out_of_budget");
    stopped(&low, &[("QUANTUM_BUDGET_STEPS", "")], &[], "out_of_budget");
    stopped(&low, &[("QUANTUM_BUDGET_STEPS", "60")], &[], "proposed");
    stopped(&low, &[("QUANTUM_BUDGET_STEPS", "1")], &["--max-steps", "60"], "proposed");
    stopped(&low, &[("QUANTUM_BUDGET_STEPS", "60")], &["--max-steps", "1"], "out_of_budget");
    let empty = format!("{low}budget_usd = \"\"\nsandbox = \"\"\n").replace("= 1\n", "= \"\"\n");
    stopped(&empty, &[], &[], "proposed");
    let other = "model = \"scripted//nowhere\"\n";
    stopped(other, &[("QUANTUM_MODEL", &model)], &[], "proposed");
    stopped(other, &[("QUANTUM_MODEL", "openai/x")], &["--model", &model], "proposed");
}

#[test]
fn settings_that_came_with_the_repository_are_not_followed() {
    let desk = Desk::new();
    let file = desk.repo().join("quantum.toml");
    let told = |args: &[&str]| run(&desk, &[], args);
    fs::write(&file, "openai_base_url = \"http://127.0.0.1:1/v1\"\n").unwrap();
    assert_eq!(outcome(&told(&[])), "answered", "the operator's own");
    desk.git(&["add", "quantum.toml"]);
    refused(&told(&[]), "config_not_ours", &["quantum.toml"]);
    desk.git(&["commit", "-qm", "take my settings"]);
    desk.git(&["rm", "-q", "--cached", "quantum.toml"]);
    refused(&told(&[]), "config_not_ours", &[]);
    let path = file.display().to_string();
    assert_eq!(outcome(&told(&["--config", &path])), "answered", "named");
}

#[test]
fn the_file_is_the_flag_s_or_the_variable_s_or_the_folder_s() {
    let desk = Desk::new();
    let file = |name: &str, key: &str| {
        let path = desk.path().join(name);
        fs::write(&path, format!("{key} = 1\n")).unwrap();
        path.display().to_string()
    };
    let (flag, variable) = (file("flag.toml", "in_flag"), file("variable.toml", "in_variable"));
    fs::write(desk.repo().join("quantum.toml"), "in_folder = 1\n").unwrap();
    let both = [("QUANTUM_CONFIG", variable.as_str())];
    refused(&run(&desk, &both, &["--config", &flag]), "config_wrong", &["flag.toml, line 1", "in_flag"]);
    refused(&run(&desk, &both, &[]), "config_wrong", &["in_variable"]);
    refused(&run(&desk, &[], &[]), "config_wrong", &["quantum.toml, line 1", "in_folder"]);
    refused(&run(&desk, &[("QUANTUM_CONFIG", "")], &[]), "config_wrong", &["in_folder"]);
    refused(&run(&desk, &[("QUANTUM_CONFIG", "/no/such")], &[]), "config_unreadable", &["/no/such"]);
    let told = run(&desk, &[], &["--config", "/no/such"]);
    assert_eq!((told.exit, told.stdout.as_str()), (2, ""), "{}", told.stderr);
    assert!(told.stderr.contains("/no/such can't be read"), "{}", told.stderr);
    fs::write(desk.repo().join("quantum.toml"), "").unwrap();
    assert!(run(&desk, &[], &[]).stderr.contains("note: settings from ./quantum.toml"));
    fs::remove_file(desk.repo().join("quantum.toml")).unwrap();
    assert_eq!(outcome(&run(&desk, &[], &[])), "answered");
    fs::create_dir(desk.repo().join("quantum.toml")).unwrap();
    refused(&run(&desk, &[], &[]), "config_unreadable", &["no file"]);
}

#[test]
fn a_wrong_file_is_told_with_line_and_key() {
    let desk = Desk::new();
    let check = |file: &[u8], says: &[&str]| {
        fs::write(desk.repo().join("quantum.toml"), file).unwrap();
        let told = run(&desk, &[], &[]);
        refused(&told, "config_wrong", says);
        assert!(
            !(told.stdout.clone() + &told.stderr).contains("hunter2"),
            "a secret is shown: {}",
            told.stdout
        );
    };
    check(b"# one\nmodle = \"x\"\n", &["line 2", "did you mean `model`?"]);
    check(b"quantum_model = \"x\"\n", &["line 1", "did you mean `model`?"]);
    check(b"MODEL = \"x\"\n", &["did you mean `model`?"]);
    check(b"[budget]\nusd = 1\n", &["line 1", "did you mean `budget_usd`?"]);
    check(b"budget_usd = 1\nbudget_usd = 2\n", &["line 2", "duplicate"]);
    check(b"budget_usd = [1]\n", &["line 1", "a text or a number"]);
    check(b"\nbudget_usd = nan\n", &["line 2", "`budget_usd`", "dollars"]);
    check(b"budget_steps = 0\n", &["line 1", "`budget_steps`", "whole number"]);
    check(b"sandbox = \"nonsense\"\n", &["line 1", "linux"]);
    check(b"model = \n", &["line 1"]);
    check(b"# a\n# caf\xe9\n", &["line 2", "UTF-8"]);
    check(&b"#\n".repeat(40_000), &["larger than"]);
    check(b"https_proxy = \"x\"\n", &["HTTPS_PROXY in the environment"]);
    for key in ["openai_api_key", "OPENAI_API_KEY", "github_webhook_secret", "quantum_github_private_key"] {
        let line = format!("{key} = \"hunter2\"\n");
        check(line.as_bytes(), &["line 1", "_file` and name a file"]);
    }
    check(b"openai_key = \"hunter2\"\n", &["openai_api_key_file"]);
    check(b"openai_api_key = \"hunter2\n", &["line 1"]);
    check(b"database_url = \"postgres://me:hunter2@host/x\"\n", &["Postgres is not built yet"]);
    // a repository of somebody else may hold this file
    check(b"sandbox = \"danger-host\"\n", &["take the walls away"]);
}

#[test]
fn a_wrong_value_is_told_with_its_variable() {
    let desk = Desk::new();
    let check = |name: &str, value: &str, says: &str| {
        let told = run(&desk, &[(name, value)], &[]);
        refused(&told, "config_value", &[name, says]);
        assert!(
            !(told.stdout.clone() + &told.stderr).contains("hunter2"),
            "a secret is shown: {}",
            told.stdout
        );
    };
    for amount in ["-1", "NaN", "inf", "much", "1,50"] {
        check("QUANTUM_BUDGET_USD", amount, "dollars");
    }
    for count in ["0", "-1", "1.5", "99999999999", "many"] {
        check("QUANTUM_BUDGET_STEPS", count, "whole number");
        check("QUANTUM_BUDGET_MINUTES", count, "whole number");
    }
    check("QUANTUM_SANDBOX", "nonsense", "use linux");
    check("QUANTUM_SANDBOX_READ", "relative/path", "absolute");
    check("QUANTUM_EGRESS_ALLOW", "a.example,http://b/", "host[:port]");
    check("QUANTUM_LOG_FORMAT", "xml", "text, json");
    check(
        "QUANTUM_DATABASE_URL",
        "postgres://me:hunter2@host/x?password=hunter2",
        "Postgres is not built yet",
    );
    check("QUANTUM_DATABASE_URL", "mysql://me:hunter2@host/x", "not a database");
    check("QUANTUM_DATABASE_URL", "quantum.db", "not a database");
    check("QUANTUM_ENGINE", "temporal://host:7233/space", "Temporal is not built yet");
    check("QUANTUM_ENGINE", "nonsense", "not an engine");
    check("OPENAI_API_KEY", "hunter2\nx", "line break");
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"scripted/caf\xe9");
    let told = desk.told(desk.quantum(&["run", "x", "--json"]).env("QUANTUM_MODEL", odd));
    refused(&told, "config_value", &["QUANTUM_MODEL", "UTF-8"]);
}

#[test]
fn a_file_of_a_secret_holds_one() {
    let desk = Desk::new();
    let path = desk.path().join("key");
    let check = |text: &str, says: &str| {
        fs::write(&path, text).unwrap();
        let told = run(&desk, &[("OPENAI_API_KEY_FILE", path.to_str().unwrap())], &[]);
        refused(&told, "config_secret", &["OPENAI_API_KEY_FILE", says]);
        assert!(!told.stdout.contains("hunter2"), "{}", told.stdout);
    };
    check("", "empty");
    check(" \n", "empty");
    check("hunter2\nhunter2\n", "more than one line");
    check(&"hunter2".repeat(5_000), "larger than");
    refused(&run(&desk, &[("OPENAI_API_KEY_FILE", "/dev/zero")], &[]), "config_secret", &["larger than"]);
    refused(&run(&desk, &[("OPENAI_API_KEY_FILE", "/no/such")], &[]), "config_secret", &["can't be read"]);
    // the variable itself wins, and a relative path in the file is meant from the working folder
    let both = [("OPENAI_API_KEY", "k"), ("OPENAI_API_KEY_FILE", "/no/such")];
    assert_eq!(outcome(&run(&desk, &both, &[])), "answered");
    fs::write(desk.repo().join("key"), "k\n").unwrap();
    fs::write(desk.repo().join("quantum.toml"), "openai_api_key_file = \"key\"\n").unwrap();
    assert_eq!(outcome(&run(&desk, &[], &[])), "answered");
    fs::write(desk.repo().join("quantum.toml"), "\nopenai_api_key_file = \"/no/such\"\n").unwrap();
    refused(
        &run(&desk, &[], &[]),
        "config_wrong",
        &["quantum.toml, line 2", "`openai_api_key_file`", "can't be read"],
    );
}

#[test]
fn what_has_no_effect_is_said() {
    let desk = Desk::new();
    let check = |name: &str, value: &str, says: &str| {
        let told = run(&desk, &[(name, value)], &[]);
        assert_eq!(outcome(&told), "answered", "{}", told.stderr);
        assert!(told.stderr.contains(says), "{name} says {:?}", told.stderr);
    };
    check("QUANTUM_MODEL_FAST", "openai/x", "note: not in effect yet: QUANTUM_MODEL_FAST");
    check("QUANTUM_GITHUB_CLIENT_ID", "x", "note: not in effect yet: QUANTUM_GITHUB_CLIENT_ID");
    for host in ["localhost", ":11434", "0.0.0.0", "http://h", "https://h:1/path", "[::1]:11434", "h:99"] {
        check("OLLAMA_HOST", host, "note: not in effect yet: OLLAMA_HOST");
    }
    check("QUANTUM_MODLE", "x", "note: QUANTUM_MODLE is not a setting; did you mean QUANTUM_MODEL?");
    let told = run(&desk, &[("QUANTUM_LISTEN", ""), ("QUANTUM_MODLE", "")], &[]);
    assert!(!told.stderr.contains("note:"), "{}", told.stderr);
}

#[test]
fn a_model_spec_splits_at_the_first_slash() {
    let desk = Desk::new();
    let check = |spec: &str, expected: (&str, &str)| {
        let base = [("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"), ("QUANTUM_MODEL", spec)];
        let mut command = desk.quantum(&["run", "x", "--json", "--max-steps", "1"]);
        let told = desk.told(command.envs(base));
        let document = told.document();
        assert_eq!(document["error"]["code"], expected.0, "{spec}: {document:#}");
        assert!((document["error"].to_string() + &told.stderr).contains(expected.1), "{spec}: {document:#}");
        // as a flag the same is wrong usage
        if expected.0.starts_with("model_") {
            let told = desk.told(&mut desk.quantum(&["run", "x", "--json", "--model", spec]));
            assert_eq!((told.exit, told.stdout.as_str()), (2, ""), "{spec}: {}", told.stderr);
        }
    };
    // nobody listens there: the name is what the call was made with
    check("openai/org/team/name", ("out_of_budget", "openai/org/team/name"));
    check("openai", ("model_spec", "names no model"));
    check("openai/", ("model_spec", "names no model"));
    check("/x", ("model_provider", "not a provider"));
    check("OPENAI/x", ("model_provider", "not a provider"));
    check("openai/a,b", ("model_spec", "a list is"));
    check("azure/x", ("model_provider", "azure/… is not built yet"));
    check("ollama/x", ("model_provider", "ollama/… is not built yet"));
    // what caps nothing is said at the start, and to programs
    let told = desk.told(
        desk.quantum(&["run", "x", "--json", "--max-steps", "1", "--model", "openai/nobody-s"])
            .env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
    );
    let note = "no price is known for openai/nobody-s: dollars are not capped";
    assert!(told.stderr.contains(&format!("note: {note}")), "{}", told.stderr);
    assert!(told.document()["notes"].to_string().contains(note), "{}", told.stdout);
    let table = [("QUANTUM_PRICES", "/no/such"), ("OPENAI_API_KEY", "k")];
    refused(&run(&desk, &table, &["--model", "openai/x"]), "price_table", &["/no/such"]);
    for url in ["ftp://x", "nonsense", "http://me:pw@host/v1"] {
        let told = run(&desk, &[("OPENAI_BASE_URL", url)], &["--model", "openai/x"]);
        refused(&told, "model_url", &["OPENAI_BASE_URL"]);
    }
}

#[test]
fn the_next_model_of_a_list_is_asked() {
    let desk = Desk::new();
    let without = desk.path().join("refuses.jsonl");
    fs::write(&without, "{\"error\":{\"status\":401,\"message\":\"wrong key\"}}\n").unwrap();
    let spec = format!("scripted/{}, {}", without.display(), desk.script(&good()));
    let record = desk.path().join("record.jsonl");
    let args = ["run", "Make it good", "--json", "--model", &spec, "--record", record.to_str().unwrap()];
    let told = desk.told(&mut desk.quantum(&args));
    assert_eq!(outcome(&told), "proposed", "{}", told.stderr);
    assert!(
        told.stderr.contains("401 wrong key") && told.stderr.contains("asked from now on"),
        "{}",
        told.stderr
    );
    // the recording is of what was answered, whoever it was
    let (other, again) = (Desk::new(), format!("scripted/{}", record.display()));
    let told = other.told(&mut other.quantum(&["run", "Make it good", "--json", "--model", &again]));
    assert_eq!(outcome(&told), "proposed", "{}", told.stderr);
}

#[test]
fn the_repository_s_file_counts_as_it_was_committed() {
    let desk = Desk::new();
    desk.commit(".github/quantum.yml", "budget: { steps: 2 }\n");
    let base = desk.git(&["rev-parse", "HEAD"]);
    // neither the working file nor a later commit matters
    desk.write(".github/quantum.yml", "nonsense: [");
    let told = desk.run(&good(), &[]);
    assert_eq!(outcome(&told), "out_of_budget", "{}", told.stderr);
    desk.commit(".github/quantum.yml", "nonsense: [");
    let told = desk.run(&good(), &["--base", &base]);
    assert_eq!(outcome(&told), "out_of_budget", "{}", told.stderr);
    let told = desk.run(&good(), &[]);
    refused(&told, "config_wrong", &[".github/quantum.yml, line 1"]);
    assert_eq!(told.document()["run"], Value::Null);
}

#[test]
fn budgets_are_the_smaller_of_both() {
    let check = |file: &str, args: &[&str], variables: &[(&str, &str)], expected: &str| {
        let desk = Desk::new();
        desk.commit(".github/quantum.yml", file);
        let model = desk.script(&good());
        let all = [&["run", "Make it good", "--json", "--model", &model], args].concat();
        let told = desk.told(desk.quantum(&all).envs(variables.iter().copied()));
        assert_eq!(outcome(&told), expected, "{file:?} {args:?} {variables:?}: {}", told.stderr);
    };
    check("budget: { steps: 60 }", &["--max-steps", "2"], &[], "out_of_budget");
    check("budget: { steps: 2 }", &["--max-steps", "60"], &[], "out_of_budget");
    check("budget: { steps: 2 }", &[], &[("QUANTUM_BUDGET_STEPS", "60")], "out_of_budget");
    check("budget: { steps: 3, minutes: 1, usd: 0 }", &[], &[], "proposed");
}

#[test]
fn a_file_that_can_t_be_used_refuses_the_run() {
    let desk = Desk::new();
    let check = |file: &[u8], says: &[&str]| {
        fs::create_dir_all(desk.repo().join(".github")).unwrap();
        fs::write(desk.repo().join(".github/quantum.yml"), file).unwrap();
        desk.git(&["add", "-A"]);
        desk.git(&["commit", "-qm", "config"]);
        refused(&run(&desk, &[], &[]), "config_wrong", &[&[".github/quantum.yml"], says].concat());
    };
    check(b"verify: [a]\nbudget: { minuts: 3 }\n", &["line 2", "did you mean `minutes`?"]);
    check(b"verify: [a]\n# caf\xe9\n", &["line 2", "UTF-8"]);
    check(b"verify: [a]\nverify: [b]\n", &["line 2", "twice"]);
    check(b"protect: [\"a[\"]\n", &["line 1", "protect"]);
    check(&[b'#'; 100_000], &["larger than 64 KiB"]);
    fs::remove_file(desk.repo().join(".github/quantum.yml")).unwrap();
    std::os::unix::fs::symlink("../Makefile", desk.repo().join(".github/quantum.yml")).unwrap();
    desk.git(&["add", "-A"]);
    desk.git(&["commit", "-qm", "a link"]);
    refused(&run(&desk, &[], &[]), "config_wrong", &["a link or a folder"]);
}

#[test]
fn keys_of_later_features_parse_and_are_reported() {
    let desk = Desk::new();
    let example = include_str!("../../docs/quantum.example.yml");
    desk.commit(".github/quantum.yml", example);
    let told = run(&desk, &[], &[]);
    assert_eq!(outcome(&told), "answered", "{}", told.stderr);
    let note = "not in effect yet: fix.on_red_checks, fix.on_review, models, agents, roles, deploy";
    assert!(told.stderr.contains(note), "{}", told.stderr);
    let other = Desk::new();
    other.commit(".github/quantum.yaml", "verify: [a]\n");
    assert!(run(&other, &[], &[]).stderr.contains("quantum.yaml is not read"));
}
