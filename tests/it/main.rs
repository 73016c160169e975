//! One binary: stories in a small real world.

mod agent;
mod crash;
mod engine;
mod git;
mod journal;
mod pipeline;
mod replies;
mod runs;
mod sandbox;
mod seeds;
mod store;
mod table;
mod tidy;
mod tool;
