//! Every bound: name, unit, reason, and what happens at the bound. One file per part of the program.

pub mod agent;
pub mod app;
pub mod config;
pub mod engine;
pub mod git;
pub mod github;
pub mod intent;
pub mod model;
pub mod run;
pub mod sandbox;
pub mod server;
pub mod shown;
pub mod tool;
pub mod verify;
pub mod webhook;
