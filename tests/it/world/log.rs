//! Every request that arrived, as the fake GitHub saw it; and counting them.

use super::{
    github::Hub,
    state::{Level, Permissions},
};
use quantumlayer::clock::Timestamp;
use serde_json::Value;

/// Routes of tokens: they count neither as calls nor as points.
const TOKENS: [&str; 2] = ["/access_tokens", "/installation/token"];

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    pub(crate) path: String,
    /// The route's template; empty when there is none.
    pub(crate) template: &'static str,
    /// `app`, `installation N`, a login, or `nobody`.
    pub(crate) who: String,
    /// The token's; empty for everybody else.
    pub(crate) permissions: Permissions,
    pub(crate) body: Value,
    /// GET and GraphQL 1, everything else 5.
    pub(crate) points: u32,
    pub(crate) is_content: bool,
    /// `None` while it waits, and when the connection was cut.
    pub(crate) status: Option<u16>,
    pub(crate) fault: Option<&'static str>,
}

impl Entry {
    fn is_of_tokens(&self) -> bool {
        TOKENS.iter().any(|end| self.template.ends_with(end))
    }

    pub(crate) fn permissions_text(&self) -> String {
        let one = |(name, level): (&String, &Level)| format!("{name}:{}", level.name());
        self.permissions.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

/// Sums over the log, tokens left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) calls: u32,
    pub(crate) points: u32,
    pub(crate) content: u32,
}

impl Hub {
    /// Everything that arrived, oldest first.
    pub(crate) fn requests(&self) -> Vec<Entry> {
        self.state().log.clone()
    }

    /// How many requests of a method had a path whose template ends so.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        let state = self.state();
        state.log.iter().filter(|entry| entry.method == method && entry.template.ends_with(path)).count()
    }

    pub(crate) fn tally(&self) -> Tally {
        let state = self.state();
        let entries = state.log.iter().filter(|entry| !entry.is_of_tokens());
        entries.fold(Tally::default(), |sum, entry| Tally {
            calls: sum.calls + 1,
            points: sum.points + entry.points,
            content: sum.content + u32::from(entry.is_content),
        })
    }

    /// The log as text, a line a request: `POST /repos/acme/widgets/pulls 201 (pull_requests:write)`.
    pub(crate) fn log_text(&self) -> String {
        let state = self.state();
        let lines = state.log.iter().map(|entry| {
            let status = entry.status.map_or("-".to_owned(), |status| status.to_string());
            let fault = entry.fault.map(|fault| format!(" [{fault}]")).unwrap_or_default();
            let held = entry.permissions_text();
            let held = if held.is_empty() { format!(" ({})", entry.who) } else { format!(" ({held})") };
            format!("{} {} {status}{fault}{held}\n", entry.method, entry.path)
        });
        lines.collect()
    }

    /// Starts the log anew.
    pub(crate) fn forget_log(&self) {
        self.state().log.clear();
    }
}
