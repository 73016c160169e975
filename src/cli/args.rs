//! The command line, as users type it.

use crate::agent::role::ROLES;
use clap::{
    Args, CommandFactory, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::path::PathBuf;

/// From an issue to a verified branch.
#[derive(Debug, Parser)]
#[command(name = "quantum", version, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// Commands of later versions: whoever types one is told so (docs/command-line.md).
const LATER: &[&str] = &["action", "setup", "replay", "worker", "eval", "token"];

/// The command line, or what to say about a wrong one.
pub(super) fn parse() -> Result<Cli, clap::Error> {
    Cli::try_parse().map_err(|error| {
        let Some(ContextValue::String(verb)) = error.get(ContextKind::InvalidSubcommand) else {
            return error;
        };
        if !LATER.contains(&verb.as_str()) {
            return error;
        }
        let message = format!("`quantum {verb}` is not built yet; `quantum --help` lists what is");
        Cli::command().error(ErrorKind::InvalidSubcommand, message)
    })
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Turn a request into a verified branch of a local repository
    Run(Box<RunArgs>),
    /// See the whole pipeline on a small sample, in half a minute, without a key
    Demo(DemoArgs),
    /// Say what this machine has and what is missing
    Doctor(DoctorArgs),
    /// Serve the GitHub App: take webhooks in, and do what comments ask
    Serve(ServeArgs),
    /// Take one saved webhook in, as the server would
    Receive(ReceiveArgs),
    /// List, show, cancel or retry runs
    Runs(RunsArgs),
}

/// `quantum serve`
#[derive(Clone, Debug, Args)]
pub(super) struct ServeArgs {
    /// Settings file (default: QUANTUM_CONFIG, else quantum.toml here)
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// `quantum receive`
#[derive(Clone, Debug, Args)]
pub(super) struct ReceiveArgs {
    /// The saved payload (JSON)
    pub(super) file: PathBuf,
    /// The event's name, as in X-GitHub-Event, e.g. issue_comment
    #[arg(long, value_name = "NAME")]
    pub(super) event: String,
    /// The delivery's id (default: made of event and payload, so that the same file is the same delivery)
    #[arg(long, value_name = "ID")]
    pub(super) id: Option<String>,
    /// Settings file (default: QUANTUM_CONFIG, else quantum.toml here)
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// `quantum runs`
#[derive(Clone, Debug, Args)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    pub(super) verb: Option<RunsVerb>,
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Settings file (default: QUANTUM_CONFIG, else quantum.toml here)
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
}

/// What to do about runs.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum RunsVerb {
    /// The newest runs; the same without a word
    List,
    /// Where one is, and what it wants done
    Show {
        /// The run's id, or its beginning
        run: String,
    },
    /// Stop one
    Cancel {
        /// The run's id, or its beginning
        run: String,
    },
    /// Let one try again
    Retry {
        /// The run's id, or its beginning
        run: String,
    },
}

/// `quantum run`
#[derive(Clone, Debug, Default, Args)]
#[command(
    override_usage = "quantum run [OPTIONS] <REQUEST>\n       quantum run [OPTIONS] --issue <FILE|->",
    after_help = "Exit codes: 0 done (read `outcome`: `unverified` is 0 too), 1 failed, 2 wrong usage, 3 an answer or approval is needed, 4 out of budget.\n\
    The checked-out branch, the index and your files stay untouched: the result is a new branch."
)]
pub(super) struct RunArgs {
    /// What is wanted, in your words
    #[arg(required_unless_present = "issue", conflicts_with = "issue")]
    pub(super) request: Option<String>,
    /// Read the request from a file (`-`: standard input); its first line is the title
    #[arg(long, value_name = "FILE|-")]
    pub(super) issue: Option<PathBuf>,
    /// The local git repository to work on
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) repo: PathBuf,
    /// The commit to start from (default: HEAD)
    #[arg(long, value_name = "REF")]
    pub(super) base: Option<String>,
    /// The branch to make (default: quantum/run-TITLE-ID)
    #[arg(long, value_name = "NAME")]
    pub(super) branch: Option<String>,
    /// The model, e.g. openai/gpt-5 or scripted/FILE
    #[arg(long, value_name = "SPEC")]
    pub(super) model: Option<String>,
    /// Skip planning: one task for this role
    #[arg(long, value_name = "ROLE", value_parser = role_names())]
    pub(super) role: Option<String>,
    /// Dollars this run may cost
    #[arg(long, value_name = "USD", value_parser = dollars, allow_negative_numbers = true)]
    pub(super) budget: Option<f64>,
    /// Model calls this run may make
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_steps: Option<u32>,
    /// Print one JSON document on standard output
    #[arg(long)]
    pub(super) json: bool,
    /// Approve plans without asking (never answers questions)
    #[arg(long)]
    pub(super) yes: bool,
    /// Write the model's answers to a file that `--model scripted/FILE` plays again
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,
    /// Settings file (default: QUANTUM_CONFIG, else quantum.toml here)
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where the data go when no setting names a place; None: the platform's data folder.
    #[arg(skip)]
    pub(super) data: Option<PathBuf>,
}

/// `quantum demo`
#[derive(Clone, Debug, Args)]
pub(super) struct DemoArgs {
    /// A real model instead of the recorded conversation, e.g. openai/gpt-5-mini
    #[arg(long, value_name = "SPEC")]
    pub(super) model: Option<String>,
    /// Settings file (default: QUANTUM_CONFIG, else quantum.toml here)
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// `quantum doctor`
#[derive(Clone, Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON document on standard output
    #[arg(long)]
    pub(super) json: bool,
    /// The model to look at
    #[arg(long, value_name = "SPEC")]
    pub(super) model: Option<String>,
    /// Settings file (default: QUANTUM_CONFIG, else quantum.toml here)
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// The roles there are: a name that nobody knows must not run as another.
fn role_names() -> clap::builder::PossibleValuesParser {
    ROLES.iter().map(|role| role.name).collect::<Vec<_>>().into()
}

fn dollars(text: &str) -> Result<f64, String> {
    match text.trim_start_matches('$').parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("an amount in dollars, like 0.50".to_owned()),
    }
}
