//! From an allowed place to a connection: one look-up, checked addresses, or the host's own proxy.

use super::{NOT_PUBLIC, Place, Rules};
use crate::{ids::Secret, limits::verify as limits};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::net::IpAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// The proxy that the host itself goes out through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    place: Place,
    authorization: Option<Secret>,
    /// Hosts, and ends of hosts after a dot, that are reached without it; `*` is all.
    direct: Vec<String>,
}

impl Upstream {
    /// From the values of `HTTPS_PROXY` (`[http://][user:password@]host[:port]`) and `NO_PROXY`. None: not of that form.
    pub fn parse(url: &str, no_proxy: &str) -> Option<Self> {
        let rest = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
        let (login, authority) =
            rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
        let written = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        let authorization = match login {
            Some(login) => Some(Secret::new(format!("Basic {}", BASE64_STANDARD.encode(decoded(login)?)))),
            None => None,
        };
        let direct =
            no_proxy.split(',').map(|host| host.trim().trim_start_matches("*.").trim_start_matches('.'));
        let direct = direct.filter(|host| !host.is_empty()).map(str::to_ascii_lowercase).collect();
        Some(Self { place: Place::parse(&written)?, authorization, direct })
    }

    fn is_for(&self, place: &Place) -> bool {
        let covers = |end: &String| {
            let before = place.host.strip_suffix(end.as_str());
            end == "*" || before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        !self.direct.iter().any(covers)
    }

    /// Asks it for a tunnel. It looks the name up, so addresses can't be checked here.
    async fn tunnel(&self, place: &Place) -> Result<TcpStream, &'static str> {
        let address = (self.place.host.as_str(), self.place.port);
        let mut server = TcpStream::connect(address).await.map_err(|_| "the host's proxy does not answer")?;
        let target = format!("{}:{}", place.host, place.port);
        let login = self.authorization.as_ref().map_or(String::new(), |authorization| {
            format!("Proxy-Authorization: {}\r\n", authorization.expose())
        });
        let asked = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n");
        server.write_all(asked.as_bytes()).await.map_err(|_| "the host's proxy hung up")?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= limits::HEAD_BYTES {
                return Err("the host's proxy answered nonsense");
            }
            head.push(server.read_u8().await.map_err(|_| "the host's proxy hung up")?);
        }
        let granted = head.starts_with(b"HTTP/1.1 200") || head.starts_with(b"HTTP/1.0 200");
        granted.then_some(server).ok_or("the host's proxy refused")
    }
}

/// A connection to the place.
pub(super) async fn reach(place: &Place, rules: &Rules) -> Result<TcpStream, &'static str> {
    let reached = async {
        match rules.upstream.as_ref().filter(|upstream| upstream.is_for(place)) {
            Some(upstream) => upstream.tunnel(place).await,
            None => direct(place, rules.allow.contains(place)).await,
        }
    };
    timeout(limits::HELLO, reached).await.unwrap_or(Err("the host does not answer"))
}

/// What is checked is what is connected to: the name is looked up once.
async fn direct(place: &Place, private_too: bool) -> Result<TcpStream, &'static str> {
    let found = tokio::net::lookup_host((place.host.as_str(), place.port)).await;
    let found = found.map_err(|_| "the name can't be looked up")?;
    let mut why = NOT_PUBLIC;
    for address in found.filter(|address| may_reach(address.ip(), private_too)).take(limits::ADDRESSES) {
        match timeout(limits::CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(server)) => return Ok(server),
            // a host with two kinds of addresses on a network with one
            _ => why = "the host does not answer",
        }
    }
    Err(why)
}

/// Public addresses; those of a private network when the operator or a client of this host named the host; never this
/// link's, where clouds keep their machines' credentials.
fn may_reach(ip: IpAddr, private_too: bool) -> bool {
    let ip = ip.to_canonical();
    let never = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_multicast() || ip.is_unspecified() || ip.is_broadcast(),
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local()
                || ip.is_multicast()
                || ip.is_unspecified()
                || METADATA_V6 == ip.segments()
        }
    };
    !never && (private_too || is_public(ip))
}

/// Where a large cloud keeps its machines' credentials, inside the private range.
const METADATA_V6: [u16; 8] = [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];

/// Not loopback, private, shared, reserved, or a form that carries an IPv4 address elsewhere (NAT64, 6to4, Teredo).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let special =
                (a, b, c) == (192, 0, 0) || (a == 198 && matches!(b, 18 | 19)) || a >= 240 || a == 0;
            !(ip.is_loopback() || ip.is_private() || ip.is_documentation() || shared || special)
        }
        IpAddr::V6(ip) => {
            let [first, second, ..] = ip.segments();
            // global unicast is 2000::/3
            let carries =
                first == 0x2002 || (first, second) == (0x2001, 0) || (first, second) == (0x2001, 0xdb8);
            first & 0xe000 == 0x2000 && !carries
        }
    }
}

/// Percent-decoded (RFC 3986 §2.1).
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut found = Vec::new();
    while let Some(byte) = bytes.next() {
        found.push(match byte {
            b'%' => {
                let pair = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_judged() {
        let check = |ip: &str, expected: (bool, bool)| {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!((may_reach(ip, false), may_reach(ip, true)), expected, "{ip}");
        };
        for public in ["1.1.1.1", "8.8.8.8", "2606:4700::1111"] {
            check(public, (true, true));
        }
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "240.0.0.1",
            "::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
        ] {
            check(private, (false, true));
        }
        for never in
            ["169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255", "fe80::1", "ff02::1", "::"]
        {
            check(never, (false, false));
        }
        check("::ffff:169.254.169.254", (false, false));
        check("fd00:ec2::254", (false, false));
    }

    #[test]
    fn the_host_s_proxy_is_read_strictly() {
        let place = |host: &str| Place { host: host.to_owned(), port: 443 };
        let found =
            Upstream::parse("http://us%40er:p%3Aw@Proxy.example:3128/", "a.example, .b.example,*.c.example")
                .unwrap();
        assert_eq!(found.place, Place { host: "proxy.example".to_owned(), port: 3128 });
        assert_eq!(found.authorization.as_ref().unwrap().expose(), "Basic dXNAZXI6cDp3");
        assert!(!format!("{found:?}").contains("dXNA"), "never shown");
        for direct in ["a.example", "x.a.example", "b.example", "x.b.example", "y.c.example"] {
            assert!(!found.is_for(&place(direct)), "{direct}");
        }
        assert!(found.is_for(&place("aa.example")) && found.is_for(&place("example")));
        assert!(!Upstream::parse("proxy", "*").unwrap().is_for(&place("a")));
        assert_eq!(Upstream::parse("proxy", "").unwrap().place.port, 80);
        for bad in ["", "https://proxy:1", "socks5://proxy:1", "http://a b", "http://%zz@proxy"] {
            assert_eq!(Upstream::parse(bad, ""), None, "{bad}");
        }
    }
}
