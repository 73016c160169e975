//! The door as GitHub and strangers meet it, over real sockets.

mod disk;
mod door;
mod hostile;
mod killed;
mod settings;
pub(crate) mod watched;

use hmac::{Hmac, KeyInit, Mac};
use quantumlayer::{
    clock::{Clock, Timestamp},
    ids::Secret,
    metrics::Metrics,
    server::{Check, Door, serve},
    store::{Matter, Store},
};
use serde_json::Value;
use sha2::Sha256;
use std::{net::SocketAddr, path::Path, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

pub(super) const SECRET: &str = "development";

/// A door that is open, as a test sees it.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) address: SocketAddr,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) arrived: Arc<Notify>,
    pub(super) stop: CancellationToken,
}

/// What the tests' door does not look at: bodies that say so.
fn may_matter(event: &str, body: &[u8]) -> Option<Matter> {
    let is_looked_at = event != "ping" && !body.starts_with(b"{\"ignore\"");
    let is_read = || serde_json::from_slice::<serde_json::Map<String, Value>>(body).is_ok();
    (is_looked_at && is_read()).then_some(Matter::Something { installation: None })
}

pub(super) async fn open(folder: &Path, checks: Vec<Check>) -> (TcpListener, Door, Opened) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let opened = Opened {
        address: listener.local_addr().unwrap(),
        store: Store::open(&folder.join("quantum.db")).await.unwrap(),
        clock: Clock::manual(Timestamp(1_000_000)),
        metrics: Metrics::new(),
        arrived: Arc::default(),
        stop: CancellationToken::new(),
    };
    let door = Door {
        store: opened.store.clone(),
        clock: opened.clock.clone(),
        secret: Secret::new(SECRET),
        may_matter: Arc::new(may_matter),
        arrived: opened.arrived.clone(),
        checks,
        metrics: opened.metrics.clone(),
        recount: Arc::new(|_| ()),
    };
    (listener, door, opened)
}

/// Opens the door for a story and closes it after it.
pub(super) async fn at_the_door<T>(checks: Vec<Check>, story: impl AsyncFnOnce(Opened) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let (listener, door, opened) = open(folder.path(), checks).await;
    let stop = opened.stop.clone();
    let told = async {
        let told = story(opened).await;
        stop.cancel();
        told
    };
    let (served, told) = tokio::join!(serve(listener, door, &stop), told);
    served.unwrap();
    told
}

/// The header's value for this body.
pub(super) fn signed(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(super) fn state(&self) -> String {
        self.json()["state"].as_str().unwrap_or_else(|| panic!("no state: {self:?}")).to_owned()
    }
}

/// Reads one answer; None: the connection was closed without one.
pub(super) async fn answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    while bytes.len() < head + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&bytes[head..]).into_owned();
    Some(Answer { status: text.get(9..12)?.parse().ok()?, head: text, body })
}

/// Sends these bytes over a connection of their own; reads while it writes.
pub(super) async fn raw(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // who refuses early may have closed its end before all was written
    let _ = stream.write_all(bytes).await;
    answer(&mut stream).await
}

/// A delivery with these headers (each a whole line) instead of the usual.
pub(super) fn request(headers: &[String], body: &[u8]) -> Vec<u8> {
    let mut head = format!("POST /webhooks/github HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        head += header;
        head += "\r\n";
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// The headers that GitHub sends.
pub(super) fn headers(id: &str, event: &str, body: &[u8]) -> Vec<String> {
    vec![
        "content-type: application/json".to_owned(),
        format!("x-github-delivery: {id}"),
        format!("x-github-event: {event}"),
        format!("x-hub-signature-256: {}", signed(SECRET, body)),
    ]
}

/// A delivery as GitHub sends it.
pub(super) async fn deliver(address: SocketAddr, id: &str, body: &[u8]) -> Answer {
    raw(address, &request(&headers(id, "issue_comment", body), body)).await.unwrap()
}

pub(super) async fn get(address: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    raw(address, request.as_bytes()).await.unwrap()
}
