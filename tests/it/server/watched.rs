//! What whoever looks after the program sees.

use super::{Opened, at_the_door, deliver, get, open};
use crate::store::a_run;
use quantumlayer::{
    ids::{Secret, Usd},
    metrics::Direction,
    report::Hint,
    server::{Check, ServerError, listen, serve},
};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

#[tokio::test]
async fn ready_says_what_is_missing_and_asks_once_in_ten_seconds() {
    let (is_good, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let sandbox = Check::new("sandbox", {
        let (is_good, asked) = (is_good.clone(), asked.clone());
        move || {
            asked.fetch_add(1, Ordering::SeqCst);
            let is_good = is_good.load(Ordering::SeqCst);
            async move { if is_good { Ok(()) } else { Err("install a kernel of this century".to_owned()) } }
        }
    });
    let engine = Check::new("engine", || async { Ok(()) });
    at_the_door(vec![engine, sandbox], async |opened: Opened| {
        let not = json!({"ready": false, "checks": {
            "engine": {"ok": true},
            "sandbox": {"ok": false, "hint": "install a kernel of this century"},
            "store": {"ok": true},
        }});
        for _ in 0..3 {
            let answer = get(opened.address, "/ready").await;
            assert_eq!((answer.status, answer.json()), (503, not.clone()));
        }
        assert_eq!(deliver(opened.address, "d", b"{}").await.status, 202, "deliveries are kept all the same");
        is_good.store(true, Ordering::SeqCst);
        opened.clock.advance(Duration::from_millis(9_999));
        assert_eq!((get(opened.address, "/ready").await.status, asked.load(Ordering::SeqCst)), (503, 1));
        opened.clock.advance(Duration::from_millis(1));
        let answer = get(opened.address, "/ready").await;
        assert_eq!((answer.status, answer.json()["ready"].clone()), (200, json!(true)));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert_eq!(get(opened.address, "/health").await.json(), json!({"status": "ok"}));
    })
    .await;
}

#[tokio::test]
async fn a_check_that_hangs_counts_as_failed() {
    at_the_door(vec![Check::new("model", std::future::pending)], async |opened: Opened| {
        let answer = tokio::join!(get(opened.address, "/ready"), async {
            // the store answers by itself; then only the hanging check is left, and time passes
            opened.store.is_ready().await.unwrap();
            tokio::time::pause();
        });
        assert_eq!(answer.0.json()["checks"]["model"]["ok"], false, "{:?}", answer.0);
    })
    .await;
}

/// What is counted, a line each. Series of one family come in no order.
fn series(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.sort_unstable();
    lines
}

/// The names that the interface promises, sorted.
pub(crate) const NAMES: [&str; 11] = [
    "quantum_deliveries_total",
    "quantum_effects_total",
    "quantum_github_rate_remaining",
    "quantum_github_requests_total",
    "quantum_model_calls_total",
    "quantum_model_tokens_total",
    "quantum_model_usd_total",
    "quantum_queue_age_seconds",
    "quantum_runs",
    "quantum_runs_total",
    "quantum_sandbox_starts_total",
];

/// The names that are there, sorted.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> =
        series(text).into_iter().filter_map(|line| line.split(['{', ' ']).next()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[tokio::test]
async fn a_fresh_server_has_every_name_at_zero() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, mut door, opened) = open(folder.path(), vec![]).await;
    opened.metrics.model("openai/gpt-5-mini");
    door.recount = Arc::new(|metrics| metrics.github_requests(401, 3));
    let (address, stop) = (opened.address, opened.stop.clone());
    let story = async {
        let fresh = get(address, "/metrics").await.body;
        let of_a_run = a_run("one");
        opened.store.insert_or_find(&of_a_run, "folder").await.unwrap();
        let later = get(address, "/metrics").await.body;
        stop.cancel();
        (fresh, later)
    };
    let (served, (fresh, later)) = tokio::join!(serve(listener, door, &opened.stop), story);
    served.unwrap();
    assert_eq!(names(&fresh), NAMES);
    let lines = series(&fresh);
    let counted: Vec<_> =
        lines.iter().filter(|line| !line.ends_with(" 0") && !line.ends_with(" 0.0")).collect();
    // what GitHub allows is not known: 0 would be an alarm
    assert_eq!(
        counted,
        [&"quantum_github_rate_remaining NaN", &r#"quantum_github_requests_total{status="401"} 3"#]
    );
    for line in [
        r#"quantum_deliveries_total{state="refused"} 0"#,
        r#"quantum_effects_total{kind="ask_approval",result="postponed"} 0"#,
        r#"quantum_model_calls_total{provider="openai",model="gpt-5-mini",result="ok"} 0"#,
        r#"quantum_model_tokens_total{direction="output"} 0"#,
        r#"quantum_runs{phase="paused"} 0"#,
        r#"quantum_runs_total{verb="build",outcome="proposed"} 0"#,
        r#"quantum_sandbox_starts_total{result="ok"} 0"#,
    ] {
        assert!(lines.contains(&line), "{line}: {fresh}");
    }
    // a phase that something is in is one of those that were there
    assert_eq!(series(&later).len(), lines.len(), "{later}");
    assert!(series(&later).contains(&r#"quantum_runs{phase="queued"} 1"#), "{later}");
}

#[tokio::test]
async fn metrics_have_the_names_of_the_interface() {
    at_the_door(vec![], async |opened: Opened| {
        let metrics = &opened.metrics;
        metrics.run_ended("build", "proposed");
        metrics.effect("publish", "done");
        metrics.model_call("openai/gpt-5-mini", "ok");
        metrics.tokens(Direction::Input, 70);
        metrics.tokens(Direction::Output, 5);
        metrics.usd(Usd(12_500));
        metrics.github_requests(201, 1);
        metrics.github_remaining(4_900);
        metrics.sandbox_start("ok");
        deliver(opened.address, "d", b"{}").await;
        opened.store.insert_or_find(&a_run("one"), "folder").await.unwrap();
        opened.clock.advance(Duration::from_millis(1_500));
        let answer = get(opened.address, "/metrics").await;
        assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
        let mut lines = series(&answer.body);
        lines.retain(|line| !line.ends_with(" 0"));
        insta::assert_snapshot!(lines.join("\n"), @r#"
        quantum_deliveries_total{state="stored"} 1
        quantum_effects_total{kind="publish",result="done"} 1
        quantum_github_rate_remaining 4900.0
        quantum_github_requests_total{status="201"} 1
        quantum_model_calls_total{provider="openai",model="gpt-5-mini",result="ok"} 1
        quantum_model_tokens_total{direction="input"} 70
        quantum_model_tokens_total{direction="output"} 5
        quantum_model_usd_total 0.0125
        quantum_queue_age_seconds 1.5
        quantum_runs_total{verb="build",outcome="proposed"} 1
        quantum_runs{phase="queued"} 1
        quantum_sandbox_starts_total{result="ok"} 1
        "#);
    })
    .await;
}

#[tokio::test]
async fn it_does_not_begin_without_a_secret_or_on_a_taken_port() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, mut door, opened) = open(folder.path(), vec![]).await;
    let taken = listen(&opened.address.to_string()).await.unwrap_err();
    assert_eq!((taken.code(), taken.hint().is_empty()), ("port_taken", false));
    assert_eq!(listen("192.0.2.1:3000").await.unwrap_err().code(), "bad_address");
    door.secret = Secret::new("");
    assert!(matches!(serve(listener, door, &opened.stop).await, Err(ServerError::NoSecret)));
}
