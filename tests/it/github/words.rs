//! Every call of a desk, as it goes over the wire, and what its answer becomes.

use super::*;
use quantumlayer::{
    github::{
        Annotation, AnnotationLevel, CheckSeen, CommitFacts, CommitMade, Conclusion, EntryKind, Issue,
        NewCheck, NewPull, Pull, PullState, Reaction, TreeEntry,
    },
    ids::Sha,
    intent::notice::{Account, AccountKind, On},
};

fn sha(digit: &str) -> Sha {
    Sha::new(digit.repeat(40))
}

/// What the desk asked for, without tokens: method, path, query, body.
fn asked(stage: &Stage) -> Vec<String> {
    let asked = stage.asked().into_iter().filter(|asked| asked.line != MINT);
    asked.map(|asked| format!("{} {} {}", asked.line, asked.query, asked.body)).collect()
}

#[tokio::test]
async fn talk() {
    let created = || play(201, json!({"id": 99}));
    let issue = json!({"number": 5, "title": "T", "body": "B", "state": "closed", "locked": true, "updated_at": "2026-11-27T08:00:00Z",
        "user": {"id": 3, "login": "ann", "type": "User"}, "pull_request": {"url": "x"}});
    let stage = Stage::new(&[
        ("GET /repos/o/n/issues/5", &[play(200, issue)]),
        ("POST /repos/o/n/issues/5/comments", &[created()]),
        ("PATCH /repos/o/n/issues/comments/99", &[play(200, json!({"id": 99}))]),
        ("DELETE /repos/o/n/issues/comments/99", &[play(204, Value::Null).text(""), said(404, "Not Found")]),
        ("POST /repos/o/n/issues/comments/98/reactions", &[created(), play(200, json!({"id": 99}))]),
        (
            "DELETE /repos/o/n/issues/comments/98/reactions/99",
            &[play(204, Value::Null).text(""), said(404, "Not Found")],
        ),
        ("POST /repos/o/n/pulls/comments/98/reactions", &[created()]),
        ("POST /repos/o/n/issues/6/labels", &[play(200, json!([]))]),
        ("POST /repos/o/n/issues/6/assignees", &[created()]),
    ])
    .await;
    let desk = stage.desk();
    let ann = Account { id: 3, login: "ann".to_owned(), kind: AccountKind::User };
    let (title, body) = ("T".to_owned(), "B".to_owned());
    let expected = Issue { on: On::Pull, title, body, author: Some(ann) };
    assert_eq!(desk.issue(5).await, Ok(expected));
    assert_eq!(desk.comment(5, "hi").await, Ok(99));
    for _ in 0..2 {
        stage.wait(2);
        assert_eq!(desk.react_comment(98, Reaction::Eyes).await, Ok(99));
        stage.wait(2);
        desk.delete_comment(99).await.unwrap();
        stage.wait(2);
        desk.unreact_comment(98, 99).await.unwrap();
    }
    stage.wait(2);
    desk.edit_comment(99, "new").await.unwrap();
    stage.wait(2);
    desk.react_line(98, Reaction::Rocket).await.unwrap();
    stage.wait(2);
    desk.add_labels(6, &["quantum"]).await.unwrap();
    stage.wait(2);
    desk.add_assignee(6, "ann").await.unwrap();
    assert_eq!(
        asked(&stage),
        [
            "GET /repos/o/n/issues/5  null",
            r#"POST /repos/o/n/issues/5/comments  {"body":"hi"}"#,
            r#"POST /repos/o/n/issues/comments/98/reactions  {"content":"eyes"}"#,
            "DELETE /repos/o/n/issues/comments/99  null",
            "DELETE /repos/o/n/issues/comments/98/reactions/99  null",
            r#"POST /repos/o/n/issues/comments/98/reactions  {"content":"eyes"}"#,
            "DELETE /repos/o/n/issues/comments/99  null",
            "GET /installation/repositories per_page=2 null",
            "DELETE /repos/o/n/issues/comments/98/reactions/99  null",
            "GET /installation/repositories per_page=2 null",
            r#"PATCH /repos/o/n/issues/comments/99  {"body":"new"}"#,
            r#"POST /repos/o/n/pulls/comments/98/reactions  {"content":"rocket"}"#,
            r#"POST /repos/o/n/issues/6/labels  {"labels":["quantum"]}"#,
            r#"POST /repos/o/n/issues/6/assignees  {"assignees":["ann"]}"#,
        ]
    );
}

#[tokio::test]
async fn objects() {
    let commit = json!({"sha": sha("c").as_str(), "tree": {"sha": sha("b").as_str()}, "parents": [{"sha": sha("a").as_str()}],
        "message": "M", "verification": {"verified": true, "reason": "valid"}});
    let made = |digit: &str| play(201, json!({"sha": sha(digit).as_str()}));
    let reference =
        || play(201, json!({"ref": "refs/heads/quantum/x", "object": {"sha": sha("c").as_str()}}));
    let stage = Stage::new(&[
        ("POST /repos/o/n/git/blobs", &[made("d"), made("short").text(r#"{"sha": "abc"}"#)]),
        ("POST /repos/o/n/git/trees", &[made("b")]),
        ("POST /repos/o/n/git/commits", &[play(201, commit.clone())]),
        (&format!("GET /repos/o/n/git/commits/{}", sha("c")), &[play(200, commit)]),
        ("POST /repos/o/n/git/refs", &[reference()]),
        ("PATCH /repos/o/n/git/refs/heads/quantum/x", &[reference()]),
    ])
    .await;
    let desk = stage.desk();
    assert_eq!(desk.blob(b"\0\xff").await, Ok(sha("d")));
    stage.wait(2);
    assert_eq!(
        variant(&desk.blob(b"").await.unwrap_err()),
        "Ambiguous",
        "it is stored, but what is it called?"
    );
    stage.wait(2);
    let entry = |path: &str, kind| TreeEntry { path: path.to_owned(), kind };
    let entries = vec![
        entry("a/b.rs", EntryKind::Text { text: "x\n".to_owned(), is_executable: false }),
        entry("run", EntryKind::Text { text: "y".to_owned(), is_executable: true }),
        entry("f", EntryKind::File { blob: sha("d"), is_executable: false }),
        entry("g", EntryKind::File { blob: sha("d"), is_executable: true }),
        entry("l", EntryKind::Link { blob: sha("d") }),
        entry("old", EntryKind::Deleted),
    ];
    assert_eq!(desk.tree(Some(&sha("e")), entries).await, Ok(sha("b")));
    stage.wait(2);
    assert_eq!(
        desk.tree(None, vec![entry("b", EntryKind::File { blob: sha("d"), is_executable: false })]).await,
        Ok(sha("b"))
    );
    stage.wait(2);
    let expected = CommitMade { sha: sha("c"), verified: true };
    assert_eq!(desk.commit("M", &sha("b"), &sha("a")).await, Ok(expected));
    let expected = CommitFacts { tree: sha("b"), parents: vec![sha("a")], message: "M".to_owned() };
    assert_eq!(desk.commit_facts(&sha("c")).await, Ok(expected));
    stage.wait(2);
    desk.create_ref("quantum/x", &sha("c")).await.unwrap();
    stage.wait(2);
    desk.update_ref("quantum/x", &sha("c")).await.unwrap();
    let asked: Vec<_> = asked(&stage).into_iter().map(|line| short(&line)).collect();
    assert_eq!(
        asked,
        [
            r#"POST /repos/o/n/git/blobs  {"content":"AP8=","encoding":"base64"}"#,
            r#"POST /repos/o/n/git/blobs  {"content":"","encoding":"base64"}"#,
            r#"POST /repos/o/n/git/trees  {"base_tree":"E","tree":[{"content":"x\n","mode":"100644","path":"a/b.rs","type":"blob"},{"content":"y","mode":"100755","path":"run","type":"blob"},{"mode":"100644","path":"f","sha":"D","type":"blob"},{"mode":"100755","path":"g","sha":"D","type":"blob"},{"mode":"120000","path":"l","sha":"D","type":"blob"},{"mode":"100644","path":"old","sha":null,"type":"blob"}]}"#,
            r#"POST /repos/o/n/git/trees  {"tree":[{"mode":"100644","path":"b","sha":"D","type":"blob"}]}"#,
            r#"POST /repos/o/n/git/commits  {"message":"M","parents":["A"],"tree":"B"}"#,
            "GET /repos/o/n/git/commits/C  null",
            r#"POST /repos/o/n/git/refs  {"ref":"refs/heads/quantum/x","sha":"C"}"#,
            r#"PATCH /repos/o/n/git/refs/heads/quantum/x  {"force":false,"sha":"C"}"#,
        ]
    );
}

/// With `A` for the id that is all `a`.
fn short(line: &str) -> String {
    ["a", "b", "c", "d", "e"]
        .iter()
        .fold(line.to_owned(), |line, d| line.replace(&d.repeat(40), &d.to_ascii_uppercase()))
}

fn told(number: u64, head: &str, repo: Option<u64>) -> Value {
    json!({"number": number, "html_url": format!("https://github.com/o/n/pull/{number}"), "state": "open", "draft": true,
        "head": {"ref": head, "sha": sha("c").as_str(), "repo": repo.map(|id| json!({"id": id}))},
        "base": {"ref": "main", "sha": sha("a").as_str(), "repo": {"id": REPO}}})
}

#[tokio::test]
async fn pulls() {
    let mut merged = told(7, "quantum/x", Some(REPO));
    merged["merged_at"] = "2026-11-27T08:00:00Z".into();
    merged["state"] = "closed".into();
    let mut closed = merged.clone();
    closed["merged_at"] = Value::Null;
    // a branch of that name in a fork, another branch, a fork that is gone: all of this GitHub may list
    let list = json!([
        merged,
        told(8, "quantum/x", Some(666)),
        told(9, "quantum/y", Some(REPO)),
        told(10, "quantum/x", None)
    ]);
    let stage = Stage::new(&[
        ("GET /repos/o/n/pulls", &[play(200, list)]),
        ("GET /repos/o/n/pulls/7", &[play(200, closed)]),
        ("POST /repos/o/n/pulls", &[play(201, told(11, "quantum/x", Some(REPO)))]),
    ])
    .await;
    let desk = stage.desk();
    let pull = |number: u64, state| Pull {
        number,
        url: format!("https://github.com/o/n/pull/{number}"),
        state,
        is_draft: true,
        head: "quantum/x".to_owned(),
        head_sha: sha("c"),
        head_repo: Some(REPO),
        base: "main".to_owned(),
    };
    assert_eq!(desk.pulls_by_head("quantum/x").await, Ok(vec![pull(7, PullState::Merged)]));
    assert_eq!(desk.pull(7).await, Ok(pull(7, PullState::Closed)));
    let (title, head, base, body) =
        ("T".to_owned(), "quantum/x".to_owned(), "main".to_owned(), "B".to_owned());
    let new = NewPull { title, head, base, body, draft: true };
    assert_eq!(desk.create_pull(&new).await, Ok(pull(11, PullState::Open)));
    assert_eq!(
        asked(&stage),
        [
            "GET /repos/o/n/pulls state=all&head=o%3Aquantum%2Fx&per_page=100 null",
            "GET /repos/o/n/pulls/7  null",
            r#"POST /repos/o/n/pulls  {"base":"main","body":"B","draft":true,"head":"quantum/x","title":"T"}"#,
        ]
    );
}

#[tokio::test]
async fn checks() {
    let list = json!({"total_count": 2, "check_runs": [
        {"id": 1, "external_id": "run/1", "app": {"id": APP}, "status": "completed", "conclusion": "success"},
        {"id": 2, "external_id": null, "app": null, "status": "queued", "conclusion": null}]});
    let list_line = format!("GET /repos/o/n/commits/{}/check-runs", sha("c"));
    let stage = Stage::new(&[
        (&list_line, &[play(200, list)]),
        ("POST /repos/o/n/check-runs", &[play(201, json!({"id": 3}))]),
    ])
    .await;
    let desk = stage.desk();
    let one = CheckSeen { id: 1, external_id: "run/1".to_owned(), app_id: Some(APP) };
    let two = CheckSeen { id: 2, external_id: String::new(), app_id: None };
    assert_eq!(desk.checks(&sha("c"), "quantum").await, Ok(vec![one, two]));
    let mut new = NewCheck {
        name: "quantum".to_owned(),
        head_sha: sha("c"),
        external_id: "run/1".to_owned(),
        conclusion: Conclusion::Success,
        title: "T".to_owned(),
        summary: "S".to_owned(),
        text: String::new(),
        details_url: None,
        annotations: Vec::new(),
    };
    assert_eq!(desk.create_check(&new).await, Ok(3));
    stage.wait(2);
    let (path, level, message) = ("a.rs".to_owned(), AnnotationLevel::Failure, "no".to_owned());
    new.conclusion = Conclusion::Neutral;
    new.annotations = vec![Annotation { path, start_line: 1, end_line: 2, level, message }; 51];
    (new.text, new.details_url) = ("D".to_owned(), Some("https://q.example/runs/1".to_owned()));
    assert_eq!(desk.create_check(&new).await, Ok(3));
    let mut asked = stage.asked();
    let last = &mut asked.last_mut().unwrap().body;
    let annotations = last["output"]["annotations"].take();
    assert_eq!(annotations.as_array().unwrap().len(), 50);
    let expected = json!({"path": "a.rs", "start_line": 1, "end_line": 2, "annotation_level": "failure", "message": "no"});
    assert_eq!(annotations[0], expected);
    let asked: Vec<_> = asked.into_iter().filter(|asked| asked.line != MINT).collect();
    let asked: Vec<_> =
        asked.iter().map(|asked| short(&format!("{} {} {}", asked.line, asked.query, asked.body))).collect();
    assert_eq!(
        asked,
        [
            "GET /repos/o/n/commits/C/check-runs check_name=quantum&filter=all&per_page=100 null",
            r#"POST /repos/o/n/check-runs  {"conclusion":"success","external_id":"run/1","head_sha":"C","name":"quantum","output":{"summary":"S","title":"T"},"status":"completed"}"#,
            r#"POST /repos/o/n/check-runs  {"conclusion":"neutral","details_url":"https://q.example/runs/1","external_id":"run/1","head_sha":"C","name":"quantum","output":{"annotations":null,"summary":"S","text":"D","title":"T"},"status":"completed"}"#,
        ]
    );
}
