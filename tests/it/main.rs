//! One binary: stories in a small real world.

mod sandbox;
