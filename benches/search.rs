//! P14, searching a tree: our tool in its child against `rg` and `git grep`, taking turns on the same files.
//!
//! `cargo bench --bench search` searches this repository; `QUANTUM_BENCH_TREE=DIR` names a larger tree. Ours is the whole
//! call, from the arguments to what the model is shown; theirs is the whole program, with its output thrown away.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints and fails loudly")]

use quantumlayer::{
    model::ToolCall,
    tool::{self, CallBounds, Step, ToolEnd},
};
use serde_json::json;
use std::{
    io::{Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const ROUNDS: usize = 7;
/// Tells this program that it is the child.
const CHILD: &str = "--serve";

/// What is searched for: a name, a pattern, whether case counts.
const WANTED: &[(&str, &str, bool)] = &[
    ("literal, nowhere", "no_such_word_anywhere_at_all", false),
    ("literal, rare", "SO_PEERCRED", false),
    ("literal, common", "unsafe impl", false),
    ("literal, any case", "deadlock", true),
    ("regex with a literal", r"fn parse_\w+\(", false),
    ("regex without a literal", r"\b[a-z]+_[0-9]{3}\b", false),
];

fn main() {
    if std::env::args().any(|argument| argument == CHILD) {
        let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        tool::serve_in(Path::new("."), UnixStream::from(socket));
        return;
    }
    let tree = tree();
    let mut ours = Ours::start(&tree);
    println!("{}: {ROUNDS} rounds, medians in ms", tree.display());
    println!(
        "{:<24} {:>8} {:>8} {:>8} {:>9} {:>8} {:>8}",
        "P14 search", "ours", "rg", "git grep", "ours / rg", "matches", "rg's"
    );
    for (name, pattern, any_case) in WANTED {
        let mut times: [Vec<Duration>; 3] = Default::default();
        let (mut found, mut lines) = (String::new(), 0);
        for round in 0..=ROUNDS {
            let mut turns = [0, 1, 2];
            turns.rotate_left(round % 3);
            for turn in turns {
                let begun = Instant::now();
                match turn {
                    0 => found = ours.search(pattern, *any_case),
                    1 => lines = rg(&tree, pattern, *any_case),
                    _ => git_grep(&tree, pattern, *any_case),
                }
                // the first round fills the page cache
                if round > 0 {
                    times[turn].push(begun.elapsed());
                }
            }
        }
        let [a, b, c] = times.map(median);
        let ratio = a / b;
        println!("{name:<24} {a:>8.1} {b:>8.1} {c:>8.1} {ratio:>8.2}x {found:>8} {lines:>8}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench has no settings")]
fn tree() -> PathBuf {
    let named = std::env::var_os("QUANTUM_BENCH_TREE").map(PathBuf::from);
    named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR"))).canonicalize().unwrap()
}

/// Our tool, served by a child as behind the walls.
struct Ours {
    socket: UnixStream,
    child: Child,
}

impl Ours {
    #[expect(clippy::disallowed_methods, reason = "the child is started here instead of by the sandbox")]
    fn start(tree: &Path) -> Self {
        let (socket, theirs) = UnixStream::pair().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .arg(CHILD)
            .current_dir(tree)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .unwrap();
        Self { socket, child }
    }

    /// How many lines the model is told of; `+` when the tool stopped at its bound.
    fn search(&mut self, pattern: &str, any_case: bool) -> String {
        let arguments = json!({"pattern": pattern, "ignore_case": any_case}).to_string();
        let call = ToolCall { id: "1".to_owned(), name: "search".to_owned(), arguments };
        let bounds = CallBounds { shell: Duration::from_secs(60) };
        let Ok(Step::Ask(asked)) = tool::request(&call, &["search"], bounds) else { panic!("a legal call") };
        let header = serde_json::to_vec(&asked.request).unwrap();
        let lengths = [header.len() as u32, 0].map(u32::to_be_bytes).concat();
        self.socket.write_all(&[lengths, header].concat()).unwrap();
        let mut lengths = [0; 8];
        self.socket.read_exact(&mut lengths).unwrap();
        let part = |at: usize| u32::from_be_bytes(lengths[at..at + 4].try_into().unwrap()) as usize;
        let (mut header, mut body) = (vec![0; part(0)], vec![0; part(4)]);
        self.socket.read_exact(&mut header).unwrap();
        self.socket.read_exact(&mut body).unwrap();
        let end = asked.verdict(serde_json::from_slice(&header).unwrap(), body);
        let Ok(ToolEnd::Text { text, .. }) = end else { panic!("{end:?}") };
        let words: Vec<&str> = text.split_whitespace().take(3).collect();
        match words.as_slice() {
            ["no", ..] => "0".to_owned(),
            ["at", "least", count] => format!("{count}+"),
            [count, ..] => (*count).to_owned(),
            [] => panic!("{text}"),
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let _ = self.child.wait();
    }
}

/// The same files as ours: hidden ones too, without `.git`, by the tree's own `.gitignore` files only.
fn rg(tree: &Path, pattern: &str, any_case: bool) -> usize {
    let same =
        ["-n", "--no-heading", "--hidden", "--no-require-git", "--no-ignore-global", "--no-ignore-parent"];
    let case = if any_case { "-i" } else { "-s" };
    lines(tree, "rg", &[&same[..], &["-g", "!.git", case, "-e", pattern, "."]].concat())
}

fn git_grep(tree: &Path, pattern: &str, any_case: bool) {
    let case: &[&str] = if any_case { &["-i"] } else { &[] };
    let same = ["grep", "-n", "-I", "-P", "--no-index", "--exclude-standard"];
    lines(tree, "git", &[&same[..], case, &["-e", pattern, "."]].concat());
}

#[expect(clippy::disallowed_methods, reason = "what we compare with is a process")]
fn lines(tree: &Path, program: &str, arguments: &[&str]) -> usize {
    let out = Command::new(program).args(arguments).current_dir(tree).stderr(Stdio::null()).output();
    let out = out.unwrap_or_else(|error| panic!("{program} is needed for this bench: {error}"));
    out.stdout.iter().filter(|byte| **byte == b'\n').count()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}
