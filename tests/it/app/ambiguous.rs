//! GitHub did what it was asked, and the answer was lost on its way. Exactly one of everything is there, and what
//! people would see twice was asked for once.
//!
//! `QUANTUM_LOST=all` loses every answer in every way instead of one each; `--nocapture` shows the table.

use super::{Town, good};
use crate::{
    size,
    world::{Answer, Fault},
};
use futures_util::{StreamExt, stream};
use std::time::{Duration, Instant};

/// Every request of a build that changes something, by method and the end of its path.
pub(super) const CHANGES: &[(&str, &str)] = &[
    ("POST", "/reactions"),
    ("POST", "/issues/{issue_number}/comments"),
    ("POST", "/git/trees"),
    ("POST", "/git/commits"),
    ("POST", "/git/refs"),
    ("POST", "/pulls"),
    ("POST", "/labels"),
    ("POST", "/assignees"),
    ("POST", "/check-runs"),
    ("PATCH", "/issues/comments/{comment_id}"),
];

/// What makes something new with every request: once it was made it is not asked for again. The others come to the same the
/// second time.
const MADE_ONCE: &[&str] = &["/issues/{issue_number}/comments", "/git/refs", "/pulls", "/check-runs"];

/// How an answer is lost.
const LOSSES: &[(&str, Loss)] = &[
    ("502", || Fault::applied_but_502()),
    ("502, not seen at once", || Fault::applied_but_502()),
    ("502, Retry-After", || Fault::AppliedBut(Answer::refuse(502, "Server Error").with("retry-after", "1"))),
    ("cut", || Fault::CutAfter),
    ("truncated", || Fault::Truncate),
];
type Loss = fn() -> Fault;

/// A change by method and path, and a way to lose its answer by name.
type Change<'a> = &'a (&'a str, &'a str);
type Way<'a> = &'a (&'a str, Loss);

/// Past this it does not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads that miss what is new.
const READS: u32 = 2;

/// What is there, however often it was edited.
pub(super) fn standing(town: &Town, number: u64) -> String {
    let thread = town.thread(number);
    ["once", "twice", "2 times", "3 times", "4 times"]
        .iter()
        .fold(thread, |thread, times| thread.replace(&format!(" (edited {times})"), ""))
}

/// The ways in which the answer to the `row`-th change is lost.
fn losses(row: usize) -> Vec<Way<'static>> {
    if size::is_all("QUANTUM_LOST") {
        return LOSSES.iter().collect();
    }
    let is_made_once = MADE_ONCE.contains(&CHANGES[row].1);
    let usual = &LOSSES[[0, 2, 3, 4][row % 4]];
    // a twin can only come of these
    is_made_once.then_some(&LOSSES[1]).into_iter().chain([usual]).collect()
}

/// A build, and then the end of its pull request: what is there, and how often each change was asked for.
struct Story {
    standing: String,
    branches: usize,
    sent: Vec<usize>,
    log: String,
}

impl Story {
    /// With one answer lost. `expected`: what there is to wait for.
    async fn told(lost: Option<(Change<'_>, Way<'_>)>, expected: Option<&str>) -> Self {
        let town = Town::new(&good()).await;
        let number = town.issue();
        if let Some(((method, path), (name, loss))) = lost {
            town.hub.fault(method, path, 1, loss());
            match (name.ends_with("not seen at once"), *path) {
                (true, "/git/refs") => town.hub.hide_new_refs(READS),
                (true, _) => town.hub.hide_new_rows(READS),
                (false, _) => {}
            }
        }
        town.say(number, town.usual.ada, "/quantum build").await;
        until(&town, || town.thread(number).contains("rocket by")).await;
        town.hub.close(town.usual.repo, number + 1, town.usual.ada);
        town.settle().await;
        until(&town, || expected.is_none_or(|expected| standing(&town, number) == expected)).await;
        Self {
            standing: standing(&town, number),
            branches: town.hub.branches(town.usual.repo).len(),
            sent: CHANGES.iter().map(|(method, path)| town.hub.count(method, path)).collect(),
            log: town.hub.log_text(),
        }
    }
}

/// What is due is done until it is so; a second that GitHub asks for goes by meanwhile.
async fn until(town: &Town, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() && begun.elapsed() < PATIENCE {
        town.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_makes_no_twin() {
    let calm = Story::told(None, None).await;
    let cases = CHANGES.iter().enumerate();
    let cases = cases.flat_map(|(row, change)| losses(row).into_iter().map(move |loss| (row, change, loss)));
    let told = stream::iter(cases).map(async |(row, change, loss)| {
        let story = Story::told(Some((change, loss)), Some(&calm.standing)).await;
        (row, change, loss, story)
    });
    // side by side: most of the time is the disk's
    let (mut told, mut table) = (std::pin::pin!(told.buffered(4)), String::new());
    while let Some((row, (method, path), (name, _), story)) = told.next().await {
        let (usual, sent) = (calm.sent[row], story.sent[row]);
        let why = format!("{method} {path}, {name}: {sent} sent, {usual} when none is lost\n{}", story.log);
        assert_eq!((&story.standing, story.branches), (&calm.standing, 2), "{why}");
        let most = if MADE_ONCE.contains(path) { usual } else { usual + 1 };
        assert!(usual > 0 && (usual..=most).contains(&sent), "{why}");
        table += &format!("{method:<5} {path:<35} {name:<22} {sent} sent ({usual} when none is lost)\n");
    }
    eprint!("{table}");
}
