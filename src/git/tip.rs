//! What a remote has to offer: which commit a branch is at, and what its server can do.
//!
//! The list of refs is asked for and read here, and libgit2 is told of one commit only. By protocol 2 that is one line
//! where a large repository's whole list has tens of megabytes, and nobody's odd names reach C code.

use super::{
    GitError,
    fetch::Want,
    wire::{Call, shown},
};
use crate::limits::git as limits;
use git2::{Oid, Reference};

/// The name by which libgit2 is offered the commit.
pub(super) const OFFERED: &str = "refs/quantum/offered";

/// What libgit2 may use of what a server can do. Without thin packs a server sends a commit without history whole,
/// whatever we have.
const USED: &[&str] = &["multi_ack_detailed", "side-band-64k", "thin-pack", "ofs-delta", "shallow"];

/// What is to be fetched.
pub(super) struct Tip {
    pub(super) commit: Oid,
    /// What libgit2 takes for the remote's advertisement.
    pub(super) advertisement: Vec<u8>,
}

/// Asks the remote for what is wanted.
pub(super) fn ask(call: &mut Call, want: &Want) -> Result<Tip, GitError> {
    let name = match want {
        Want::Head => Some("HEAD".to_owned()),
        Want::Branch(name) => Some(branch(name)?),
        Want::Commit(_) => None,
    };
    let answer = call.advertisement()?;
    let mut lines = lines(&answer)?;
    if lines.first().is_some_and(|line| line.starts_with(b"# service=")) {
        lines.remove(0);
    }
    let is_two = lines.first() == Some(&&b"version 2"[..]);
    let capabilities = if is_two { USED.to_vec() } else { used(&lines) };
    if !is_two && !lines.iter().all(|line| is_ref(line))
        || is_two && lines.contains(&&b"object-format=sha256"[..])
    {
        return Err(garbled("a list of refs that can't be read"));
    }
    let commit = match (want, name) {
        (Want::Commit(sha), _) => Oid::from_str(sha.as_str()).ok().filter(|_| sha.as_str().len() == 40),
        (_, Some(name)) if is_two => {
            let question = question(&name);
            let answer = call.ask(question)?;
            self::lines(&answer)?.iter().find_map(|line| at(line, &name))
        }
        (_, name) => name.and_then(|name| lines.iter().find_map(|line| at(line, &name))),
    };
    let commit = commit.ok_or_else(|| GitError::NoSuchCommit(want.to_string()))?;
    Ok(Tip { commit, advertisement: advertisement(commit, &capabilities) })
}

fn branch(name: &str) -> Result<String, GitError> {
    let full = format!("refs/heads/{name}");
    match name.len() <= limits::BRANCH_BYTES && Reference::is_valid_name(&full) {
        true => Ok(full),
        false => Err(GitError::BadBranch(name.to_owned())),
    }
}

/// A line of a list of refs, up to what the server can do.
fn head(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn is_ref(line: &[u8]) -> bool {
    let id = line.get(..40).and_then(|id| std::str::from_utf8(id).ok());
    id.is_some_and(|id| Oid::from_str(id).is_ok()) && line.get(40) == Some(&b' ')
        || line.starts_with(b"shallow ")
}

/// The object that a line says `name` is at.
fn at(line: &[u8], name: &str) -> Option<Oid> {
    let mut words = head(line).split(|byte| *byte == b' ');
    let (id, is) = (words.next()?, words.next()?);
    let id = Some(id).filter(|id| id.len() == 40 && is == name.as_bytes())?;
    Oid::from_str(std::str::from_utf8(id).ok()?).ok()
}

/// What a server that speaks protocol 0 can do, of what we use.
fn used(lines: &[&[u8]]) -> Vec<&'static str> {
    let told = lines.first().and_then(|line| line.splitn(2, |byte| *byte == 0).nth(1)).unwrap_or_default();
    let has = |word: &str| told.split(|byte| *byte == b' ').any(|told| told == word.as_bytes());
    USED.iter().copied().filter(|word| has(word)).collect()
}

/// Protocol 2: one ref, please. What begins alike comes as well.
fn question(name: &str) -> Vec<u8> {
    let mut question = packet(b"command=ls-refs\n");
    question.extend(b"0001");
    question.extend(packet(format!("ref-prefix {name}\n").as_bytes()));
    question.extend(b"0000");
    question
}

fn advertisement(commit: Oid, capabilities: &[&str]) -> Vec<u8> {
    let mut all = packet(b"# service=git-upload-pack\n");
    all.extend(b"0000");
    all.extend(packet(format!("{commit} {OFFERED}\0{}\n", capabilities.join(" ")).as_bytes()));
    all.extend(b"0000");
    all
}

/// git's packet: its own length in four hex digits, then what it holds.
fn packet(bytes: &[u8]) -> Vec<u8> {
    [format!("{:04x}", bytes.len() + 4).as_bytes(), bytes].concat()
}

/// What a server says instead of an answer, in its first packet.
pub(super) fn complaint(bytes: &[u8]) -> Option<GitError> {
    let said = bytes.get(4..)?.strip_prefix(b"ERR ")?;
    let said = said.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default();
    Some(garbled(&shown(&String::from_utf8_lossy(said))))
}

/// The packets of a whole answer, without the line's end that they may have. What only parts them is left out.
fn lines(mut bytes: &[u8]) -> Result<Vec<&[u8]>, GitError> {
    if !bytes.ends_with(b"0000") {
        return Err(complaint(bytes).unwrap_or_else(|| garbled("an answer without an end")));
    }
    let mut lines = Vec::new();
    while !bytes.is_empty() {
        let length = bytes.get(..4).and_then(|hex| std::str::from_utf8(hex).ok());
        let length = length.and_then(|hex| usize::from_str_radix(hex, 16).ok());
        match length {
            Some(0..=2) => bytes = &bytes[4..],
            Some(length) if (4..=bytes.len()).contains(&length) => {
                if let Some(complaint) = complaint(&bytes[..length]) {
                    return Err(complaint);
                }
                let line = &bytes[4..length];
                lines.push(line.strip_suffix(b"\n").unwrap_or(line));
                bytes = &bytes[length..];
            }
            _ => return Err(garbled("packets that can't be read")),
        }
    }
    Ok(lines)
}

fn garbled(what: &str) -> GitError {
    GitError::Garbled(what.to_owned())
}
