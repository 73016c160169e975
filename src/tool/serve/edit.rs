//! Exact replacement, on bytes: what is not replaced stays as it is, whatever its encoding.

use super::{Outcome, done, files, miss, place::Root};
use crate::limits::tool::EDIT_FILE_BYTES;
use memchr::memmem;

/// Replaces the first `old_bytes` of `body` in the file by the rest of it: once, or everywhere.
pub(super) fn edit(root: &Root, given: &str, body: &[u8], old_bytes: u64, every: bool) -> Outcome {
    let at = usize::try_from(old_bytes).unwrap_or(usize::MAX);
    let Some((old, new)) = body.split_at_checked(at) else {
        return Err("the request's body is shorter than its old text".to_owned());
    };
    if !old.is_empty() {
        // a missing file must not leave folders behind
        root.open_existing(given)?;
    }
    let place = root.place(given)?;
    let explain = |error| root.explain(given, error);
    let before = match files::content(&place, EDIT_FILE_BYTES + 1).map_err(explain)? {
        None if old.is_empty() => return files::write(root, given, new),
        None => return Err(root.explain(given, rustix::io::Errno::NOENT)),
        Some(before) => before,
    };
    if before.len() as u64 > EDIT_FILE_BYTES {
        return Err(format!(
            "{given} is too large to edit ({EDIT_FILE_BYTES} bytes at most); use a program in the shell"
        ));
    }
    if old.is_empty() {
        return match before.is_empty() {
            true => files::write(root, given, new),
            false => Err(format!(
                "the old text is empty but {given} exists; name the text to replace, or use `write` to replace the whole file"
            )),
        };
    }
    let change = Change::find(&before, old, new).ok_or_else(|| miss::explain(given, &before, old))?;
    if change.at.len() > 1 && !every {
        return Err(miss::ambiguous(given, &before, &change.at));
    }
    let after = change.apply(&before);
    if after.len() as u64 > EDIT_FILE_BYTES {
        return Err(format!("{given} would grow past {EDIT_FILE_BYTES} bytes"));
    }
    files::replace(&place, &after).map_err(explain)?;
    let lines = miss::lines_of(&before, &change.at);
    let (count, plural) = (change.at.len(), if change.at.len() == 1 { "" } else { "s" });
    let crlf = if change.crlf { " (with the file's CRLF line ends)" } else { "" };
    Ok((
        done(format!("edited {given}: {count} place{plural}, line{plural} {lines}{crlf}"), count as u64),
        Vec::new(),
    ))
}

/// Where the old text is, and both texts as the file writes its line ends.
struct Change {
    at: Vec<usize>,
    old: Vec<u8>,
    new: Vec<u8>,
    crlf: bool,
}

impl Change {
    /// As given; else, in a file with CRLF line ends, with those: models write LF.
    fn find(text: &[u8], old: &[u8], new: &[u8]) -> Option<Self> {
        let with = |old: Vec<u8>, new: Vec<u8>, crlf| {
            let at: Vec<usize> = memmem::find_iter(text, &old).collect();
            (!at.is_empty()).then_some(Self { at, old, new, crlf })
        };
        with(old.to_vec(), new.to_vec(), false).or_else(|| {
            let has_crlf = memmem::find(text, b"\r\n").is_some() && old.contains(&b'\n');
            has_crlf.then(|| with(to_crlf(old), to_crlf(new), true)).flatten()
        })
    }

    fn apply(&self, text: &[u8]) -> Vec<u8> {
        let mut after = Vec::with_capacity(text.len() + self.new.len());
        let mut from = 0;
        for at in &self.at {
            after.extend_from_slice(&text[from..*at]);
            after.extend_from_slice(&self.new);
            from = at + self.old.len();
        }
        after.extend_from_slice(&text[from..]);
        after
    }
}

fn to_crlf(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 16);
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || text[at - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}
