//! Words of somebody else: escaped, or shown as code when somebody would act on them.

use crate::{
    intent::cut,
    limits::{intent::SUBJECT_BYTES, run::REPLY_BYTES},
};

/// Bots that are told things without a slash, at the start of a line.
const OTHER_BOTS: &[&str] = &["bors", "homu", "atlantis", "jenkins", "recheck", "retest"];
/// What GitHub reads in a commit message as "run no checks".
const SKIPS: &[&str] = &["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"];

/// Adds words to a line of Markdown so that they read as they are and do nothing. `code` shows a word as code.
pub(super) fn escape(out: &mut String, text: &str, is_start: bool, code: &dyn Fn(&str) -> String) {
    let mut is_start = is_start;
    for token in text.split_inclusive(char::is_whitespace) {
        let word = token.trim_end();
        if !word.is_empty() {
            if does_something(word) || (is_start && is_spoken(word)) {
                as_code(out, word, code);
            } else {
                escape_word(out, word, is_start);
            }
            is_start = false;
        }
        if word.len() < token.len() && !out.is_empty() && !out.ends_with([' ', '\n']) {
            out.push(' ');
        }
    }
}

/// Adds Markdown of ours. Code next to code would be read as one, ending elsewhere; a `!` before a link makes an image.
pub(super) fn push_made(out: &mut String, markdown: &str) {
    if out.ends_with('`') && markdown.starts_with('`') {
        out.push(' ');
    }
    if out.ends_with('!') && markdown.starts_with('[') {
        out.insert(out.len() - 1, '\\');
    }
    out.push_str(markdown);
}

/// One line for a title or a commit's subject, where Markdown means nothing.
pub fn plain_line(text: &str) -> String {
    let line = plain(&cut::line(text, SUBJECT_BYTES));
    cut::line(&line, SUBJECT_BYTES)
}

/// A text for a commit message, where Markdown means nothing: what GitHub would act on is taken apart by a space.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    for token in cut::text(text, REPLY_BYTES).split_inclusive(char::is_whitespace) {
        let word = token.trim_end();
        if does_something(word) {
            take_apart(&mut out, word);
        } else {
            out.push_str(word);
        }
        out.push_str(&token[word.len()..]);
    }
    for skip in SKIPS {
        while let Some(at) = out.to_ascii_lowercase().find(skip) {
            out.replace_range(at..=at, "(");
        }
    }
    out
}

/// Whether a line begins with what another bot takes for a command.
pub(super) fn is_spoken(line: &str) -> bool {
    let mut chars = line.chars();
    let named = chars.next().is_some_and(|c| matches!(c, '/' | '@'));
    let word = line.split_whitespace().next().unwrap_or_default().trim_end_matches([':', ',']);
    (named && chars.next().is_some_and(|c| c.is_alphanumeric()))
        || OTHER_BOTS.iter().any(|bot| bot.eq_ignore_ascii_case(word))
}

/// Whether GitHub makes something of a word: a mention, a reference, a link.
pub(super) fn does_something(word: &str) -> bool {
    let followed = |mark: char, is: &dyn Fn(char) -> bool| {
        word.char_indices()
            .any(|(at, c)| c == mark && word[at + c.len_utf8()..].chars().next().is_some_and(is))
    };
    let lower = word.to_ascii_lowercase();
    followed('@', &|c| c.is_alphanumeric() || c == '_')
        || followed('#', &|c| c.is_numeric())
        || lower.match_indices("gh-").any(|(at, _)| lower[at + 3..].starts_with(|c: char| c.is_ascii_digit()))
        || lower.contains("://")
        || lower.contains("www.")
}

/// The word as code, without the punctuation around it.
fn as_code(out: &mut String, word: &str, code: &dyn Fn(&str) -> String) {
    let open = word.find(|c| !"([{\"'*_~".contains(c)).unwrap_or(0);
    let rest = &word[open..];
    let close =
        rest.trim_end_matches([')', ']', '}', '"', '\'', '.', ',', ';', ':', '!', '?', '*', '_', '~']);
    escape_word(out, &word[..open], false);
    push_made(out, &code(close));
    escape_word(out, &rest[close.len()..], false);
}

fn escape_word(out: &mut String, word: &str, is_start: bool) {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let mut before = None;
    for (at, c) in word.char_indices() {
        let after = word[at + c.len_utf8()..].chars().next();
        let is_inside = [before, after].iter().all(|side| side.is_some_and(char::is_alphanumeric));
        let begins_block = is_start
            && ((at == 0 && "#-+=:".contains(c)) || (digits > 0 && at == digits && ".)".contains(c)));
        if begins_block || "\\`*[]<>&~|$".contains(c) || (c == '_' && !is_inside) {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
}

/// The word with a space behind what makes it do something.
fn take_apart(out: &mut String, word: &str) {
    let lower = word.to_ascii_lowercase();
    let mut chars = word.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        out.push(c);
        let is_mark = matches!(c, '@' | '#') || (c == '-' && lower[..at].ends_with("gh"));
        let is_link = c == ':' && lower[at..].starts_with("://");
        let is_site = c == '.' && lower[..at].ends_with("www");
        if (is_mark || is_link || is_site) && chars.peek().is_some() {
            out.push(' ');
        }
    }
}
