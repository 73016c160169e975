//! The way out while dependencies are set up: a proxy on one Unix socket that reaches an exact list of hosts and ports.
//!
//! `CONNECT` (RFC 9110 §9.3.6) with TLS whose server name (RFC 6066 §3) is the host that was asked for; or, where a client
//! of this host is configured so, a plain `GET`. The name is resolved once and the address is checked before it is used:
//! nothing private unless the operator or a client of this host named it. A host that itself goes out through a proxy (`HTTPS_PROXY`) is followed
//! there. What a connection may send is capped, because an allowed host is a drop box too (CVE-2026-54316); everything is logged.

mod hello;
mod pump;
mod reach;
mod request;

use crate::limits::verify as limits;
use hello::server_name;
use pump::{Cap, pump};
pub use reach::Upstream;
use request::{Request, request_head};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixListener, UnixStream},
    time::timeout,
};

/// A host and a port that setup may reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Lower-case host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Place {
    /// Parses `host[:port]` strictly; the default port is 443.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
            None => (text, 443),
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_';
        let fits =
            !host.is_empty() && host.len() <= 253 && host.chars().all(legal) && !host.starts_with(['.', '-']);
        fits.then(|| Self { host: host.trim_end_matches('.').to_ascii_lowercase(), port })
    }
}

/// What may be reached: exact hosts and ports.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Those that the operator or this host's own package clients name: they are reached where this host's resolver says
    /// they are, a company's private network too.
    pub allow: Vec<Place>,
    /// Those that only the repository names: reached at public addresses only, as their names may be a stranger's.
    pub asked: Vec<Place>,
    /// The host's own proxy.
    pub upstream: Option<Upstream>,
}

impl Rules {
    /// Whether the place may be reached at all.
    fn has(&self, place: &Place) -> bool {
        self.allow.contains(place) || self.asked.contains(place)
    }
}

/// One connection, for the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As it was asked for.
    pub place: String,
    /// Bytes sent.
    pub up: u64,
    /// Bytes received.
    pub down: u64,
    /// Why it was refused or cut; None: it went well.
    pub refused: Option<&'static str>,
}

/// What a line says of a place that nobody named.
pub const NOT_ALLOWED: &str = "not on the allow-list";
/// What a line says of a place that only the repository named and that has none.
pub const NOT_PUBLIC: &str = "no public address";

/// Everything that went through, or did not.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Line>>>);

impl Log {
    /// The lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refused(&self) -> usize {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.refused == Some(NOT_ALLOWED)).count()
    }

    fn add(&self, line: Line) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < limits::LOG_LINES {
            lines.push(line);
        }
    }
}

/// Serves connections for as long as the future is polled; dropping it cuts them all. It ends by itself when it has refused
/// so many that the client will not stop asking (npm repeats a refused tunnel for ever).
pub async fn serve(listener: UnixListener, rules: Rules, log: Log) {
    let totals = Totals::default();
    let before = log.refused();
    let mut open = futures_util::stream::FuturesUnordered::new();
    while log.refused() < before + limits::REFUSALS {
        tokio::select! {
            // more wait in the socket's own queue: each that is taken costs two descriptors of this process
            accepted = listener.accept(), if open.len() < limits::CONNECTIONS => match accepted {
                Ok((client, _)) => open.push(connection(client, &rules, &log, &totals)),
                // out of descriptors: one that ends gives some back; with none open it is not ours to mend
                Err(_) if open.is_empty() => return,
                Err(_) => drop(futures_util::StreamExt::next(&mut open).await),
            },
            Some(()) = futures_util::StreamExt::next(&mut open), if !open.is_empty() => {}
        }
    }
}

#[derive(Default)]
struct Totals {
    up: AtomicU64,
    down: AtomicU64,
}

async fn connection(mut client: UnixStream, rules: &Rules, log: &Log, totals: &Totals) {
    let mut line = Line { place: String::new(), up: 0, down: 0, refused: None };
    if let Err(why) = through(&mut client, rules, totals, &mut line).await {
        line.refused = Some(why);
    }
    log.add(line);
}

async fn through(
    client: &mut UnixStream,
    rules: &Rules,
    totals: &Totals,
    line: &mut Line,
) -> Result<(), &'static str> {
    let head = timeout(limits::HELLO, request_head(client)).await.map_err(|_| "no request in time")??;
    let Some(request) = Request::parse(&head) else {
        return deny(client, "neither a CONNECT to host:port nor a plain GET").await;
    };
    let place = request.place();
    line.place = format!("{}:{}", place.host, place.port);
    if !rules.has(place) {
        return deny(client, NOT_ALLOWED).await;
    }
    if matches!(request, Request::Get { .. }) && rules.upstream.is_some() {
        return deny(client, "plain http does not go through the host's proxy").await;
    }
    let mut server = match reach::reach(place, rules).await {
        Ok(server) => server,
        Err(why) => return deny(client, why).await,
    };
    let first = match &request {
        Request::Get { head, .. } => head.clone(),
        Request::Connect(place) => greet(client, place).await?,
    };
    server.write_all(&first).await.map_err(|_| "the host hung up")?;
    line.up = first.len() as u64;
    totals.up.fetch_add(line.up, Ordering::Relaxed);
    carry(client, &mut server, totals, line, matches!(request, Request::Connect(_))).await
}

/// Says yes, and takes the client's TLS hello, whose name must be the host's.
async fn greet(client: &mut UnixStream, place: &Place) -> Result<Vec<u8>, &'static str> {
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.map_err(|_| "hung up")?;
    let hello = timeout(limits::HELLO, first_record(client)).await.map_err(|_| "no TLS hello in time")??;
    if server_name(&hello).as_deref() != Some(place.host.as_str()) {
        return Err("the TLS server name is not the host");
    }
    Ok(hello)
}

/// Both directions until both are done; a plain answer has only the way back.
async fn carry(
    client: &mut UnixStream,
    server: &mut TcpStream,
    totals: &Totals,
    line: &mut Line,
    both: bool,
) -> Result<(), &'static str> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let (beat, mut down) = (AtomicU64::new(0), 0);
    let cap = |connection, total, used| Cap { connection, total, used, beat: &beat, idle: limits::IDLE };
    let up_cap = cap(limits::UPLOAD_CONNECTION_BYTES, limits::UPLOAD_BYTES, &totals.up);
    let down_cap = cap(limits::DOWNLOAD_BYTES, limits::DOWNLOAD_BYTES, &totals.down);
    let ended = async {
        let mut back = std::pin::pin!(pump(&mut from_server, &mut to_client, &down_cap, &mut down));
        if both {
            tokio::select! {
                // once the host is done, nothing that a client still says can matter
                ended = &mut back => ended,
                ended = pump(&mut from_client, &mut to_server, &up_cap, &mut line.up) => match ended {
                    Ok(()) => back.await,
                    cut => cut,
                },
            }
        } else {
            back.await
        }
    }
    .await;
    line.down = down;
    ended
}

async fn deny(client: &mut UnixStream, why: &'static str) -> Result<(), &'static str> {
    let answer =
        format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{why}", why.len());
    // the reason is in the log, whether the client reads it or not
    let _ = client.write_all(answer.as_bytes()).await;
    Err(why)
}

/// The first TLS record whole: header of 5 bytes, then as many as it says.
async fn first_record(client: &mut UnixStream) -> Result<Vec<u8>, &'static str> {
    let mut record = vec![0; 5];
    client.read_exact(&mut record).await.map_err(|_| "hung up")?;
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    if record[0] != 22 || length > limits::HEAD_BYTES {
        return Err("not TLS");
    }
    record.resize(5 + length, 0);
    client.read_exact(&mut record[5..]).await.map_err(|_| "hung up")?;
    Ok(record)
}

#[cfg(test)]
mod tests;
