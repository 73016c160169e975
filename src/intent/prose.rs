//! Markdown as GitHub reads it: which lines are prose, what of a text a reader sees, and how a word is shown as code.

use pulldown_cmark::{Event, Options, Parser, Tag};
use std::ops::Range;

/// What GitHub's dialect adds to CommonMark. Footnotes are left out on purpose: a note is as harmless as its text.
pub fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_GFM
}

/// Where each line of plain prose begins, in bytes: lines of paragraphs that are in nothing else, where they begin with
/// text. Lines in quotes, lists, code, headings, tables, HTML and emphasis are no prose.
pub fn lines(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let (mut depth, mut is_paragraph, mut is_start) = (0usize, false, false);
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                is_paragraph = if depth == 0 { tag == Tag::Paragraph } else { is_paragraph };
                is_start = depth == 0 && is_paragraph;
                depth += 1;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                is_start = false;
            }
            Event::SoftBreak | Event::HardBreak => is_start = is_paragraph && depth == 1,
            Event::Text(_) => {
                if is_start {
                    found.push(range.start);
                }
                is_start = false;
            }
            _ => is_start = false,
        }
    }
    found
}

/// The text without HTML comments: a reader does not see them, so nobody agreed to them (security case S-02). Templates
/// are full of them.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for range in comments(text) {
        if range.start >= done {
            out.push_str(&text[done..range.start]);
            done = range.end;
        }
    }
    out.push_str(&text[done..]);
    out.trim().to_owned()
}

fn comments(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::InlineHtml(html) if html.starts_with("<!--") => found.push(range),
            // a block's range is all its lines: a comment may go over several of them
            Event::Start(Tag::HtmlBlock) => {
                let mut at = range.start;
                while let Some(start) = text[at..range.end].find("<!--").map(|i| at + i) {
                    let close = text[start..range.end].find("-->");
                    at = close.map_or(range.end, |i| start + i + "-->".len());
                    found.push(start..at);
                }
            }
            _ => {}
        }
    }
    found
}

/// One line as a code span that shows it as it is; nothing in it can end the span.
pub fn code(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return line;
    }
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{line}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_lines_of_plain_paragraphs() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<_> =
                lines(text).into_iter().map(|at| text[at..].lines().next().unwrap_or_default()).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("a\nb\n\nc", &["a", "b", "c"]);
        check("   a\n  b  \n\n   c", &["a", "b  ", "c"]);
        check("a\\\nb", &["a\\", "b"]);
        check("# a\nb\n===\nc\n---\n", &[]);
        check("> a\nb\n\n- c\n  d\n\n1. e\n", &[]);
        check("    a\n\n```\nb\n```\n~~~\nc\n", &[]);
        check("<div>\na\n</div>\n\n<!-- b\n\nc -->\n", &[]);
        check("a <!--\nb --> c\n*d\ne*\n`f\ng`", &["a <!--"]);
        check("a | b\n--|--\nc | d\n", &[]);
        check("[a]: http://x\nb", &["b"]);
        check("a\n> b\n\nc\n- d\n\ne\n```\nf\n```\n", &["a", "c", "e"]);
    }

    #[test]
    fn what_is_hidden_is_left_out() {
        let check = |text: &str, expected: &str| assert_eq!(visible(text), expected, "{text:?}");
        check("a", "a");
        check("a <!-- b --> c", "a  c");
        check("<!-- a\n\nb -->\n\nc\n\n<!-- d", "c");
        check("<!-- a --> b\n<div><!-- c --></div>", "b\n<div></div>");
        check("`<!-- a -->`\n\n```\n<!-- b -->\n```", "`<!-- a -->`\n\n```\n<!-- b -->\n```");
        check("> <!-- a\n> b --> c\n", ">  c");
        check("\\<!-- a -->", "\\<!-- a -->");
    }

    #[test]
    fn nothing_ends_a_code_span() {
        let check = |text: &str, expected: &str| assert_eq!(code(text), expected);
        check("", "");
        check("a", "`a`");
        check("a\n b", "`a b`");
        check("a`b``c", "```a`b``c```");
        check("`", "`` ` ``");
        for text in ["``` x", "a``", "`@a`", "<!-- `` -->", "a\\"] {
            let shown = code(text);
            let spans: Vec<_> = Parser::new_ext(&shown, options()).collect();
            assert!(matches!(&spans[1], Event::Code(inner) if **inner == *text), "{spans:?}");
        }
    }
}
