//! The judge judged: what it lets pass, what it does not, and that it has what the list says.

use super::{OPERATIONS, judge};
use crate::world::routes_graphql::QUESTION;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const REPO: &str = "/repos/octo/hello";
const SHA: &str = "c3d0be41ecbe669545ee3e94d31ed9a4bc91ee3c";

fn good(operation: &str, method: &str, path: &str, body: Option<Value>) {
    let bytes = body.map(|b| b.to_string().into_bytes());
    assert_eq!(judge(method, path, bytes.as_deref()), Ok(operation), "{method} {path}");
}

/// Each of `expected` is said, and nothing else.
fn bad(method: &str, path: &str, body: Option<Value>, expected: &[&str]) {
    let bytes = body.map(|b| b.to_string().into_bytes());
    let wrong = judge(method, path, bytes.as_deref()).expect_err(path);
    assert_eq!(wrong.len(), expected.len(), "{method} {path}: {wrong:#?}");
    for (wrong, expected) in wrong.iter().zip(expected) {
        assert!(wrong.contains(expected), "{method} {path}: {wrong:?} does not say {expected:?}");
    }
}

#[test]
fn the_operations_are_those_of_the_list() {
    let list = include_str!("../../data/openapi/operations.txt");
    let wanted: BTreeSet<String> =
        list.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect();
    let raw: Vec<Value> = serde_json::from_str(include_str!("../../data/openapi/requests.json")).unwrap();
    let text = |operation: &Value, key: &str| operation[key].as_str().unwrap().to_owned();
    let found = raw.iter().map(|o| format!("{} {}", text(o, "method"), text(o, "path"))).collect();
    assert_eq!(wanted, found, "run tests/data/remake");
    for operation in raw.iter().map(|o| text(o, "path")) {
        let is_ours = operation.starts_with("/app") || operation.contains("/installation");
        assert!(
            is_ours || operation.starts_with(REPO_PATH) || ["/meta", "/rate_limit"].contains(&&*operation)
        );
    }
    for rule in ["pulls/create", "checks/update", "git/update-ref", "apps/create-installation-access-token"] {
        assert!(OPERATIONS.iter().any(|o| o.id == rule && !o.rules.is_empty()), "no rule met {rule}");
    }
}

const REPO_PATH: &str = "/repos/{owner}/{repo}";

#[test]
fn requests_as_we_make_them_pass() {
    good("apps/get-authenticated", "GET", "/app", None);
    good(
        "apps/list-webhook-deliveries",
        "GET",
        "/app/hook/deliveries?per_page=100&cursor=v1_1&status=failure",
        None,
    );
    good("apps/redeliver-webhook-delivery", "POST", "/app/hook/deliveries/12/attempts", None);
    let token = json!({"repository_ids": [7], "permissions": {"contents": "read", "metadata": "read"}});
    good("apps/create-installation-access-token", "POST", "/app/installations/3/access_tokens", Some(token));
    good("apps/revoke-installation-access-token", "DELETE", "/installation/token", None);
    let repo = |rest: &str| format!("{REPO}{rest}");
    good("repos/get", "GET", REPO, None);
    good("repos/get-collaborator-permission-level", "GET", &repo("/collaborators/mona/permission"), None);
    good(
        "reactions/create-for-issue-comment",
        "POST",
        &repo("/issues/comments/9/reactions"),
        Some(json!({"content": "eyes"})),
    );
    good(
        "issues/list-comments",
        "GET",
        &repo("/issues/4/comments?since=2026-01-01T00%3A00%3A00Z&per_page=100"),
        None,
    );
    good("issues/create-comment", "POST", &repo("/issues/4/comments"), Some(json!({"body": "hello"})));
    good("issues/update-comment", "PATCH", &repo("/issues/comments/9"), Some(json!({"body": "hello"})));
    good("issues/add-labels", "POST", &repo("/issues/4/labels"), Some(json!({"labels": ["quantum"]})));
    good("issues/add-assignees", "POST", &repo("/issues/4/assignees"), Some(json!({"assignees": ["mona"]})));
    let tree = json!({"base_tree": SHA, "tree": [
        {"path": "a/b.rs", "mode": "100755", "type": "blob", "content": "x"},
        {"path": "gone", "mode": "100644", "type": "blob", "sha": null},
    ]});
    good("git/create-tree", "POST", &repo("/git/trees"), Some(tree));
    good(
        "git/create-commit",
        "POST",
        &repo("/git/commits"),
        Some(json!({"message": "m", "tree": SHA, "parents": [SHA]})),
    );
    good(
        "git/create-ref",
        "POST",
        &repo("/git/refs"),
        Some(json!({"ref": "refs/heads/quantum/x", "sha": SHA})),
    );
    good(
        "git/update-ref",
        "PATCH",
        &repo("/git/refs/heads/quantum/x"),
        Some(json!({"sha": SHA, "force": false})),
    );
    good("pulls/list", "GET", &repo("/pulls?state=all&head=octo%3Aquantum%2Fx&per_page=100"), None);
    let pull = json!({"title": "t", "head": "quantum/x", "base": "main", "body": "b", "draft": true});
    good("pulls/create", "POST", &repo("/pulls"), Some(pull));
    let check = json!({"name": "quantum", "head_sha": SHA, "status": "completed", "conclusion": "success",
        "external_id": "run/1", "output": {"title": "t", "summary": "s", "text": "x"}});
    good("checks/create", "POST", &repo("/check-runs"), Some(check));
    good("checks/update", "PATCH", &repo("/check-runs/5"), Some(json!({"conclusion": "failure"})));
    good("checks/update", "PATCH", &repo("/check-runs/5"), Some(json!({"status": "in_progress"})));
}

#[test]
fn one_question_to_graphql_is_ours() {
    let of = json!({"owner": "octo", "name": "hello", "number": 4});
    good("graphql", "POST", "/graphql", Some(json!({"query": QUESTION, "variables": of})));
    for other in [
        json!({"query": QUESTION}),
        json!({"query": QUESTION, "variables": {"owner": "octo", "name": "hello", "number": "4"}}),
        json!({"query": QUESTION, "variables": of, "operationName": "x"}),
        json!({"query": "mutation{deleteIssue(input:{}){clientMutationId}}", "variables": of}),
    ] {
        bad("POST", "/graphql", Some(other), &["no operation among those that we call"]);
    }
}

#[test]
fn slashes_belong_to_refs_and_paths() {
    let repo = |rest: &str| format!("{REPO}{rest}");
    good("git/get-ref", "GET", &repo("/git/ref/heads/a/b/c"), None);
    good("git/get-ref", "GET", &repo("/git/ref/heads%2Fa"), None);
    good("git/list-matching-refs", "GET", &repo("/git/matching-refs/heads/quantum"), None);
    good("repos/get-content", "GET", &repo("/contents/src/a%20b/c.rs?ref=main"), None);
    good("checks/list-for-ref", "GET", &repo("/commits/heads/a/check-runs?check_name=quantum"), None);
    good("repos/get-commit", "GET", &repo("/commits/heads/check-runs/a"), None);
    good("repos/get-branch", "GET", &repo("/branches/quantum/x"), None);
    good("issues/get-comment", "GET", &repo("/issues/comments/9"), None);
    // by id, as after a redirect
    good("repos/get", "GET", "/repositories/7", None);
    good("git/update-ref", "PATCH", "/repositories/7/git/refs/heads/a/b", Some(json!({"sha": SHA})));
    bad("GET", "/repositories/octo/issues/4", None, &["no operation"]);
    bad("GET", &repo("/issues/4/x/comments"), None, &["no operation"]);
}

#[test]
fn what_we_never_meant_to_call_is_a_violation() {
    for (method, path) in [
        ("PUT", "/repos/o/r/pulls/1/merge"),
        ("POST", "/repos/o/r/pulls/1/reviews"),
        ("DELETE", "/repos/o/r/git/refs/heads/main"),
        ("PATCH", "/repos/o/r"),
        ("PUT", "/repos/o/r/collaborators/mona"),
        ("POST", "/graphql"),
        ("GET", "/api/v3/app"),
        ("get", "/app"),
    ] {
        bad(method, path, None, &["no operation among those that we call"]);
    }
    for odd in [
        "",
        "app",
        "//app",
        "/app/",
        "/app#x",
        "/repos/o/r/../../../app",
        "/repos/o/%2e%2e/x",
        "/a b",
        "@host/app",
    ] {
        bad("GET", odd, None, &["not the path and query of an address"]);
    }
}

#[test]
fn wrong_parameters_are_named() {
    bad("GET", "/repos/o/r/issues/four", None, &["path `issue_number`: value is not of type \"integer\""]);
    bad("GET", "/app/hook/deliveries?per_page=101", None, &["query `per_page`: 101"]);
    bad(
        "GET",
        "/app/hook/deliveries?per_page=all",
        None,
        &["not of type \"integer\"", "query `per_page`: \"all\""],
    );
    bad("GET", "/app/hook/deliveries?status=bad", None, &["query `status`"]);
    bad(
        "GET",
        "/app/hook/deliveries?page=2",
        None,
        &["query `page`: apps/list-webhook-deliveries has no such"],
    );
    bad("GET", "/app/hook/deliveries?cursor=a&cursor=b", None, &["query `cursor`: given twice"]);
    bad(
        "GET",
        "/repos/o/r/issues/1/comments?since=yesterday",
        None,
        &["query `since`: value is not a \"date-time\""],
    );
    bad("GET", "/repos/o/r/pulls?state=every", None, &["query `state`"]);
}

#[test]
fn wrong_bodies_are_named() {
    let comments = "/repos/o/r/issues/4/comments";
    bad("POST", comments, None, &["body: missing"]);
    bad("POST", comments, Some(json!({})), &["body: \"body\" is a required property"]);
    bad("POST", comments, Some(json!({"body": 1})), &["body/body: value is not of type \"string\""]);
    bad("POST", comments, Some(json!({"body": "x", "mode": 1})), &["('mode' was unexpected)"]);
    bad("POST", comments, Some(json!({"body": "é".repeat(65_537)})), &["1 to 65,536 characters"]);
    good("issues/create-comment", "POST", comments, Some(json!({"body": "é".repeat(65_536)})));
    assert!(
        judge("POST", comments, Some(b"{\"body\":")).is_err_and(|wrong| wrong[0].starts_with("body: EOF"))
    );
    assert_eq!(judge("GET", "/app", Some(b"")), Ok("apps/get-authenticated"));
    bad("GET", "/app", Some(json!({})), &["body: apps/get-authenticated takes none"]);
    bad(
        "POST",
        "/repos/o/r/issues/comments/9/reactions",
        Some(json!({"content": "tada"})),
        &["body/content: "],
    );
    bad("POST", "/repos/o/r/issues/4/labels", Some(json!({"labels": []})), &["body"]);
}

#[test]
fn what_stands_in_words_counts() {
    let token = "/app/installations/3/access_tokens";
    let ours = "one repository, by id, and for named permissions";
    bad("POST", token, Some(json!({})), &[ours, ours]);
    bad("POST", token, Some(json!({"repository_ids": [1, 2], "permissions": {"contents": "read"}})), &[ours]);
    bad("POST", token, Some(json!({"repository_ids": [1], "permissions": {"workflows": "write"}})), &[ours]);
    bad(
        "POST",
        token,
        Some(json!({"repository_ids": [1], "permissions": {"content": "read"}})),
        &["'content' was unexpected"],
    );
    let trees = "/repos/o/r/git/trees";
    let entry = |entry: Value| Some(json!({"tree": [entry]}));
    let either = "either a SHA or its content";
    bad("POST", trees, entry(json!({"path": "a", "mode": "100644", "type": "blob"})), &[either]);
    bad("POST", trees, entry(json!({"path": "a", "mode": "100644", "sha": SHA, "content": ""})), &[either]);
    bad("POST", trees, entry(json!({"path": "a", "mode": "160000", "sha": SHA})), &["no submodules"]);
    bad("POST", trees, entry(json!({"path": "/a", "mode": "100644", "sha": SHA})), &[either]);
    bad("POST", trees, entry(json!({"path": "a", "mode": "777", "sha": SHA})), &["body/tree/0/mode"]);
    let author = json!({"message": "m", "tree": SHA, "author": {"name": "n", "email": "e"}});
    bad("POST", "/repos/o/r/git/commits", Some(author), &["GitHub signs only"]);
    bad(
        "PATCH",
        "/repos/o/r/git/refs/heads/a",
        Some(json!({"sha": SHA, "force": true})),
        &["never by force"],
    );
    bad(
        "POST",
        "/repos/o/r/git/refs",
        Some(json!({"ref": "heads/a", "sha": SHA})),
        &["a full name", "branches only"],
    );
    bad("POST", "/repos/o/r/git/refs", Some(json!({"ref": "refs/tags/a", "sha": SHA})), &["branches only"]);
    bad("POST", "/repos/o/r/pulls", Some(json!({"head": "a", "base": "b"})), &["a title, or an issue"]);
    let labels = "/repos/o/r/labels";
    bad("POST", labels, Some(json!({"name": "quantum", "color": "#ffffff"})), &["six hex digits"]);
    good("issues/create-label", "POST", labels, Some(json!({"name": "quantum", "color": "5319e7"})));
}

#[test]
fn check_runs_keep_their_bounds() {
    let check = |extra: Value| {
        let mut body = json!({"name": "quantum", "head_sha": SHA});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        Some(body)
    };
    let create = "/repos/o/r/check-runs";
    let note =
        json!({"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "m"});
    let notes =
        |count| json!({"output": {"title": "t", "summary": "s", "annotations": vec![note.clone(); count]}});
    good("checks/create", "POST", create, check(notes(50)));
    bad("POST", create, check(notes(51)), &["body/output/annotations"]);
    let text = |count| json!({"output": {"title": "t", "summary": "x".repeat(count)}});
    good("checks/create", "POST", create, check(text(65_535)));
    bad("POST", create, check(text(65_536)), &["body/output/summary"]);
    bad("POST", create, check(json!({"output": {"summary": "s"}})), &["\"title\" is a required property"]);
    bad("POST", create, check(json!({"conclusion": "stale"})), &["what a check run may hold"]);
    bad(
        "POST",
        create,
        check(json!({"completed_at": "2026-01-01T00:00:00Z"})),
        &["what a check run may hold"],
    );
    bad("POST", create, check(json!({"started_at": "now"})), &["body/started_at"]);
    bad("POST", create, Some(json!({"name": "quantum"})), &["\"head_sha\" is a required property"]);
    bad("PATCH", "/repos/o/r/check-runs/5", Some(json!({"status": "completed"})), &["body"]);
}
