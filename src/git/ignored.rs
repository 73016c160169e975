//! What `.gitignore` files of a workspace cover: git's rules, matched by the `ignore` crate.
//!
//! Deliberately absent: `.git/info/exclude` and the user's own excludes; a workspace has neither.

use super::GitError;
use crate::limits::git as limits;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{Mode, OFlags, openat};
use std::{fs::File, io::Read, os::fd::BorrowedFd, path::Path};

/// The `.gitignore` files from the root to where a walk is.
#[derive(Default)]
pub(super) struct Rules {
    files: Vec<Gitignore>,
    bytes: u64,
}

impl Rules {
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.files.truncate(len);
    }

    /// Adds the `.gitignore` of the folder `at`; lines that are no patterns are passed over, as git does. `TooBig` over
    /// the limit of bytes of all.
    pub(super) fn read(&mut self, folder: BorrowedFd<'_>, at: &Path) -> Result<(), GitError> {
        // a link is not followed, and something that can't be read has no rules: as in git
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = openat(folder, ".gitignore", flags, Mode::empty()) else { return Ok(()) };
        let mut bytes = Vec::new();
        let left = limits::IGNORE_BYTES.saturating_sub(self.bytes) + 1;
        if File::from(file).take(left).read_to_end(&mut bytes).is_err() {
            return Ok(());
        }
        self.bytes += bytes.len() as u64;
        let too_big = || GitError::TooBig {
            what: format!("with {}, what `.gitignore` files hold", at.join(".gitignore").display()),
            limit: format!("{} KiB", limits::IGNORE_BYTES >> 10),
        };
        if self.bytes > limits::IGNORE_BYTES {
            return Err(too_big());
        }
        let mut builder = GitignoreBuilder::new(at);
        builder.allow_unclosed_class(false);
        let text = String::from_utf8_lossy(&bytes);
        for line in text.trim_start_matches('\u{feff}').lines() {
            let _ = builder.add_line(None, &plain_braces(line));
        }
        // single patterns are fine, so what fails is all of them together
        self.files.push(builder.build().map_err(|_| too_big())?);
        Ok(())
    }

    /// Whether the nearest file that says anything about the path says that it is ignored.
    pub(super) fn cover(&self, path: &Path, is_folder: bool) -> bool {
        let decisions = self.files.iter().rev().map(|rules| rules.matched(path, is_folder));
        decisions
            .into_iter()
            .find(|decision| !decision.is_none())
            .is_some_and(|decision| decision.is_ignore())
    }
}

/// Braces mean nothing to git; here they would be alternatives.
fn plain_braces(line: &str) -> String {
    let (mut text, mut class, mut escaped) = (String::with_capacity(line.len()), None, false);
    for c in line.chars() {
        if matches!(c, '{' | '}') && !escaped && class.is_none() {
            text.push('\\');
        }
        // how many characters a class has so far: the first may be its end as a plain character
        class = match (class, c) {
            (None, '[') if !escaped => Some(0),
            (Some(0), '!' | '^') => Some(0),
            (Some(0), _) => Some(1),
            (Some(_), ']') => None,
            (class, _) => class,
        };
        escaped = c == '\\' && !escaped && class.is_none();
        text.push(c);
    }
    text
}
