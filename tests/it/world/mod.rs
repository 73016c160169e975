//! A small real world for stories: a GitHub in this process, behind a real HTTP listener, with typed state and real
//! git repositories.
//!
//! ```ignore
//! let hub = FakeGitHub::start().await;
//! let place = hub.usual();                                   // acme/widgets, ada (write), rita (read), eve (nobody)
//! let issue = hub.open_issue(place.repo, place.ada, "Add a flag", "please");
//! hub.comment(place.repo, issue, place.ada, "/quantum build");
//! hub.deliver_all().await;                                   // signed webhooks to `hub.send_hooks_to(url)`
//! insta::assert_snapshot!(hub.thread(place.repo, issue));    // what a person sees
//! ```
//!
//! Reading order: `state.rs` (what it knows), `acts.rs` (how it changes, and which webhook says so), `table.rs` (every
//! route with the permission it needs), `serve.rs` (one request from the wire to its answer), then the rest by need.
//! A request without a route fails the test by name, and so does one that breaks a rule GitHub would enforce.

mod acts;
mod answer;
mod auth;
mod call;
mod deliveries;
mod events;
mod faults;
mod git;
pub(crate) mod git_http;
mod github;
mod limits;
mod log;
mod people;
mod places;
mod pulls;
mod reviews;
mod routes_app;
mod routes_checks;
mod routes_git;
pub(crate) mod routes_graphql;
mod routes_hooks;
mod routes_issues;
mod routes_pulls;
mod routes_refs;
mod routes_repo;
mod routes_talk;
mod seals;
mod serve;
mod shapes;
mod shapes_repo;
mod shapes_thread;
mod state;
mod table;
mod text;
mod wire;

pub(crate) use answer::Answer;
pub(crate) use faults::{Fault, Gate, Victim};
pub(crate) use github::{FakeGitHub, Hub, Settings};
pub(crate) use log::Entry;
pub(crate) use people::Usual;
pub(crate) use seals::signature;
pub(crate) use state::{Level, RepoId, Role, UserId};

#[cfg(test)]
mod tests;
