//! Models over the wire: a server on the loopback that answers bytes, as real ones do and as none should.

mod refusals;
mod scripted;
mod shapes;
mod speaks;

use quantumlayer::{
    ids::{Secret, TaskId},
    model::{
        Asker, Message, Model, ModelError, Question, Reply, ToolSpec,
        spec::{self, ModelSettings},
    },
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// What stands in a header and nowhere else.
pub(super) const KEY: &str = "sk-canary-0123456789";

/// A server that gives each request the next of its answers, byte for byte, and the last one again and again.
pub(super) struct Server {
    pub(super) base: String,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    pub(super) fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let question = received(&stream);
                let n = {
                    let mut log = log.lock().unwrap();
                    log.push(question);
                    log.len() - 1
                };
                let answer = answers.get(n).or(answers.last()).unwrap();
                // whoever hung up has read enough
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { base, asked }
    }

    pub(super) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn model(&self) -> Arc<dyn Model> {
        let settings = ModelSettings {
            openai_key: Some(Secret::new(KEY)),
            openai_base_url: Some(self.base.clone()),
            prices: None,
        };
        spec::open("openai/org/some", &settings).ok().unwrap()
    }
}

/// The body of one request; its key and path are checked here.
fn received(stream: &TcpStream) -> Value {
    let mut lines = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("Bearer "), "{head}");
    let mut body = vec![0; length];
    lines.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

pub(super) fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

/// A stream of these events.
pub(super) fn stream(events: &[&str]) -> String {
    let body: String = events.iter().map(|data| format!("data: {data}\n\n")).collect();
    http(200, "Content-Type: text/event-stream\r\n", &body)
}

pub(super) fn whole(body: &str) -> String {
    http(200, "Content-Type: application/json\r\n", body)
}

pub(super) fn refusal(status: u16, error: Value) -> String {
    http(status, "Content-Type: application/json\r\n", &json!({ "error": error }).to_string())
}

/// A good answer.
pub(super) fn good() -> String {
    stream(&[r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#, "[DONE]"])
}

/// Asks once, with one tool.
pub(super) async fn ask(model: &dyn Model) -> Result<Reply, ModelError> {
    let tools = [ToolSpec {
        name: "shell".to_owned(),
        description: "Runs a command.".to_owned(),
        parameters: json!({"type": "object", "properties": {"command": {"type": "string"}}}),
    }];
    let messages = [
        Message::System { text: "Rules.".to_owned() },
        Message::User { text: "Do it.".to_owned() },
        Message::Assistant {
            text: "I look.".to_owned(),
            calls: vec![quantumlayer::model::ToolCall {
                id: "c1".to_owned(),
                name: "shell".to_owned(),
                arguments: r#"{"command":"ls"}"#.to_owned(),
            }],
        },
        Message::Tool { call: "c1".to_owned(), text: "a\nb".to_owned() },
    ];
    let task = TaskId::new("t1");
    let question = Question {
        asker: Asker { role: "coder", task: &task, step: 7 },
        messages: &messages,
        tools: &tools,
        max_output_tokens: 16_384,
    };
    model.ask(&question, &|_| {}).await
}
