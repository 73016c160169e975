//! One binary: stories in a small real world.

mod agent;
mod crash;
mod engine;
mod pipeline;
mod sandbox;
mod store;
mod tidy;
mod tool;
