//! Words from outside, made safe to store and to show: cut to a stated size, without control characters.
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

fn cut(text: &str, max_bytes: usize, note: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
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
