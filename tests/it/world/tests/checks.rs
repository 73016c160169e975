//! Check runs.

use super::{Caller, usual};
use serde_json::{Value, json};

const RUNS: &str = "/repos/acme/widgets/check-runs";

#[tokio::test]
async fn a_check_run_is_found_by_commit_and_name() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let sha = hub.branch(place.repo, "main").unwrap();
    let new = json!({"name": "quantum", "head_sha": sha, "external_id": "RUN/1", "status": "in_progress"});
    let made = bot.post(RUNS, new.clone()).await;
    assert_eq!((made.status, &made.body["app"]["id"]), (201, &json!(hub.app_id())));
    let done =
        json!({"conclusion": "success", "output": {"title": "Verified", "summary": "ok", "annotations": []}});
    let at = format!("{RUNS}/{}", made.body["id"]);
    assert_eq!(bot.patch(&at, done).await.body["status"], "completed");
    assert_eq!(bot.get(&at).await.body["output"]["title"], "Verified");
    bot.post(RUNS, new).await;
    let of = |more: &str| format!("/repos/acme/widgets/commits/{sha}/check-runs?check_name=quantum{more}");
    assert_eq!(bot.get(&of("")).await.body["total_count"], 1);
    let all = bot.get(&of("&filter=all")).await;
    assert_eq!(
        (&all.body["total_count"], &all.body["check_runs"][1]["external_id"]),
        (&json!(2), &json!("RUN/1"))
    );
    assert_eq!(bot.get(&of("&app_id=1")).await.body["total_count"], 0);
    let missing = "/repos/acme/widgets/commits/nowhere/check-runs";
    assert_eq!(bot.get(missing).await.said(), "422 No commit found for SHA: nowhere");
}

#[tokio::test]
async fn a_check_run_has_bounds() {
    let (hub, place) = usual();
    let bot = Caller::usual(&hub, &place).await;
    let sha = hub.branch(place.repo, "main").unwrap();
    let check = async |more: Value, expected: &str| {
        let mut new = json!({"name": "quantum", "head_sha": sha});
        for (key, value) in more.as_object().unwrap() {
            new[key] = value.clone();
        }
        let said = bot.post(RUNS, new).await.said();
        assert!(said.starts_with(expected), "{said}");
    };
    let note =
        json!({"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"});
    let notes =
        |n: usize| json!({"output": {"title": "t", "summary": "s", "annotations": vec![note.clone(); n]}});
    check(notes(50), "201").await;
    check(notes(51), "422 No more than 50").await;
    check(json!({"output": {"title": "t", "summary": "s".repeat(65_535)}}), "201").await;
    check(json!({"output": {"title": "t", "summary": "s".repeat(65_536)}}), "422 Only 65535").await;
    check(json!({"output": {"summary": "s"}}), "422 Validation Failed output").await;
    check(json!({"status": "completed"}), "422 Validation Failed conclusion").await;
    check(json!({"conclusion": "great"}), "422 Validation Failed conclusion").await;
    check(json!({"head_sha": "0".repeat(40)}), "422 No commit found").await;
}
