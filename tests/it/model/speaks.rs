//! Servers that want to be asked in another way: learned from a refusal, asked again at once, remembered.

use super::*;
use quantumlayer::report::Hint;

/// Refuses `times` different things, then answers.
async fn learns(answers: Vec<String>) -> (Vec<Value>, Arc<dyn Model>) {
    let server = Server::new(answers);
    let model = server.model();
    assert_eq!(ask(&*model).await.unwrap().text, "Hi");
    let first = server.asked();
    assert_eq!(ask(&*model).await.unwrap().text, "Hi");
    assert_eq!(server.asked().len(), first.len() + 1, "what was learned is remembered");
    assert_eq!(server.asked().last(), first.last());
    (first, model)
}

#[tokio::test]
async fn parameters_that_are_not_taken_are_left_out() {
    let no = |message: &str| refusal(400, json!({ "message": message }));
    let (asked, _) = learns(vec![
        no("Unsupported parameter: 'max_completion_tokens'. Use 'max_tokens' instead."),
        no("Unrecognized request argument supplied: stream_options"),
        no("max_tokens is too large: 16384. This model supports at most 4096 completion tokens."),
        no("streaming is not supported"),
        good(),
    ])
    .await;
    let (first, last) = (&asked[0], &asked[4]);
    assert_eq!(first["max_completion_tokens"], 16_384);
    assert_eq!((&first["stream"], &first["stream_options"]["include_usage"]), (&json!(true), &json!(true)));
    assert!(first["tools"].is_array());
    assert_eq!((&last["max_tokens"], &last["stream"]), (&json!(4096), &json!(false)));
    assert!(last["max_completion_tokens"].is_null() && last["stream_options"].is_null());
    assert_eq!(last["tools"], first["tools"]);
}

#[tokio::test]
async fn tools_that_are_not_taken_are_told_in_words() {
    let (asked, _) = learns(vec![refusal(400, json!("some does not support tools")), good()]).await;
    let last = &asked[1];
    assert!(last["tools"].is_null());
    let messages = last["messages"].as_array().unwrap();
    let roles: Vec<_> = messages.iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    let text = |n: usize| messages[n]["content"].as_str().unwrap();
    assert!(
        text(0).starts_with("Rules.\n\n# Tools") && text(0).contains("- `shell`: Runs a command. {"),
        "{}",
        text(0)
    );
    assert_eq!(
        text(2),
        "I look.\n\n```json\n{\"name\": \"shell\", \"arguments\": {\"command\":\"ls\"}}\n```"
    );
    assert_eq!(text(3), "Answer of `shell`:\na\nb");
    assert!(messages.iter().all(|message| message["tool_calls"].is_null()));
}

#[tokio::test]
async fn a_window_is_learned_from_the_refusal() {
    let long = "This model's maximum context length is 4096 tokens. However, you requested 17000 tokens.";
    let (asked, model) = learns(vec![refusal(400, json!({ "message": long })), good()]).await;
    assert_eq!((asked.len(), model.window()), (2, 4096));
    assert_eq!(asked[1]["max_completion_tokens"], 1024, "a shorter answer may be enough");

    let error = json!({"code": 400, "type": "exceed_context_size_error", "message": "too long", "n_prompt_tokens": 6000, "n_ctx": 4096});
    let server = Server::new(vec![refusal(400, error)]);
    let model = server.model();
    let told = ask(&*model).await.unwrap_err();
    assert!(matches!(told, ModelError::TooLong { tokens: Some(6000), .. }), "{told:?}");
    assert!(told.hint().contains("window"));
    assert_eq!((server.asked().len(), model.window()), (1, 4096), "a shorter answer would not help");
}

#[tokio::test]
async fn refusals_without_end_have_an_end() {
    let all = "max_completion_tokens max_tokens stream_options tools at most 4000";
    let server = Server::new(vec![refusal(400, json!(all))]);
    assert_eq!(ask(&*server.model()).await.unwrap_err().code(), "model_refused");
    assert!(server.asked().len() <= 8, "{}", server.asked().len());
}

#[test]
fn base_urls_and_keys() {
    let open = |base: &str, key: &str| {
        let settings = ModelSettings {
            openai_key: (!key.is_empty()).then(|| Secret::new(key)),
            openai_base_url: (!base.is_empty()).then(|| base.to_owned()),
            prices: None,
        };
        spec::open("openai/x", &settings).map(|_| ()).map_err(|error| {
            assert!(key.is_empty() || !format!("{error}{error:?}{}", error.hint()).contains(key));
            error.code()
        })
    };
    assert_eq!(open("http://127.0.0.1:1/v1", ""), Ok(()));
    assert_eq!(open("http://127.0.0.1:1/v1/", ""), Ok(()));
    assert_eq!(open("", "sk-x"), Ok(()));
    assert_eq!(open("", ""), Err("no_key"));
    for wrong in ["ftp://x/v1", "nonsense", "http://user:secret@x/v1", "127.0.0.1:8080"] {
        assert_eq!(open(wrong, "sk-x"), Err("model_url"), "{wrong}");
    }
    assert_eq!(open("", "sk\nx"), Err("bad_key"));
}
