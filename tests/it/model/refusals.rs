//! Servers that do not answer: the right class, a hint that says what to do, the key nowhere.

use super::*;
use quantumlayer::report::{Class, Hint};

/// Class, code, and a part of message and hint that an answer leads to.
async fn check(name: &str, answer: String, expected: (Class, &str, &str, &str)) -> ModelError {
    let error = ask(&*Server::new(vec![answer]).model()).await.unwrap_err();
    let (message, hint) = (error.to_string(), error.hint());
    assert_eq!((error.class(), error.code()), (expected.0, expected.1), "{name}: {error:?}");
    assert!(message.contains(expected.2) && hint.contains(expected.3), "{name}: {message} / {hint}");
    assert!(!format!("{error:?}{message}{hint}").contains(KEY), "{name}: the key");
    error
}

#[tokio::test]
async fn a_status_has_its_class_and_hint() {
    use Class::{Refused, Transient};
    let said = |status: u16| refusal(status, json!({"message": format!("no, {KEY} \u{7}is wrong")}));
    let refused = |hint| (Refused, "model_refused", "no, [redacted]  is wrong", hint);
    check("401", said(401), refused("OPENAI_API_KEY")).await;
    check("403", said(403), refused("OPENAI_API_KEY")).await;
    check("404", said(404), refused("the model's name and OPENAI_BASE_URL")).await;
    check("400", said(400), refused("another model")).await;
    check("501", said(501), refused("OPENAI_BASE_URL")).await;
    for status in [408, 429, 500, 502, 503, 504, 529] {
        check("busy", said(status), (Transient, "model_busy", "[redacted]", "run again later")).await;
    }
    let page = |status: u16| http(status, "Content-Type: text/html\r\n", "<!doctype html><title>x</title>");
    check("a page at 502", page(502), (Transient, "model_busy", "502", "later")).await;
    check("a page at 200", page(200), (Refused, "model_refused", "HTML", "OPENAI_BASE_URL")).await;
    check(
        "elsewhere",
        http(301, "Location: http://127.0.0.1:9/\r\n", ""),
        (Refused, "model_refused", "301", "OPENAI_BASE_URL"),
    )
    .await;
    let money = json!({"message": "You exceeded your quota", "type": "insufficient_quota", "code": "insufficient_quota"});
    check("no money", refusal(429, money), (Refused, "model_refused", "quota", "no money left")).await;
    let list = http(400, "", r#"[{"error":{"code":400,"message":"API key not valid"}}]"#);
    check("a list of one", list, (Refused, "model_refused", "API key not valid", "")).await;
    check("a bare text", http(404, "", "no such route"), (Refused, "model_refused", "no such route", ""))
        .await;
    let detail = http(422, "", r#"{"detail":[{"loc":["body","x"],"msg":"extra"}]}"#);
    check("details", detail, (Refused, "model_refused", "extra", "")).await;
}

#[tokio::test]
async fn waiting_times_are_understood() {
    let after = async |headers: &str| match ask(&*Server::new(vec![http(429, headers, "{}")]).model()).await {
        Err(ModelError::Busy { after, .. }) => after.map(|after| after.as_secs_f64()),
        other => panic!("{other:?}"),
    };
    assert_eq!(after("Retry-After: 7\r\n").await, Some(7.0));
    assert_eq!(after("Retry-After: 0.5\r\n").await, Some(0.5));
    let dates = "Date: Fri, 27 Nov 2026 01:00:00 GMT\r\nRetry-After: Fri, 27 Nov 2026 01:01:30 GMT\r\n";
    assert_eq!(after(dates).await, Some(90.0));
    for odd in ["", "Retry-After: soon\r\n", "Retry-After: -1\r\n", "Retry-After: 1e999\r\n"] {
        assert_eq!(after(odd).await, None, "{odd}");
    }
}

#[tokio::test]
async fn streams_that_break() {
    use Class::{Refused, Transient};
    let begun = r#"{"choices":[{"delta":{"content":"H"}}]}"#;
    let cut = check("cut", stream(&[begun]), (Transient, "model_network", "mid-answer", "network")).await;
    assert!(matches!(cut, ModelError::Network { sent: true, .. }), "it may have been billed");
    let lost = format!(
        "HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\ndata: {begun}\n\n"
    );
    check("lost", lost, (Transient, "model_network", "the connection broke", "")).await;
    check("closed", String::new(), (Transient, "model_network", "", "")).await;
    let error = r#"{"error":{"message":"overloaded","code":503}}"#;
    check("error first", stream(&[error]), (Transient, "model_busy", "503: overloaded", "")).await;
    let late =
        check("error later", stream(&[begun, error]), (Transient, "model_network", "overloaded", "")).await;
    assert!(matches!(late, ModelError::Network { sent: true, .. }), "it may have been billed");
    let named = http(
        200,
        "Content-Type: text/event-stream\r\n",
        "event: error\ndata: {\"message\":\"bad key\",\"code\":401}\n\n",
    );
    check("an event called error", named, (Refused, "model_refused", "bad key", "OPENAI_API_KEY")).await;
    let filtered = r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#;
    check("filtered", stream(&[filtered]), (Refused, "model_refused", "content filter", "other words")).await;
    for (name, body) in [
        ("nothing", ""),
        ("a word", "hello"),
        ("half", "{\"choices\":[{"),
        ("other JSON", "{\"a\":1}"),
        ("a list", "[1]"),
    ] {
        check(name, whole(body), (Transient, "model_nonsense", "nonsense", "")).await;
    }
    check("only [DONE]", stream(&["[DONE]"]), (Transient, "model_nonsense", "without a choice", "")).await;
    check("no JSON", stream(&["<html>"]), (Transient, "model_nonsense", "", "")).await;
    let part = |bytes: usize| json!({"choices": [{"delta": {"content": "x".repeat(bytes)}}]}).to_string();
    let endless = stream(&[part(1 << 20).as_str(); 5]);
    check("endless", endless, (Transient, "model_nonsense", "more than 4096 KiB", "")).await;
    check("one line", stream(&[&part(3 << 20)]), (Transient, "model_nonsense", "too long", "")).await;
    let calls: Vec<Value> =
        (0..200).map(|n| json!({"index": n, "id": n.to_string(), "function": {"name": "x"}})).collect();
    let calls = json!({"choices": [{"delta": {"tool_calls": calls}}]}).to_string();
    check("a flood of calls", stream(&[&calls]), (Transient, "model_nonsense", "128 calls", "")).await;
}

#[tokio::test]
async fn nobody_there() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for base in [format!("http://{gone}/v1"), "http://nowhere.invalid/v1".to_owned()] {
        let settings = ModelSettings { openai_base_url: Some(base.clone()), ..ModelSettings::default() };
        let error = ask(&*spec::open("openai/x", &settings).ok().unwrap()).await.unwrap_err();
        assert!(matches!(error, ModelError::Network { sent: false, .. }), "{base}: {error:?}");
        assert!(error.to_string().contains("no connection"), "{base}: {error}");
    }
}
