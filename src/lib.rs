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
//! | Intent | a wish that passed policy: build, plan, review, fix … |
//! | Run | the durable life of one intent |
//! | Plan | a graph of Tasks with dependencies, a role each, a confidence and an estimate |
//! | Phase | where a run is (derived, never stored twice) |
//! | Event | what a run is told |
//! | Effect | what a run wants done, as data, with a key that makes repeating it safe |
//! | Work | one agent's attempt at one task |
//! | Role | an agent as data: prompt, tools, answer schema, budget, model tier |
//! | Transcript | the append-only messages of one work |
//! | Tool | something an agent may call |
//! | Proposal | what an agent submits: changes, summary, or a question |
//! | Receipt | the commands that were run to check a proposal, with exit codes, durations, log hashes |
//! | Workspace | the files one work happens in |
//! | Sandbox | what confines every process and every file access of a work |
//! | Lease | the right to perform effects of a run, with a deadline |
//!
//! # Reading order
//!
//! [`intent`] (ask) → [`run`] (decide: the table, `step`) → [`engine`] (do) → [`agent`] (think) → [`tool`],
//! [`model`], [`sandbox`], [`git`], [`github`], [`store`] (adapters) → [`server`], [`cli`] (show).
//!
//! # The dependency rule
//!
//! Imports point down only; `tests/it/tidy.rs` checks every `use crate::`:
//! `cli, server ▸ engine, config ▸ agent ▸ tool, model ▸ sandbox, git`; `engine ▸ store ▸ run ▸ intent`; `github ▸ intent`;
//! [`ids`], [`clock`], [`limits`], [`report`], [`metrics`] use nothing. `intent` and `run` are pure: no async, clock, IO or randomness.

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
