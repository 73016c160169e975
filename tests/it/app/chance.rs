//! What stories of chance share: how large they are, people, what is said on an issue and what must have come of it once.

use super::{Stopped, Town};
use crate::world::{Hub, RepoId, Role, UserId};
use quantumlayer::clock::{Clock, Timestamp};
use std::time::Duration;

/// 2026-11-27T12:00:00Z.
pub(super) const NOON: Timestamp = Timestamp(1_795_780_800_000);

/// A clock that stands at noon until it is moved.
pub(super) fn noon() -> Clock {
    Clock::manual(NOON)
}

/// People who may write there.
pub(super) fn writers(hub: &Hub, repos: &[RepoId], count: usize) -> Vec<UserId> {
    let one = |n: usize| {
        let user = hub.user(&format!("writer-{n}"));
        repos.iter().for_each(|repo| hub.permit(*repo, user, Role::Write));
        user
    };
    (0..count).map(one).collect()
}

impl Town {
    /// Time passes.
    pub(super) fn later(&self, span: Duration) {
        self.hub.clock().advance(span);
    }

    /// Takes in whatever waits, and lets the time pass that it wants to wait.
    pub(super) async fn take_deliveries(&self) {
        while let Some(at) = self.app.take_all().await.unwrap() {
            self.later(at.since(self.hub.clock().now()));
        }
    }

    /// Whatever is on its way arrives and is taken in.
    pub(super) async fn hear(&self) {
        let answers = self.hub.deliver_all().await;
        assert!(answers.iter().all(|status| *status == 202), "{answers:?}");
        self.take_deliveries().await;
    }

    /// What a person sees, without what differs from world to world; comments of ours in no order.
    pub(super) fn blocks(&self, number: u64) -> Vec<String> {
        let text = super::shown(&self.hub.thread(self.usual.repo, number));
        let forms = [
            (r"\b50000\d{5}\b", "N"),
            (r" \(edited [^)]*\)", ""),
            (r"(\d+ (h|min) )*(N|\d+) (s|min)\b", "N s"),
        ];
        let text = forms.iter().fold(text, |text, (form, letter)| {
            regex::Regex::new(form).unwrap().replace_all(&text, *letter).into_owned()
        });
        let mut blocks: Vec<String> = Vec::new();
        for line in text.lines() {
            match blocks.last_mut().filter(|_| line.starts_with(' ') || line.is_empty()) {
                Some(block) => *block += &format!("\n{line}"),
                None => blocks.push(line.to_owned()),
            }
        }
        blocks.sort();
        blocks
    }
}

impl Stopped {
    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }
}

/// What somebody says on an issue, one comment after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Build,
    Cancelled,
    Again,
    Anew,
    Asked,
    Talk,
}

impl Script {
    pub(super) const ALL: [Self; 6] =
        [Self::Build, Self::Cancelled, Self::Again, Self::Anew, Self::Asked, Self::Talk];

    pub(super) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Build => &["/quantum build"],
            Self::Cancelled => &["/quantum build", "/quantum cancel"],
            Self::Again => &["/quantum build", "/quantum cancel", "/quantum retry"],
            Self::Anew => &["/quantum build", "/quantum cancel", "/quantum build it anew"],
            Self::Asked => &["/quantum help", "/quantum status"],
            Self::Talk => &["I think so too.", "> /quantum build\n\nPlease not."],
        }
    }

    /// The issue's runs: the attempt that each is at, and whether it is over.
    fn runs(self) -> &'static [(u32, bool)] {
        match self {
            Self::Build => &[(1, false)],
            Self::Cancelled => &[(1, true)],
            Self::Again => &[(2, false)],
            Self::Anew => &[(1, false), (1, true)],
            Self::Asked | Self::Talk => &[],
        }
    }

    /// The reactions on each comment, and how many comments of ours there are.
    fn answers(self) -> (&'static str, usize) {
        match self {
            Self::Build => ("E", 0),
            Self::Cancelled => ("E ER", 0),
            Self::Again => ("E ER ER", 0),
            Self::Anew => ("E ER E", 0),
            Self::Asked => ("ER ER", 2),
            Self::Talk => ("", 0),
        }
    }
}

/// An issue on which a script is said.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) repo: RepoId,
    pub(super) number: u64,
    pub(super) by: UserId,
    pub(super) script: Script,
}

/// Checks that what was said on each issue came to its end once.
pub(super) async fn check(town: &Town, stories: &[Story]) -> Vec<String> {
    let mut runs = std::collections::BTreeMap::<(u64, u64), Vec<(u32, bool)>>::new();
    for listed in town.store.list_runs(u32::MAX).await.unwrap() {
        let run = town.store.run(&listed.id).await.unwrap().run;
        let thread = listed.thread.unwrap();
        let at = runs.entry((thread.repo_id, thread.number)).or_default();
        at.push((run.attempt, run.outcome().is_some()));
    }
    let mut wrong = Vec::new();
    for story in stories {
        let mut found = runs.remove(&(story.repo.0, story.number)).unwrap_or_default();
        found.sort_unstable();
        let thread = town.hub.thread(story.repo, story.number);
        let (reactions, answers) = (reactions(&thread), thread.matches("slot=answer").count());
        let expected = story.script.answers();
        if found != story.script.runs() || (reactions.as_str(), answers) != expected {
            wrong.push(format!("{story:?}: runs {found:?}, {reactions:?}, {answers} answers\n{thread}"));
        }
    }
    wrong.extend(runs.into_iter().map(|(at, runs)| format!("nobody wanted {runs:?} on {at:?}")));
    wrong
}

/// `ER` for a comment with eyes and a rocket, in order.
fn reactions(thread: &str) -> String {
    let lines = thread.lines().filter_map(|line| line.trim().strip_prefix('[')?.strip_suffix(']'));
    let letters = |line: &str| -> String {
        line.split(", ").filter_map(|one| one.chars().next()).map(|c| c.to_ascii_uppercase()).collect()
    };
    lines.map(letters).collect::<Vec<_>>().join(" ")
}
