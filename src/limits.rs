//! Every bound: name, unit, reason, and what happens at the bound. One file per part of the program.

pub mod run;
pub mod agent;
pub mod tool;
pub mod model;
pub mod sandbox;
pub mod git;
pub mod engine;
pub mod verify;
pub mod config;
pub mod shown;
