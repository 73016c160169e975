//! P8, writing a tree out, and P9, a one-file change to a branch: ours against the real git, taking turns.
//!
//! `cargo bench --bench git` makes a repository of 5,000 files; `cargo bench --bench git -- DIR` takes a clone of DIR.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints and fails loudly")]

use quantumlayer::git::{Person, Source};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const FILES: usize = 5_000;

fn main() {
    let place = tempfile::tempdir().unwrap();
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let bare = place.path().join("bare.git");
    let from = named.map_or_else(|| generated(&place.path().join("made")), PathBuf::from);
    git(place.path(), &["clone", "-q", "--bare", "--no-local", &from.to_string_lossy(), "bare.git"]);
    git(&bare, &["config", "user.name", "Bench"]);
    git(&bare, &["config", "user.email", "bench@localhost"]);
    let source = Source::open(&bare, &place.path().join("data")).unwrap();
    let base = source.base(Some("HEAD")).unwrap();
    let files = source.paths(&base.tree).unwrap();
    // a file in the middle, in some folder, and not a link
    let changed = files.iter().map(|(path, _)| path).filter(|path| path.contains('/')).nth(files.len() / 3);
    let changed = changed.or(files.first().map(|(path, _)| path)).unwrap().clone();
    let author = Person { name: "Bench".to_owned(), email: "bench@localhost".to_owned() };

    let mut times: [Vec<Duration>; 4] = Default::default();
    for round in 0..ROUNDS {
        // fresh folders: a file system may search long for room among what was removed a moment ago
        let at = |name: &str| place.path().join(format!("{name}-{round}"));
        let (ours, theirs) = (at("ours"), at("theirs"));
        let (branch, other) = (format!("ours-{round}"), format!("theirs-{round}"));
        // who goes first pays for what the disk still has to do from the round before
        let mut turns = [0, 1];
        turns.rotate_left(round % 2);
        for turn in turns {
            let took = timed(|| match turn {
                0 => source.checkout(&base.tree, &ours, None).unwrap(),
                _ => {
                    let workers = "checkout.workers=2";
                    let theirs = theirs.to_string_lossy();
                    git(&bare, &["-c", workers, "worktree", "add", "-q", "-b", &other, &theirs, "HEAD"]);
                }
            });
            times[turn].push(took);
        }
        append(&ours.join(&changed), round);
        append(&theirs.join(&changed), round);
        for turn in turns {
            let took = timed(|| match turn {
                0 => {
                    let tree = source.tree_of(&ours, &base.tree, &[]).unwrap();
                    let at = i64::try_from(round).unwrap();
                    let head = source.commit(&tree, &base.commit, "A change", &author, at).unwrap();
                    source.publish(&branch, &head, None).unwrap();
                }
                _ => {
                    git(&theirs, &["add", "-A"]);
                    git(&theirs, &["commit", "-q", "-m", "A change"]);
                }
            });
            times[2 + turn].push(took);
        }
        let tree = |name: &str| git(&bare, &["rev-parse", &format!("{name}^{{tree}}")]);
        assert_eq!(tree(&branch), tree(&other), "the same change makes the same tree");
    }

    println!("{} files, {ROUNDS} rounds, medians in ms", files.len());
    println!("{:<32} {:>8} {:>8} {:>7}", "", "ours", "git", "ratio");
    let [a, b, c, d] = times.map(median);
    row("P8 checkout", a, b);
    row("P9 tree, commit, publish", c, d);
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

fn append(path: &Path, round: usize) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    writeln!(file, "one more line {round}").unwrap();
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
