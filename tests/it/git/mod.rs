//! Stories about repositories, with the real git as judge: it builds them, and says what is in them afterwards.

mod branches;
mod changes;
mod entries;
mod fetch;
mod hostile;
mod large;
mod never_run;
mod places;
mod same_tree;
mod starts;
mod trees;

use quantumlayer::{
    git::{Person, Source},
    ids::Sha,
};
use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A folder with a repository `repo`, our private data, and whatever a story puts beside them.
struct World {
    place: tempfile::TempDir,
}

impl World {
    /// A repository without a commit.
    fn empty() -> Self {
        let world = Self { place: tempfile::tempdir().unwrap() };
        fs::create_dir(world.repo()).unwrap();
        world.git(&["init", "-q", "-b", "main"]);
        world
    }

    /// A repository with these files in one commit.
    fn with(files: &[(&str, &str)]) -> Self {
        let world = Self::empty();
        for (name, text) in files {
            world.write(name, text);
        }
        world.commit_all("first");
        world
    }

    fn repo(&self) -> PathBuf {
        self.at("repo")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        put(&self.repo(), name, text.as_bytes());
    }

    fn commit_all(&self, message: &str) -> Sha {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.rev("HEAD")
    }

    fn rev(&self, name: &str) -> Sha {
        Sha::new(self.git(&["rev-parse", "--verify", name]))
    }

    fn tree(&self) -> Sha {
        self.rev("HEAD^{tree}")
    }

    fn source(&self) -> Source {
        self.source_of(&self.repo())
    }

    fn source_of(&self, folder: &Path) -> Source {
        Source::open(folder, &self.at("data")).unwrap()
    }

    /// Runs git in the repository; it must succeed.
    fn git(&self, arguments: &[&str]) -> String {
        git(&self.repo(), arguments)
    }

    /// Everything that a person can see of the repository: refs, status, HEAD, configuration, index.
    fn seen(&self) -> String {
        let config = fs::read_to_string(self.repo().join(".git/config")).unwrap_or_default();
        let index = fs::read(self.repo().join(".git/index")).unwrap_or_default();
        let head = fs::read_to_string(self.repo().join(".git/HEAD")).unwrap_or_default();
        let refs = self.git(&["for-each-ref"]);
        let status = self.git(&["--no-optional-locks", "status", "--porcelain"]);
        format!("{refs}\n{status}\n{head}\n{config}\n{index:?}")
    }

    /// The repository is whole, and nothing in it refers to something missing.
    fn fsck(&self) {
        self.git(&["fsck", "--strict", "--full", "--no-dangling"]);
    }

    /// Writes an object as raw as it comes, checked by nobody.
    fn raw(&self, kind: &str, bytes: &[u8]) -> Sha {
        let arguments = ["hash-object", "-t", kind, "-w", "--literally", "--stdin"];
        Sha::new(text(&fed(&self.repo(), &arguments, bytes)))
    }

    /// A tree object with these entries, in this order, whatever they are.
    fn raw_tree(&self, entries: &[(&str, &[u8], &Sha)]) -> Sha {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            let hex = id.as_str().as_bytes().chunks(2);
            bytes.extend(hex.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()));
        }
        self.raw("tree", &bytes)
    }
}

fn author() -> Person {
    Person { name: "Ada".to_owned(), email: "ada@localhost".to_owned() }
}

/// Writes a file and the folders that it is in.
fn put(folder: &Path, name: impl AsRef<OsStr>, bytes: &[u8]) {
    let path = folder.join(Path::new(name.as_ref()));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Every path below with type, mode for files, and content or target.
fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().as_os_str().as_bytes().escape_ascii().to_string();
            let meta = fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                found.push(format!("{name}/"));
                todo.push(path);
            } else if meta.is_symlink() {
                found.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
            } else {
                let mark = if meta.permissions().mode() & 0o100 != 0 { "*" } else { "" };
                found.push(format!("{name}{mark} {}", fs::read(&path).unwrap().escape_ascii()));
            }
        }
    }
    found.sort();
    found
}

/// Runs git with nobody's configuration but the repository's own; it must succeed.
fn git(folder: &Path, arguments: &[&str]) -> String {
    text(&fed(folder, arguments, b""))
}

fn text(out: &Output) -> String {
    assert!(out.status.success(), "git: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "the real git is the judge here")]
fn fed(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@localhost")])
        .envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@localhost")])
        .envs([("GIT_AUTHOR_DATE", "1700000000 +0000"), ("GIT_COMMITTER_DATE", "1700000000 +0000")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // a child that reads nothing may be gone before it is fed
    let fed = std::thread::spawn(move || stdin.write_all(&input));
    let out = child.wait_with_output().unwrap();
    let _ = fed.join().unwrap();
    out
}
