//! Blocks of Markdown, made of blocks and lines that are rebuilt already.

use super::{Kind, words};

/// Languages that GitHub draws instead of showing.
const DRAWN: &[&str] = &["mermaid", "geojson", "topojson", "stl", "math", "suggestion"];

/// A container's blocks as one block.
pub(super) fn joined(kind: &Kind, blocks: &[String], marker: &str) -> String {
    match kind {
        Kind::Page => blocks.join("\n\n"),
        Kind::Quote => quoted(&blocks.join("\n\n")),
        Kind::List(_) => blocks.join("\n"),
        Kind::Item => {
            let mut text = String::new();
            for block in blocks {
                let gap = if block.starts_with("- ") { "\n" } else { "\n\n" };
                text.push_str(if text.is_empty() { "" } else { gap });
                text.push_str(block);
            }
            prefixed(&text, marker, &" ".repeat(marker.len()))
        }
    }
}

/// A text as a quote.
pub(crate) fn quoted(text: &str) -> String {
    prefixed(text, "> ", "> ")
}

fn prefixed(text: &str, first: &str, others: &str) -> String {
    let lines = text.lines().enumerate().map(|(at, line)| {
        let prefix = if at == 0 { first } else { others };
        format!("{prefix}{line}").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A code block. One with lines that another bot would read as commands is quoted: they look at the start of lines.
pub(crate) fn fenced(text: &str, language: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let block = format!("{fence}{language}\n{text}\n{fence}");
    let is_spoken = text.lines().any(|line| words::is_spoken(line.trim_start()));
    if is_spoken { quoted(&block) } else { block }
}

pub(super) fn language(info: &str) -> String {
    let word = info.split_whitespace().next().unwrap_or_default().to_lowercase();
    let is_word = word.len() <= 20 && word.chars().all(|c| c.is_ascii_alphanumeric() || "+#-".contains(c));
    if is_word && !DRAWN.contains(&word.as_str()) { word } else { String::new() }
}

pub(super) fn table(rows: &[Vec<String>]) -> String {
    let Some((head, body)) = rows.split_first() else { return String::new() };
    let row = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let rule = vec!["---".to_owned(); head.len()];
    let lines = [row(head), row(&rule)].into_iter().chain(body.iter().map(|cells| row(cells)));
    lines.collect::<Vec<_>>().join("\n")
}
