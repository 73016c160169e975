//! What a client asks of the proxy: `CONNECT host:port`, or a plain `GET http://host[:port]/path` without a body.

use super::Place;
use crate::limits::verify as limits;
use tokio::{io::AsyncReadExt, net::UnixStream};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// A tunnel for TLS.
    Connect(Place),
    /// A download in the clear; `head` is what the host is sent.
    Get { place: Place, head: Vec<u8> },
}

impl Request {
    /// Parses a head strictly; anything odd is None.
    pub(super) fn parse(head: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?;
        let (line, fields) = text.split_once("\r\n").unwrap_or((text, ""));
        let mut words = line.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
            return None;
        }
        match method {
            "CONNECT" => target.contains(':').then(|| Place::parse(target)).flatten().map(Self::Connect),
            "GET" | "HEAD" => get(method, target, fields),
            _ => None,
        }
    }

    pub(super) fn place(&self) -> &Place {
        match self {
            Self::Connect(place) | Self::Get { place, .. } => place,
        }
    }
}

/// The request as the host gets it: its own form, one request a connection, nothing that is meant for a proxy.
fn get(method: &str, target: &str, fields: &str) -> Option<Request> {
    let rest = target.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let written = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let place = Place::parse(&written)?;
    let path = if path.is_empty() { "/" } else { path };
    if !path.chars().all(|c| c.is_ascii_graphic()) {
        return None;
    }
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    for field in fields.split("\r\n").filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once(':')?;
        let is_token = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_token || value.contains(['\r', '\n', '\0']) {
            return None;
        }
        match name.to_ascii_lowercase().as_str() {
            // a body would be an upload
            "content-length" | "transfer-encoding" | "upgrade" | "expect" => return None,
            "host" | "connection" | "keep-alive" | "te" => {}
            name if name.starts_with("proxy-") => {}
            _ => head.push_str(&format!("{name}:{value}\r\n")),
        }
    }
    head.push_str("\r\n");
    Some(Request::Get { place, head: head.into_bytes() })
}

/// The head of a request, up to and with the empty line; byte by byte, so that nothing after it is taken.
pub(super) async fn request_head(client: &mut UnixStream) -> Result<Vec<u8>, &'static str> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= limits::HEAD_BYTES {
            return Err("a request head that is too long");
        }
        head.push(client.read_u8().await.map_err(|_| "hung up")?);
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_checked_is_a_request() {
        let check = |head: &str, expected: Option<&str>| {
            let found = Request::parse(head.as_bytes()).map(|request| match request {
                Request::Connect(place) => format!("{}:{}", place.host, place.port),
                Request::Get { place, head } => {
                    format!("{}:{} {}", place.host, place.port, String::from_utf8(head).unwrap())
                }
            });
            assert_eq!(found.as_deref(), expected, "{head:?}");
        };
        check("CONNECT a.b:443 HTTP/1.1\r\n\r\n", Some("a.b:443"));
        check("CONNECT a.b:443 HTTP/1.1\r\nHost: c.d\r\n\r\n", Some("a.b:443"));
        check(
            "GET http://A.b/x?y=1 HTTP/1.1\r\nHost: evil\r\nAccept: */*\r\nProxy-Authorization: x\r\n\r\n",
            Some("a.b:80 GET /x?y=1 HTTP/1.1\r\nHost: A.b\r\nConnection: close\r\nAccept: */*\r\n\r\n"),
        );
        check(
            "HEAD http://a.b:8081 HTTP/1.0\r\n\r\n",
            Some("a.b:8081 HEAD / HTTP/1.1\r\nHost: a.b:8081\r\nConnection: close\r\n\r\n"),
        );
        for bad in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET https://a.b/ HTTP/1.1\r\n\r\n",
            "GET http://user@a.b/ HTTP/1.1\r\n\r\n",
            "GET http://a.b/ HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
            "GET http://a.b/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET http://a.b/ HTTP/1.1\r\nA: b\nX: c\r\n\r\n",
            "GET http://a.b/ HTTP/1.1\r\n folded\r\n\r\n",
            "GET http://a.b/\tx HTTP/1.1\r\n\r\n",
            "POST http://a.b/ HTTP/1.1\r\n\r\n",
            "CONNECT a.b HTTP/1.1\r\n\r\n",
            "CONNECT a.b:443 x HTTP/1.1\r\n\r\n",
            "CONNECT a.b:443 HTTP/2\r\n\r\n",
            "connect a.b:443 HTTP/1.1\r\n\r\n",
            "CONNECT a@b:443 HTTP/1.1\r\n\r\n",
            "CONNECT [::1]:443 HTTP/1.1\r\n\r\n",
            "\r\n\r\n",
        ] {
            check(bad, None);
        }
    }
}
