//! The start of a sandbox up to its first answered question, and one `true` by its shell tool, beside `bwrap` and a plain
//! `sh`, taking turns. `cargo bench --bench sandbox` builds `quantum` itself first.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints and fails loudly")]

use quantumlayer::sandbox::toolbox::{Request, Toolbox};
use quantumlayer::sandbox::{Bounds, Kind, Policy, Sandbox};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const ROUNDS: usize = 40;
const NAMES: [&str; 6] = [
    "ours: start to first answer",
    "ours: end",
    "ours: one `true` by the shell tool",
    "bwrap --unshare-all … true",
    "bwrap --unshare-all … sh -c true",
    "sh -c true",
];

fn main() {
    let place = tempfile::tempdir().unwrap();
    let sandbox = Sandbox { kind: Kind::Linux, program: PathBuf::from(env!("CARGO_BIN_EXE_quantum")) };
    if let Some((uid, gid)) = sandbox.owner() {
        std::os::unix::fs::chown(place.path(), Some(uid), Some(gid)).unwrap();
    }
    let policy = policy(place.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let others: Vec<Option<Vec<String>>> =
        vec![bwrap(&["true"]), bwrap(&["sh", "-c", "true"]), Some(words(&["sh", "-c", "true"]))];
    let mut times: [Vec<Duration>; 6] = Default::default();
    let mut memory = "";
    for round in 0..ROUNDS {
        let mut turns = [0, 1];
        turns.rotate_left(round % 2);
        for turn in turns {
            if turn == 0 {
                let (start, end, one, by) = runtime.block_on(ours(&sandbox, &policy));
                [start, end, one].into_iter().zip(&mut times).for_each(|(took, all)| all.push(took));
                memory = by;
                continue;
            }
            for (other, all) in others.iter().zip(&mut times[3..]) {
                all.extend(other.as_deref().map(|command| timed(|| run(command))));
            }
        }
    }
    println!("{ROUNDS} rounds, medians in ms; our memory is bounded by {memory}");
    println!("{:<36} {:>8} {:>8}", "", "median", "best");
    for (name, mut all) in NAMES.into_iter().zip(times) {
        all.sort();
        match (all.get(all.len() / 2), all.first()) {
            (Some(median), Some(best)) => {
                println!("{name:<36} {:>8.2} {:>8.2}", millis(*median), millis(*best))
            }
            _ => println!("{name:<36} {:>8}", "not here"),
        }
    }
}

/// A start with its first answer, one command, and the end.
async fn ours(sandbox: &Sandbox, policy: &Policy) -> (Duration, Duration, Duration, &'static str) {
    let begun = Instant::now();
    let mut toolbox = sandbox.start(policy).await.unwrap();
    ask(&mut toolbox, &Request::Read { path: ".".to_owned(), offset: 0, max_bytes: 1024 }).await;
    let start = begun.elapsed();
    let wish = Request::Shell { command: "true".to_owned(), cwd: None, seconds: 10, capture_bytes: 1024 };
    let begun = Instant::now();
    ask(&mut toolbox, &wish).await;
    let one = begun.elapsed();
    let by = toolbox.memory_bound();
    let begun = Instant::now();
    toolbox.end().await;
    (start, begun.elapsed(), one, by)
}

async fn ask(toolbox: &mut Toolbox, request: &Request) {
    toolbox.ask(request, &[], Duration::from_secs(20)).await.unwrap();
}

fn policy(workspace: &Path) -> Policy {
    let bounds = Bounds {
        memory_bytes: 2 << 30,
        processes: 256,
        file_bytes: 1 << 30,
        tmp_bytes: 1 << 30,
        disk_bytes: 8 << 30,
        life: Duration::from_secs(60),
    };
    let workspace = workspace.to_owned();
    Policy { workspace, read: Vec::new(), write: Vec::new(), env: Vec::new(), egress: None, bounds }
}

/// The same walls as far as it has them; None where it is not installed.
fn bwrap(command: &[&str]) -> Option<Vec<String>> {
    let mut all = words(&[
        "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--clearenv",
        "--ro-bind",
        "/usr",
        "/usr",
        "--symlink",
        "usr/bin",
        "/bin",
        "--symlink",
        "usr/lib",
        "/lib",
        "--symlink",
        "usr/lib64",
        "/lib64",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
        "--setenv",
        "PATH",
        "/usr/bin",
        "--",
    ]);
    all.extend(words(command));
    starts(&all).then_some(all)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[expect(clippy::disallowed_methods, reason = "what we compare with is a process")]
fn starts(command: &[String]) -> bool {
    Command::new(&command[0]).args(&command[1..]).output().is_ok_and(|out| out.status.success())
}

fn run(command: &[String]) {
    assert!(starts(command), "{command:?}");
}

fn timed(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}
