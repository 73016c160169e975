//! One binary: stories in a small real world.
#![expect(clippy::unwrap_used, reason = "in a test a failure is a panic")]
#![expect(clippy::print_stderr, reason = "a test that skips or counts says so")]

mod agent;
mod app;
mod child;
mod cli;
mod config;
mod crash;
mod deliveries;
mod engine;
mod git;
mod github;
mod github_webhook;
mod heard;
mod journal;
mod judge;
mod model;
mod pairs;
mod pipeline;
mod process;
mod replies;
mod runs;
mod sandbox;
mod seeds;
mod server;
mod setup;
mod size;
mod store;
mod story;
mod table;
mod texts;
mod threads;
mod tidy;
mod tool;
mod world;
