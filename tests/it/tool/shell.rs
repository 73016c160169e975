//! Commands: how they end, what they print, and that nothing of them stays.

use super::Bench;
use crate::process::{running, wait_until};
use quantumlayer::sandbox::toolbox::{Answer, Request};
use quantumlayer::tool::ToolEnd;
use std::time::{Duration, Instant};

fn shell(command: &str, seconds: u32, capture_bytes: u64) -> Request {
    Request::Shell { command: command.to_owned(), cwd: None, seconds, capture_bytes }
}

#[test]
fn a_command_is_told_as_it_was() {
    let mut bench = Bench::with(&[("sub/file", b"x")]);
    let mut check = |arguments: &str, expected: &str| {
        let text = bench.done("shell", arguments);
        // the seconds vary
        let (head, output) = text.split_once('\n').unwrap();
        let head = head.split(", ").next().unwrap();
        assert_eq!(format!("{head}|{output}"), expected, "{arguments}");
    };
    check("echo hi", "exit code 0|hi\n");
    check("echo a; echo b >&2; echo c; exit 3", "exit code 3|a\nb\nc\n");
    check("kill -9 $$", "killed by signal 9|(no output)");
    check("cat; tty", "exit code 1|not a tty\n");
    check(r#"{"command":"ls","cwd":"sub"}"#, "exit code 0|file\n");
    check(r#"{"command":"ls; basename $PWD","cwd":"/workspace/sub/"}"#, "exit code 0|file\nsub\n");
    check(
        r"printf '\033[1;31mred\033[0m 1%%\r100%%\n\377'",
        "exit code 0|100%\n\u{fffd}\n(bytes that are not UTF-8 are shown as \u{fffd})",
    );
    let text = bench.done("shell", "nosuchprogram");
    assert!(text.starts_with("exit code 127, ") && text.contains("nosuchprogram: not found"), "{text}");
}

#[test]
fn a_folder_that_is_none_is_told() {
    let mut bench = Bench::with(&[("sub/file", b"x")]);
    assert_eq!(bench.told("shell", r#"{"command":"ls","cwd":"sbu"}"#), "there is no sbu in the workspace");
    assert_eq!(bench.told("shell", r#"{"command":"ls","cwd":"sub/file"}"#), "sub/file is not a folder");
    assert!(bench.told("shell", r#"{"command":"ls","cwd":"/etc"}"#).contains("outside the workspace"));
    assert!(bench.told("shell", "{\"command\":\"ls \\u0000\"}").contains("can't be run"));
}

#[test]
fn a_command_without_end_is_killed_with_its_tree() {
    let mut bench = Bench::new();
    let word = format!("left-by-timeout-{}", std::process::id());
    let begun = Instant::now();
    let command = format!("setsid sh -c 'sleep 1000; : {word}' & echo begun; sleep 1000");
    let (answer, body) = bench.ask(&shell(&command, 1, 1000), b"");
    assert!(matches!(answer, Answer::Shell { exit_code: None, timed_out: true, .. }), "{answer:?}");
    assert_eq!(body, b"begun\n");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(running(&word) == 0);
    let text = bench.done("shell", r#"{"command":"sleep 100","timeout":1}"#);
    assert!(text.starts_with("killed after 1 s: it did not finish"), "{text}");
}

#[test]
fn what_goes_on_in_the_background_ends_with_the_command() {
    let mut bench = Bench::new();
    let word = format!("left-behind-{}", std::process::id());
    for command in [
        format!("sleep 1000 & sh -c 'sleep 1000; : {word}' & echo done"),
        format!("setsid sh -c 'sleep 1000; : {word}' >/dev/null 2>&1 & echo done"),
        format!("(setsid sh -c '(sh -c \"sleep 1000; : {word}\") & sleep 1000' &) ; echo done"),
        format!(
            "nohup sh -c 'trap \"\" TERM HUP INT; while :; do sleep 1000; : {word}; done' >/dev/null 2>&1 & echo done"
        ),
        format!("sh -c 'kill -STOP $$; : {word}' & echo done"),
    ] {
        let begun = Instant::now();
        let (answer, body) = bench.ask(&shell(&command, 50, 1000), b"");
        assert!(
            matches!(answer, Answer::Shell { exit_code: Some(0), timed_out: false, .. }),
            "{command}: {answer:?}"
        );
        assert_eq!(body, b"done\n", "{command}");
        assert!(running(&word) == 0, "{command}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{command}");
    }
    // many at once, forking while they are ended
    let storm =
        format!("for i in 1 2 3 4 5 6 7 8; do (while :; do sh -c ': {word}'; done) & done; echo done");
    let (answer, body) = bench.ask(&shell(&storm, 50, 1000), b"");
    assert!(matches!(answer, Answer::Shell { exit_code: Some(0), .. }), "{answer:?}");
    assert_eq!(body, b"done\n");
    assert!(running(&word) == 0);
}

#[test]
fn a_flood_is_counted_and_its_ends_are_kept() {
    let mut bench = Bench::new();
    let (answer, body) = bench.ask(&shell("echo first; yes | head -c 200M; echo last", 60, 1000), b"");
    let Answer::Shell { exit_code: Some(0), total_bytes, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(total_bytes, 200 * 1024 * 1024 + 11);
    assert_eq!(body.len(), 1000);
    assert!(body.starts_with(b"first\ny\n") && body.ends_with(b"y\nlast\n"));

    let call = bench.call("shell", "seq 1 100000");
    let Ok(ToolEnd::Text { text, whole: Some(whole), line }) = call else { panic!("{call:?}") };
    assert!(
        text.len() < 20_000 && text.contains(" bytes cut; to see them, run it again into a file"),
        "{}",
        text.len()
    );
    assert!(text.contains("\n1\n2\n") && text.ends_with("\n99999\n100000\n"));
    assert_eq!(whole.len(), 588_895);
    assert!(line.starts_with("exit code 0, ") && line.ends_with("← seq 1 100000"), "{line}");
}

#[test]
fn when_the_host_hangs_up_a_running_command_ends() {
    let mut bench = Bench::new();
    let word = format!("left-by-hangup-{}", std::process::id());
    bench.send(&shell(&format!("mkfifo f; sh -c 'echo > f; sleep 1000; : {word}'"), 1000, 1000), b"");
    // it has begun once the fifo has a writer
    wait_until("the fifo", || bench.path().join("f").exists());
    std::fs::read(bench.path().join("f")).unwrap();
    assert!(running(&word) > 0);
    bench.socket.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(bench.child.wait().unwrap().success());
    assert!(running(&word) == 0);
}

#[test]
fn commands_inherit_nothing_of_the_way_to_the_host() {
    let mut bench = Bench::new();
    let text = bench.done("shell", "ls -l /proc/self/fd | grep -c socket; exit 0");
    assert!(text.ends_with("\n0\n"), "{text}");
}
