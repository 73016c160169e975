//! Words from outside, made safe to store and to show: cut to a stated size, without control characters and without what a
//! reader can't see. Commits and replies are made of them: a title must not read otherwise than it is.
//!
//! Sizes are counted as the text is written in JSON (a quote counts two), so that a bound on texts is a bound on
//! the wire form. Cutting what was cut changes nothing.

/// One line: line breaks become spaces, at most `max_bytes` as written in JSON, `…` at the end when cut.
pub fn line(text: &str, max_bytes: usize) -> String {
    let one = text.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&one, max_bytes, "…")
}

/// A text of several lines: at most `max_bytes` as written in JSON, with a note at the end when cut.
pub fn text(text: &str, max_bytes: usize) -> String {
    cut(text.trim_end(), max_bytes, "\n[cut here]")
}

/// The Unicode property Default_Ignorable_Code_Point and the bidirectional controls: what a reader can't see.
pub fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
        | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFF8
        | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// What people are not shown: the invisible but for the joiners and variation selectors that Persian words, emoji and others
/// are written with.
pub fn is_hidden(c: char) -> bool {
    is_invisible(c) && !matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

fn cut(text: &str, max_bytes: usize, note: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept = |c: &char| matches!(c, '\n' | '\t') || !(c.is_control() || is_hidden(*c));
    if text.chars().filter(kept).map(written).sum::<usize>() <= max_bytes {
        return text.chars().filter(kept).collect();
    }
    let room = max_bytes.saturating_sub(note.chars().map(written).sum());
    let mut used = 0;
    let mut out: String = text
        .chars()
        .filter(kept)
        .take_while(|c| {
            used += written(*c);
            used <= room
        })
        .collect();
    out.truncate(out.trim_end().len());
    out.push_str(note);
    out
}

/// Bytes of a character inside a JSON string.
fn written(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\t' => 2,
        _ => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_their_written_size() {
        let check = |input: &str, max: usize, expected: &str| {
            let out = text(input, max);
            assert_eq!(out, expected);
            assert_eq!(text(&out, max), out, "cutting again changes nothing");
            assert!(serde_json::to_string(&out).expect("json").len() <= max + 2);
        };
        check("short", 100, "short");
        check("a\u{1b}[31mred\u{0}", 100, "a[31mred");
        check("one\r\ntwo\n\n", 100, "one\ntwo");
        check("a\u{202e}b\u{200b}\u{2066}\u{feff}c\u{e0041}", 100, "abc");
        check("❤\u{fe0f} 👩\u{200d}🔧 می\u{200c}روم", 100, "❤\u{fe0f} 👩\u{200d}🔧 می\u{200c}روم");
        check(&"x".repeat(40), 30, &format!("{}\n[cut here]", "x".repeat(18)));
        check(&"\"".repeat(40), 30, &format!("{}\n[cut here]", "\"".repeat(9)));
        check(&"é".repeat(40), 30, &format!("{}\n[cut here]", "é".repeat(9)));
    }

    #[test]
    fn lines_are_one_line() {
        assert_eq!(line("  a\r\n\tb  ", 10), "a b");
        assert_eq!(line("abcdefgh", 6), "abc…");
        assert_eq!(line(&line("abc defgh", 7), 7), line("abc defgh", 7));
    }
}
