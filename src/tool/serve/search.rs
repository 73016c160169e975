//! Searches file contents with ripgrep's own parts: parallel walk, `.gitignore`, SIMD literals.

use super::{Outcome, done, place::Root};
use crate::limits::tool::{
    SEARCH_FILE_BYTES, SEARCH_GATHERED, SEARCH_LINE_BYTES, SEARCH_PROGRAM_BYTES, SEARCH_THREADS, SEARCH_TIME,
};
use grep_matcher::Matcher;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, MmapChoice, Searcher, SearcherBuilder, sinks};
use ignore::{DirEntry, WalkBuilder, WalkState, overrides::OverrideBuilder};
use std::path::{Path, PathBuf};
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::time::Instant;

/// What is looked for.
pub(super) struct Wish<'a> {
    pub(super) pattern: &'a str,
    pub(super) path: Option<&'a str>,
    pub(super) glob: Option<&'a str>,
    pub(super) ignore_case: bool,
}

/// What was found so far, by all threads.
struct Found {
    lines: Mutex<Vec<(PathBuf, u64, String)>>,
    gathered: AtomicUsize,
    files: AtomicUsize,
    stopped: AtomicBool,
    deadline: Instant,
}

/// `path:line:text` of the first matches by path and line, and how many there are.
pub(super) fn search(root: &Root, wish: &Wish<'_>, max_matches: u32) -> Outcome {
    let (matcher, literal) = matcher(wish)?;
    let below = match wish.path {
        None => root.path.clone(),
        Some(given) => root.path.join(root.open_existing(given)?.0),
    };
    let found = Found {
        lines: Mutex::default(),
        gathered: AtomicUsize::new(0),
        files: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
        deadline: Instant::now() + SEARCH_TIME,
    };
    let mut walk = walker(&root.path, wish.glob, &root.path)?;
    let only = below.clone();
    walk.filter_entry(move |entry| {
        let path = entry.path();
        !is_git(entry) && (path.starts_with(&only) || only.starts_with(path))
    });
    visit(&walk, &root.path, &matcher, &found);
    if found.files.load(Ordering::Relaxed) == 0 && wish.path.is_some() {
        // named, though .gitignore leaves it out: then it is meant
        let mut walk = walker(&below, wish.glob, &root.path)?;
        walk.filter_entry(|entry| !is_git(entry));
        visit(&walk, &root.path, &matcher, &found);
    }
    Ok(found.answer(wish, literal, max_matches))
}

/// The pattern as a regular expression; one that is none is taken as plain text (true).
fn matcher(wish: &Wish<'_>) -> Result<(RegexMatcher, bool), String> {
    let mut builder = RegexMatcherBuilder::new();
    builder.case_insensitive(wish.ignore_case).line_terminator(Some(b'\n'));
    builder.size_limit(SEARCH_PROGRAM_BYTES);
    match builder.build(wish.pattern) {
        Ok(matcher) => Ok((matcher, false)),
        Err(error) => {
            builder.fixed_strings(true);
            let plain = builder.build(wish.pattern).map(|matcher| (matcher, true));
            plain.map_err(|_| format!("the pattern can't be searched line by line: {error}"))
        }
    }
}

fn walker(from: &Path, glob: Option<&str>, root: &Path) -> Result<WalkBuilder, String> {
    let mut walk = WalkBuilder::new(from);
    walk.hidden(false)
        .require_git(false)
        .git_global(false)
        .parents(false)
        .max_filesize(Some(SEARCH_FILE_BYTES));
    walk.threads(std::thread::available_parallelism().map_or(1, usize::from).min(SEARCH_THREADS));
    if let Some(glob) = glob {
        let mut globs = OverrideBuilder::new(root);
        let parts = if glob.contains('{') { vec![glob] } else { glob.split(',').collect() };
        for part in parts {
            let part = part.trim();
            globs
                .add(part.strip_prefix("./").unwrap_or(part))
                .map_err(|error| format!("`glob` is not legal: {error}"))?;
        }
        walk.overrides(globs.build().map_err(|error| format!("`glob` is not legal: {error}"))?);
    }
    Ok(walk)
}

fn is_git(entry: &DirEntry) -> bool {
    entry.file_name() == ".git" && entry.depth() > 0
}

fn visit(walk: &WalkBuilder, root: &Path, matcher: &RegexMatcher, found: &Found) {
    walk.build_parallel().run(|| {
        let mut searcher = SearcherBuilder::new()
            .binary_detection(BinaryDetection::quit(0))
            .memory_map(MmapChoice::never())
            .line_number(true)
            .build();
        Box::new(move |entry| {
            // only regular files: a fifo would block, a symlink may lead out
            if let Some(entry) =
                entry.ok().filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
            {
                found.look_into(entry.path(), root, matcher, &mut searcher);
            }
            if found.stop() { WalkState::Quit } else { WalkState::Continue }
        })
    });
}

impl Found {
    fn look_into(&self, path: &Path, root: &Path, matcher: &RegexMatcher, searcher: &mut Searcher) {
        self.files.fetch_add(1, Ordering::Relaxed);
        let mut here = Vec::new();
        let sink = sinks::Bytes(|number, line| {
            here.push((number, shown(line, matcher)));
            let gathered = self.gathered.fetch_add(1, Ordering::Relaxed);
            Ok(gathered + 1 < SEARCH_GATHERED)
        });
        // a file that can't be read has no matches
        let _ = searcher.search_path(matcher, path, sink);
        if !here.is_empty() {
            let path = path.strip_prefix(root).unwrap_or(path);
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.extend(here.into_iter().map(|(number, line)| (path.to_owned(), number, line)));
        }
    }

    fn stop(&self) -> bool {
        let full = self.gathered.load(Ordering::Relaxed) >= SEARCH_GATHERED;
        let stop = full || Instant::now() >= self.deadline;
        if stop {
            self.stopped.store(true, Ordering::Relaxed);
        }
        stop
    }

    fn answer(
        self,
        wish: &Wish<'_>,
        literal: bool,
        max_matches: u32,
    ) -> (crate::sandbox::toolbox::Answer, Vec<u8>) {
        let mut lines = self.lines.into_inner().unwrap_or_else(PoisonError::into_inner);
        lines.sort();
        let total = lines.len();
        let mut files: Vec<&PathBuf> = lines.iter().map(|(path, ..)| path).collect();
        files.dedup();
        let at_least = if self.stopped.into_inner() { "at least " } else { "" };
        let searched = self.files.into_inner();
        let mut note = match total {
            0 => format!("no line matches in {at_least}{searched} files searched"),
            _ => format!("{at_least}{total} matching lines in {} of {searched} files searched", files.len()),
        };
        let most = max_matches as usize;
        if total > most {
            note.push_str(&format!("; the first {most} are shown"));
        }
        if literal {
            note.push_str("; the pattern is not a regular expression and was taken as plain text");
        }
        if searched == 0 && wish.glob.is_some() {
            note.push_str("; no file matches `glob`");
        }
        lines.truncate(most);
        let body: String = lines
            .iter()
            .map(|(path, number, line)| format!("{}:{number}:{line}\n", path.display()))
            .collect();
        (done(note, total as u64), body.into_bytes())
    }
}

/// A found line, without its end, bounded: of a long one the part around the match.
fn shown(line: &[u8], matcher: &RegexMatcher) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() <= SEARCH_LINE_BYTES {
        return String::from_utf8_lossy(line).into_owned();
    }
    let at = matcher.find(line).ok().flatten().map_or(0, |found| found.start());
    let from = at.saturating_sub(SEARCH_LINE_BYTES / 4).min(line.len() - SEARCH_LINE_BYTES);
    let part = String::from_utf8_lossy(&line[from..from + SEARCH_LINE_BYTES]);
    match from {
        0 => format!("{part} [… {} bytes]", line.len()),
        _ => format!("[… from byte {from}] {part} [… {} bytes]", line.len()),
    }
}
