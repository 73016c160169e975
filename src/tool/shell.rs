//! `shell`: runs a command in the workspace. The host's half.

use super::{Asked, Given, Step, Tool, ToolEnd, ToolError, arguments::Fields, misfit, read, view};
use crate::{
    limits::tool::{CALL_GRACE, CAPTURE_BYTES, COMMAND_BYTES, SHELL_SECONDS},
    sandbox::toolbox::{Answer, Request},
};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const TOOL: Tool = Tool {
    name: "shell",
    also: &[
        "bash",
        "sh",
        "run",
        "exec",
        "execute",
        "terminal",
        "command",
        "cmd",
        "run_command",
        "execute_command",
        "local_shell",
        "python",
    ],
    description: "Run a command with `sh -c` in the workspace. No terminal, no standard input; usually no network. \
        Answers with the exit code, the seconds, and stdout and stderr in the order they were written. \
        Everything the command started, also in the background, is ended when it ends. State (cd, variables) is not kept between calls.",
    parameters: |_| {
        json!({
            "type": "object",
            "properties": {
                "command": {"type": "string", "description": "The command line, e.g. `cargo test parser`. The exit code of a pipe is its last command's"},
                "cwd": {"type": "string", "description": "Folder below the workspace to run in (default: its root)"},
                "timeout_seconds": {"type": "integer", "minimum": 1, "description": "Kill it after this long (default 120)"}
            },
            "required": ["command"]
        })
    },
    main: "command",
    example: r#"{"command":"cargo test"}"#,
    prepare,
};

/// How the model gets at what was cut; the store's copy is for people.
const SEE: &str = "to see them, run it again into a file in $TMPDIR and look at parts of that";

fn prepare(fields: &mut Fields, given: &Given<'_>) -> Result<Step, String> {
    let command = command(fields)?;
    if command.trim().is_empty() {
        return Err("`command` is empty".to_owned());
    }
    if command.len() > COMMAND_BYTES {
        let size = view::grouped(command.len() as u64);
        return Err(format!("`command` has {size} bytes; write a script with the `write` tool and run that"));
    }
    let cwd = fields.text(&["cwd", "workdir", "working_directory", "dir", "directory"])?;
    if let Some(cwd) = &cwd {
        read::check_path(cwd)?;
    }
    let most = given.bounds.shell.as_secs().max(1);
    let wanted = fields.number(&["timeout_seconds", "timeout", "seconds"])?.filter(|seconds| *seconds > 0);
    let seconds = u32::try_from(wanted.unwrap_or(SHELL_SECONDS).min(most)).unwrap_or(u32::MAX);
    // `timeout_ms` is what some models are trained on; it is taken as no wish
    fields.value(&["timeout_ms", "description", "justification", "is_background"]);
    let request = Request::Shell { command, cwd, seconds, capture_bytes: CAPTURE_BYTES };
    let mut asked = Asked::new(request, Vec::new(), verdict);
    asked.limit = Duration::from_secs(seconds.into()) + CALL_GRACE;
    if wanted.is_some_and(|wanted| wanted > most) {
        asked.notes.push(format!("a command gets at most {most} s here"));
    }
    Ok(Step::Ask(asked))
}

/// The command: a text, or a list as for `exec`, of which `["bash","-lc","…"]` is the usual one.
pub(super) fn command(fields: &mut Fields) -> Result<String, String> {
    const NAMES: [&str; 5] = ["command", "cmd", "commands", "script", "code"];
    let list = match fields.value(&NAMES) {
        None => return Err("`command` is missing".to_owned()),
        Some(Value::String(text)) => return Ok(text),
        Some(Value::Array(list)) => list,
        Some(_) => return Err("`command` is a text".to_owned()),
    };
    let words: Vec<String> =
        list.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect();
    Ok(match words.as_slice() {
        [shell, flag, script] if is_shell(shell, "sh") && is_script_flag(flag) => script.clone(),
        [shell, flag, script] if is_shell(shell, "bash") && is_script_flag(flag) => {
            format!("bash -c {}", quoted(script))
        }
        [one] => one.clone(),
        words => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
    })
}

fn is_shell(word: &str, name: &str) -> bool {
    word.rsplit('/').next() == Some(name)
}

fn is_script_flag(flag: &str) -> bool {
    matches!(flag, "-c" | "-lc" | "-ec" | "-euc" | "-ilc" | "-lic")
}

pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn verdict(asked: &Asked, answer: Answer, mut body: Vec<u8>) -> Result<ToolEnd, ToolError> {
    let Request::Shell { command, seconds, .. } = &asked.request else { return Err(misfit(&answer)) };
    let Answer::Shell { exit_code, signal, timed_out, millis, total_bytes } = answer else {
        return Err(misfit(&answer));
    };
    let took = format!("{}.{} s", millis / 1000, millis % 1000 / 100);
    let how = match (timed_out, exit_code, signal) {
        (true, ..) => format!(
            "killed after {seconds} s: it did not finish (ask for more with timeout_seconds, or run less)"
        ),
        (false, Some(code), _) => format!("exit code {code}, {took}"),
        (false, None, Some(signal)) => format!("killed by signal {signal}, {took}"),
        (false, None, None) => format!("did not finish, {took}"),
    };
    // the end first: a long command would hide it
    let line = view::line(&format!("{} ← {command}", how.split(':').next().unwrap_or(&how)));
    let dropped = total_bytes.saturating_sub(body.len() as u64);
    if dropped > 0 {
        let mark = format!("\n[… {} bytes in the middle were not kept …]\n", view::grouped(dropped));
        let half = body.len() / 2;
        body.splice(half..half, mark.into_bytes());
    }
    let clean = view::terminal(&body);
    let (shown, was_cut) = view::cut(clean.text, SEE);
    let mut text = match shown.trim().is_empty() {
        true => format!("{how}\n(no output)"),
        false => format!("{how}\n{shown}"),
    };
    if !clean.utf8 {
        text.push_str("\n(bytes that are not UTF-8 are shown as \u{fffd})");
    }
    Ok(ToolEnd::Text { text, whole: was_cut.then_some(body), line })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::CallBounds;

    fn asked(arguments: &str, most_seconds: u64) -> Result<Asked, String> {
        let bounds = CallBounds { shell: Duration::from_secs(most_seconds) };
        match prepare(&mut Fields::parse(arguments, "command")?, &Given { bounds, variant: "" })? {
            Step::Ask(asked) => Ok(asked),
            Step::Submitted(_) => Err("submitted".to_owned()),
        }
    }

    #[test]
    fn commands_come_in_many_shapes() {
        let check = |arguments: &str, expected: &str| {
            let Request::Shell { command, .. } = asked(arguments, 60).expect(arguments).request else {
                panic!()
            };
            assert_eq!(command, expected, "{arguments}");
        };
        check(r#"{"command":"ls -la"}"#, "ls -la");
        check(r#"{"cmd":"ls"}"#, "ls");
        check(
            r#"{"command":["bash","-lc","set -o pipefail; a | b 'c'"]}"#,
            r"bash -c 'set -o pipefail; a | b '\''c'\'''",
        );
        check(r#"{"command":["/bin/sh","-c","ls | wc"]}"#, "ls | wc");
        check(r#"{"command":["cargo test"]}"#, "cargo test");
        check(r#"{"command":["grep","-rn","a b","src",""]}"#, "grep -rn 'a b' src ''");
        check(r#"{"command":["head","-n",5]}"#, "head -n 5");
        check("make", "make");
        for (arguments, part) in
            [("{}", "missing"), (r#"{"command":" "}"#, "empty"), (r#"{"command":{"a":1}}"#, "a text")]
        {
            assert!(asked(arguments, 60).is_err_and(|why| why.contains(part)), "{arguments}");
        }
        let long = json!({"command": "x".repeat(COMMAND_BYTES + 1)}).to_string();
        assert!(asked(&long, 60).is_err_and(|why| why.contains("write a script")));
    }

    #[test]
    fn the_models_time_is_bounded_by_the_roles() {
        let check = |arguments: &str, most: u64, expected: u32, notes: usize| {
            let asked = asked(arguments, most).expect(arguments);
            let Request::Shell { seconds, .. } = asked.request else { panic!() };
            assert_eq!((seconds, asked.notes.len()), (expected, notes), "{arguments}");
            assert_eq!(asked.limit, Duration::from_secs(expected.into()) + CALL_GRACE);
        };
        check(r#"{"command":"a"}"#, 600, 120, 0);
        check(r#"{"command":"a"}"#, 60, 60, 0);
        check(r#"{"command":"a","timeout":"5"}"#, 60, 5, 0);
        check(r#"{"command":"a","timeout_seconds":0}"#, 60, 60, 0);
        check(r#"{"command":"a","seconds":1e18}"#, 60, 60, 1);
    }

    #[test]
    fn the_verdict_says_how_it_ended() {
        let check = |answer: Answer, body: &[u8], expected: &str| {
            let asked = asked(r#"{"command":"make","timeout":9}"#, 60).expect("legal");
            match asked.verdict(answer, body.to_vec()) {
                Ok(ToolEnd::Text { text, whole, .. }) => assert_eq!((text.as_str(), whole), (expected, None)),
                other => panic!("{other:?}"),
            }
        };
        let ended = |exit_code, signal, timed_out, total_bytes| Answer::Shell {
            exit_code,
            signal,
            timed_out,
            millis: 1234,
            total_bytes,
        };
        check(ended(Some(0), None, false, 3), b"ok\n", "exit code 0, 1.2 s\nok\n");
        check(ended(Some(2), None, false, 0), b"", "exit code 2, 1.2 s\n(no output)");
        check(ended(None, Some(11), false, 0), b"", "killed by signal 11, 1.2 s\n(no output)");
        check(
            ended(None, Some(9), true, 1),
            b"x",
            "killed after 9 s: it did not finish (ask for more with timeout_seconds, or run less)\nx",
        );
        check(
            ended(Some(0), None, false, 1004),
            b"abcd",
            "exit code 0, 1.2 s\nab\n[… 1,000 bytes in the middle were not kept …]\ncd",
        );
        check(
            ended(Some(0), None, false, 1),
            b"\xff",
            "exit code 0, 1.2 s\n\u{fffd}\n(bytes that are not UTF-8 are shown as \u{fffd})",
        );
        let misfit = asked("make", 9)
            .expect("legal")
            .verdict(Answer::Done { note: String::new(), total: 0 }, Vec::new());
        assert!(matches!(misfit, Err(ToolError::Stop(report)) if report.code == "toolbox_misfit"));
    }
}
