//! What the checks say, with a table for the sandboxes.

use super::*;

/// Answers by command; the base's answers are apart.
struct Table(Vec<(&'static str, Option<i32>, &'static str)>, Vec<(&'static str, Option<i32>, &'static str)>);

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
const EMPTY: &str = "no tests ran in 0.01s";
const OLD: &str = "the checks fail on the base commit too, and their output names no test: whether the change adds to that can't be told; say what they need with `setup: [\"…\"]`, or name checks that pass with `verify: [\"…\"]` in .github/quantum.yml";
const OLD_A: &str = "the checks fail in the same way on the base commit: a; mend that first, or name checks that pass with `verify: [\"…\"]` in .github/quantum.yml";
const NO_TESTS: &str = "the checks ran no test; add one, or name a command that runs some with `verify: [\"…\"]` in .github/quantum.yml";

type End = (Option<i32>, &'static str);

async fn checked(runner: Runner, change: End, base: End) -> Judged {
    let mut table = Table(vec![("c", change.0, change.1)], vec![("c", base.0, base.1)]);
    let commands = [CheckCommand { command: "c".to_owned(), runner }];
    check(&Checks { commands: &commands, ..Checks::default() }, &mut table).await.unwrap()
}

fn words(judged: &Judged) -> &str {
    match judged.verdict {
        Verdict::Verified => "verified",
        Verdict::Failed => "failed",
        Verdict::Unverified => &judged.why,
    }
}

#[tokio::test]
async fn the_checks_say_what_is_true() {
    let rows: &[(End, End, &str)] = &[
        ((Some(0), PASS), (Some(0), PASS), "verified"),
        ((Some(0), NONE), (Some(0), NONE), NO_TESTS),
        (
            (Some(0), "looks good"),
            (Some(0), ""),
            "`c` exited 0, but nothing in its output tells that tests ran; if it is the right check, say so with `verify: [\"c\"]` in .github/quantum.yml",
        ),
        ((Some(101), ONE), (Some(0), PASS), "failed"),
        ((Some(101), ONE), (Some(101), ONE), OLD_A),
        ((Some(101), ONE), (Some(101), TWO), OLD_A),
        ((Some(101), TWO), (Some(101), ONE), "failed"),
        ((Some(101), "error: does not compile"), (Some(101), ONE), "failed"),
        ((Some(101), ONE), (Some(101), "error: does not compile"), "failed"),
        (
            (Some(127), "mocha: not found"),
            (Some(127), "mocha: not found"),
            "`c` needs a program that the sandbox does not have; install it on this machine, or name a command that works with `verify: [\"…\"]` in .github/quantum.yml",
        ),
        ((Some(1), "x"), (Some(2), "y"), "failed"),
        ((Some(1), "x"), (Some(1), "x"), OLD),
        // nothing names what fails: a complaint that the base does not make is the change's
        ((Some(1), "a.c:3: error: no b"), (Some(1), "a.c:7: error: no b\ntook 2s"), OLD),
        ((Some(1), "a.c:3: error: no b\na.c:4: error: no d"), (Some(1), "a.c:3: error: no b"), "failed"),
        ((Some(1), "lint: wrong b"), (Some(1), "lint: wrong a"), "failed"),
        // pytest calls it a failure that there are no tests
        ((Some(5), EMPTY), (Some(5), EMPTY), NO_TESTS),
        ((Some(5), EMPTY), (Some(0), "3 passed in 1s"), "failed"),
        // what does not finish is never a pass, and hides what it did not come to
        ((None, PASS), (Some(0), PASS), "failed"),
        ((None, ONE), (Some(101), ONE), "failed"),
        (
            (None, ""),
            (None, ""),
            "`c` did not finish, and on the base commit neither: a bound on time or memory ended it; name a smaller one with `verify: [\"…\"]` in .github/quantum.yml",
        ),
        ((None, ONE), (None, ONE), OLD_A),
    ];
    for (change, base, expected) in rows {
        let judged = checked(Runner::Known, *change, *base).await;
        let said = words(&judged);
        assert_eq!(said, *expected, "{change:?} on {base:?}");
        assert_eq!(
            judged.receipt.shows_pass(),
            judged.verdict == Verdict::Verified || said.starts_with("`c` exited 0")
        );
    }
}

#[tokio::test]
async fn a_command_that_a_person_named_passes_by_its_exit_code() {
    assert_eq!(
        checked(Runner::Named, (Some(0), "looks good"), (Some(0), "")).await.verdict,
        Verdict::Verified
    );
    assert_eq!(words(&checked(Runner::Named, (Some(0), NONE), (Some(0), "")).await), NO_TESTS);
}

#[tokio::test]
async fn the_receipt_tells_old_failures_from_new_ones() {
    let Judged { receipt, .. } = checked(Runner::Known, (Some(101), TWO), (Some(101), ONE)).await;
    assert_eq!(receipt.notes, ["`c`: failing on the base commit too: a; failing now: b"]);
    assert!(!receipt.commands[0].failed_on_base);
    let Judged { receipt, .. } = checked(Runner::Known, (Some(101), ONE), (Some(101), TWO)).await;
    assert!(receipt.notes.is_empty() && receipt.commands[0].failed_on_base);
    // a package is not a test: the number is left out
    let Judged { verdict, receipt, .. } =
        checked(Runner::Known, (Some(0), "ok  \tp\t0.1s"), (Some(0), "")).await;
    assert_eq!((verdict, receipt.commands[0].tests_run), (Verdict::Verified, None));
}

/// The verdict's words, and the notes.
async fn judged(checks: &Checks<'_>, mut table: Table) -> (String, Vec<String>) {
    let judged = check(checks, &mut table).await.unwrap();
    (words(&judged).to_owned(), judged.receipt.notes)
}

#[tokio::test]
async fn several_commands_are_judged_together() {
    let commands = ["a", "b"].map(|name| CheckCommand { command: name.to_owned(), runner: Runner::Known });
    let checks = Checks { commands: &commands, ..Checks::default() };
    let end = |code: i32, output: &'static str| vec![("a", Some(0), PASS), ("b", Some(code), output)];
    let (said, notes) = judged(&checks, Table(end(0, NONE), Vec::new())).await;
    assert_eq!((said.as_str(), notes), ("verified", vec!["`b` ran no test".to_owned()]));
    let (_, notes) = judged(&checks, Table(end(0, "good"), Vec::new())).await;
    assert_eq!(notes, ["`b` exited 0 without telling whether tests ran"]);
    let (said, _) = judged(&checks, Table(end(1, ONE), vec![("b", Some(1), ONE)])).await;
    assert_eq!(said, OLD_A);
    let (said, _) = judged(&Checks::default(), Table(Vec::new(), Vec::new())).await;
    assert!(said.contains("verify:"), "{said}");
}

#[tokio::test]
async fn a_change_that_touches_the_checks_says_so() {
    let commands = [CheckCommand { command: "a".to_owned(), runner: Runner::Known }];
    let signs = vec!["the change removes tests/b.rs".to_owned()];
    let checks = Checks { commands: &commands, signs: signs.clone(), ..Checks::default() };
    let passed = || vec![("a", Some(0), PASS)];
    let (said, notes) =
        judged(&checks, Table(passed(), vec![("a", Some(0), "test result: ok. 5 passed; 0 failed")])).await;
    assert_eq!(said, "verified");
    assert_eq!(notes, [signs[0].as_str(), "tests that `a` ran: 2 on the change, 5 on the base commit"]);
    let (_, notes) = judged(&checks, Table(passed(), passed())).await;
    assert_eq!(notes, signs, "as many as before");
    let gone = Checks { commands: &commands, taken_away: vec!["make test".to_owned()], ..Checks::default() };
    let (said, _) = judged(&gone, Table(passed(), Vec::new())).await;
    assert!(said.starts_with("the change takes away what checks the base commit: `make test`; "), "{said}");
    let anew = Checks { commands: &commands, redefined: vec!["a".to_owned()], ..Checks::default() };
    let (said, _) = judged(&anew, Table(passed(), Vec::new())).await;
    assert!(said.starts_with("the change itself says anew what `a` runs"), "{said}");
}
