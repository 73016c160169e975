//! What a model or a person is shown of bytes from outside: no control characters, valid UTF-8, cut to a stated size.

use crate::{
    intent::cut::is_hidden,
    limits::tool::{LINE_BYTES, NOTE_BYTES, VIEW_BYTES},
};

/// Bytes as clean text, and whether they were all UTF-8.
pub(super) struct Clean {
    pub(super) text: String,
    pub(super) utf8: bool,
}

/// A terminal's bytes as text: escape sequences gone, overwritten lines (progress bars) as last seen.
pub(super) fn terminal(bytes: &[u8]) -> Clean {
    let plain = strip_escapes(bytes);
    let mut kept = Vec::with_capacity(plain.len());
    for line in plain.split_inclusive(|byte| *byte == b'\n') {
        let (line, end): (&[u8], &[u8]) = match line {
            [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => (line, b"\n"),
            line => (line, b""),
        };
        let seen = line.split(|byte| *byte == b'\r').rfind(|part| !part.is_empty()).unwrap_or_default();
        kept.extend_from_slice(seen);
        kept.extend_from_slice(end);
    }
    readable(&kept)
}

/// A file's bytes as text: control characters other than tab and line feed are gone, invalid UTF-8 is replaced.
pub(super) fn readable(bytes: &[u8]) -> Clean {
    let text = String::from_utf8_lossy(bytes);
    let utf8 = matches!(text, std::borrow::Cow::Borrowed(_));
    let visible = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    Clean { text: text.chars().filter(visible).collect(), utf8 }
}

/// An explanation from the child, clean and bounded.
pub(super) fn note(text: &str) -> String {
    let clean = terminal(text.as_bytes()).text;
    match middle(&clean, NOTE_BYTES) {
        Some((head, cut, tail)) => format!("{head}\n[… {} bytes cut …]\n{tail}", grouped(cut as u64)),
        None => clean,
    }
}

/// One line for a person watching, without what could make it read otherwise than it is.
pub(super) fn line(text: &str) -> String {
    let mut clean = terminal(text.as_bytes()).text;
    clean.retain(|c| !is_hidden(c));
    let flat = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.len() <= LINE_BYTES {
        flat
    } else {
        format!("{}…", &flat[..flat.floor_char_boundary(LINE_BYTES)])
    }
}

/// Text as the model sees it: whole, or with its middle replaced by how much was cut and how to see it. True when it was
/// cut.
pub(super) fn cut(text: String, see: &str) -> (String, bool) {
    match middle(&text, VIEW_BYTES) {
        None => (text, false),
        Some((head, cut, tail)) => {
            let cut = grouped(cut as u64);
            (format!("{head}\n[… {cut} bytes cut; {see} …]\n{tail}"), true)
        }
    }
}

/// Text cut to `most` bytes at its end, with a note of its size; for texts that go on in events.
pub(super) fn shorten(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = format!(" [… cut, {} bytes in all]", grouped(text.len() as u64));
    format!("{}{end}", &text[..text.floor_char_boundary(most.saturating_sub(end.len()))])
}

/// 1234567 → `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Head and tail that together have at most `most` bytes, and how many lie between; None when everything fits.
/// The tail is the larger part: what failed stands at the end. Cuts at line ends where one is near.
fn middle(text: &str, most: usize) -> Option<(&str, usize, &str)> {
    const NEAR: usize = 200;
    if text.len() <= most {
        return None;
    }
    let mut head = &text[..text.floor_char_boundary(most * 2 / 5)];
    if let Some(at) = head.rfind('\n').filter(|at| head.len() - at <= NEAR) {
        head = &head[..at];
    }
    let mut tail = &text[text.ceil_char_boundary(text.len() - most * 3 / 5)..];
    if let Some(at) = tail.find('\n').filter(|at| *at <= NEAR) {
        tail = &tail[at + 1..];
    }
    Some((head, text.len() - head.len() - tail.len(), tail))
}

/// Without ANSI escape sequences: CSI up to its final byte, OSC and friends up to BEL or ST, others one byte.
fn strip_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
        kept.extend_from_slice(&rest[..at]);
        let after = &rest[at + 1..];
        rest = match after.first() {
            Some(b'[') => {
                let end = after[1..].iter().position(|byte| !(0x20..=0x3f).contains(byte));
                end.map_or(&[][..], |end| {
                    // an unfinished sequence does not eat the line after it
                    let last = after[1 + end];
                    &after[1 + end + usize::from((0x40..=0x7e).contains(&last))..]
                })
            }
            Some(b']' | b'P' | b'X' | b'^' | b'_') => {
                let end = after.iter().position(|byte| matches!(byte, 0x07 | 0x1b | b'\n'));
                end.map_or(&[][..], |end| match &after[end..] {
                    [0x1b, b'\\', rest @ ..] | [0x07, rest @ ..] => rest,
                    rest => rest,
                })
            }
            Some(b'(' | b')' | b'*' | b'+' | b'#') => after.get(2..).unwrap_or_default(),
            Some(0x1b | b'\n') => after,
            Some(_) => &after[1..],
            None => &[],
        };
    }
    kept.extend_from_slice(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminals_bytes_become_plain_text() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(terminal(bytes).text, expected, "{bytes:?}");
        check(b"plain\ttext\n", "plain\ttext\n");
        check(b"\x1b[1;31merror\x1b[0m: x\r\n", "error: x\n");
        check(b"10%\r50%\r100%\ndone\r", "100%\ndone");
        check(b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link", "alink");
        check(b"\x1b(Ba\x1b=b\x1b[", "ab");
        check(b"\x1b[31\nnext", "\nnext");
        check(b"\x1b]unfinished\nnext", "\nnext");
        check(b"bell\x07 back\x08space \x00nul", "bell backspace nul");
        check(b"caf\xe9\n", "caf\u{fffd}\n");
        check("Grüße 🦀\u{9b}31m".as_bytes(), "Grüße 🦀31m");
        assert!(!terminal(b"\xff").utf8 && terminal("ü".as_bytes()).utf8);
    }

    #[test]
    fn a_cut_states_its_size_and_keeps_both_ends() {
        let lines: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let (text, was_cut) = cut(lines.clone(), "look there");
        assert!(was_cut && text.len() < VIEW_BYTES + 100);
        assert!(text.starts_with("line 0\n") && text.ends_with("line 9999\n"));
        let (head, rest) = text.split_once("\n[… ").expect("a mark");
        let (size, tail) = rest.split_once(" bytes cut; look there …]\n").expect("a mark");
        let size: usize = size.replace(',', "").parse().expect("a number");
        assert_eq!(head.len() + size + tail.len(), lines.len());
        assert!(!cut("x".repeat(VIEW_BYTES), "").1);
        assert!(cut("ü".repeat(VIEW_BYTES), "").1);
    }

    #[test]
    fn long_texts_are_shortened_with_a_note() {
        assert_eq!(shorten("short", 10), "short");
        let text = shorten(&"ü".repeat(3000), 4096);
        assert!(text.len() <= 4096 && text.ends_with(" [… cut, 6,000 bytes in all]"), "{text}");
        assert_eq!([grouped(1), grouped(1234), grouped(1_234_567)], ["1", "1,234", "1,234,567"]);
        assert_eq!(line(" a\n  b\u{1b}[1m\tc\u{202e} "), "a b c");
        assert!(line(&"ü".repeat(500)).len() <= LINE_BYTES + 4);
    }
}
