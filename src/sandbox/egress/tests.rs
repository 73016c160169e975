//! Stories of the proxy with real sockets.

use super::{hello, *};

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

/// One connection to the proxy: everything it answered, and what the log says.
async fn asked(rules: Rules, request: &[u8]) -> (String, Line) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let (listener, log) = (UnixListener::bind(&path).unwrap(), Log::default());
    let mut answer = String::new();
    tokio::select! {
        () = serve(listener, rules, log.clone()) => {}
        () = async {
            let mut client = UnixStream::connect(&path).await.unwrap();
            client.write_all(request).await.unwrap();
            let mut bytes = Vec::new();
            let _ = client.read_to_end(&mut bytes).await;
            answer = String::from_utf8_lossy(&bytes).into_owned();
            while log.lines().is_empty() { tokio::task::yield_now().await; }
        } => {}
    }
    (answer, log.lines()[0].clone())
}

/// A host that answers once `wanted` bytes came; it gives what it got.
async fn host(
    wanted: usize,
    answer: &[u8],
    deed: impl AsyncFnOnce(Place) -> (String, Line),
) -> (Vec<u8>, String, Line) {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = Place { host: "localhost".to_owned(), port: server.local_addr().unwrap().port() };
    let serving = async {
        let (mut client, _) = server.accept().await.unwrap();
        let mut got = vec![0; wanted];
        client.read_exact(&mut got).await.unwrap();
        client.write_all(answer).await.unwrap();
        if answer.is_empty() {
            // until it is cut
            let _ = client.read_to_end(&mut Vec::new()).await;
        }
        got
    };
    let (got, (answer, line)) = tokio::join!(serving, deed(place));
    (got, answer, line)
}

fn only(place: &Place) -> Rules {
    Rules { allow: vec![place.clone()], ..Rules::default() }
}

fn connect(place: &Place, hello: &[u8]) -> Vec<u8> {
    let mut request = format!("CONNECT {}:{} HTTP/1.1\r\n\r\n", place.host, place.port).into_bytes();
    request.extend(hello);
    request
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_with_the_reason() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = Place { host: "localhost".to_owned(), port: server.local_addr().unwrap().port() };
    let hello = hello::tests::hello("elsewhere.example");
    let check = async |rules: Rules, request: &[u8], status: &str, why: &'static str| {
        let (answer, line) = asked(rules, request).await;
        assert_eq!((answer.get(9..12), line.refused), (Some(status), Some(why)));
        assert_eq!((line.up, line.down), (0, 0), "{why}");
    };
    check(Rules::default(), &connect(&place, b""), "403", NOT_ALLOWED).await;
    let other_port = Place { port: place.port ^ 1, ..place.clone() };
    check(only(&other_port), &connect(&place, b""), "403", NOT_ALLOWED).await;
    let asked_by_the_repository = Rules { asked: vec![place.clone()], ..Rules::default() };
    check(asked_by_the_repository, &connect(&place, b""), "403", NOT_PUBLIC).await;
    check(only(&place), &connect(&place, b"GET / HTTP/1.1\r\n\r\n"), "200", "not TLS").await;
    check(only(&place), &connect(&place, &hello), "200", "the TLS server name is not the host").await;
    check(
        only(&place),
        b"POST http://a/ HTTP/1.1\r\n\r\n",
        "403",
        "neither a CONNECT to host:port nor a plain GET",
    )
    .await;
}

#[tokio::test]
async fn a_client_that_does_not_stop_asking_ends_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let (listener, log) = (UnixListener::bind(&path).unwrap(), Log::default());
    let place = Place { host: "elsewhere.example".to_owned(), port: 443 };
    let asking = async {
        loop {
            let Ok(mut client) = UnixStream::connect(&path).await else { return };
            let _ = client.write_all(&connect(&place, b"")).await;
            let _ = client.read_to_end(&mut Vec::new()).await;
        }
    };
    tokio::select! {
        () = serve(listener, Rules::default(), log.clone()) => {}
        () = asking => {}
    }
    assert_eq!(log.lines().len(), limits::REFUSALS);
}

#[tokio::test]
async fn an_allowed_host_gets_the_bytes_and_they_are_counted() {
    let hello = hello::tests::hello("localhost");
    let sent = [hello.as_slice(), b"more"].concat();
    let (got, answer, line) =
        host(sent.len(), b"secret answer", async |place| asked(only(&place), &connect(&place, &sent)).await)
            .await;
    assert_eq!(got, sent);
    assert_eq!(answer, "HTTP/1.1 200 Connection established\r\n\r\nsecret answer");
    assert_eq!((line.refused, line.up, line.down), (None, sent.len() as u64, 13));
}

#[tokio::test]
async fn an_upload_is_cut() {
    let hello = hello::tests::hello("localhost");
    let flood = [hello.clone(), vec![7; usize::try_from(limits::UPLOAD_CONNECTION_BYTES).unwrap()]].concat();
    let (_, _, line) =
        host(hello.len(), b"", async |place| asked(only(&place), &connect(&place, &flood)).await).await;
    assert_eq!(line.refused, Some("a cap on bytes was passed"));
}

#[tokio::test]
async fn a_plain_download_has_no_way_up() {
    let head = |port: u16| format!("GET /a HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    let length = head(10_000).len();
    let (got, answer, line) = host(length, b"HTTP/1.1 200 OK\r\n\r\nbytes", async |place| {
        assert!(place.port > 9_999, "ports for tests have five digits");
        let request = format!("GET http://localhost:{}/a HTTP/1.1\r\n\r\nsmuggled", place.port);
        asked(only(&place), request.as_bytes()).await
    })
    .await;
    let got = String::from_utf8(got).unwrap();
    assert!(
        got.starts_with("GET /a HTTP/1.1\r\nHost: localhost:") && got.ends_with("close\r\n\r\n"),
        "{got}"
    );
    assert!(answer.ends_with("bytes"), "{answer}");
    assert_eq!((line.refused, line.up), (None, length as u64));
}

#[tokio::test]
async fn the_host_s_own_proxy_is_followed() {
    let hello = hello::tests::hello("registry.example");
    let target = Place { host: "registry.example".to_owned(), port: 443 };
    let asked_of_it = "CONNECT registry.example:443 HTTP/1.1\r\nHost: registry.example:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n";
    let rules = |place: &Place| Rules {
        upstream: Upstream::parse(&format!("http://u:p@localhost:{}", place.port), ""),
        ..only(&target)
    };
    let granted = b"HTTP/1.1 200 yes\r\nX: y\r\n\r\nhello back";
    let (got, answer, line) =
        host(asked_of_it.len(), granted, async |place| asked(rules(&place), &connect(&target, &hello)).await)
            .await;
    assert_eq!(String::from_utf8(got).unwrap(), asked_of_it);
    assert!(answer.ends_with("hello back"), "{answer}");
    assert_eq!((line.refused, line.place.as_str()), (None, "registry.example:443"));
    let (_, answer, line) = host(asked_of_it.len(), b"HTTP/1.1 407 no\r\n\r\n", async |place| {
        asked(rules(&place), &connect(&target, &hello)).await
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert_eq!(line.refused, Some("the host's proxy refused"));
}
