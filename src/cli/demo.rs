//! `quantum demo`: the real pipeline on a small sample crate with a failing test and an issue. Real sandbox, real
//! commands, real commits; only the model's words are a recording, unless `--model` names a real one.

use super::{
    Exit,
    args::{DemoArgs, RunArgs},
    document::Outcome,
    run::{self, ModelChoice},
    say,
};
use crate::{
    clock::Clock,
    config::env::Env,
    git::{self, Person},
    report::{Class, Hint, Report},
    tool::shell::quoted,
};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("sample/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("sample/lib.rs.txt")),
    (".gitignore", "/target\n/Cargo.lock\n"),
];
const ISSUE: &str = include_str!("sample/issue.md");
const CONVERSATION: &str = include_str!("sample/conversation.jsonl");

/// Makes the sample, runs the pipeline on it, and says what to do next. Everything is in one temporary folder, which
/// stays when there is a branch to look at.
pub(super) async fn demo(args: DemoArgs) -> Exit {
    let (folder, repo) = match sample() {
        Ok(made) => made,
        Err(report) => {
            say(&report.terminal());
            return Exit::Failed;
        }
    };
    say(&format!("A small crate with a failing test: {}\n", repo.display()));
    for line in ISSUE.lines() {
        say(format!("  | {line}").trim_end());
    }
    if !Env::of_process().finds("cargo") {
        say(
            "\nnote: cargo is not on PATH, so the tests of the sample can't run and nothing can be verified.",
        );
        say("      Install Rust (rustup), or add the folder of cargo to PATH, and run the demo again.");
    }
    let model = model(&args);
    let wanted = RunArgs {
        repo: repo.clone(),
        config: args.config,
        data: Some(folder.path().join("data")),
        yes: true,
        ..RunArgs::default()
    };
    let ended = run::perform(&wanted, ISSUE, model).await;
    let exit = run::show(&ended, true);
    ended.told().await;
    match &ended.document.branch {
        Some(branch) => say(&next_steps(&folder.keep(), &repo, branch, ended.document.outcome)),
        None => say(&format!("\nWhat is missing on this machine: {} doctor", program())),
    }
    exit
}

fn model(args: &DemoArgs) -> ModelChoice {
    let Some(spec) = &args.model else {
        say(
            "\nThe model's words are a recording that ships with the program (--model SPEC takes a real one).",
        );
        say("Everything else is real: the sandbox, the commands, the tests, the commit.\n");
        return ModelChoice::Recorded { name: "demo", lines: CONVERSATION };
    };
    say(&format!("\nThe model is {spec}: what follows is live.\n"));
    ModelChoice::Named(spec.clone())
}

fn next_steps(folder: &Path, repo: &Path, branch: &str, outcome: Outcome) -> String {
    let (git, quantum) = (format!("git -C {}", quoted(&repo.to_string_lossy())), program());
    let take = run::take(outcome).map(|take| (take, format!("{git} merge {branch}")));
    let rest = [
        ("check this machine", format!("{quantum} doctor")),
        ("your own repository", format!("{quantum} run \"…\" --repo DIR --model openai/NAME")),
        ("clean up", format!("rm -r {}", quoted(&folder.to_string_lossy()))),
    ];
    let look = ("look at the commit", format!("{git} log --stat {branch}"));
    let steps = [look].into_iter().chain(take).chain(rest);
    let lines: Vec<_> = steps.map(|(what, command)| format!("  {what:<21}{command}")).collect();
    format!("\nWhat to do next:\n{}", lines.join("\n"))
}

/// This program as it was called: after `cargo run` it is not on PATH.
fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_else(|| "quantum".into());
    quoted(&called.to_string_lossy())
}

fn sample() -> Result<(TempDir, PathBuf), Report> {
    let folder = tempfile::Builder::new().prefix("quantum-demo-").tempdir().map_err(|error| {
        Report::new(
            Class::Refused,
            "no_temp_folder",
            format!("no temporary folder: {error}"),
            "make TMPDIR name a writable folder and run again",
        )
    })?;
    let author = Person { name: "QuantumLayer demo".to_owned(), email: "demo@localhost".to_owned() };
    let repo = folder.path().join("sample");
    git::fresh::fresh(&repo, FILES, &author, Clock::System.now().0 / 1000).map_err(|error| error.report())?;
    Ok((folder, repo))
}
