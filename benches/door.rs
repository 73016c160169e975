//! The door of `quantum serve`, a process of its own with a store on the disk: from its start to the first webhook that is
//! durably answered, with an empty store and a full one; its memory and the small deliveries' answers while the largest
//! come in; and signature checks beside the bare `hmac` crate. `cargo bench --bench door`
//!
//! GitHub is not reached: the door opens without it. Requests a second beside other receivers need a load generator and
//! those receivers; there is none of either here.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints and fails loudly")]

use hmac::{Hmac, KeyInit, Mac};
use quantumlayer::{
    clock::Timestamp,
    github::webhook,
    ids::Secret,
    store::{NewDelivery, Store},
};
use sha2::Sha256;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const SECRET: &str = "development";
const ROUNDS: usize = 5;
/// Deliveries of the full store.
const STORED: usize = 100_000;
/// Deliveries of the largest size at once, and that size: what GitHub caps a payload at.
const LARGE: usize = 8;
const LARGE_BYTES: usize = 25_000_000;
const SMALL_BYTES: usize = 12_749;
/// How long small deliveries are sent when nothing else is.
const ALONE: Duration = Duration::from_secs(2);

fn main() {
    signatures();
    starts();
    large();
}

/// Checks a second on one core, in turn, medians.
fn signatures() {
    println!("signature checks a second, medians of {ROUNDS}");
    println!("{:<10} {:>12} {:>12} {:>7}", "payload", "ours", "hmac crate", "ratio");
    let secret = Secret::new(SECRET);
    for (name, bytes, count) in
        [("10 KB", 10_240, 3_000), ("100 KB", 102_400, 400), ("1 MB", 1 << 20, 40), ("25 MB", 25 << 20, 3)]
    {
        let body = text(bytes);
        let claimed = signed(&body);
        let bare = || {
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(&body);
            let claimed = data_encoding::HEXLOWER.decode(&claimed.as_bytes()[7..]).unwrap();
            mac.verify_slice(&claimed).is_ok()
        };
        let ours = || webhook::verify(&secret, &body, Some(&claimed));
        let (mut by_us, mut by_it) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            by_us.push(rate(count, &ours));
            by_it.push(rate(count, &bare));
        }
        let (ours, bare) = (median(by_us), median(by_it));
        println!("{name:<10} {ours:>12.0} {bare:>12.0} {:>6.2}x", ours / bare);
    }
}

fn rate(count: u32, check: &dyn Fn() -> bool) -> f64 {
    let begun = Instant::now();
    for _ in 0..count {
        assert!(check());
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// From the start of the process to the first 202.
fn starts() {
    println!("\nstart to first webhook that is durably answered, ms, medians of {ROUNDS}");
    for stored in [0, STORED] {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path(), stored);
        let body = Signed::new(text(SMALL_BYTES));
        let took = (0..ROUNDS).map(|round| {
            let begun = Instant::now();
            let (mut server, address) = serve(folder.path());
            let mut stream = connect(&address);
            send(&mut stream, &format!("first-{round}"), &body);
            let took = begun.elapsed();
            server.kill().unwrap();
            server.wait().unwrap();
            millis(took)
        });
        println!("{stored:>8} stored {:>8.1}", median(took.collect()));
    }
}

/// The largest deliveries, all at once, beside small ones.
fn large() {
    println!("\n{LARGE} x {} MB at once, medians of {ROUNDS}", LARGE_BYTES / 1_000_000);
    let (body, huge) = (Signed::new(text(SMALL_BYTES)), Signed::new(text(LARGE_BYTES)));
    let (mut idle, mut peak, mut calm, mut busy, mut last) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let (mut server, address) = serve(folder.path());
        idle.push(memory(server.id(), "VmRSS"));
        let begun = Instant::now();
        calm.push(last_hundredth(small(&address, "alone", &body, &|| begun.elapsed() > ALONE)));
        let (small, large) = beside(&address, &body, &huge);
        busy.push(last_hundredth(small));
        last.push(large);
        peak.push(memory(server.id(), "VmHWM"));
        server.kill().unwrap();
        server.wait().unwrap();
    }
    let (idle, peak, calm, busy) = (median(idle), median(peak), median(calm), median(busy));
    let sum = (LARGE * LARGE_BYTES) as f64 / f64::from(1 << 20);
    let above = (peak - idle) / sum;
    println!("memory idle {idle:.0} MiB, peak {peak:.0} MiB: {above:.2}x their sum above idle");
    println!("the last large one is answered after {:.0} ms", median(last));
    println!("small acks' p99 alone {calm:.1} ms, meanwhile {busy:.1} ms: {:.1}x", busy / calm);
}

/// The time that small deliveries took while large ones came in, and that all of those took, in ms.
fn beside(address: &str, body: &Signed, huge: &Signed) -> (Vec<f64>, f64) {
    let begun = Instant::now();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let beside = scope.spawn(|| small(address, "beside", body, &|| is_over.load(Ordering::SeqCst)));
        let senders: Vec<_> = (0..LARGE)
            .map(|number| {
                scope.spawn(move || {
                    let mut stream = connect(address);
                    send(&mut stream, &format!("large-{number}"), huge);
                })
            })
            .collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let large = millis(begun.elapsed());
        is_over.store(true, Ordering::SeqCst);
        (beside.join().unwrap(), large)
    })
}

/// Small deliveries one after the other over one connection; the time each took, in ms.
fn small(address: &str, name: &str, body: &Signed, is_over: &dyn Fn() -> bool) -> Vec<f64> {
    let mut stream = connect(address);
    let mut took = Vec::new();
    while !is_over() {
        let begun = Instant::now();
        send(&mut stream, &format!("{name}-{}", took.len()), body);
        took.push(millis(begun.elapsed()));
    }
    took
}

fn serve(folder: &Path) -> (Child, String) {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/world/app.pem");
    let mut server = program()
        .env_clear()
        .args(["serve"])
        .current_dir(folder)
        .env("QUANTUM_LISTEN", "127.0.0.1:0")
        .env("QUANTUM_DATABASE_URL", format!("sqlite://{}", folder.join("quantum.db").display()))
        .env("QUANTUM_DATA_DIR", folder)
        .env("QUANTUM_GITHUB_API_URL", "http://127.0.0.1:9")
        .env("QUANTUM_GITHUB_APP_ID", "1")
        .env("QUANTUM_GITHUB_PRIVATE_KEY_FILE", key)
        .env("QUANTUM_GITHUB_WEBHOOK_SECRET", SECRET)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map(Result::unwrap)
        .find_map(|line| {
            line.split_once("listening on http://").map(|(_, address)| address.trim().to_owned())
        })
        .unwrap();
    thread::spawn(move || lines.for_each(drop));
    (server, address)
}

#[expect(clippy::disallowed_methods, reason = "what is measured is a process")]
fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_quantum"))
}

/// A store with so many deliveries.
fn fill(folder: &Path, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&folder.join("quantum.db")).await.unwrap();
        let body = text(SMALL_BYTES);
        let numbers: Vec<usize> = (0..count).collect();
        for chunk in numbers.chunks(200) {
            let kept = chunk.iter().map(|number| {
                let id = format!("old-{number}");
                let new = NewDelivery::new(&id, "issue_comment", &body, false, Timestamp(1)).unwrap();
                store.take_delivery(new)
            });
            for end in futures_util::future::join_all(kept).await {
                end.unwrap();
            }
        }
    });
}

/// A connection that holds nothing back until more comes.
fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A body, signed before anything is timed: its sender is another machine.
struct Signed {
    body: Vec<u8>,
    signature: String,
}

impl Signed {
    fn new(body: Vec<u8>) -> Self {
        let signature = signed(&body);
        Self { body, signature }
    }
}

/// Sends a delivery and reads its answer, which is 202.
fn send(stream: &mut TcpStream, id: &str, Signed { body, signature }: &Signed) {
    let head = format!(
        "POST /webhooks/github HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         x-github-delivery: {id}\r\nx-github-event: issue_comment\r\nx-hub-signature-256: {signature}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let (mut answer, mut part) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"}") {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..read]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&answer));
}

fn signed(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// JSON of about this size that starts nothing.
fn text(bytes: usize) -> Vec<u8> {
    let words = "what somebody wrote in an issue, again and again; ";
    let text: String = words.chars().cycle().take(bytes.saturating_sub(64)).collect();
    format!("{{\"action\":\"created\",\"text\":\"{text}\"}}").into_bytes()
}

/// A figure of `/proc/PID/status`, in MiB.
fn memory(pid: u32, key: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn last_hundredth(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    took[took.len() * 99 / 100]
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}
