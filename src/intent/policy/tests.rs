//! The whole table: every command by everybody everywhere, against the rules said another way.

use super::*;
use crate::intent::notice::{Account, Form, On, RepoRef};
use std::time::Duration;

const NOW: Timestamp = Timestamp(1_000_000_000_000);
const AUTHOR: u64 = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Person,
    Bot,
    Organization,
    Other,
    App,
    OtherSender,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    said: &'static str,
    on: On,
    permission: Permission,
    is_private: bool,
    is_collaborator: bool,
    is_author: bool,
    run: Runs,
    hours: u64,
    who: Who,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    None,
    Open,
    Over,
}

const SAID: [&str; 8] = ["talk", "build", "status", "cancel", "retry", "help", "biuld", "free"];

fn every_case() -> impl Iterator<Item = Case> {
    use Permission::*;
    let permissions = [None, Read, Triage, Write, Maintain, Admin];
    let who = [Who::Person, Who::Bot, Who::Organization, Who::Other, Who::App, Who::OtherSender];
    let sizes = [8usize, 2, 6, 2, 2, 2, 3, 2, 6];
    let all: usize = sizes.iter().product();
    (0..all).map(move |at| {
        let mut rest = at;
        let mut pick = |size: usize| {
            let picked = rest % size;
            rest /= size;
            picked
        };
        Case {
            said: SAID[pick(8)],
            on: [On::Issue, On::Pull][pick(2)],
            permission: permissions[pick(6)],
            is_private: pick(2) == 1,
            is_collaborator: pick(2) == 1,
            is_author: pick(2) == 1,
            run: [Runs::None, Runs::Open, Runs::Over][pick(3)],
            hours: [72, 73][pick(2)],
            who: who[pick(6)],
        }
    })
}

fn account(id: u64, kind: AccountKind) -> Account {
    Account { id, login: "alice".into(), kind }
}

fn comment(case: &Case) -> Comment {
    let kind = match case.who {
        Who::Bot => AccountKind::Bot,
        Who::Organization => AccountKind::Organization,
        Who::Other => AccountKind::Other,
        Who::Person | Who::App | Who::OtherSender => AccountKind::User,
    };
    let sender = if case.who == Who::OtherSender { 8 } else { AUTHOR };
    let body = match case.said {
        "talk" => "I like /quantum build".to_owned(),
        "free" => "@my-bot please have a look".to_owned(),
        verb => format!("/quantum {verb} only src"),
    };
    Comment {
        installation: None,
        repo: RepoRef { id: 1, owner: "o".into(), name: "r".into(), is_private: case.is_private },
        number: 12,
        on: case.on,
        thread_author: if case.is_author { AUTHOR } else { 9 },
        title: "Sum".into(),
        thread_body: "It is off.".into(),
        id: 5,
        form: Form::Thread,
        author: account(AUTHOR, kind),
        sender: account(sender, kind),
        via_app: (case.who == Who::App).then_some(3),
        body,
        created: Timestamp(NOW.0 - i64::try_from(case.hours).unwrap() * 3_600_000),
    }
}

fn decided(case: &Case) -> Decision {
    let open = OpenRun {
        id: RunId::new("open"),
        whereabouts: "it is at work".into(),
        is_stopped: false,
        author: 9,
        requester: 8,
        status_url: None,
    };
    let over = RunId::new("over");
    decide(&Situation {
        comment: &comment(case),
        us: &Us { app_id: 3, slug: "my-bot".into() },
        standing: Standing { permission: case.permission, is_collaborator: case.is_collaborator },
        open: (case.run == Runs::Open).then_some(&open),
        last: (case.run == Runs::Over).then_some(&over),
        starts: Starts::default(),
        now: NOW,
    })
}

/// What it came to, in a word or two.
fn word(decision: &Decision) -> String {
    match decision {
        Decision::Start(_) => "start".to_owned(),
        Decision::Cancel(run) => format!("cancel {run}"),
        Decision::Retry(run) => format!("retry {run}"),
        Decision::Status(run) => format!("status {}", run.as_ref().map_or("-", RunId::as_str)),
        Decision::Help => "help".to_owned(),
        Decision::Say(reply) => reply.code().to_owned(),
        Decision::Ignore(why) => format!("silence {}", why.code()),
    }
}

/// The rules as the design says them, in its order.
fn expected(case: &Case) -> &'static str {
    match case.who {
        Who::Bot | Who::Organization | Who::Other => return "silence not_a_person",
        Who::App => return "silence via_app",
        Who::OtherSender => return "silence other_sender",
        Who::Person => {}
    }
    if case.said == "talk" {
        return "silence no_command";
    }
    let may_write = matches!(case.permission, Permission::Write | Permission::Maintain | Permission::Admin);
    let is_own_cancel = case.said == "cancel" && case.is_author;
    if !may_write && !is_own_cancel {
        let is_one_of_us = case.is_private || case.is_collaborator;
        return if is_one_of_us { "deny.permission" } else { "silence deny.permission" };
    }
    if case.hours > 72 {
        return "too_old";
    }
    match (case.said, case.on, case.run) {
        ("biuld", _, _) => "unknown_command",
        ("free", _, _) => "not_understood",
        ("build", On::Pull, _) => "wrong_kind",
        ("build", On::Issue, Runs::Open) => "already_open",
        ("build", On::Issue, _) => "start",
        ("status", _, Runs::None) => "status -",
        ("status", _, Runs::Open) => "status open",
        ("status", _, Runs::Over) => "status over",
        ("cancel", _, Runs::Open) => "cancel open",
        ("cancel", _, _) => "nothing_to_cancel",
        ("retry", _, Runs::None) => "nothing_to_retry",
        ("retry", _, Runs::Open) => "retry open",
        ("retry", _, Runs::Over) => "retry over",
        ("help", _, _) => "help",
        _ => unreachable!("{case:?}"),
    }
}

#[test]
fn everybody_gets_what_the_rules_say() {
    let mut seen = std::collections::BTreeMap::<&str, u32>::new();
    for case in every_case() {
        let rule = expected(&case);
        assert_eq!(word(&decided(&case)), rule, "{case:?}");
        *seen.entry(rule).or_default() += 1;
    }
    assert_eq!(seen.values().sum::<u32>(), 27_648);
    assert_eq!(seen.len(), 21, "every rule is met: {seen:?}");
}

fn plain(said: &'static str) -> Case {
    Case {
        said,
        on: On::Issue,
        permission: Permission::Write,
        is_private: false,
        is_collaborator: true,
        is_author: false,
        run: Runs::None,
        hours: 0,
        who: Who::Person,
    }
}

#[test]
fn a_build_carries_the_issue_and_the_words() {
    let Decision::Start(intent) = decided(&plain("build")) else { panic!("a start") };
    assert_eq!(intent, Intent::of_issue("Sum", "It is off.", "only src").unwrap());
    let case = plain("build");
    let empty = Comment {
        title: String::new(),
        thread_body: "<!-- x -->".into(),
        body: "/quantum build".into(),
        ..comment(&case)
    };
    let us = Us { app_id: 3, slug: "my-bot".into() };
    let standing = Standing { permission: Permission::Write, is_collaborator: true };
    let at = |comment, starts, now| {
        decide(&Situation { comment, us: &us, standing, open: None, last: None, starts, now })
    };
    assert_eq!(at(&empty, Starts::default(), NOW), Decision::Say(Reply::NothingAsked));
    let full = comment(&case);
    for (by_actor, in_repository, is_too_many) in [
        (STARTS_PER_ACTOR - 1, STARTS_PER_REPOSITORY - 1, false),
        (STARTS_PER_ACTOR, 0, true),
        (0, STARTS_PER_REPOSITORY, true),
    ] {
        let decision = at(&full, Starts { by_actor, in_repository }, NOW);
        assert_eq!(decision == Decision::Say(Reply::TooMany), is_too_many, "{decision:?}");
    }
    let limit = full.created.after(COMMAND_AGE);
    assert!(matches!(at(&full, Starts::default(), limit), Decision::Start(_)));
    let late = limit.after(Duration::from_millis(1));
    assert_eq!(at(&full, Starts::default(), late), Decision::Say(Reply::TooOld));
    let early = Timestamp(full.created.0 - 1_000_000_000);
    assert!(matches!(at(&full, Starts::default(), early), Decision::Start(_)), "a clock behind GitHub's");
}
