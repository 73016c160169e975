//! Verify: the repository's own checks on exactly the tree that is committed, and what their end means.
//!
//! A command that did not finish is never a pass. A detected command that ran no test proves nothing. One that fails
//! runs once on the base commit too: only what did not fail there counts as a failure of the change. A command that a
//! person named in the configuration passes by its exit code, unless a runner we know says that no test ran.

pub mod count;
pub mod detect;

use crate::{
    ids::ContentHash,
    limits::verify as limits,
    report::Report,
    run::{Check, Receipt},
};
use async_trait::async_trait;
use count::{Counts, count};
use detect::CheckCommand;

/// Which tree a command runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The change.
    Change,
    /// The base commit.
    Base,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// None: it did not finish.
    pub exit_code: Option<i32>,
    /// Wall time.
    pub millis: u64,
    /// Standard output and error as captured.
    pub output: Vec<u8>,
}

/// Runs commands and keeps outputs. The real one has sandboxes; a test has a table.
#[async_trait]
pub trait Desk: Send {
    /// Runs a command to its end.
    async fn run(&mut self, command: &str, on: On) -> Result<Ended, Report>;
    /// Keeps an output whole.
    async fn keep(&mut self, output: &[u8]) -> Result<ContentHash, Report>;
}

/// What the checks say about the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They pass, and tests ran.
    Verified,
    /// They can't tell, and why.
    Unverified(String),
    /// They fail where the base does not.
    Failed,
}

/// What one command says.
enum One {
    Pass,
    NoTests,
    Old(Vec<String>),
    New,
}

/// Runs all commands and judges.
pub async fn check(commands: &[CheckCommand], desk: &mut dyn Desk) -> Result<(Verdict, Receipt), Report> {
    let mut receipt = Receipt::default();
    let mut said = Vec::new();
    for command in commands {
        let ended = desk.run(&command.command, On::Change).await?;
        let counts = count(&ended.output);
        let one = judge(&command.command, &ended, counts.as_ref(), desk).await?;
        receipt.commands.push(Check {
            command: command.command.clone(),
            exit_code: ended.exit_code,
            millis: ended.millis,
            output: desk.keep(&ended.output).await?,
            tests_run: counts.map(|counts| counts.run),
            failed_on_base: matches!(one, One::Old(_)),
        });
        said.push(one);
    }
    Ok((verdict(&said), receipt))
}

async fn judge(
    command: &str,
    ended: &Ended,
    counts: Option<&Counts>,
    desk: &mut dyn Desk,
) -> Result<One, Report> {
    if ended.exit_code == Some(0) {
        return Ok(if counts.is_some_and(|counts| counts.run == 0) { One::NoTests } else { One::Pass });
    }
    let base = desk.run(command, On::Base).await?;
    if base.exit_code == Some(0) {
        return Ok(One::New);
    }
    let names = |counts: Option<&Counts>| counts.map(|counts| counts.failing.clone()).unwrap_or_default();
    let (now, before) = (names(counts), names(count(&base.output).as_ref()));
    let old = match (now.is_empty(), before.is_empty()) {
        // both name what fails: only names that are new count
        (false, false) => now.is_subset(&before),
        // neither does: the same end is all that can be compared
        (true, true) => ended.exit_code == base.exit_code,
        // one got as far as naming tests and the other did not: it is not the same failure
        (false, true) | (true, false) => false,
    };
    Ok(if old { One::Old(now.into_iter().collect()) } else { One::New })
}

fn verdict(said: &[One]) -> Verdict {
    if said.iter().any(|one| matches!(one, One::New)) {
        return Verdict::Failed;
    }
    let old: Vec<&str> = said
        .iter()
        .flat_map(|one| if let One::Old(names) = one { names.as_slice() } else { &[] })
        .map(String::as_str)
        .collect();
    if said.iter().any(|one| matches!(one, One::Old(_))) {
        let more = old.len().saturating_sub(limits::NAMED);
        let named: Vec<&str> = old.into_iter().take(limits::NAMED).collect();
        let list = if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) };
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Verdict::Unverified(format!(
            "the checks fail in the same way on the base commit{list}{rest}"
        ));
    }
    if said.is_empty() {
        let why = "no command is known that checks this repository; name one with `verify: [\"…\"]` in .github/quantum.yml";
        return Verdict::Unverified(why.to_owned());
    }
    if said.iter().all(|one| matches!(one, One::NoTests)) {
        return Verdict::Unverified("the checks ran no test".to_owned());
    }
    Verdict::Verified
}

#[cfg(test)]
mod tests {
    use super::{detect::Runner, *};

    /// Answers by command; the base's answers are apart.
    struct Table(
        Vec<(&'static str, Option<i32>, &'static str)>,
        Vec<(&'static str, Option<i32>, &'static str)>,
    );

    #[async_trait]
    impl Desk for Table {
        async fn run(&mut self, command: &str, on: On) -> Result<Ended, Report> {
            let rows = if on == On::Change { &self.0 } else { &self.1 };
            let row = rows.iter().find(|row| row.0 == command).expect("a row for the command");
            Ok(Ended { exit_code: row.1, millis: 1, output: row.2.as_bytes().to_vec() })
        }
        async fn keep(&mut self, output: &[u8]) -> Result<ContentHash, Report> {
            Ok(ContentHash::of(output))
        }
    }

    const PASS: &str = "test result: ok. 2 passed; 0 failed";
    const NONE: &str = "test result: ok. 0 passed; 0 failed";
    const ONE: &str = "test a ... FAILED\ntest result: FAILED. 1 passed; 1 failed";
    const TWO: &str = "test a ... FAILED\ntest b ... FAILED\ntest result: FAILED. 0 passed; 2 failed";

    #[tokio::test]
    async fn the_checks_say_what_is_true() {
        let rows = [
            ((Some(0), PASS), (Some(0), PASS), "verified"),
            ((Some(0), NONE), (Some(0), NONE), "the checks ran no test"),
            ((Some(0), "looks good"), (Some(0), ""), "verified"),
            ((Some(101), ONE), (Some(0), PASS), "failed"),
            ((Some(101), ONE), (Some(101), ONE), "the checks fail in the same way on the base commit: a"),
            ((Some(101), ONE), (Some(101), TWO), "the checks fail in the same way on the base commit: a"),
            ((Some(101), TWO), (Some(101), ONE), "failed"),
            ((Some(101), "error: does not compile"), (Some(101), ONE), "failed"),
            (
                (Some(127), "mocha: not found"),
                (Some(127), "mocha: not found"),
                "the checks fail in the same way on the base commit",
            ),
            ((Some(1), "x"), (Some(2), "y"), "failed"),
            ((None, PASS), (Some(0), PASS), "failed"),
            ((None, ""), (None, ""), "the checks fail in the same way on the base commit"),
        ];
        for (change, base, expected) in rows {
            let mut table = Table(vec![("c", change.0, change.1)], vec![("c", base.0, base.1)]);
            let command = CheckCommand { command: "c".to_owned(), runner: Runner::Known };
            let (verdict, receipt) = check(&[command], &mut table).await.unwrap();
            let said = match &verdict {
                Verdict::Verified => "verified",
                Verdict::Failed => "failed",
                Verdict::Unverified(why) => why,
            };
            assert_eq!(said, expected, "{change:?} on {base:?}");
            assert_eq!(receipt.shows_pass(), verdict == Verdict::Verified);
        }
    }

    #[tokio::test]
    async fn several_commands_are_judged_together() {
        let command = |name: &str| CheckCommand { command: name.to_owned(), runner: Runner::Known };
        let mut table = Table(vec![("a", Some(0), PASS), ("b", Some(0), NONE)], Vec::new());
        assert_eq!(check(&[command("a"), command("b")], &mut table).await.unwrap().0, Verdict::Verified);
        let mut table = Table(vec![("a", Some(0), PASS), ("b", Some(1), ONE)], vec![("b", Some(1), ONE)]);
        assert!(matches!(
            check(&[command("a"), command("b")], &mut table).await.unwrap().0,
            Verdict::Unverified(_)
        ));
        let (verdict, receipt) = check(&[], &mut Table(Vec::new(), Vec::new())).await.unwrap();
        assert!(
            matches!(verdict, Verdict::Unverified(why) if why.contains("verify:"))
                && receipt.commands.is_empty()
        );
    }
}
