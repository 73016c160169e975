//! No token and no key gets into an error, a log line or a debug print, whatever GitHub answers.

use super::*;
use quantumlayer::report::Hint;
use std::io::Write;
use tracing_subscriber::filter::LevelFilter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_is_ever_printed() {
    const COMMENT: &str = "POST /repos/o/n/issues/5/comments";
    const ISSUE: &str = "GET /repos/o/n/issues/5";
    let log = Log::default();
    let writer = log.clone();
    let logs =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone());
    // with one listener alone, what other tests' threads log first would be cached as of interest to nobody
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(logs.finish());
    // a server that repeats what it was sent
    let echo = |status| said(status, "bad credentials: Bearer ghs_canary-1 and \u{1b}[31mred");
    let mut printed = Vec::new();
    let answers = [
        echo(403),
        echo(401),
        echo(422),
        echo(502),
        echo(301),
        echo(404),
        commented().cut(),
        echo(429),
        play(201, json!({})),
    ];
    for answer in answers {
        let stage = Stage::new(&[(COMMENT, std::slice::from_ref(&answer))]).await;
        let desk = stage.desk();
        let error = desk.comment(5, "x").await.unwrap_err();
        printed.push(format!(
            "{error} {error:?} {} {:?} {desk:?} {:?}",
            error.hint(),
            error.report(),
            stage.github
        ));
        desk.done().await.ok();
        let stage = Stage::new(&[(ISSUE, &[answer])]).await;
        let desk = stage.desk();
        printed.push(format!("{:?}", desk.issue(5).await));
    }
    let stage = Stage::new(&[("GET /app", &[echo(401)]), (MINT, &[echo(500)])]).await;
    printed.push(format!("{:?} {:?}", stage.github.app().await, stage.desk().fetch_token().await));
    let stage = Stage::new(&[]).await;
    printed.push(format!("{:?}", stage.desk().fetch_token().await.unwrap()));
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("GitHub answered") && log.contains("write a comment"), "{log}");
    printed.push(log);
    let all = printed.join("\n");
    let bearer = stage.asked()[0].bearer().to_owned();
    for secret in ["ghs_canary-1", bearer.split('.').next().unwrap(), "PRIVATE KEY", "\u{1b}[31m"] {
        let line = all.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
