//! SHOW: one file per subcommand. Data on stdout, everything else on stderr; exit codes 0 done, 1 failed, 2 wrong
//! usage, 3 waiting for an answer or approval, 4 out of budget.

mod args;
mod demo;
mod doctor;
mod document;
mod notes;
mod outcome;
mod progress;
mod receive;
mod run;
mod runs;
mod serve;
mod signal;
mod wanted;
mod wiring;

use args::Verb;
use std::{io::Write, process::ExitCode};

/// How a command ends; the exit code is its number (docs/command-line.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// What was wanted is done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// An answer or an approval is needed.
    Waiting = 3,
    /// A cap would have been passed.
    OutOfBudget = 4,
}

/// The program. A sandbox's child never gets further than the first line.
pub fn main() -> ExitCode {
    if let Some(code) = crate::sandbox::child(crate::tool::serve) {
        return code;
    }
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap writes help to stdout and everything else to stderr; nothing is left to do when even that fails
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage as u8 } else { Exit::Done as u8 });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!(
                "error: no threads to run on: {error}\n  hint: raise the limit of processes (`ulimit -u`)"
            ));
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    let exit = runtime.block_on(async {
        match cli.verb {
            Verb::Run(args) => run::run(*args).await,
            Verb::Demo(args) => demo::demo(args).await,
            Verb::Doctor(args) => doctor::doctor(args).await,
            Verb::Serve(args) => serve::serve(args).await,
            Verb::Receive(args) => receive::receive(args).await,
            Verb::Runs(args) => runs::runs(args).await,
        }
    });
    // a reader of stdin or a lookup may still block a thread: nobody waits for it
    runtime.shutdown_background();
    ExitCode::from(exit as u8)
}

/// One line to the person, on stderr. A closed stderr is not worth an error.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Data, on stdout. True when it was written.
fn put(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}
