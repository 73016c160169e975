//! Git data and pull requests.

use super::{Caller, usual};
use crate::world::{Hub, Usual};
use serde_json::{Value, json};

const REPO: &str = "/repos/acme/widgets";

/// A commit of the bot's on the default branch; its SHA.
async fn commit(bot: &Caller, hub: &Hub, place: &Usual, text: &str) -> String {
    let head = hub.branch(place.repo, "main").unwrap();
    let tree = json!({"base_tree": head, "tree": [{"path": "src/new.sh", "mode": "100755", "type": "blob", "content": text}]});
    let tree = bot.post(&format!("{REPO}/git/trees"), tree).await;
    assert_eq!(tree.status, 201, "{tree:?}");
    let body = json!({"message": format!("Add {text}"), "tree": tree.body["sha"], "parents": [head]});
    let made = bot.post(&format!("{REPO}/git/commits"), body).await;
    assert_eq!(made.body["verification"]["verified"], true);
    made.body["sha"].as_str().unwrap().to_owned()
}

async fn branch(bot: &Caller, name: &str, sha: &str) -> u16 {
    let body = json!({"ref": format!("refs/heads/{name}"), "sha": sha});
    bot.post(&format!("{REPO}/git/refs"), body).await.status
}

#[tokio::test]
async fn objects_are_real() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let blob = bot.post(&format!("{REPO}/git/blobs"), json!({"content": "AAEC", "encoding": "base64"})).await;
    assert_eq!(blob.status, 201);
    let sha = blob.body["sha"].as_str().unwrap().to_owned();
    assert_eq!(bot.get(&format!("{REPO}/git/blobs/{sha}")).await.body["content"], "AAEC");
    let head = hub.branch(place.repo, "main").unwrap();
    let base = bot.get(&format!("{REPO}/git/commits/{head}")).await.body["tree"]["sha"].clone();
    let tree = json!({"base_tree": base, "tree": [
        {"path": "data/raw.bin", "mode": "100644", "type": "blob", "sha": sha},
        {"path": "link", "mode": "120000", "type": "blob", "content": "README.md"},
        {"path": "src/flag.sh", "mode": "100644", "type": "blob", "sha": null},
    ]});
    let made = bot.post(&format!("{REPO}/git/trees"), tree).await;
    let listed =
        bot.get(&format!("{REPO}/git/trees/{}?recursive=1", made.body["sha"].as_str().unwrap())).await;
    let paths: Vec<_> =
        listed.body["tree"].as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap()).collect();
    // the folder of the deleted file went with it
    assert_eq!(paths, ["README.md", "data", "data/raw.bin", "link"]);
    let body = json!({"message": "x", "tree": made.body["sha"], "parents": [head]});
    let one = bot.post(&format!("{REPO}/git/commits"), body.clone()).await;
    let again = bot.post(&format!("{REPO}/git/commits"), body.clone()).await;
    assert_eq!(one.body["sha"], again.body["sha"]);
    assert_eq!(one.body["author"]["name"], "quantum-acme[bot]");
    let mut named = body;
    named["author"] = json!({"name": "Mallory", "email": "m@example.com"});
    assert_eq!(bot.post(&format!("{REPO}/git/commits"), named).await.body["verification"]["verified"], false);
    assert_eq!(branch(&bot, "q", one.body["sha"].as_str().unwrap()).await, 201);
    assert_eq!(hub.mode(place.repo, "q", "link").as_deref(), Some("120000"));
    assert_eq!(hub.file(place.repo, "q", "src/flag.sh"), None);
    assert_eq!(hub.message(place.repo, "q").as_deref(), Some("x"));
    assert_eq!(bot.get(&format!("{REPO}/contents/README.md?ref=q")).await.body["encoding"], "base64");
    assert_eq!(bot.get(&format!("{REPO}/branches/q")).await.body["commit"]["commit"]["message"], "x");
    assert_eq!(bot.get(&format!("{REPO}/commits/q")).await.body["sha"], one.body["sha"]);
}

#[tokio::test]
async fn a_tree_that_git_would_not_have_is_refused() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let base = hub.branch(place.repo, "main").unwrap();
    let check = async |entry: Value, expected: &str| {
        let got = bot.post(&format!("{REPO}/git/trees"), json!({"base_tree": base, "tree": [entry]})).await;
        assert!(got.said().starts_with(expected), "{entry}: {}", got.said());
    };
    let file = |path: &str| json!({"path": path, "mode": "100644", "type": "blob", "content": "x"});
    for path in ["/a", "a//b", "../a", "a/.git/config", ".GIT/x", ""] {
        check(file(path), "422 tree.path contains a malformed path component").await;
    }
    check(json!({"path": "a", "mode": "100600", "content": "x"}), "422 Must supply a valid tree.mode").await;
    check(json!({"path": "a", "mode": "100644"}), "422 Must supply either").await;
    check(json!({"path": "nowhere", "mode": "100644", "sha": null}), "422 GitRPC::BadObjectState").await;
    check(json!({"path": "a", "mode": "100644", "sha": base}), "422 tree.sha").await;
    check(file(".github/workflows/ci.yml"), "403 Resource not accessible by integration").await;
    check(file("ok"), "201").await;
}

#[tokio::test]
async fn a_ref_is_made_once_and_moves_forward() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let sha = commit(&bot, &hub, &place, "one").await;
    let base = hub.branch(place.repo, "main").unwrap();
    let refs = format!("{REPO}/git/refs");
    let make = async |name: &str, sha: &str| bot.post(&refs, json!({"ref": name, "sha": sha})).await.said();
    assert_eq!(make("refs/heads/quantum/issue-1", &sha).await, "201");
    assert_eq!(make("refs/heads/quantum/issue-1", &sha).await, "422 Reference already exists");
    assert!(make("quantum/issue-2", &sha).await.starts_with("422 Reference name must"));
    assert!(make("refs/heads/quantum", &sha).await.starts_with("422 Reference name is not available"));
    assert_eq!(make("refs/heads/x", &"0".repeat(40)).await, "422 Object does not exist");
    let one = format!("{REPO}/git/ref/heads/quantum/issue-1");
    assert_eq!(bot.get(&one).await.body["object"]["sha"], sha);
    assert_eq!(bot.get(&format!("{REPO}/git/ref/heads/quantum")).await.status, 404);
    let all = bot.get(&format!("{REPO}/git/matching-refs/heads/quantum")).await;
    assert_eq!(all.body[0]["ref"], "refs/heads/quantum/issue-1");
    let moved = format!("{refs}/heads/quantum/issue-1");
    let other = hub.push(place.repo, place.ada, "theirs", &[("x", Some("y"))]);
    let said = bot.patch(&moved, json!({"sha": other})).await.said();
    assert_eq!(said, "422 Update is not a fast forward");
    let said = bot.patch(&format!("{refs}/heads/none"), json!({"sha": sha})).await.said();
    assert_eq!(said, "422 Reference does not exist");
    assert_eq!(bot.patch(&moved, json!({"sha": other, "force": true})).await.status, 200);
    hub.force(place.repo, place.ada, "theirs", Some(&base));
    assert_eq!(hub.branches(place.repo), ["main", "quantum/issue-1", "theirs"]);
    assert_eq!(bot.delete(&moved).await.status, 204);
    assert_eq!(bot.delete(&moved).await.said(), "422 Reference does not exist");
    hub.empty_out(place.repo);
    assert_eq!(make("refs/heads/x", &sha).await, "409 Git Repository is empty.");
}

#[tokio::test]
async fn a_new_ref_stays_hidden_for_a_while() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let sha = commit(&bot, &hub, &place, "one").await;
    hub.hide_new_refs(2);
    assert_eq!(branch(&bot, "q", &sha).await, 201);
    let at = format!("{REPO}/git/ref/heads/q");
    assert_eq!(bot.get(&at).await.status, 404);
    assert_eq!(branch(&bot, "q", &sha).await, 422);
    let pull = json!({"title": "t", "head": "q", "base": "main"});
    assert_eq!(bot.post(&format!("{REPO}/pulls"), pull.clone()).await.said(), "422 Validation Failed head");
    assert_eq!(bot.get(&at).await.status, 200);
    assert_eq!(bot.post(&format!("{REPO}/pulls"), pull).await.status, 201);
}

#[tokio::test]
async fn a_pull_request_lives_from_branch_to_merge() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let issue = hub.open_issue(place.repo, place.ada, "Add a flag", "please");
    let sha = commit(&bot, &hub, &place, "one").await;
    branch(&bot, "quantum/issue-1", &sha).await;
    let pulls = format!("{REPO}/pulls");
    let new = json!({"title": "Add a flag", "head": "quantum/issue-1", "base": "main", "draft": true, "body": format!("Closes #{issue}")});
    let check = async |field: &str, value: Value, expected: &str| {
        let mut new = new.clone();
        new[field] = value;
        assert_eq!(bot.post(&pulls, new).await.said(), expected);
    };
    check("head", json!("nowhere"), "422 Validation Failed head").await;
    check("base", json!("nowhere"), "422 Validation Failed base").await;
    check("head", json!("main"), "422 Validation Failed No commits between main and main").await;
    hub.settings(place.repo, |repo| repo.has_drafts = false);
    check("draft", json!(true), "422 Draft pull requests are not supported in this repository.").await;
    hub.settings(place.repo, |repo| repo.has_drafts = true);
    let made = bot.post(&pulls, new.clone()).await;
    assert_eq!((made.status, &made.body["draft"], &made.body["number"]), (201, &json!(true), &json!(2)));
    check(
        "draft",
        json!(true),
        "422 Validation Failed A pull request already exists for acme:quantum/issue-1.",
    )
    .await;
    let listed = bot.get(&format!("{pulls}?state=all&head=acme:quantum/issue-1")).await;
    assert_eq!(listed.body[0]["head"]["sha"], sha);
    assert_eq!(bot.get(&format!("{pulls}?state=all&head=acme:other")).await.body, json!([]));
    assert_eq!(bot.patch(&format!("{pulls}/2"), json!({"title": "Add one flag"})).await.status, 200);
    hub.take(100);
    let merged = hub.merge(place.repo, 2, place.ada);
    assert_eq!(hub.branch(place.repo, "main"), Some(merged));
    assert_eq!(hub.waiting(), ["push", "pull_request.closed", "issues.closed"]);
    let got = bot.get(&format!("{pulls}/2")).await;
    assert_eq!((&got.body["merged"], &got.body["state"]), (&json!(true), &json!("closed")));
    insta::assert_snapshot!(hub.thread(place.repo, issue));
}

#[tokio::test]
async fn a_pull_request_follows_its_branch() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    hub.push(place.repo, place.ada, "topic", &[("a", Some("1"))]);
    let number = hub.open_pull(place.repo, place.ada, "topic", "Topic", "");
    let sha = hub.push(place.repo, place.ada, "topic", &[("a", Some("2"))]);
    assert_eq!(bot.get(&format!("{REPO}/pulls/{number}")).await.body["head"]["sha"], sha);
    let theirs = hub.open_pull_from_fork(place.repo, place.eve, "Mine", &[("b", "1")]);
    let got = bot.get(&format!("{REPO}/pulls/{theirs}")).await;
    assert_eq!(
        (&got.body["head"]["label"], &got.body["head"]["repo"]["full_name"]),
        (&json!("eve:patch-1"), &json!("eve/widgets"))
    );
    // a comment on a pull request needs either permission
    let talker = Caller::of(&hub, place.installation, place.repo, json!({"pull_requests": "write"})).await;
    let at = format!("{REPO}/issues/{number}/comments");
    assert_eq!(talker.post(&at, json!({"body": "hello"})).await.status, 201);
    hub.force(place.repo, place.ada, "topic", None);
    assert_eq!(bot.get(&format!("{REPO}/pulls/{number}")).await.body["state"], "closed");
    let events = hub.waiting();
    let pulls: Vec<_> = events.iter().filter(|event| event.starts_with("pull_request")).collect();
    assert_eq!(
        pulls,
        ["pull_request.opened", "pull_request.synchronize", "pull_request.opened", "pull_request.closed"]
    );
}
