//! A model behind HTTP that answers by what it is shown, writes down what it was asked, and can kill whoever asks.

use crate::process::kill;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
};

/// Kill who asks at this question (from 1), before or after it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadly {
    pub(super) at: usize,
    pub(super) is_answered: bool,
}

/// What is called for an answer, by the question's task and step.
pub(super) type Story = fn(&str, usize) -> (&'static str, Value);

/// The server.
pub(super) struct Wire {
    pub(super) url: String,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        // wakes who listens, if anybody does
        let _ = TcpStream::connect(self.address);
    }
}

#[derive(Default)]
struct State {
    asked: Vec<String>,
    is_closed: bool,
    deadly: Option<(Deadly, u32)>,
}

impl Wire {
    /// A model that tells this story.
    pub(super) fn telling(story: Story) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.lock().unwrap().is_closed {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared, story));
            }
        });
        Self { url: format!("http://{address}/v1"), address, state }
    }

    /// Starts a process that dies as told. Nothing is answered before its id is known.
    pub(super) fn start<T>(&self, deadly: Option<Deadly>, start: impl FnOnce() -> (T, u32)) -> T {
        let mut state = self.state.lock().unwrap();
        let (started, pid) = start();
        state.deadly = deadly.map(|deadly| (deadly, pid));
        started
    }

    /// Every question that came, as whose it was.
    pub(super) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

fn serve(stream: &TcpStream, shared: &Mutex<State>, story: Story) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = request(&mut reader) {
        let (task, step) = whose(&body);
        let (name, arguments) = story(&task, step);
        let answer = json!({"name": name, "arguments": arguments.to_string()});
        let mut state = shared.lock().unwrap();
        state.asked.push(format!("{task} {step}"));
        let number = state.asked.len();
        let deadly = state.deadly.filter(|(deadly, _)| deadly.at == number);
        if let Some((Deadly { is_answered: false, .. }, pid)) = deadly {
            kill(pid);
            return;
        }
        drop(state);
        let call =
            json!({"index": 0, "id": format!("call-{number}"), "type": "function", "function": answer});
        let chunk = json!({
            "choices": [{"index": 0, "delta": {"content": "", "tool_calls": [call]}, "finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5},
        });
        let text = format!("data: {chunk}\n\ndata: [DONE]\n\n");
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        let mut stream = stream;
        if stream.write_all((head + &text).as_bytes()).is_err() {
            return;
        }
        if let Some((_, pid)) = deadly {
            kill(pid);
            return;
        }
    }
}

fn request(reader: &mut BufReader<&TcpStream>) -> Option<Value> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    // whoever had this port before may still be sent something
    serde_json::from_slice(&body).ok().filter(|body: &Value| body["messages"].is_array())
}

/// Whose question it is: task and step.
fn whose(body: &Value) -> (String, usize) {
    let (mut task, mut step) = ("plan".to_owned(), 0);
    for message in body["messages"].as_array().unwrap() {
        if message["role"] == "assistant" {
            step += 1;
        } else if let Some(title) =
            message["content"].as_str().and_then(|text| text.split("# Your task: ").nth(1))
        {
            (task, step) = (title.lines().next().unwrap().to_owned(), 0);
        }
    }
    (task, step)
}

/// A task of a plan.
pub(super) fn part(id: &str, title: &str) -> Value {
    json!({"id": id, "role": "coder", "title": title, "text": "Do it.", "needs": []})
}

pub(super) fn plan(parts: &[Value]) -> (&'static str, Value) {
    ("submit", json!({"kind": "plan", "summary": "In parts.", "confidence": 0.9, "tasks": parts}))
}

pub(super) fn write(path: &str, content: &str) -> (&'static str, Value) {
    ("write", json!({"path": path, "content": content}))
}

pub(super) fn submit(title: &str) -> (&'static str, Value) {
    ("submit", json!({"kind": "proposal", "title": title, "summary": title}))
}
