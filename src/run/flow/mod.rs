//! What a run does next, by what it knows; one file per kind of run.

pub(super) mod build;
mod schedule;

pub(super) use schedule::needs_are_merged;
