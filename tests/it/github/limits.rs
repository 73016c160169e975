//! GitHub's limits: what would pass one is not sent, and its caller is told when it may be.

use super::*;
use quantumlayer::github::{Left, Load};
use std::sync::atomic::{AtomicUsize, Ordering};

const COMMENT: &str = "POST /repos/o/n/issues/5/comments";
const REPOSITORY: &str = "GET /repos/o/n";

fn repository() -> Play {
    let mut body = listed(REPO, "o", "n");
    body["default_branch"] = "main".into();
    play(200, body)
}

fn at(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

#[tokio::test]
async fn changes_are_a_second_apart() {
    let stage = Stage::new(&[(COMMENT, &[commented()]), (REPOSITORY, &[repository()])]).await;
    let desk = stage.desk();
    assert_eq!(desk.wait_until(Load::Create), NOW);
    desk.comment(5, "a").await.unwrap();
    let until = NOW.after(Duration::from_millis(1_050));
    assert_eq!((desk.wait_until(Load::Change), desk.wait_until(Load::Read)), (until, NOW));
    let limited = Err(GitHubError::Limited { until });
    assert_eq!(stage.desk().comment(5, "b").await, limited, "another desk, the same account");
    desk.repository().await.unwrap();
    assert_eq!(stage.count(COMMENT), 1, "it was not sent");
    stage.clock.advance(Duration::from_millis(1_050));
    desk.comment(5, "b").await.unwrap();
}

#[tokio::test]
async fn a_limit_is_kept_until_it_is_over() {
    let check = async |name: &str, answer: Play, until: Timestamp| {
        let stage = Stage::new(&[(COMMENT, &[answer, commented()]), (REPOSITORY, &[repository()])]).await;
        let desk = stage.desk();
        let limited = GitHubError::Limited { until };
        assert_eq!(desk.comment(5, "a").await, Err(limited.clone()), "{name}");
        assert_eq!(desk.repository().await, Err(limited.clone()), "{name}");
        // the gate's token is the App's own to make
        assert_eq!(stage.lines(), [MINT, COMMENT, MINT], "{name}");
        stage.clock.advance(until.since(NOW) - Duration::from_millis(1));
        assert_eq!(desk.comment(5, "a").await, Err(limited), "{name}");
        assert_eq!(stage.count(COMMENT), 1, "{name}");
        stage.clock.advance(Duration::from_millis(1));
        assert_eq!(desk.comment(5, "a").await, Ok(99), "{name}");
    };
    let reset = NOW.0 / 1_000 + 300;
    check("429", said(429, "no"), at(60)).await;
    check("Retry-After", said(403, "no").header("retry-after", 30), at(30)).await;
    check("429 and Retry-After", said(429, "no").header("retry-after", "5"), at(5)).await;
    let none_left =
        |status| said(status, "no").header("x-ratelimit-remaining", 0).header("x-ratelimit-reset", reset);
    check("used up", none_left(403), at(301)).await;
    check("used up and Retry-After", none_left(429).header("retry-after", 9), at(9)).await;
    let about = "https://docs.github.com/x#about-secondary-rate-limits";
    let secondary = play(403, json!({"message": "Slow down.", "documentation_url": about}));
    check("secondary", secondary.header("x-ratelimit-remaining", 4_000), at(60)).await;
}

#[tokio::test]
async fn the_last_call_of_the_hour_is_not_passed() {
    let last = repository()
        .header("x-ratelimit-limit", 5_000)
        .header("x-ratelimit-remaining", 0)
        .header("x-ratelimit-reset", NOW.0 / 1_000 + 300)
        .header("x-ratelimit-resource", "core");
    let stage = Stage::new(&[(REPOSITORY, &[last])]).await;
    let desk = stage.desk();
    desk.repository().await.unwrap();
    assert_eq!(desk.repository().await, Err(GitHubError::Limited { until: at(301) }));
    let (limit, remaining, reset) = (Some(5_000), Some(0), Some(at(300)));
    let left = Left { installation: Some(INSTALLATION), limit, remaining, reset, held_until: Some(at(301)) };
    assert!(stage.github.limits().contains(&left), "{:?}", stage.github.limits());
    let other = stage.github.desk(8, repo("o", "n"));
    assert_eq!(other.wait_until(Load::Read), NOW, "another installation has its own");
}

#[tokio::test]
async fn points_of_a_minute_are_not_passed() {
    let stage = Stage::new(&[(REPOSITORY, &[repository()])]).await;
    let desk = stage.desk();
    for _ in 0..900 {
        desk.repository().await.unwrap();
    }
    assert_eq!(desk.repository().await, Err(GitHubError::Limited { until: at(60) }));
    assert_eq!(stage.count(REPOSITORY), 900);
    stage.wait(60);
    desk.repository().await.unwrap();
}

#[tokio::test]
async fn a_hundred_calls_are_under_way_and_never_more() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (under_way, highest) = (now.clone(), most.clone());
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let handler = async move || {
        let here = under_way.fetch_add(1, Ordering::SeqCst) + 1;
        highest.fetch_max(here, Ordering::SeqCst);
        if here == 100 {
            // the first hundred are here: from now on nobody is held up
            gate.close();
        }
        assert!(gate.acquire().await.is_err());
        under_way.fetch_sub(1, Ordering::SeqCst);
        answered(play(200, json!({"id": 5})))
    };
    let api_url = serve(Router::new().fallback(handler)).await;
    let settings = GitHubSettings { api_url, app_id: APP, key: key("pkcs1") };
    let github = GitHub::new(settings, Clock::manual(NOW)).unwrap();
    let calls = (0..250).map(|_| github.installation_of("o", "n"));
    for result in futures_util::future::join_all(calls).await {
        assert_eq!(result, Ok(5));
    }
    assert_eq!((most.load(Ordering::SeqCst), now.load(Ordering::SeqCst)), (100, 0));
}
