//! One binary: stories in a small real world.

mod agent;
mod crash;
mod engine;
mod journal;
mod pipeline;
mod replies;
mod runs;
mod sandbox;
mod seeds;
mod store;
mod story;
mod table;
mod tidy;
mod tool;
