//! `quantum receive`: what was saved is kept before anything else, and it alone is taken in.

use super::process::{Served, hub, with_app};
use crate::{
    process,
    story::{Desk, Told},
    world::{FakeGitHub, Fault, Usual},
};
use quantumlayer::ids::Secret;
use serde_json::Value;
use std::fs;

/// `quantum receive` on what Ada said on an issue of her own.
struct Saved<'a> {
    desk: &'a Desk,
    hub: &'a FakeGitHub,
    place: &'a Usual,
    file: String,
    issue: u64,
}

impl<'a> Saved<'a> {
    fn new(desk: &'a Desk, hub: &'a FakeGitHub, place: &'a Usual) -> Self {
        let issue = hub.open_issue(place.repo, place.ada, "Make it good", "please");
        hub.take(usize::MAX);
        hub.comment(place.repo, issue, place.ada, "/quantum help");
        let body = hub.take(usize::MAX).pop().unwrap().body;
        let file = desk.path().join(format!("payload-{issue}.json"));
        fs::write(&file, body).unwrap();
        Self { desk, hub, place, file: file.to_str().unwrap().to_owned(), issue }
    }

    /// Its exit, and the state that it said.
    fn receive(&self, key: &Secret) -> (Told, String) {
        let args = ["receive", &self.file, "--event", "issue_comment"];
        let told = self.desk.told(&mut with_app(self.desk, self.hub, key, &args));
        let said: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{}", told.stderr));
        (told, said["state"].as_str().unwrap().to_owned())
    }

    #[track_caller]
    fn is(&self, key: &Secret, exit: i32, state: &str) -> String {
        let (told, said) = self.receive(key);
        assert_eq!((told.exit, said.as_str()), (exit, state), "{}", told.stderr);
        told.stderr
    }

    fn answers(&self) -> usize {
        let thread = self.hub.thread(self.place.repo, self.issue);
        thread.matches("A command is the first line").count()
    }
}

const KEPT: &str = "the delivery is kept: `quantum serve` goes on with it";

#[test]
fn what_github_can_not_be_asked_about_is_kept_and_only_its_own_is_taken_in() {
    let (desk, hub) = (Desk::empty(), hub());
    let place = hub.usual();
    let (first, second) = (Saved::new(&desk, &hub, &place), Saved::new(&desk, &hub, &place));
    let old = hub.key();
    let fresh = hub.rotate_key();
    for saved in [&first, &second] {
        let said = saved.is(&old, 1, "stored");
        assert!(said.contains("does not take the App's key") && said.contains(KEPT), "{said}");
    }
    second.is(&fresh, 0, "duplicate");
    assert_eq!((first.answers(), second.answers()), (0, 1), "it takes in its own and no other");
    second.is(&fresh, 0, "duplicate");
    let _served = Served::start(with_app(&desk, &hub, &fresh, &["serve"]));
    process::wait_until("who serves goes on with it", || first.answers() == 1);
    assert_eq!(second.answers(), 1);
}

#[test]
fn what_is_put_off_is_no_success_and_goes_on_later() {
    let (desk, hub) = (Desk::empty(), hub());
    let place = hub.usual();
    let saved = Saved::new(&desk, &hub, &place);
    hub.fault_some("GET", "/collaborators/{username}/permission", 1, 100, Fault::status(502));
    let said = saved.is(&hub.key(), 1, "stored");
    assert!(said.contains(KEPT), "{said}");
    assert_eq!(saved.answers(), 0);
    hub.heal();
    let _served = Served::start(with_app(&desk, &hub, &hub.key(), &["serve"]));
    process::wait_until("it is taken in", || saved.answers() == 1);
}
