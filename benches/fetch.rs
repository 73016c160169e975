//! P8, cold: a commit without its history from a server, ours against the real git, taking turns; and the next commit.
//!
//! `cargo bench --bench fetch` makes a repository of 5,000 files; `cargo bench --bench fetch -- DIR` takes a clone of DIR.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints and fails loudly")]

#[path = "../tests/it/world/git_http.rs"]
#[expect(dead_code, reason = "a bench asks for no token and reads no log")]
mod git_http;

use quantumlayer::{
    git::{Caps, Mirror, Remote, Source, Want, Wire},
    ids::Sha,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 5;
const FILES: usize = 5_000;

fn main() {
    let place = tempfile::tempdir().unwrap();
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let bare = place.path().join("bare.git");
    let from = named.map_or_else(|| generated(&place.path().join("made")), PathBuf::from);
    git(place.path(), &["clone", "-q", "--bare", "--no-local", &from.to_string_lossy(), "bare.git"]);
    let (first, second) = (git(&bare, &["rev-parse", "HEAD"]), next(&bare, place.path()));
    let runtime = Runtime::new().unwrap();
    let url = serve(&runtime, bare);
    let wire = Wire::new(runtime.handle().clone()).unwrap();

    let mut times: [Vec<Duration>; 4] = Default::default();
    for round in 0..ROUNDS {
        let (ours, theirs) = (place.path().join("ours"), place.path().join("theirs"));
        for (at, commit) in [(0, &first), (2, &second)] {
            // who goes first pays for what the disk still has to do from the round before
            let mut turns = [0, 1];
            turns.rotate_left(round % 2);
            for turn in turns {
                let took = timed(|| match turn {
                    0 => fetch(&Mirror::open(&ours, wire.clone()).unwrap(), &url, commit),
                    _ => {
                        git(place.path(), &["init", "-q", "--bare", "theirs"]);
                        git(
                            &theirs,
                            &[
                                "fetch",
                                "-q",
                                "--no-tags",
                                "--depth=1",
                                &url,
                                &format!("{commit}:refs/pin/{commit}"),
                            ],
                        );
                    }
                });
                times[at + turn].push(took);
            }
        }
        let source = Source::open(&ours, &place.path().join("data")).unwrap();
        let files = source.paths(&source.base(Some(&second)).unwrap().tree).unwrap().len();
        assert_eq!(files, git(&theirs, &["ls-tree", "-r", &second]).lines().count());
        fs::remove_dir_all(&ours).unwrap();
        fs::remove_dir_all(&theirs).unwrap();
    }

    println!("{ROUNDS} rounds, medians in ms");
    println!("{:<32} {:>8} {:>8} {:>7}", "", "ours", "git", "ratio");
    let [a, b, c, d] = times.map(median);
    row("P8 cold, one commit", a, b);
    row("the next commit", c, d);
}

fn fetch(mirror: &Mirror, url: &str, commit: &str) {
    let remote = Remote { url: url.to_owned(), token: None, want: Want::Commit(Sha::new(commit)) };
    mirror.fetch(&remote, &Caps::default(), &CancellationToken::new()).unwrap();
}

fn serve(runtime: &Runtime, bare: PathBuf) -> String {
    let app = git_http::router(git_http::Log::default(), move |_| Ok(bare.clone()));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/bench/repo.git", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, app).await });
    url
}

/// One more commit on the server, in which one file of a hundred is another.
fn next(bare: &Path, place: &Path) -> String {
    let clone = place.join("clone");
    git(place, &["clone", "-q", &bare.to_string_lossy(), "clone"]);
    let files = git(&clone, &["-c", "core.quotePath=false", "ls-files"]);
    for name in files.lines().step_by(100) {
        let path = clone.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            let mut bytes = fs::read(&path).unwrap();
            bytes.extend(b"\n// one more line\n");
            fs::write(&path, bytes).unwrap();
        }
    }
    git(&clone, &["-c", "user.name=B", "-c", "user.email=b@localhost", "commit", "-q", "-a", "-m", "next"]);
    git(&clone, &["push", "-q", "origin", "HEAD"]);
    git(&clone, &["rev-parse", "HEAD"])
}

fn row(name: &str, ours: f64, git: f64) {
    println!("{name:<32} {ours:>8.1} {git:>8.1} {:>6.2}x", ours / git);
}

fn timed(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}

/// Files of some kilobytes in folders of fifty.
fn generated(folder: &Path) -> PathBuf {
    for number in 0..FILES {
        let inner = folder.join(format!("area{}/part{}", number / 500, number / 50));
        fs::create_dir_all(&inner).unwrap();
        let lines = (0..40 + number % 120).map(|line| format!("    let value_{line} = {number} * {line};\n"));
        fs::write(inner.join(format!("file{number}.rs")), lines.collect::<String>()).unwrap();
    }
    git(folder, &["init", "-q"]);
    git(folder, &["add", "-A"]);
    git(folder, &["-c", "user.name=B", "-c", "user.email=b@localhost", "commit", "-q", "-m", "first"]);
    git(folder, &["gc", "-q"]);
    folder.to_owned()
}

#[expect(clippy::disallowed_methods, reason = "what we compare with is a process")]
fn git(folder: &Path, arguments: &[&str]) -> String {
    let out = Command::new("git").arg("-C").arg(folder).args(arguments).output().unwrap();
    assert!(out.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}
