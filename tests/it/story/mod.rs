//! `quantum run` as a user meets it: the built program, a repository made by git, a recorded conversation; what comes
//! out on stdout, which exit, and that nothing but one branch changed.

mod bad_input;
mod checks;
mod leaving;
mod outcomes;
mod places;
mod resume;
mod stop;

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A repository, a data folder and a conversation, all in one temporary place.
pub(crate) struct Desk {
    place: tempfile::TempDir,
}

/// What a run came to.
pub(crate) struct Told {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Told {
    /// The one document, with every key of the contract.
    pub(crate) fn document(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}: {:?}\n{}", self.stdout, self.stderr));
        let keys = [
            "run", "outcome", "branch", "base", "head", "summary", "files", "receipt", "verified", "plan",
            "cost", "question", "error",
        ];
        for key in keys {
            assert!(value.get(key).is_some(), "no {key} in {value}");
        }
        value
    }
}

/// A check of the sample that needs no toolchain: it says how many tests ran, as a known runner would.
const CHECK: &str = "#!/bin/sh\nif grep -q good value; then echo 'test result: ok. 1 passed; 0 failed'; else\n\
    echo 'test value_is_good ... FAILED'; echo 'test result: FAILED. 0 passed; 1 failed'; exit 101; fi\n";

impl Desk {
    /// A repository whose check fails until `value` holds `good`.
    pub(crate) fn new() -> Self {
        let desk = Self::empty();
        desk.write("value", "bad\n");
        desk.write("Makefile", "test:\n\tsh ./check.sh\n");
        desk.write("check.sh", CHECK);
        desk.git(&["add", "-A"]);
        desk.git(&["commit", "-qm", "first"]);
        desk
    }

    /// A repository without a commit.
    pub(crate) fn empty() -> Self {
        let desk = Self { place: tempfile::tempdir().unwrap() };
        fs::create_dir(desk.repo()).unwrap();
        desk.git(&["init", "-q", "-b", "main"]);
        desk.git(&["config", "user.name", "Ada"]);
        desk.git(&["config", "user.email", "ada@example.com"]);
        desk
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.place.path().join("repo")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.repo().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn commit(&self, name: &str, text: &str) {
        self.write(name, text);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", name]);
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        #[expect(clippy::disallowed_methods, reason = "git judges what we made")]
        let output = Command::new("git")
            .args(args)
            .current_dir(self.repo())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Everything of the repository that must not change.
    pub(crate) fn standing(&self) -> String {
        let refs = self.git(&["for-each-ref"]) + "\n";
        let files = self.git(&["status", "--porcelain"]) + &self.git(&["stash", "list"]);
        refs + &files
            + &fs::read_to_string(self.repo().join(".git/HEAD")).unwrap()
            + &fs::read_to_string(self.repo().join(".git/config")).unwrap()
    }

    /// Writes a conversation and gives its spec.
    pub(crate) fn script(&self, lines: &[Value]) -> String {
        let path = self.path().join("script.jsonl");
        fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        format!("scripted/{}", path.display())
    }

    /// The program with nothing of the outer environment but `PATH`.
    pub(crate) fn quantum(&self, args: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the program is what this tests")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_quantum"));
        #[expect(clippy::disallowed_methods, reason = "toolchains are found by it")]
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(args).current_dir(self.repo()).env_clear().env("PATH", path).env("HOME", self.path());
        command.env("QUANTUM_DATA_DIR", self.path().join("data")).stdin(Stdio::null());
        command
    }

    pub(crate) fn told(&self, command: &mut Command) -> Told {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Told { exit: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }

    /// `quantum run WANT --model SCRIPT --json` and more.
    pub(crate) fn run(&self, lines: &[Value], more: &[&str]) -> Told {
        let model = self.script(lines);
        let mut args = vec!["run", "Make it good", "--json", "--model", &model];
        args.extend(more);
        self.told(&mut self.quantum(&args))
    }
}

/// One answer of the model: calls of tools.
pub(crate) fn calls(role: &str, calls: &[(&str, Value)]) -> Value {
    let calls: Vec<Value> =
        calls.iter().map(|(name, arguments)| json!({"name": name, "arguments": arguments})).collect();
    json!({"role": role, "text": "", "tool_calls": calls, "usage": {"input_tokens": 10, "output_tokens": 5}})
}

pub(crate) fn one_task() -> Value {
    let task = json!({"id": "t1", "role": "coder", "title": "Make it good", "text": "Write good into value", "needs": []});
    calls(
        "planner",
        &[(
            "submit",
            json!({"kind": "plan", "summary": "One small task.", "confidence": 0.9, "tasks": [task]}),
        )],
    )
}

pub(crate) fn write(role: &str, path: &str, content: &str) -> Value {
    calls(role, &[("write", json!({"path": path, "content": content}))])
}

pub(crate) fn shell(role: &str, command: &str) -> Value {
    calls(role, &[("shell", json!({"command": command}))])
}

pub(crate) fn submit(role: &str, title: &str) -> Value {
    calls(role, &[("submit", json!({"kind": "proposal", "title": title, "summary": format!("{title}.")}))])
}

/// The sample made good in the usual way.
pub(crate) fn good() -> Vec<Value> {
    vec![one_task(), write("coder", "value", "good\n"), submit("coder", "Make it good")]
}
