//! QuantumLayer: from a request to a verified branch of a local repository, and from a comment to a draft pull request, in
//! one binary.
//!
//! # The words
//!
//! | word | meaning |
//! |---|---|
//! | Delivery | one webhook POST as it came: id, event name, bytes |
//! | Notice | what a delivery means, in our words |
//! | Command | what somebody typed after `/quantum` |
//! | Intent | a wish that passed policy, with its Verb: build, so far |
//! | Run | the durable life of one intent |
//! | Plan | a graph of Tasks with dependencies, a role each, a confidence and an estimate |
//! | Phase | where a run is: derived from its state, and kept as a word beside it, by which the store finds runs |
//! | Event | what a run is told |
//! | Effect | what a run wants done, as data, with a key that makes repeating it safe |
//! | Work | one agent's attempt at one task |
//! | Role | an agent as data: name, prompt, tools, tokens of an answer |
//! | Transcript | the append-only messages of one work |
//! | Tool | something an agent may call |
//! | Proposal | what an agent submits: changes, summary, or a question |
//! | Receipt | the commands that were run to check a proposal, with exit codes, durations, log hashes |
//! | Workspace | the files one work happens in |
//! | Sandbox | what confines every process and every file access of a work |
//! | Lease | the right to perform effects of a run, with a deadline |
//!
//! Words of the App alone:
//!
//! | word | meaning |
//! |---|---|
//! | Thread | what a run is about on GitHub: repository, issue, who asked, the branch it may write |
//! | Hearing | taking in a comment: each once, those of a thread in the order in which they were written |
//! | Desk | work in one repository as one installation, with tokens by need |
//! | Line | where everything that changes something on GitHub waits its turn, one per installation |
//! | Slot | which of our comments one is (status, question, result, answer …); a hidden line at its end says it |
//! | Twin | one of our comments that is there twice: the oldest stays |
//! | Sweep | the look, every few minutes, for what was missed |
//!
//! # Reading order
//!
//! [`intent`] (ask) → [`run`] (decide: the table, `step`) → [`engine`] (do) → [`agent`] (think) → [`tool`],
//! [`model`], [`sandbox`], [`git`], [`github`], [`store`] (adapters) → [`server`], [`cli`] (show).
//!
//! # The dependency rule
//!
//! Imports point down only; `tests/it/tidy.rs` checks every `use crate::` and this table:
//!
//! | module | may use |
//! |---|---|
//! | `cli` | server, engine, agent, tool, model, sandbox, git, github, store, config, run, intent |
//! | `server` | github, store |
//! | `engine` | agent, model, sandbox, git, github, store, config, run, intent |
//! | `config` | run, sandbox |
//! | `agent` | tool, model, run, sandbox, intent |
//! | `tool` | model, run, sandbox, intent |
//! | `store` | run |
//! | `run` | intent |
//! | `github` | http, intent |
//! | `model` | http |
//!
//! The others use none of these; [`ids`], [`clock`], [`limits`], [`report`], [`metrics`] are everybody's. Two walls: `github` can't
//! start a run, and `agent` can't reach GitHub. `intent` and `run` are pure: no async, clock, IO or randomness.

pub mod agent;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod git;
pub mod github;
mod http;
pub mod ids;
pub mod intent;
pub mod limits;
pub mod metrics;
pub mod model;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod tool;
