//! The many shapes in which servers send one answer.

use super::*;

/// Text and calls (`id name arguments`) that an answer is understood as.
async fn check(name: &str, answer: String, text: &str, calls: &[&str]) -> Reply {
    let reply = ask(&*Server::new(vec![answer]).model()).await;
    let reply = reply.unwrap_or_else(|error| panic!("{name}: {error}"));
    let got: Vec<_> = reply.calls.iter().map(|c| format!("{} {} {}", c.id, c.name, c.arguments)).collect();
    assert_eq!(
        (reply.text.as_str(), got.iter().map(String::as_str).collect()),
        (text, calls.to_vec()),
        "{name}"
    );
    reply
}

/// A chunk with parts of calls.
fn part(calls: Value) -> String {
    json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}).to_string()
}

/// A stream of parts of calls.
fn parts(list: &[Value]) -> String {
    let chunks: Vec<String> = list.iter().cloned().map(part).collect();
    let mut events: Vec<&str> = chunks.iter().map(String::as_str).collect();
    events.extend([r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#, "[DONE]"]);
    stream(&events)
}

const LS: &str = r#"c shell {"command":"ls"}"#;

#[tokio::test]
async fn parts_of_calls_are_put_together() {
    let whole =
        json!([{"index": 0, "id": "c", "function": {"name": "shell", "arguments": "{\"command\":\"ls\"}"}}]);
    check("at once", parts(&[whole]), "", &[LS]).await;
    let split = |first: Value, more: Value| {
        let mut list = vec![first];
        for arguments in ["{\"comm", "and\":\"l", "s\"}"] {
            let mut part = more.clone();
            part["function"]["arguments"] = json!(arguments);
            list.push(part);
        }
        parts(&list.iter().map(|part| json!([part])).collect::<Vec<_>>())
    };
    let first =
        |index: u64| json!({"index": index, "id": "c", "function": {"name": "shell", "arguments": ""}});
    let same = |more: Value| split(first(0), more);
    check("in odd places", same(json!({"index": 0, "function": {}})), "", &[LS]).await;
    check("id again", same(json!({"index": 0, "id": "c", "function": {}})), "", &[LS]).await;
    check("another id", same(json!({"index": 0, "id": "new", "function": {}})), "", &[LS]).await;
    check("empty id and name", same(json!({"index": 0, "id": "", "function": {"name": ""}})), "", &[LS])
        .await;
    check("name again", same(json!({"index": 0, "function": {"name": "shell"}})), "", &[LS]).await;
    check("counted from two", split(first(2), json!({"index": 2, "function": {}})), "", &[LS]).await;
    check("index first only", same(json!({"function": {}})), "", &[LS]).await;
    let no_index = json!([{"id": "c", "function": {"name": "shell", "arguments": "{\"command\":"}}]);
    let rest = json!([{"function": {"name": "", "arguments": "\"ls\"}"}}]);
    check("no index", parts(&[no_index.clone(), rest]), "", &[LS]).await;
    let other = json!([{"id": "d", "function": {"name": "shell", "arguments": {}}}]);
    let rest = json!([{"id": "c", "function": {"arguments": "\"ls\"}"}}]);
    check("no index, two calls", parts(&[no_index, rest, other]), "", &[LS, "d shell {}"]).await;
    let one = |id: &str| json!([{"index": 0, "id": id, "function": {"name": "shell", "arguments": "{}"}}]);
    check("one index for all", parts(&[one("a"), one("b")]), "", &["a shell {}", "b shell {}"]).await;
    let bare = json!([{"function": {"name": "shell", "arguments": "{}"}}, {"function": {"name": "read", "arguments": "{}"}}]);
    check("no id", parts(&[bare]), "", &["call_7_0 shell {}", "call_7_1 read {}"]).await;
    let object = json!([{"index": 0, "id": 12, "type": "function", "function": {"name": "shell", "arguments": {"command": "ls"}}}]);
    check("an object, a number as id", parts(&[object]), "", &[r#"12 shell {"command":"ls"}"#]).await;
    let turns = [
        json!([{"index": 0, "id": "a", "function": {"name": "shell", "arguments": "{\"a\""}}]),
        json!([{"index": 1, "id": "b", "function": {"name": "read", "arguments": "{\"b\""}}]),
        json!([{"index": 0, "function": {"arguments": ":1}"}}, {"index": 1, "function": {"arguments": ":2}"}}]),
    ];
    check("in turns", parts(&turns), "", &[r#"a shell {"a":1}"#, r#"b read {"b":2}"#]).await;
}

#[tokio::test]
async fn words_and_their_frames() {
    let hi = r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let sse = |body: &str| http(200, "Content-Type: text/event-stream; charset=utf-8\r\n", body);
    check(
        "comments, CRLF",
        sse(&format!(": wait\r\n\r\n:\r\nevent: x\r\ndata:{hi}\r\n\r\ndata: [DONE]\r\n\r\n")),
        "Hi",
        &[],
    )
    .await;
    check("no [DONE]", sse(&format!("data: {hi}\n\n")), "Hi", &[]).await;
    check("no label", http(200, "", &format!("data: {hi}\n\ndata: [DONE]\n\n")), "Hi", &[]).await;
    let message = r#"{"choices":[{"message":{"role":"assistant","content":"Hi","tool_calls":[{"id":"c","function":{"name":"shell","arguments":"{\"command\":\"ls\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
    check("not streamed", whole(message), "Hi", &[LS]).await;
    check(
        "list of parts",
        whole(r#"{"choices":[{"message":{"content":[{"type":"text","text":"H"},{"text":"i"}]}}]}"#),
        "Hi",
        &[],
    )
    .await;
    let refused = r#"{"choices":[{"delta":{"content":null,"refusal":"I won't."},"finish_reason":"stop"}]}"#;
    check("a refusal", stream(&[refused]), "I won't.", &[]).await;
    let thoughts = r#"{"choices":[{"delta":{"content":null,"reasoning_content":"hm","role":"assistant"},"finish_reason":null}]}"#;
    check("thoughts apart", stream(&[thoughts, hi]), "Hi", &[]).await;
    let two = r#"{"choices":[{"index":1,"delta":{"content":"No"}},{"index":0,"delta":{"content":"H"}}]}"#;
    let rest = r#"{"choices":[{"index":0,"delta":{"content":"i"},"finish_reason":"stop"}]}"#;
    check(
        "several choices",
        stream(&[two, r#"{"choices":[{"index":1,"delta":{"content":"No"}}]}"#, rest]),
        "Hi",
        &[],
    )
    .await;
    check(
        "odd extras",
        stream(&[r#"{"type":"ping"}"#, r#"{"choices":[]}"#, r#"{"choices":null,"usage":null}"#, hi]),
        "Hi",
        &[],
    )
    .await;
    check("bytes behind the end", sse(&format!("data: {hi}\n\ndata: ")) + "junk", "Hi", &[]).await;
    let long = "ü".repeat(700_000);
    check(
        "a giant part",
        stream(&[&json!({"choices": [{"delta": {"content": long}, "finish_reason": "stop"}]}).to_string()]),
        &long,
        &[],
    )
    .await;
    let length = r#"{"choices":[{"delta":{"content":"H"},"finish_reason":"length"}]}"#;
    assert!(check("cut", stream(&[length]), "H", &[]).await.cut);
}

#[tokio::test]
async fn a_key_that_a_server_repeats_goes_no_further() {
    let call = json!([{"index": 0, "id": "c", "function": {"name": "shell", "arguments": format!("{{\"command\":\"{KEY}\"}}")}}]);
    let words = json!({"choices": [{"delta": {"content": format!("your key is {KEY}!")}}]}).to_string();
    let answer = stream(&[&words, &part(call), r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#]);
    check("a key", answer, "your key is [redacted]!", &[r#"c shell {"command":"[redacted]"}"#]).await;
}

#[tokio::test]
async fn a_placeholder_for_a_key_is_a_word_like_any_other() {
    let server = Server::new(vec![stream(&[
        r#"{"choices":[{"delta":{"content":"use ollama"},"finish_reason":"stop"}]}"#,
    ])]);
    let settings = ModelSettings {
        openai_key: Some(Secret::new("ollama")),
        openai_base_url: Some(server.base.clone()),
        prices: None,
    };
    let model = spec::open("openai/some", &settings).ok().unwrap();
    assert_eq!(ask(&*model).await.unwrap().text, "use ollama");
}

#[tokio::test]
async fn usage_is_what_the_provider_counts_or_an_estimate() {
    let used = async |usage: &str| {
        let text = r#"{"choices":[{"delta":{"content":"four byt"},"finish_reason":"stop"}]}"#;
        let last = format!(r#"{{"choices":[],"usage":{usage}}}"#);
        let server = Server::new(vec![stream(&[text, &last, "[DONE]"])]);
        let reply = ask(&*server.model()).await.unwrap();
        let estimate = server.asked()[0].to_string().len() as u64 / 4;
        let input = if reply.usage.input_tokens == estimate {
            "estimated".to_owned()
        } else {
            reply.usage.input_tokens.to_string()
        };
        (input, reply.usage.cached_input_tokens, reply.usage.output_tokens)
    };
    let check = |got: (String, u64, u64), expected: (&str, u64, u64)| {
        assert_eq!((got.0.as_str(), got.1, got.2), expected);
    };
    check(
        used(r#"{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}"#)
            .await,
        ("7", 4, 3),
    );
    check(
        used(r#"{"prompt_tokens":7.0,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":9}}"#)
            .await,
        ("7", 7, 3),
    );
    for odd in [
        "null",
        "{}",
        r#"{"prompt_tokens":0,"completion_tokens":0}"#,
        r#"{"prompt_tokens":-5,"completion_tokens":"many"}"#,
        r#"{"prompt_tokens":18446744073709551615,"completion_tokens":1e300}"#,
    ] {
        check(used(odd).await, ("estimated", 0, 2));
    }
}
