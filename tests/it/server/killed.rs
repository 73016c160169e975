//! A server of its own, killed again and again under load. What was answered 202 is there, once.
//!
//! `QUANTUM_KILLS=N` kills N times instead of a few.

use super::{answer, get, headers, open, request};
use crate::{child, process, size};
use futures_util::future::join_all;
use quantumlayer::{server::serve, store::Store};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// Kills when nobody says otherwise.
const KILLS: usize = 60;
const CONNECTIONS: usize = 8;

const SERVER: &str = "server::killed::the_server_that_is_killed";

#[tokio::test]
async fn the_server_that_is_killed() {
    if !child::is(SERVER) {
        return;
    }
    let (listener, door, opened) = open(Path::new("."), vec![]).await;
    // whole or not there
    fs::write("address.new", opened.address.to_string()).unwrap();
    fs::rename("address.new", "address").unwrap();
    serve(listener, door, &opened.stop).await.unwrap();
}

fn start(folder: &Path) -> (Child, SocketAddr) {
    serving(folder, |mut command| command.spawn().unwrap())
}

/// The server in a process of its own, however that is started, and where it listens.
pub(super) fn serving<T>(folder: &Path, start: impl FnOnce(Command) -> T) -> (T, SocketAddr) {
    let _ = fs::remove_file(folder.join("address"));
    let mut command = child::command(SERVER);
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let started = start(command);
    let address = process::wait_for("the server listens", || fs::read_to_string(folder.join("address")).ok());
    (started, address.parse().unwrap())
}

/// Sends deliveries one after the other until the server is gone; each again when the answer was lost.
async fn load(
    address: SocketAddr,
    name: &str,
    acknowledged: &AtomicUsize,
    fatal: impl Fn(usize),
) -> Vec<String> {
    let mut ids = Vec::new();
    let Ok(mut stream) = TcpStream::connect(address).await else { return ids };
    for number in 0.. {
        let id = format!("{name}-{number}");
        let body = format!("{{\"id\":\"{id}\",\"text\":\"{}\"}}", "some words ".repeat(100));
        let request = request(&headers(&id, "issue_comment", body.as_bytes()), body.as_bytes());
        if stream.write_all(&request).await.is_err() {
            break;
        }
        match answer(&mut stream).await {
            Some(answer) if answer.status == 202 => {
                ids.push(id);
                fatal(acknowledged.fetch_add(1, Ordering::SeqCst) + 1);
            }
            Some(other) => panic!("{other:?}"),
            None => break,
        }
    }
    ids
}

#[tokio::test]
async fn killed_under_load_it_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut starts) = (BTreeSet::new(), Vec::new());
    let all = size::count("QUANTUM_KILLS", KILLS);
    for life in 0..all {
        let begun = Instant::now();
        let (mut child, address) = start(folder.path());
        assert_eq!(get(address, "/ready").await.status, 200);
        starts.push(begun.elapsed());
        // after so many answers in this life; other requests are at every stage then
        let (deadly, count) = (1 + life * 37 % 101, AtomicUsize::new(0));
        let pid = child.id();
        let loads = (0..CONNECTIONS).map(|n| {
            let count = &count;
            async move {
                load(address, &format!("{life}-{n}"), count, |number| {
                    if number == deadly {
                        process::kill(pid);
                    }
                })
                .await
            }
        });
        acknowledged.extend(join_all(loads).await.into_iter().flatten());
        assert!(!child.wait().unwrap().success(), "it was killed");
    }
    let path = folder.path().join("quantum.db");
    let store = Store::open(&path).await.unwrap();
    for id in &acknowledged {
        let kept =
            store.delivery(id).await.unwrap().unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
        kept.body().await.unwrap();
    }
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let check: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    let twice = "SELECT count(*) FROM (SELECT id FROM deliveries GROUP BY id HAVING count(*) > 1)";
    let twice: i64 = sqlx::query_scalar(twice).fetch_one(&mut connection).await.unwrap();
    assert_eq!((check.as_str(), twice), ("ok", 0));
    let (middle, most) = middle_and_most(starts);
    eprintln!(
        "{} acknowledged through {all} kills, 0 lost, {twice} doubled; ready again after {middle:?} (median), {most:?} (at most)",
        acknowledged.len()
    );
    assert!(acknowledged.len() >= all);
}

/// For people to read; no machine is judged by it.
fn middle_and_most(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}
