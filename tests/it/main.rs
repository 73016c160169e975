//! One binary: stories in a small real world.

mod tidy;
mod tool;
