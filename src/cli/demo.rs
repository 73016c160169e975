//! `quantum demo`: the real pipeline on a small sample crate with a failing test and an issue. Real sandbox, real
//! commands, real commits; only the model's words are a recording, unless `--model` names a real one.

use super::{
    Exit,
    args::{DemoArgs, RunArgs},
    run::{self, ModelChoice},
    say,
};
use crate::{
    clock::Clock,
    git::{self, Person},
    report::{Class, Hint, Report},
};

const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("sample/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("sample/lib.rs.txt")),
    (".gitignore", "/target\n/Cargo.lock\n"),
];
const ISSUE: &str = include_str!("sample/issue.md");
const CONVERSATION: &str = include_str!("sample/conversation.jsonl");

/// Makes the sample, runs the pipeline on it, and says what to do next.
pub(super) async fn demo(args: DemoArgs) -> Exit {
    match sample() {
        Ok(folder) => show(args, &folder).await,
        Err(report) => {
            say(&report.terminal());
            Exit::Failed
        }
    }
}

async fn show(args: DemoArgs, folder: &std::path::Path) -> Exit {
    say(&format!("A small crate with a failing test: {}\n", folder.display()));
    for line in ISSUE.lines() {
        say(&format!("  | {line}"));
    }
    let model = match &args.model {
        Some(spec) => {
            say(&format!("\nThe model is {spec}: what follows is live.\n"));
            ModelChoice::Named(spec.clone())
        }
        None => {
            say(
                "\nThe model's words are a recording that ships with the program (--model SPEC takes a real one).",
            );
            say("Everything else is real: the sandbox, the commands, the tests, the commit.\n");
            ModelChoice::Recorded { name: "demo", lines: CONVERSATION }
        }
    };
    let wanted = RunArgs { repo: folder.to_owned(), config: args.config, yes: true, ..RunArgs::default() };
    let ended = run::perform(&wanted, ISSUE, model).await;
    let exit = run::show(&ended, true);
    ended.told().await;
    if let Some(branch) = &ended.document.branch {
        let at = folder.display();
        say("\nWhat to do next:");
        say(&format!("  git -C {at} log --stat {branch}     look at the commit"));
        say(&format!("  git -C {at} merge {branch}          take it"));
        say("  quantum doctor                       what this machine has and lacks");
        say("  quantum run \"…\" --model openai/NAME   the same on your own repository");
        say(&format!("  rm -r {at}     when you have seen enough"));
    }
    exit
}

fn sample() -> Result<std::path::PathBuf, Report> {
    let folder = tempfile::Builder::new()
        .prefix("quantum-demo-")
        .tempdir()
        .map_err(|error| {
            Report::new(
                Class::Refused,
                "no_temp_folder",
                format!("no temporary folder: {error}"),
                "make TMPDIR name a writable folder and run again",
            )
        })?
        .keep();
    let author = Person { name: "QuantumLayer demo".to_owned(), email: "demo@localhost".to_owned() };
    git::fresh::fresh(&folder, FILES, &author, Clock::System.now().0 / 1000)
        .map_err(|error| error.report())?;
    Ok(folder)
}
