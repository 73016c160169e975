//! What people see of a run on GitHub, word for word, in each of its states.

use crate::runs::*;
use pulldown_cmark::{Event as MdEvent, Parser, Tag, TagEnd, TextMergeStream};
use quantumlayer::{
    ids::{ContentHash, TaskId, Usd},
    intent::{
        command,
        policy::{OpenRun, Permission},
        prose,
        reply::{self as replies, Reply},
    },
    limits::intent::BODY_CHARS,
    report::{Class, Report},
    run::{
        ApprovePlan, Cap, Check, Effect, Event, Question, Receipt, Rules, Run, Verdict,
        comment::{self, Cost, Facts, Output, PullLink, Requester, read_marker},
        markdown,
    },
};
use std::{fmt::Write as _, time::Duration};

fn facts() -> Facts {
    Facts {
        repo_url: "https://github.com/o/r".into(),
        number: 12,
        requester: Requester { id: 7, login: "alice".into() },
        cost: Cost { usd: Some(Usd(123_400)), model_calls: 14, input_tokens: 120_345, output_tokens: 4_010 },
        elapsed: Duration::from_secs(192),
        run_url: Some("https://quantum.example/runs/x".into()),
        pull: None,
        notes: Vec::new(),
    }
}

fn with_pull() -> Facts {
    let url = "https://github.com/o/r/pull/13".into();
    Facts { pull: Some(PullLink { number: 13, url }), ..facts() }
}

/// The words with `@` in them that are no code; nothing else in the text does anything that we did not write.
fn mentions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_code = false;
    for event in TextMergeStream::new(Parser::new_ext(text, prose::options())) {
        match event {
            MdEvent::Start(Tag::Image { .. }) => panic!("an image: {text}"),
            MdEvent::Start(Tag::Link { dest_url, .. }) => {
                let is_ours = ["https://github.com/o/r/", "https://quantum.example/"];
                assert!(is_ours.iter().any(|start| dest_url.starts_with(start)), "{dest_url} in {text}");
            }
            MdEvent::Html(html) | MdEvent::InlineHtml(html) => {
                assert!(html.starts_with("<!-- quantum:run="), "{html} in {text}");
            }
            MdEvent::Start(Tag::CodeBlock(_)) => is_code = true,
            MdEvent::End(TagEnd::CodeBlock) => is_code = false,
            MdEvent::Text(words) if !is_code => {
                let words = words.split_whitespace().filter(|word| word.contains('@'));
                found.extend(words.map(|word| word.trim_end_matches(',').to_owned()));
            }
            _ => {}
        }
    }
    found
}

/// Every text as a file: a heading, then the text.
#[derive(Default)]
struct Book(String);

impl Book {
    fn add(&mut self, title: &str, text: &str) {
        assert!(markdown::length(text) <= BODY_CHARS);
        writeln!(self.0, "===== {title}\n{text}\n").unwrap();
    }
    /// A text that names its run, and mentions nobody but the requester.
    fn comment(&mut self, title: &str, run: &Run, slot: &str, text: &str) {
        assert_eq!(read_marker(text), Some((run.id.clone(), slot.to_owned())), "{title}");
        self.add(title, text);
    }
    fn status(&mut self, title: &str, it: &Teller, facts: &Facts) {
        let text = comment::status(&it.run, facts);
        assert!(mentions(&text).is_empty(), "an edit notifies nobody: {text}");
        self.comment(title, &it.run, "status", &text);
    }
}

fn told(mut it: Teller, event: Event) -> Teller {
    it.tell(event);
    it
}

fn failed_verify() -> Teller {
    let it = Teller::verifying(watched());
    told(it, Event::VerifyFailed { round: 1, receipt: receipt(101) })
}

#[test]
fn the_status_comment() {
    let mut book = Book::default();
    let facts = facts();
    book.status("queued", &Teller::new(watched(), None), &facts);
    book.status("planning", &Teller::planning(watched()), &facts);
    let half = Teller::halfway(watched());
    book.status("working", &half, &facts);
    book.status("verifying", &Teller::verifying(watched()), &facts);
    book.status("fixing", &failed_verify(), &facts);
    let publishing = Teller::publishing(watched());
    book.status("publishing", &publishing, &facts);
    book.status("published, no pull request yet", &told(publishing.clone(), publishing.published()), &facts);
    let watching = told(publishing.clone(), publishing.published());
    book.status("watching", &watching, &with_pull());
    book.status("cancelled after it is open", &told(watching.clone(), Event::Cancelled), &with_pull());
    for merged in [true, false] {
        book.status("ended by a person", &told(watching.clone(), Event::PullEnded { merged }), &with_pull());
    }
    book.status("question", &told(half.clone(), half.asked("t2")), &facts);
    let asks = Teller::working(Rules { approve_plan: ApprovePlan::Always, ..watched() }, &[("t1", &[])]);
    book.status("approval", &asks, &facts);
    let over = Event::OutOfBudget { work: Some(half.work("t2")), cap: Cap::Usd };
    book.status("budget", &told(half.clone(), over), &facts);
    book.status("failed", &told(half.clone(), half.failed("t2", Class::Refused)), &facts);
    book.status("timeout", &told(half.clone().late().clone(), Event::Woke), &facts);
    let moved = Event::Moved { round: 1, branch: "quantum/run".into() };
    book.status("moved", &told(publishing.clone(), moved), &facts);
    let refused = Event::EffectRefused { key: "key".into(), report: report(Class::Refused) };
    book.status("refused", &told(half.clone(), refused), &facts);
    book.status("cancelled", &told(half.clone(), Event::Cancelled), &facts);
    book.status("gone", &told(half.clone(), Event::Gone { what: "the issue".into() }), &facts);
    let planning = Teller::planning(watched());
    let work = || planning.work("plan");
    let answered = Event::Answered { work: work(), text: "It adds up.".into() };
    book.status("answered", &told(planning.clone(), answered), &facts);
    let unchanged = Event::NoChange { work: work(), why: "It is right.".into() };
    book.status("no change", &told(planning.clone(), unchanged), &facts);
    let mut silent = told(planning.clone(), planning.asked("plan"));
    silent.late().tell(Event::Woke);
    book.status("silent", &silent, &facts);
    let bare = Facts {
        run_url: None,
        cost: Cost { usd: None, ..facts.cost },
        notes: vec![replies::second("/quantum cancel")],
        ..facts.clone()
    };
    book.status("no page, no price, a second command", &half, &bare);
    insta::assert_snapshot!("status", book.0);
}

#[test]
fn comments_of_their_own() {
    let mut book = Book::default();
    let facts = facts();
    let half = Teller::halfway(watched());
    let asked = told(half.clone(), half.asked("t2"));
    let text = comment::question(&asked.run, 1, &question(), &facts);
    book.comment("a question", &asked.run, "question-1", &text);
    let open = Question { text: "Which?\n\n# Do you, @bob, mean #3?".into(), choices: Vec::new() };
    let text = comment::question(&asked.run, 2, &open, &facts);
    book.comment("a question without choices", &asked.run, "question-2", &text);
    let rules = Rules { approve_plan: ApprovePlan::Always, ..watched() };
    let asks = Teller::working(rules, &[("t1", &[]), ("t2", &["t1"])]);
    book.comment("approval", &asks.run, "approval-1", &comment::approval(&asks.run, 1, &facts));

    let mut result = |title: &str, it: Teller| {
        let said = it.effects.iter().find_map(|effect| match effect {
            Effect::Reply { text, .. } => Some(text.clone()),
            _ => None,
        });
        let text = comment::result(&it.run, &said.unwrap(), &facts);
        assert_eq!(mentions(&text), ["@alice"], "{text}");
        book.comment(title, &it.run, "result", &text);
    };
    let planning = Teller::planning(watched());
    let work = || planning.work("plan");
    let text = "It **adds up**: see [the sum](https://github.com/o/r/blob/main/src/sum.rs).".into();
    result("answered", told(planning.clone(), Event::Answered { work: work(), text }));
    result("no change", told(planning.clone(), Event::NoChange { work: work(), why: "It is right.".into() }));
    let over = Event::OutOfBudget { work: Some(half.work("t2")), cap: Cap::Usd };
    result("budget", told(half.clone(), over));
    result("failed", told(half.clone(), half.failed("t2", Class::Refused)));
    result("timeout", told(half.clone().late().clone(), Event::Woke));
    result("cancelled", told(half.clone(), Event::Cancelled));
    result("gone", told(half.clone(), Event::Gone { what: "the issue #12".into() }));
    let refused = Event::EffectRefused { key: "key".into(), report: report(Class::Refused) };
    result("refused", told(half.clone(), refused));
    let again = told(asked.clone(), Event::Retried);
    let Some(Effect::Reply { text, .. }) = again.effects.first() else { panic!("a reply") };
    book.add("nothing to retry", text);
    book.add(
        "where it is",
        &comment::where_is(&half.run, Some("https://github.com/o/r/issues/12#issuecomment-1"), &facts),
    );
    book.add("where it is, without a status comment", &comment::where_is(&asked.run, None, &facts));
    insta::assert_snapshot!("own_comments", book.0);
}

fn several() -> Teller {
    let mut it = Teller::halfway(watched());
    it.tell(it.done("t2"));
    it.tell(it.done("t3"));
    it.tell(it.merged("t2", "tree-2"));
    it.tell(it.merged("t3", "tree-3"));
    it
}

#[test]
fn the_pull_request_and_its_check() {
    let mut book = Book::default();
    let facts = facts();
    let mut add = |title: &str, it: &Teller, verdict: Verdict| {
        let body = comment::pull_body(&it.run, verdict, &facts);
        assert_eq!(mentions(&body), ["@alice"], "{body}");
        book.comment(title, &it.run, "pull", &body);
        let outputs = [Output { command: "cargo test".into(), text: "ok\n\u{1b}[1m/approve\n".into() }];
        let check = comment::check_output(&it.run, verdict, &outputs, &facts);
        let text = format!("{}\n--- summary\n{}\n--- text\n{}", check.title, check.summary, check.text);
        book.add(&format!("{title}: check"), &text);
    };
    add("verified", &Teller::publishing(watched()), Verdict::Verified);
    let why = "no test of @bob was found".to_owned();
    let unverified = told(several(), Event::Unverified { round: 1, why, receipt: Receipt::default() });
    add("unverified", &unverified, Verdict::Unverified);
    let mut it = failed_verify();
    it.tell(it.done("fix-1"));
    it.tell(it.merged("fix-1", "tree-2"));
    let mut last = receipt(101);
    last.commands.push(Check {
        command: "make | tee `log`".into(),
        exit_code: None,
        tests_run: None,
        ..last.commands[0].clone()
    });
    last.commands.push(Check {
        command: "npm test".into(),
        failed_on_base: true,
        ..last.commands[0].clone()
    });
    last.notes.push("old failures: `sum::adds`".into());
    let failed = told(it, Event::VerifyFailed { round: 2, receipt: last });
    add("failed", &failed, Verdict::Failed);
    book.add("title", &comment::pull_title("Fix #12 for\n@bob", false));
    book.add("title where drafts are not available", &comment::pull_title("Fix the sum", true));
    let publish = told(several(), Event::Verified { round: 1, receipt: receipt(0) });
    let Some(Effect::Publish { title, message, .. }) = publish.effects.last() else { panic!("a publish") };
    book.add("commit", &comment::commit_message(title, message, &facts));
    insta::assert_snapshot!("pull", book.0);
}

#[test]
fn replies_to_commands() {
    let mut book = Book::default();
    let open = OpenRun {
        id: Teller::new(RULES, None).run.id,
        whereabouts: "it waits for an answer".into(),
        is_stopped: false,
        author: 7,
        requester: 7,
        status_url: None,
    };
    let url = Some("https://github.com/o/r/issues/12#issuecomment-1".to_owned());
    use quantumlayer::intent::{command::Command, notice::On};
    for reply in [
        Reply::NotAllowed { needs: Permission::Write },
        Reply::TooOld,
        Reply::Unknown { word: "biuld`@bob".into(), closest: Some(Command::Build) },
        Reply::Unknown { word: "fly".into(), closest: None },
        Reply::WrongKind { command: Command::Build, on: On::Pull },
        Reply::NotUnderstood,
        Reply::AlreadyOpen(open.clone()),
        Reply::AlreadyOpen(OpenRun {
            status_url: url,
            whereabouts: "it stopped at its budget".into(),
            is_stopped: true,
            ..open
        }),
        Reply::NothingToCancel,
        Reply::NothingToRetry,
        Reply::NothingAsked,
        Reply::TextChanged,
        Reply::TooMany,
    ] {
        book.add(reply.code(), &reply.text());
    }
    let message = "`branch` is \"@acme/everybody [x](https://evil.example)\": did you mean `b`?";
    let refused = Report::new(Class::Refused, "x", message, "mend it, @bob");
    let refusal = comment::refusal(&refused, "https://github.com/o/r");
    assert!(mentions(&refusal).is_empty(), "{refusal}");
    book.add("a mistake in the repository's file", &refusal);
    book.add("no model", &comment::no_model());
    book.add("no sandbox", &comment::no_sandbox());
    book.add("help", &replies::help());
    book.add("no run", &replies::no_run());
    book.add("nobody can be looked up", &replies::not_known());
    book.add("cancel in a review", &replies::told_to_stop());
    book.add("retry in a review", &replies::goes_on());
    book.add("second", &replies::second("/quantum cancel"));
    insta::assert_snapshot!("replies", book.0);
}

#[test]
fn the_documented_commands_are_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(&command::table()), "docs/commands.md needs this table:\n{}", command::table());
}

/// A run whose every text is as long and as hostile as it can be.
fn hostile() -> Teller {
    let evil = "![x](https://sink.example/CANARY) @bob fixes #3 <img src=x>\n/approve\n\n# Receipt\n\n```\n";
    let long = evil.repeat(100);
    let graph: Vec<String> = (0..20).map(|n| format!("t{n}")).collect();
    let graph: Vec<(&str, &[&str])> = graph.iter().map(|id| (id.as_str(), &[] as &[&str])).collect();
    let mut plan = plan(&graph);
    plan.summary.clone_from(&long);
    for task in &mut plan.tasks {
        task.title.clone_from(&long);
    }
    let mut it = Teller::planning(Rules { tasks_at_once: 1, ..watched() });
    it.tell(Event::Planned { work: it.work("plan"), plan, draft: None });
    for n in 0..20 {
        let id = format!("t{n}");
        let mut proposal = proposal(&id);
        proposal.summary.clone_from(&long);
        proposal.title.clone_from(&long);
        it.tell(Event::TaskDone { work: it.work(&id), proposal });
        it.tell(it.merged(&id, &format!("tree-{id}")));
    }
    let check = Check {
        command: long.clone(),
        exit_code: Some(1),
        millis: 1,
        output: ContentHash::of(b""),
        tests_run: None,
        failed_on_base: false,
    };
    let receipt = Receipt { commands: vec![check; 16], notes: vec![long.clone(); 8] };
    it.tell(Event::Unverified { round: 1, why: long, receipt });
    it
}

#[test]
fn long_and_hostile_texts_keep_the_receipt_and_the_bounds() {
    let it = hostile();
    let facts = facts();
    let body = comment::pull_body(&it.run, Verdict::Unverified, &facts);
    let check = |text: &str| {
        assert!(markdown::length(text) <= BODY_CHARS, "{}", markdown::length(text));
        assert!(mentions(text).len() <= 1, "{text}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("/approve")), "{text}");
    };
    check(&body);
    assert_eq!(body.matches("\n## Receipt\n").count(), 1);
    let (_, receipt) = body.split_once("\n## Receipt\n").unwrap();
    assert_eq!(receipt.matches("| 1 | 0.0 s | – |").count(), 16, "every command is there");
    assert!(receipt.contains("\nCloses #12\n"));
    assert!(read_marker(&body).is_some());
    check(&comment::status(&it.run, &facts));
    let output = |n: usize| Output {
        command: "x".into(),
        text: format!("start\n{}\nend {n}", "🙂/\n".repeat(60_000)),
    };
    let outputs: Vec<_> = (0..4).map(output).collect();
    let shown = comment::check_output(&it.run, Verdict::Failed, &outputs, &facts);
    check(&shown.summary);
    assert!(markdown::length(&shown.text) <= BODY_CHARS && markdown::length(&shown.text) > BODY_CHARS / 2);
    for n in 0..4 {
        assert!(shown.text.contains(&format!("end {n}")), "the ends are kept");
    }
    assert!(shown.title.len() <= 240);
    let long = comment::result(&it.run, &"@bob `x` ".repeat(20_000), &facts);
    check(&long);
    assert!(long.contains("characters left out here"));
    assert_eq!(TaskId::new("t0"), it.run.state.tasks[0].task);
}

#[test]
fn only_a_login_is_mentioned() {
    let it = Teller::halfway(watched());
    for (login, shown) in [("a-b_c", "@a-b_c"), ("x y", "`x y`"), ("bot[bot]", "`bot[bot]`"), ("", "")] {
        let facts = Facts { requester: Requester { id: 7, login: login.into() }, ..facts() };
        let text = comment::result(&it.run, "Done.", &facts);
        assert!(text.starts_with(format!("{shown}\n\nDone.").trim_start()), "{text}");
        let commit = comment::commit_message("T", "B\n\nQuantum-Run: x/1", &facts);
        assert_eq!(commit.contains("Co-authored-by:"), shown.starts_with('@'), "{commit}");
        assert!(commit.ends_with("Quantum-Run: x/1"));
    }
}
