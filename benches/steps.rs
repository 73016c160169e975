//! What the program adds around the model: start to the first question (P12), time a step with the journal durable (P10),
//! first against last tenth (P11), start-up and memory. The model is a server in this process that answers at once; the
//! floor is the least that a harness can do: a Python loop with the same questions and no durability, no sandbox.
//!
//! `cargo bench --bench steps` (`QUANTUM_BENCH_STEPS=500`, `QUANTUM_BENCH_OUTPUT=100000` for long runs and large outputs)

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench prints, starts programs and fails loudly"
)]

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use std::{
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Instant,
};

const ROUNDS: usize = 5;

struct Server {
    steps: usize,
    output: usize,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    asked: usize,
    first: Option<Instant>,
    answered: Option<Instant>,
    gaps: Vec<f64>,
}

async fn chat(State(server): State<Arc<Server>>, Json(ask): Json<Value>) -> Response {
    let mut log = server.log.lock().unwrap();
    let now = Instant::now();
    log.first.get_or_insert(now);
    if let Some(at) = log.answered.take() {
        log.gaps.push((now - at).as_secs_f64() * 1e3);
    }
    log.asked += 1;
    let n = log.asked;
    let (name, arguments) = if n <= server.steps {
        let command = if server.output > 0 {
            format!("head -c {} /dev/zero | tr '\\0' x; echo {n}", server.output)
        } else {
            format!("echo {n}")
        };
        ("shell", json!({"command": command}))
    } else {
        ("submit", json!({"kind": "no_change", "text": "done"}))
    };
    let call = json!({"index": 0, "id": format!("c{n}"), "type": "function", "function": {"name": name, "arguments": arguments.to_string()}});
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 10});
    log.answered = Some(Instant::now());
    drop(log);
    if ask["stream"] == true {
        let chunk = json!({"choices": [{"index": 0, "delta": {"content": "", "tool_calls": [call]}, "finish_reason": "tool_calls"}], "usage": usage});
        ([(header::CONTENT_TYPE, "text/event-stream")], format!("data: {chunk}\n\ndata: [DONE]\n\n"))
            .into_response()
    } else {
        Json(json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"content": "", "tool_calls": [call]}}], "usage": usage})).into_response()
    }
}

const FLOOR: &str = r#"
import http.client, json, subprocess, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
tools = [{"type": "function", "function": {"name": "shell", "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}}}]
messages = [{"role": "user", "content": "say hi"}]
while True:
    c.request("POST", "/v1/chat/completions", json.dumps({"model": "fake", "messages": messages, "tools": tools}), {"Content-Type": "application/json"})
    m = json.loads(c.getresponse().read())["choices"][0]["message"]
    call = m["tool_calls"][0]
    if call["function"]["name"] == "submit": break
    out = subprocess.run(json.loads(call["function"]["arguments"])["command"], shell=True, capture_output=True, text=True).stdout
    messages += [m, {"role": "tool", "tool_call_id": call["id"], "content": out[:16384]}]
"#;

struct Run {
    wall: f64,
    first: f64,
    gaps: Vec<f64>,
    peak_mib: f64,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Runs a program against a fresh server; `peak` is the largest resident set of the program itself.
async fn run(name: &str, steps: usize, output: usize) -> Run {
    let server = Arc::new(Server { steps, output, log: Mutex::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new()
        .route("/v1/chat/completions", post(chat))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(Arc::clone(&server));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        assert!(Command::new("git").args(args).current_dir(folder.path()).status().unwrap().success())
    };
    git(&["init", "-q"]);
    git(&["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", "x"]);
    let mut command = match name {
        "floor" => {
            let mut command = Command::new("python3");
            command.args(["-c", FLOOR, &port.to_string()]);
            command
        }
        _ => {
            let mut command = Command::new(env!("CARGO_BIN_EXE_quantum"));
            command.args([
                "run",
                "say hi",
                "--model",
                "openai/fake",
                "--max-steps",
                "100000",
                "--role",
                "coder",
            ]);
            command
                .env("OPENAI_BASE_URL", format!("http://127.0.0.1:{port}/v1"))
                .env("QUANTUM_DATA_DIR", folder.path().join("data"));
            command.env("QUANTUM_BUDGET_MINUTES", "600");
            command
        }
    };
    command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let (status, peak_mib) = tokio::task::spawn_blocking(move || {
        let mut peak = 0.0_f64;
        loop {
            let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
            peak = peak
                .max(line.split_whitespace().next().unwrap_or("0").parse::<f64>().unwrap_or(0.0) / 1024.0);
            if let Some(status) = child.try_wait().unwrap() {
                return (status, peak);
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    })
    .await
    .unwrap();
    let wall = began.elapsed().as_secs_f64();
    serving.abort();
    assert!(status.success(), "{name} ended with {status}");
    let log = server.log.lock().unwrap();
    assert_eq!(log.asked, steps + 1, "{name}");
    Run { wall, first: (log.first.unwrap() - began).as_secs_f64(), gaps: log.gaps.clone(), peak_mib }
}

fn start_up() {
    let time = |args: &[&str]| {
        median(
            (0..20)
                .map(|_| {
                    let began = Instant::now();
                    assert!(
                        Command::new(env!("CARGO_BIN_EXE_quantum"))
                            .args(args)
                            .stdout(Stdio::null())
                            .status()
                            .unwrap()
                            .success()
                    );
                    began.elapsed().as_secs_f64() * 1e3
                })
                .collect(),
        )
    };
    println!("start-up of `quantum --version`: median {:.1} ms of 20", time(&["--version"]));
}

#[tokio::main]
async fn main() {
    let number =
        |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (steps, output) = (number("QUANTUM_BENCH_STEPS", 50), number("QUANTUM_BENCH_OUTPUT", 0));
    start_up();
    println!("{steps} steps, {} bytes of output each, {ROUNDS} rounds in turn, medians", output.max(3));
    println!(
        "{:8} {:>8} {:>10} {:>12} {:>12} {:>22} {:>10}",
        "", "run s", "first s", "step p50 ms", "step p95 ms", "first>last tenth ms", "peak MiB"
    );
    let mut rows: Vec<(&str, Vec<Run>)> = vec![("floor", Vec::new()), ("quantum", Vec::new())];
    for _ in 0..ROUNDS {
        for (name, runs) in &mut rows {
            runs.push(run(name, steps, output).await);
        }
    }
    for (name, runs) in &rows {
        let of = |f: &dyn Fn(&Run) -> f64| median(runs.iter().map(f).collect());
        let at = |run: &Run, share: f64| {
            let mut gaps = run.gaps.clone();
            gaps.sort_by(f64::total_cmp);
            gaps[((gaps.len() - 1) as f64 * share) as usize]
        };
        let tenth = (steps / 10).max(1);
        let (early, late) = (
            of(&|r| median(r.gaps[..tenth].to_vec())),
            of(&|r| median(r.gaps[r.gaps.len() - tenth..].to_vec())),
        );
        println!(
            "{name:8} {:>8.2} {:>10.3} {:>12.2} {:>12.2} {:>22} {:>10.1}",
            of(&|r| r.wall),
            of(&|r| r.first),
            of(&|r| at(r, 0.5)),
            of(&|r| at(r, 0.95)),
            format!("{early:.2} > {late:.2}"),
            of(&|r| r.peak_mib)
        );
    }
}
