//! One binary: stories in a small real world.

mod journal;
mod replies;
mod runs;
mod seeds;
mod table;
