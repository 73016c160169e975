//! Webhooks: GitHub's own example payloads, and whatever else somebody may send.

mod reviews;

use proptest::prelude::*;
use quantumlayer::{
    clock::Timestamp,
    github::webhook::{notice, verify},
    ids::Secret,
    intent::notice::{Account, AccountKind, Comment, Form, GoneWhy, Ignore, Notice, On, RepoRef, Us},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock};

/// Event and payload of each of GitHub's examples.
pub(crate) static EXAMPLES: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let packed: &[u8] = include_bytes!("../data/webhooks/payloads.json.zst");
    let events: Value = serde_json::from_slice(&zstd::decode_all(packed).unwrap()).unwrap();
    let examples = |event: &Value| {
        let name = event["name"].as_str().unwrap().to_owned();
        let all = event["examples"].as_array().unwrap().clone();
        all.into_iter().map(move |example| (name.clone(), example))
    };
    events.as_array().unwrap().iter().flat_map(examples).collect()
});

fn us() -> Us {
    Us { app_id: 77, slug: "quantum".to_owned() }
}

fn told(event: &str, payload: &Value) -> Notice {
    notice(event, payload.to_string().as_bytes(), &us())
}

/// The first example of this event and action.
fn example(event: &str, action: &str) -> Value {
    let is_it = |(name, payload): &&(String, Value)| name == event && payload["action"] == action;
    EXAMPLES.iter().find(is_it).unwrap().1.clone()
}

/// The example, changed at these places; `Value::Null` takes the field away.
fn changed(event: &str, action: &str, changes: &[(&str, Value)]) -> Notice {
    let mut payload = example(event, action);
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = payload.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(key);
        } else {
            parent.insert(key.to_owned(), value.clone());
        }
    }
    told(event, &payload)
}

fn kind(notice: &Notice) -> String {
    match notice {
        Notice::Commented(comment) if comment.form == Form::Thread => {
            format!("commented on {:?}", comment.on)
        }
        Notice::Commented(comment) => format!("commented on {:?} ({:?})", comment.on, comment.form),
        Notice::PullClosed { merged, .. } => format!("pull closed, merged {merged}"),
        Notice::ThreadGone { .. } => "thread gone".to_owned(),
        Notice::RepoGone { why, .. } => format!("repository gone: {why:?}"),
        Notice::InstallationGone { why, .. } => format!("installation gone: {why:?}"),
        Notice::RepoBack { .. } => "repository back".to_owned(),
        Notice::InstallationBack { .. } => "installation back".to_owned(),
        Notice::Ignored(Ignore::Malformed(why)) => format!("malformed: {why}"),
        Notice::Ignored(why) => format!("ignored: {}", why.code()),
    }
}

#[test]
fn a_signature_is_what_github_documents() {
    let right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let secret = Secret::new("It's a Secret to Everybody");
    let check = |body: &str, header: Option<&str>, expected: bool| {
        assert_eq!(verify(&secret, body.as_bytes(), header), expected, "{body:?} {header:?}");
    };
    check("Hello, World!", Some(right), true);
    check("Hello, World!", Some(&right.to_uppercase().replace("SHA256", "sha256")), true);
    check("Hello, World", Some(right), false);
    check("Hello, World!\n", Some(right), false);
    check("Hello, World!", None, false);
    for wrong in [
        "",
        "sha256=",
        &right[7..],
        &right[..right.len() - 1],
        &format!("{right}0"),
        &format!("{right}\n"),
        &format!(" {right}"),
        &right.replace("sha256=", "SHA256="),
        &right.replace("sha256=", "sha1="),
        &right.replace("7571", "7572"),
        &right.replace("7571", "75g1"),
        &format!("sha256={}", "é".repeat(32)),
        "sha1=2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        &"sha256=".repeat(10_000),
    ] {
        check("Hello, World!", Some(wrong), false);
    }
}

#[test]
fn an_empty_secret_verifies_nothing() {
    // HMAC-SHA256 of nothing with an empty key
    let valid = "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    assert!(!verify(&Secret::new(""), b"", Some(valid)));
}

#[test]
fn every_example_of_github_becomes_something() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (event, payload) in EXAMPLES.iter() {
        let action = payload["action"].as_str().unwrap_or("-");
        let meaning = kind(&told(event, payload));
        let is_known = meaning != "ignored: unknown_event";
        let name = if is_known { format!("{event}.{action}") } else { event.clone() };
        *counts.entry(format!("{name}: {meaning}")).or_default() += 1;
    }
    assert_eq!(counts.values().sum::<usize>(), 329);
    let lines: Vec<_> = counts.iter().map(|(line, count)| format!("{count:>3} {line}")).collect();
    insta::assert_snapshot!("payloads", lines.join("\n"));
}

#[test]
fn a_comment_keeps_what_matters() {
    let told = changed(
        "issue_comment",
        "created",
        &[
            ("/installation", json!({"id": 5})),
            ("/comment/created_at", json!("2026-02-03T04:05:06.789+01:00")),
            ("/comment/performed_via_github_app", json!({"id": 78})),
            ("/issue/pull_request", json!({"url": "x"})),
            ("/issue/body", Value::Null),
            ("/sender/id", json!(9)),
        ],
    );
    let account = |id| Account { id, login: "Codertocat".to_owned(), kind: AccountKind::User };
    let expected = Comment {
        installation: Some(5),
        repo: RepoRef {
            id: 186_853_002,
            owner: "Codertocat".to_owned(),
            name: "Hello-World".to_owned(),
            is_private: false,
        },
        number: 1,
        on: On::Pull,
        thread_author: 21_031_067,
        title: "Spelling error in the README file".to_owned(),
        thread_body: String::new(),
        id: 492_700_400,
        form: Form::Thread,
        author: account(21_031_067),
        sender: account(9),
        via_app: Some(78),
        body: "You are totally right! I'll get this fixed right away.".to_owned(),
        created: Timestamp(1_770_087_906_789),
    };
    assert_eq!(told, Notice::Commented(Box::new(expected)));
}

#[test]
fn who_is_left_out() {
    let check = |changes: &[(&str, Value)], expected: &str| {
        assert_eq!(kind(&changed("issue_comment", "created", changes)), expected, "{changes:?}");
    };
    check(&[], "commented on Issue");
    let bot = json!({"id": 9, "login": "mona", "type": "Bot"});
    check(&[("/sender", bot.clone())], "ignored: bot_sender");
    check(&[("/comment/user", bot)], "ignored: bot_sender");
    // a person who is called like a bot is a person; what GitHub invents next is not for us to judge
    check(&[("/sender/login", json!("helper[bot]"))], "commented on Issue");
    check(&[("/sender/type", json!("Mannequin"))], "commented on Issue");
    check(&[("/sender/type", Value::Null)], "commented on Issue");
    // our own words in a person's name; another App's are for policy
    check(&[("/comment/performed_via_github_app", json!({"id": 77}))], "ignored: bot_sender");
    check(&[("/comment/performed_via_github_app", json!({"id": 78}))], "commented on Issue");
    // what is said of somebody is not what somebody may
    check(&[("/comment/author_association", json!("OWNER"))], "commented on Issue");
    check(&[("/issue/user", Value::Null)], "commented on Issue");
    for action in ["edited", "deleted", "pinned"] {
        let ignored = changed("issue_comment", "created", &[("/action", json!(action))]);
        assert!(matches!(ignored, Notice::Ignored(_)), "{action}");
    }
}

#[test]
fn what_does_not_fit_is_malformed() {
    let check = |changes: &[(&str, Value)], expected: &str| {
        let meaning = kind(&changed("issue_comment", "created", changes));
        assert!(meaning.starts_with("malformed: ") && meaning.contains(expected), "{changes:?}: {meaning}");
    };
    check(&[("/action", Value::Null)], "`action`");
    check(&[("/sender", Value::Null)], "`sender`");
    check(&[("/comment", Value::Null)], "`comment`");
    check(&[("/repository/private", Value::Null)], "`private`");
    check(&[("/comment/user", Value::Null)], "`user`");
    check(&[("/comment/id", json!(0))], "nonzero");
    check(&[("/comment/id", json!("1"))], "string");
    check(&[("/comment/created_at", json!("yesterday"))], "a date");
    check(&[("/repository/name", json!("../../app"))], "not the name");
    check(&[("/repository/owner/login", json!("a/b"))], "not the name");
    check(&[("/installation", json!({"id": -1}))], "integer");
    for body in ["", "null", "[]", "[\"created\"]", "{", "\u{feff}{}", "{\"action\": 1}", "action=created"] {
        assert!(
            kind(&notice("issue_comment", body.as_bytes(), &us())).starts_with("malformed: "),
            "{body:?}"
        );
    }
    // another event's body
    for (event, payload) in EXAMPLES.iter().filter(|(event, _)| event != "issue_comment") {
        let mut payload = payload.clone();
        payload["action"] = json!("created");
        let meaning = kind(&told("issue_comment", &payload));
        assert!(meaning.starts_with("malformed: "), "{event}: {meaning}");
    }
    // a long value is not quoted whole
    let Notice::Ignored(Ignore::Malformed(why)) =
        changed("issue_comment", "created", &[("/comment/id", json!("x".repeat(100_000)))])
    else {
        panic!("malformed");
    };
    assert!(why.len() <= 200, "{} bytes", why.len());
}

#[test]
fn what_is_gone() {
    let repo = example("repository", "transferred")["repository"]["id"].as_u64().unwrap();
    let gone = |action: &str| changed("repository", "transferred", &[("/action", json!(action))]);
    for (action, why) in [
        ("deleted", GoneWhy::Deleted),
        ("archived", GoneWhy::Archived),
        ("transferred", GoneWhy::Transferred),
    ] {
        assert_eq!(gone(action), Notice::RepoGone { repo_ids: vec![repo], why });
    }
    for action in ["renamed", "privatized", "publicized", "created"] {
        assert_eq!(gone(action), Notice::Ignored(Ignore::NotOurBusiness));
    }
    let removed = changed(
        "installation_repositories",
        "removed",
        &[("/repositories_removed", json!([{"id": 4, "name": "x"}, {"id": 5}]))],
    );
    assert_eq!(removed, Notice::RepoGone { repo_ids: vec![4, 5], why: GoneWhy::Removed });
    assert_eq!(gone("unarchived"), Notice::RepoBack { repo_ids: vec![repo] });
    let added = changed("installation_repositories", "added", &[("/repositories_added", json!([{"id": 4}]))]);
    assert_eq!(added, Notice::RepoBack { repo_ids: vec![4] });
    let none = changed("installation_repositories", "removed", &[("/repositories_removed", json!([]))]);
    assert!(matches!(none, Notice::Ignored(Ignore::Malformed(_))));
    let Notice::ThreadGone { repo, number: 1 } = told("issues", &example("issues", "transferred")) else {
        panic!("a thread gone");
    };
    assert_eq!((repo.owner.as_str(), repo.name.as_str()), ("octo-org", "octo-repo"), "where it was");
}

#[test]
fn a_pull_request_closed_is_told_whoever_closed_it() {
    let closed = |changes: &[(&str, Value)]| changed("pull_request", "closed", changes);
    let Notice::PullClosed { merged: true, head_ref, number: 2, .. } = closed(&[
        ("/pull_request/merged", json!(true)),
        ("/sender/type", json!("Bot")),
        ("/installation", Value::Null),
    ]) else {
        panic!("closed");
    };
    assert_eq!(head_ref, "changes");
    // a stranger's fork may have a branch of any name
    for fork in [json!({"id": 1}), Value::Null] {
        let notice = closed(&[("/pull_request/head/repo", fork)]);
        assert_eq!(notice, Notice::Ignored(Ignore::NotOurBusiness));
    }
}

#[test]
fn unknown_events_are_not_even_read() {
    assert_eq!(notice("star", b"\xff", &us()), Notice::Ignored(Ignore::UnknownEvent));
    assert_eq!(notice("", b"{}", &us()), Notice::Ignored(Ignore::UnknownEvent));
    assert_eq!(notice("Issue_Comment", b"{}", &us()), Notice::Ignored(Ignore::UnknownEvent));
    assert_eq!(notice("ping", b" {}", &us()), Notice::Ignored(Ignore::Ping));
}

#[test]
fn deep_payloads_are_refused_not_followed() {
    for deep in ["[", "{\"a\":", "{\"comment\":"] {
        let body = format!("{{\"action\":\"created\",\"issue\":{}", deep.repeat(500_000));
        assert!(kind(&notice("issue_comment", body.as_bytes(), &us())).starts_with("malformed"));
    }
}

fn event() -> impl Strategy<Value = String> {
    let names: Vec<_> = EXAMPLES.iter().map(|(name, _)| name.clone()).collect();
    prop_oneof![9 => proptest::sample::select(names), 1 => "\\PC{0,20}"]
}

fn odd_value() -> impl Strategy<Value = Value> {
    let values = [
        json!(null),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\u{202e}"),
        json!([]),
        json!({}),
        json!([1]),
        json!("created"),
        json!(true),
    ];
    proptest::sample::select(values.to_vec())
}

/// The value at a random place becomes another.
fn mutate(value: &mut Value, mut path: u64, odd: Value) {
    let mut at = value;
    for _ in 0..4 {
        let count = match at {
            Value::Object(map) => map.len() as u64,
            Value::Array(list) => list.len() as u64,
            _ => 0,
        };
        if count == 0 {
            break;
        }
        let index = usize::try_from(path % count).unwrap();
        path /= count;
        at = match at {
            Value::Object(map) => map.values_mut().nth(index).unwrap(),
            Value::Array(list) => &mut list[index],
            _ => return,
        };
        if path.is_multiple_of(3) {
            break;
        }
    }
    *at = odd;
}

/// What must hold of any answer.
fn is_sound(notice: &Notice) -> bool {
    match notice {
        Notice::Commented(comment) => {
            let is_bot = |kind| kind == AccountKind::Bot;
            comment.id > 0
                && comment.repo.id > 0
                && comment.sender.id > 0
                && !is_bot(comment.author.kind)
                && !is_bot(comment.sender.kind)
                && comment.via_app != Some(us().app_id)
                && matches!(comment.on, On::Issue | On::Pull)
        }
        Notice::RepoGone { repo_ids, .. } => !repo_ids.is_empty() && !repo_ids.contains(&0),
        Notice::InstallationGone { installation, .. } => *installation > 0,
        Notice::Ignored(Ignore::Malformed(why)) => why.len() <= 200,
        _ => true,
    }
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(event in event(), body in proptest::collection::vec(any::<u8>(), 0..300), header in any::<String>()) {
        prop_assert!(is_sound(&notice(&event, &body, &us())));
        prop_assert!(!verify(&Secret::new("secret"), &body, Some(&header)));
    }

    #[test]
    fn any_change_of_a_payload_gets_an_answer(
        which in 0..EXAMPLES.len(),
        path in any::<u64>(),
        odd in odd_value(),
        event in proptest::option::weighted(0.3, event()),
        cut in proptest::option::weighted(0.2, 0.0..1.0f64),
        flip in proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let (name, payload) = &EXAMPLES[which];
        let mut payload = payload.clone();
        mutate(&mut payload, path, odd);
        let mut body = payload.to_string().into_bytes();
        if let Some(part) = cut {
            body.truncate((body.len() as f64 * part) as usize);
        }
        if let (Some((index, byte)), false) = (flip, body.is_empty()) {
            let at = index.index(body.len());
            body[at] = byte;
        }
        prop_assert!(is_sound(&notice(event.as_ref().unwrap_or(name), &body, &us())));
    }
}
