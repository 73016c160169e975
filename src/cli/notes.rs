//! What a person should know before and after: no walls, no price, settings that are odd without being wrong.

use super::{progress::clean, say};
use crate::{config::Settings, limits::agent as agents, model::Model, sandbox::Kind};

/// What a person should know: said when it is found, and told again at the end, where a program reads it too.
#[derive(Default)]
pub(super) struct Notes(Vec<String>);

impl Notes {
    pub(super) fn say(&mut self, note: &str) {
        say(&format!("note: {}", clean(note)));
        self.keep(note);
    }

    /// Somebody else says it.
    pub(super) fn keep(&mut self, note: &str) {
        self.0.push(note.to_owned());
    }

    /// No walls; a request that is cut.
    pub(super) fn about(&mut self, settings: &Settings, request: &str) {
        warn_of_no_walls(settings);
        if request.len() > agents::REQUEST_BYTES {
            let most = agents::REQUEST_BYTES / 1024;
            self.say(&format!("the request is longer than {most} KiB; agents are shown its beginning"));
        }
    }

    pub(super) fn all(self) -> Vec<String> {
        self.0
    }
}

/// Says that nothing confines agents; receipts say so too.
pub(super) fn warn_of_no_walls(settings: &Settings) {
    match settings.sandbox {
        Kind::DangerHost => say("WARNING: danger-host: nothing confines the agent"),
        Kind::Linux => {}
    }
}

/// A price that nobody knows caps nothing.
pub(super) fn no_price(model: &dyn Model) -> Option<String> {
    let remedy = "dollars are not capped, steps and minutes are; QUANTUM_PRICES names a table";
    model.price().is_none().then(|| format!("no price is known for {}: {remedy}", model.name()))
}
