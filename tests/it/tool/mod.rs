//! Tools: stories about the child's half, in a process of its own as behind the walls, and both halves together.

#![expect(clippy::unwrap_used, reason = "a story that can't go on has failed")]

mod files;
mod search;
mod shell;
mod submit;

use crate::child;
use quantumlayer::{
    model::ToolCall,
    sandbox::toolbox::{Answer, Request},
    tool::{self, CallBounds, Step, ToolEnd, ToolError},
};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A workspace with a child that serves it. The child is this test binary again, running [`the_child`] alone.
struct Bench {
    folder: TempDir,
    socket: UnixStream,
    child: Child,
    /// Whether the child shall end well.
    well: bool,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (socket, theirs) = UnixStream::pair().unwrap();
        let child = child::command("tool::the_child")
            .current_dir(folder.path())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { folder, socket, child, well: true }
    }

    /// A workspace with these files.
    fn with(files: &[(&str, &[u8])]) -> Self {
        let bench = Self::new();
        for (path, bytes) in files {
            bench.put(path, bytes);
        }
        bench
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn get(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.path().join(path)).unwrap()
    }

    fn send(&mut self, request: &Request, body: &[u8]) {
        let header = serde_json::to_vec(request).unwrap();
        let lengths = [header.len() as u32, body.len() as u32].map(u32::to_be_bytes).concat();
        self.socket.write_all(&[&lengths, &header[..], body].concat()).unwrap();
    }

    fn receive(&mut self) -> (Answer, Vec<u8>) {
        self.socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut lengths = [0; 8];
        self.socket.read_exact(&mut lengths).expect("an answer");
        let length = |at: usize| u32::from_be_bytes(lengths[at..at + 4].try_into().unwrap()) as usize;
        let (mut header, mut body) = (vec![0; length(0)], vec![0; length(4)]);
        self.socket.read_exact(&mut header).unwrap();
        self.socket.read_exact(&mut body).unwrap();
        (serde_json::from_slice(&header).unwrap(), body)
    }

    fn ask(&mut self, request: &Request, body: &[u8]) -> (Answer, Vec<u8>) {
        self.send(request, body);
        self.receive()
    }

    /// Both halves: a call as a model makes it, and what the model is told.
    fn call(&mut self, name: &str, arguments: &str) -> Result<ToolEnd, ToolError> {
        let call = ToolCall { id: "1".to_owned(), name: name.to_owned(), arguments: arguments.to_owned() };
        match tool::request(&call, &ALL, BOUNDS)? {
            Step::Submitted(submission) => Ok(ToolEnd::Submitted(submission)),
            Step::Ask(asked) => {
                let (answer, body) = self.ask(&asked.request, &asked.body);
                asked.verdict(answer, body)
            }
        }
    }

    /// The text of a call that is done.
    fn done(&mut self, name: &str, arguments: &str) -> String {
        match self.call(name, arguments) {
            Ok(ToolEnd::Text { text, .. }) => text,
            other => panic!("{name} {arguments}: {other:?}"),
        }
    }

    /// What the model is told of a call that is not.
    fn told(&mut self, name: &str, arguments: &str) -> String {
        match self.call(name, arguments) {
            Err(ToolError::Tell(why)) => why,
            other => panic!("{name} {arguments}: {other:?}"),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let status = self.child.wait().unwrap();
        if !std::thread::panicking() {
            assert_eq!(status.success(), self.well, "the child ended with {status}");
        }
    }
}

const ALL: [&str; 6] = ["shell", "read", "edit", "write", "search", "submit:plan"];
const BOUNDS: CallBounds = CallBounds { shell: Duration::from_secs(60) };

/// Not a test: what [`Bench`] starts, with the socket as standard input.
#[test]
fn the_child() {
    if !child::is("tool::the_child") {
        return;
    }
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    rustix::stdio::dup2_stdin(&null).unwrap();
    let code = tool::serve_in(Path::new("."), UnixStream::from(stdin));
    assert_eq!(code, std::process::ExitCode::SUCCESS);
}

#[test]
fn the_gate_answers_before_anything_is_asked() {
    let tell = |name: &str, arguments: &str, allowed: &[&str]| {
        let call = ToolCall { id: String::new(), name: name.to_owned(), arguments: arguments.to_owned() };
        match tool::request(&call, allowed, BOUNDS) {
            Err(ToolError::Tell(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        tell("bash", "{}", &ALL),
        "there is no tool `bash`; did you mean `shell`? Your tools: shell, read, edit, write, search, submit"
    );
    assert_eq!(
        tell("write", "{}", &["read", "search"]),
        "the tool `write` is not yours in this role. Your tools: read, search"
    );
    assert_eq!(
        tell("edit", r#"{"path":"a"}"#, &ALL),
        r#"edit: `old` is missing. A legal call's arguments: {"path":"src/lib.rs","old":"a + b","new":"a - b"}"#
    );
    for half in [r#"{"path":"a","content":"half of"#, r#"{"path":"a","content":"half of""#] {
        assert!(tell("write", half, &ALL).contains("cut off"), "{half}");
    }
    assert!(tell("read", r#"{"path":"a","repo":"b/c"}"#, &ALL).contains("leave out `repo`"));
}

#[test]
fn what_a_model_is_shown_is_narrowed_by_role() {
    let specs = tool::specs(&["submit", "read", "unknown"]);
    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["read", "submit"]);
    let kinds = |tools: &[&str]| tool::specs(tools)[0].parameters["properties"]["kind"]["enum"].to_string();
    assert_eq!(kinds(&["submit"]), r#"["proposal","question","answer","no_change"]"#);
    assert_eq!(kinds(&["submit:plan"]), r#"["plan","proposal","question","answer","no_change"]"#);
    assert_eq!(kinds(&["submit:answer"]), r#"["question","answer","no_change"]"#);
    for spec in tool::specs(&ALL) {
        let properties = spec.parameters["properties"].as_object().unwrap();
        let required = spec.parameters["required"].as_array().unwrap();
        assert!(required.iter().all(|name| properties.contains_key(name.as_str().unwrap())), "{}", spec.name);
        assert!(spec.description.len() < 500 && !spec.description.contains("  "), "{}", spec.description);
    }
}

#[test]
fn a_call_is_brief_for_a_person() {
    let brief = |name: &str, arguments: &str| {
        tool::brief(&ToolCall { id: String::new(), name: name.to_owned(), arguments: arguments.to_owned() })
    };
    assert_eq!(brief("shell", r#"{"cmd":["sh","-c","cargo\n test"]}"#), "cargo test");
    assert_eq!(brief("read", r#"{"file_path":"src/a.rs"}"#), "src/a.rs");
    assert_eq!(brief("search", "needle"), "needle");
    assert_eq!(brief("submit", r#"{"kind":"proposal","title":"Fix \u202eit"}"#), "Fix it");
    assert_eq!(brief("rocket", "{"), "");
    assert_eq!(brief("edit", "{"), "");
}

#[test]
fn nonsense_on_the_wire_ends_the_child() {
    for nonsense in [&[0xff; 64][..], &[0, 0, 0, 2, 0, 0, 0, 0, b'{', b'}'], &[0, 0, 0]] {
        let mut bench = Bench::new();
        bench.well = false;
        bench.socket.write_all(nonsense).unwrap();
        bench.socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        // closed, or reset because some of the nonsense was not read
        let _ = bench.socket.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
}
