//! The way out while dependencies are set up: a proxy on one Unix socket that reaches an exact list of hosts and ports.
//!
//! Only `CONNECT` (RFC 9110 §9.3.6), and only TLS whose server name (RFC 6066 §3) is the host that was asked for. The name is
//! resolved once and the address is checked before it is used: nothing private unless the operator named it. What a
//! connection may send is capped, because an allowed host is a drop box too (CVE-2026-54316); everything is logged.

mod hello;

use crate::limits::verify as limits;
use hello::server_name;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixListener, UnixStream},
    sync::Semaphore,
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

/// What may be reached.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Exact hosts and ports.
    pub allow: Vec<Place>,
    /// The operator wrote the list: then an address in it may be private.
    pub by_operator: bool,
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

/// Everything that went through, or did not.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Line>>>);

impl Log {
    /// The lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, line: Line) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < limits::LOG_LINES {
            lines.push(line);
        }
    }
}

/// Serves connections for as long as the future is polled; dropping it cuts them all.
pub async fn serve(listener: UnixListener, rules: Rules, log: Log) {
    let totals = Totals::default();
    let places = Semaphore::new(limits::CONNECTIONS);
    let mut open = futures_util::stream::FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => open.push(connection(client, &rules, &log, &totals, &places)),
                // out of descriptors for a moment: those that are open go on
                Err(_) => tokio::task::yield_now().await,
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

async fn connection(mut client: UnixStream, rules: &Rules, log: &Log, totals: &Totals, places: &Semaphore) {
    let Ok(_place) = places.acquire().await else { return };
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
    let place = match target(&head) {
        Some(place) => place,
        None => return deny(client, "not a CONNECT to host:port").await,
    };
    line.place = format!("{}:{}", place.host, place.port);
    if !rules.allow.contains(&place) {
        return deny(client, "not on the allow-list").await;
    }
    let Some(address) = resolve(&place, rules.by_operator).await else {
        return deny(client, "no public address").await;
    };
    let Ok(Ok(mut server)) = timeout(limits::HELLO, TcpStream::connect(address)).await else {
        return deny(client, "the host does not answer").await;
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.map_err(|_| "hung up")?;
    let hello = timeout(limits::HELLO, first_record(client)).await.map_err(|_| "no TLS hello in time")??;
    if server_name(&hello).as_deref() != Some(place.host.as_str()) {
        return Err("the TLS server name is not the host");
    }
    server.write_all(&hello).await.map_err(|_| "the host hung up")?;
    line.up = hello.len() as u64;
    totals.up.fetch_add(line.up, Ordering::Relaxed);
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let mut down = 0;
    let up_cap =
        Cap { connection: limits::UPLOAD_CONNECTION_BYTES, total: limits::UPLOAD_BYTES, used: &totals.up };
    let down_cap =
        Cap { connection: limits::DOWNLOAD_BYTES, total: limits::DOWNLOAD_BYTES, used: &totals.down };
    let ended = tokio::try_join!(
        pump(&mut from_client, &mut to_server, &up_cap, &mut line.up),
        pump(&mut from_server, &mut to_client, &down_cap, &mut down),
    );
    line.down = down;
    ended.map(|_| ())
}

async fn deny(client: &mut UnixStream, why: &'static str) -> Result<(), &'static str> {
    let answer =
        format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{why}", why.len());
    // the reason is in the log, whether the client reads it or not
    let _ = client.write_all(answer.as_bytes()).await;
    Err(why)
}

/// The head of the proxy request, up to and with the empty line; byte by byte, so that nothing after it is taken.
async fn request_head(client: &mut UnixStream) -> Result<Vec<u8>, &'static str> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= limits::HEAD_BYTES {
            return Err("a request head that is too long");
        }
        head.push(client.read_u8().await.map_err(|_| "hung up")?);
    }
    Ok(head)
}

/// The place of `CONNECT host:port HTTP/1.x`; anything else is None.
fn target(head: &[u8]) -> Option<Place> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let mut words = line.split(' ');
    let (method, place, version) = (words.next()?, words.next()?, words.next()?);
    let right = method == "CONNECT"
        && version.starts_with("HTTP/1.")
        && words.next().is_none()
        && place.contains(':');
    right.then(|| Place::parse(place)).flatten()
}

/// One address of the place, checked, so that what is checked is what is connected to.
async fn resolve(place: &Place, private_too: bool) -> Option<SocketAddr> {
    let found = timeout(limits::HELLO, tokio::net::lookup_host((place.host.as_str(), place.port))).await;
    found.ok()?.ok()?.find(|address| private_too || is_public(address.ip()))
}

/// Not loopback, private, link-local, shared, multicast or unspecified, also when mapped into IPv6.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || shared
                || a == 0)
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_public(IpAddr::V4(ip)),
            None => {
                let [first, ..] = ip.segments();
                let local = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first == 0x64;
                !(ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || local)
            }
        },
    }
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

/// What one direction may carry.
struct Cap<'a> {
    connection: u64,
    total: u64,
    used: &'a AtomicU64,
}

/// One direction, with its caps; its end closes the other side's input.
async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    cap: &Cap<'_>,
    count: &mut u64,
) -> Result<(), &'static str> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = match timeout(IDLE, from.read(&mut buffer)).await {
            Ok(Ok(0)) => break,
            Ok(Ok(read)) => read,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Ok(Err(_)) => return Err("the connection broke"),
            Err(_) => return Err("nothing came for too long"),
        };
        *count += read as u64;
        let total = cap.used.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
        if *count > cap.connection || total > cap.total {
            return Err("a cap on bytes was passed");
        }
        if to.write_all(buffer.get(..read).unwrap_or_default()).await.is_err() {
            break;
        }
    }
    // the other side may have gone first
    let _ = to.shutdown().await;
    Ok(())
}

/// A download server may think for a while.
const IDLE: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_parsed_strictly() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            assert_eq!(
                Place::parse(text),
                expected.map(|(host, port)| Place { host: host.to_owned(), port }),
                "{text:?}"
            );
        };
        check("Example.COM", Some(("example.com", 443)));
        check("example.com:8443", Some(("example.com", 8443)));
        check("example.com.", Some(("example.com", 443)));
        for bad in [
            "",
            ":443",
            "a:0",
            "a:99999",
            "a b",
            "a/b",
            "user@host",
            "a\0.b",
            "-a",
            ".a",
            "*.a.b",
            "http://a",
            "[::1]:443",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn only_a_plain_connect_is_a_target() {
        let check =
            |head: &str, expected: bool| assert_eq!(target(head.as_bytes()).is_some(), expected, "{head:?}");
        check("CONNECT a.b:443 HTTP/1.1\r\n\r\n", true);
        for bad in [
            "GET http://a.b/ HTTP/1.1\r\n\r\n",
            "CONNECT a.b HTTP/1.1\r\n\r\n",
            "CONNECT a.b:443 x HTTP/1.1\r\n\r\n",
            "connect a.b:443 HTTP/1.1\r\n\r\n",
            "CONNECT a@b:443 HTTP/1.1\r\n\r\n",
            "\r\n\r\n",
        ] {
            check(bad, false);
        }
    }

    #[test]
    fn private_addresses_are_not_public() {
        for bad in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
        ] {
            assert!(!is_public(bad.parse().unwrap()), "{bad}");
        }
        for good in ["1.1.1.1", "8.8.8.8", "2606:4700::1111"] {
            assert!(is_public(good.parse().unwrap()), "{good}");
        }
    }

    /// What the client is answered, and what the log says.
    async fn asked(rules: Rules, request: &[u8], then: &[u8]) -> (String, Option<&'static str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (listener, log) = (UnixListener::bind(&path).unwrap(), Log::default());
        let mut answer = String::new();
        tokio::select! {
            () = serve(listener, rules, log.clone()) => {}
            () = async {
                let mut client = UnixStream::connect(&path).await.unwrap();
                client.write_all(request).await.unwrap();
                client.write_all(then).await.unwrap();
                let mut bytes = Vec::new();
                let _ = client.read_to_end(&mut bytes).await;
                answer = String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned();
                while log.lines().is_empty() { tokio::task::yield_now().await; }
            } => {}
        }
        (answer, log.lines()[0].refused)
    }

    #[tokio::test]
    async fn what_is_not_allowed_is_refused_with_the_reason() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let place = Place { host: "localhost".to_owned(), port };
        let request = format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n");
        let rules = |by_operator| Rules { allow: vec![place.clone()], by_operator };
        let refused = ("HTTP/1.1 403 Forbidden".to_owned(), Some("not on the allow-list"));
        assert_eq!(asked(Rules::default(), request.as_bytes(), b"").await, refused);
        assert_eq!(asked(rules(false), request.as_bytes(), b"").await.1, Some("no public address"));
        assert_eq!(
            asked(rules(true), request.as_bytes(), b"GET / HTTP/1.1\r\n\r\n").await.1,
            Some("not TLS")
        );
        let hello = hello::tests::hello("elsewhere.example");
        assert_eq!(
            asked(rules(true), request.as_bytes(), &hello).await.1,
            Some("the TLS server name is not the host")
        );
        assert_eq!(
            asked(rules(true), b"GET http://a/ HTTP/1.1\r\n\r\n", b"").await.1,
            Some("not a CONNECT to host:port")
        );
    }
}
