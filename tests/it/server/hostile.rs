//! Too much, too long, too slow, too many.

use super::{Opened, answer, at_the_door, deliver, headers, open, raw, request, signed};
use crate::child;
use quantumlayer::server::serve;
use std::{path::Path, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, pause},
};

const MIB: usize = 1024 * 1024;

fn object(bytes: usize) -> Vec<u8> {
    let mut body = br#"{"x":""#.to_vec();
    body.resize(bytes - 2, b'x');
    body.extend(b"\"}");
    body
}

/// The same in chunks: its length is known at its end.
fn chunked(headers: &[String], body: &[u8]) -> Vec<u8> {
    let head = headers.iter().fold(String::new(), |head, line| head + line + "\r\n");
    let mut all =
        format!("POST /webhooks/github HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{head}\r\n")
            .into_bytes();
    for chunk in body.chunks(MIB) {
        all.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        all.extend(chunk);
        all.extend(b"\r\n");
    }
    all.extend(b"0\r\n\r\n");
    all
}

#[tokio::test]
async fn the_largest_body_gets_in_and_one_byte_more_does_not() {
    at_the_door(vec![], async |opened: Opened| {
        let largest = object(25 * MIB);
        assert_eq!(deliver(opened.address, "declared", &largest).await.status, 202);
        let streamed = chunked(&headers("streamed", "push", &largest), &largest);
        assert_eq!(raw(opened.address, &streamed).await.unwrap().status, 202);
        assert!(opened.store.delivery("streamed").await.unwrap().unwrap().body().await.unwrap() == largest);

        let over = object(25 * MIB + 1);
        let check = async |headers: &[String]| {
            let declared = raw(opened.address, &request(headers, &over)).await.unwrap();
            let streamed = raw(opened.address, &chunked(headers, &over)).await.unwrap();
            assert_eq!((declared.status, streamed.status), (413, 413), "{headers:?}");
        };
        check(&headers("over", "push", &over)).await;
        // the size comes before everything else
        check(&["content-type: text/plain".to_owned()]).await;
        check(&["content-type: application/json".to_owned()]).await;
        let far = format!("content-length: {}", 100 * MIB);
        let head = format!("POST /webhooks/github HTTP/1.1\r\nhost: x\r\n{far}\r\n\r\n");
        assert_eq!(raw(opened.address, head.as_bytes()).await.unwrap().status, 413, "said before it is sent");
        assert_eq!(opened.store.delivery("over").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn wrong_lengths_store_nothing() {
    at_the_door(vec![], async |opened: Opened| {
        let body = object(5_000);
        let lines = headers("short", "push", &body);
        let whole = request(&lines, &body);
        let mut stream = TcpStream::connect(opened.address).await.unwrap();
        stream.write_all(&whole[..whole.len() - 1]).await.unwrap();
        stream.shutdown().await.unwrap();
        if let Some(answer) = answer(&mut stream).await {
            assert_eq!(answer.status, 400, "{answer:?}");
        }
        // one byte more than was said: the signature is over what was said
        let mut long = whole.clone();
        long.push(b'}');
        assert_eq!(raw(opened.address, &long).await.unwrap().status, 202);
        let both = String::from_utf8(whole).unwrap();
        let both = both.replace("host: x", "host: x\r\ncontent-length: 7").replace("short", "both");
        assert_eq!(raw(opened.address, both.as_bytes()).await.map(|answer| answer.status), Some(400));
        assert_eq!(raw(opened.address, b"nonsense\r\n\r\n").await.map(|answer| answer.status), Some(400));
        let many = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(200_000));
        assert_eq!(raw(opened.address, many.as_bytes()).await.map(|answer| answer.status), Some(431));
        assert_eq!(opened.store.backlog().await.unwrap().count, 1);
    })
    .await;
}

/// A connection that has sent a head and nothing of the body that it names.
async fn holder(opened: &Opened, bytes: usize) -> TcpStream {
    let lines = headers("held", "push", b"").join("\r\n");
    let head =
        format!("POST /webhooks/github HTTP/1.1\r\nhost: x\r\ncontent-length: {bytes}\r\n{lines}\r\n\r\n");
    let mut stream = TcpStream::connect(opened.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn slow_bodies_have_their_time_and_keep_small_ones_from_nothing() {
    at_the_door(vec![], async |opened: Opened| {
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(holder(&opened, 25 * MIB).await);
        }
        let good = deliver(opened.address, "good", b"{}").await;
        assert_eq!(good.status, 202);
        assert_eq!(deliver(opened.address, "middle", &object(MIB)).await.status, 202);
        let over = object(26 * MIB);
        let refused = raw(opened.address, &request(&headers("over", "push", &over), &over)).await.unwrap();
        assert_eq!(refused.status, 413, "it waits in no line");
        // from here on time passes when nobody has anything to do
        pause();
        let begun = Instant::now();
        let mut fifth = holder(&opened, 25 * MIB).await;
        let busy = answer(&mut fifth).await.unwrap();
        assert_eq!((busy.status, busy.head.contains("retry-after: 30")), (503, true), "{busy:?}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        for mut stream in held {
            assert_eq!(answer(&mut stream).await.unwrap().status, 408);
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    })
    .await;
}

#[tokio::test]
async fn who_says_too_much_and_waits_is_told_so_soon() {
    at_the_door(vec![], async |opened: Opened| {
        // it may be stopped by its head alone
        let mut just_over = holder(&opened, 25 * MIB + 1).await;
        let mut far_over = holder(&opened, 33 * MIB).await;
        pause();
        let begun = Instant::now();
        for stream in [&mut just_over, &mut far_over] {
            let answer = answer(stream).await.unwrap();
            assert_eq!((answer.status, answer.body.contains("over 25 MiB")), (413, true), "{answer:?}");
        }
        assert!(begun.elapsed() <= Duration::from_secs(3), "{:?}", begun.elapsed());
    })
    .await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    at_the_door(vec![], async |opened: Opened| {
        let mut slow = TcpStream::connect(opened.address).await.unwrap();
        slow.write_all(b"POST /webhooks/github HTTP/1.1\r\nx: ").await.unwrap();
        pause();
        let begun = Instant::now();
        assert!(answer(&mut slow).await.is_none_or(|answer| answer.status == 408));
        assert!(begun.elapsed() <= Duration::from_secs(31), "{:?}", begun.elapsed());
    })
    .await;
}

#[tokio::test]
async fn a_body_that_never_ends_does_not_hold_up_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, door, opened) = open(folder.path(), vec![]).await;
    let stop = opened.stop.clone();
    let story = async {
        let held = holder(&opened, 5_000).await;
        deliver(opened.address, "good", b"{}").await;
        pause();
        let begun = Instant::now();
        opened.stop.cancel();
        (begun, held)
    };
    let (served, (begun, _held)) = tokio::join!(serve(listener, door, &stop), story);
    served.unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn six_hundred_that_say_nothing_keep_nobody_out() {
    raise_the_bound_on_descriptors();
    at_the_door(vec![], async |opened: Opened| {
        let mut silent = Vec::new();
        for n in 0..600 {
            silent.push(TcpStream::connect(opened.address).await.unwrap());
            if n % 100 == 99 {
                assert_eq!(deliver(opened.address, &format!("d{n}"), b"{}").await.status, 202);
            }
        }
        assert!(answer(&mut silent[0]).await.is_none(), "the longest silent one made place");
    })
    .await;
}

#[tokio::test]
async fn six_hundred_that_name_a_body_and_do_not_send_it_keep_nobody_out() {
    raise_the_bound_on_descriptors();
    at_the_door(vec![], async |opened: Opened| {
        let mut held = Vec::new();
        for n in 0..600 {
            let mut stream = holder(&opened, 60_000).await;
            stream.write_all(b"{").await.unwrap();
            held.push(stream);
            if n % 100 == 99 {
                assert_eq!(deliver(opened.address, &format!("d{n}"), b"{}").await.status, 202);
            }
        }
        assert!(answer(&mut held[0]).await.is_none(), "the longest silent one made place");
    })
    .await;
}

fn raise_the_bound_on_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// On a disk of 2 MB, where unprivileged mount namespaces (or root) allow one.
#[test]
fn a_full_disk_is_said_and_mended_without_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=2m none "$1" && cd "$1" || exit 77; shift; exec "$@""#;
    let story = child::command("server::hostile::a_door_on_a_disk_of_two_megabytes");
    let mut command = child::shell_that_mounts(script);
    command.arg(folder.path()).arg(story.get_program()).args(story.get_args());
    command.envs(story.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if child::is_refused(output.status.code(), &stderr) {
        return;
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}{stderr}");
}

#[tokio::test]
async fn a_door_on_a_disk_of_two_megabytes() {
    if !child::is("server::hostile::a_door_on_a_disk_of_two_megabytes") {
        return;
    }
    std::fs::write("filler", vec![0; 1_300_000]).unwrap();
    let (listener, door, opened) = open(Path::new("."), vec![]).await;
    let stop = opened.stop.clone();
    let story = async {
        let (mut kept, mut number, mut refused) = (Vec::new(), 0_u32, 0);
        let mut next = async || {
            number += 1;
            let id = format!("d{number}");
            // hashes do not get smaller by packing
            let noise =
                (0..800).fold(String::new(), |noise, n| noise + &signed(&id, &[n as u8, (n >> 8) as u8]));
            let body = format!("{{\"x\":\"{noise}\"}}");
            (deliver(opened.address, &id, body.as_bytes()).await, id)
        };
        while refused < 2 {
            let (answer, id) = next().await;
            match answer.status {
                202 => {
                    kept.push(id);
                    refused = 0;
                }
                status => {
                    assert_eq!((status, answer.head.contains("retry-after: 30")), (503, true), "{answer:?}");
                    refused += 1;
                }
            }
            assert!(kept.len() < 200, "the disk never got full");
        }
        std::fs::remove_file("filler").unwrap();
        let (answer, id) = next().await;
        assert_eq!(answer.status, 202, "{answer:?}");
        kept.push(id);
        stop.cancel();
        kept
    };
    let (served, kept) = tokio::join!(serve(listener, door, &opened.stop), story);
    served.unwrap();
    drop(opened);
    let (_, _, again) = open(Path::new("."), vec![]).await;
    for id in &kept {
        assert!(again.store.delivery(id).await.unwrap().is_some(), "{id} was acknowledged and is gone");
    }
    assert!(kept.len() > 2);
}
