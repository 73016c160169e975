//! A missed edit, explained: where the text nearly is, how it differs, and what is usually wrong with it.

use crate::limits::tool::{
    MISS_ALIKE_PERCENT, MISS_CANDIDATES, MISS_LIKENESS_LINES, MISS_LINE_BYTES, MISS_LINES, MISS_PLACES,
    MISS_REGION_LINES, NOTE_BYTES, PLACES_NAMED,
};
use similar::{Algorithm, ChangeTag, TextDiff};
use std::collections::HashMap;

/// Why `old` is not in the file.
pub(super) fn explain(path: &str, text: &[u8], old: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let old = String::from_utf8_lossy(old);
    let mut why = format!("the old text is not in {path}");
    for hint in hints(&text, &old) {
        why.push_str(". ");
        why.push_str(hint);
    }
    let lines: Vec<&str> = text.lines().take(MISS_LINES).collect();
    let wanted: Vec<&str> = old.lines().collect();
    let Some((from, alike)) = closest(&lines, &wanted) else {
        why.push_str(". Nothing in it is alike: read the file again");
        return why;
    };
    let region = &lines[from..lines.len().min(from + wanted.len().max(1)).min(from + MISS_REGION_LINES)];
    if same_but_blanks(region, &wanted) {
        why.push_str(". It is there with other blanks (indentation, tabs, line ends): copy them exactly");
    }
    why.push_str(&format!(
        ". Closest are the lines {} to {} ({alike} % alike):\n",
        from + 1,
        from + region.len()
    ));
    for (line, number) in region.iter().zip(from + 1..) {
        why.push_str(&format!("{number:>6}\t{}\n", start(line)));
    }
    why.push_str("Difference (- your old text, + the file):\n");
    why.push_str(&difference(&wanted, region));
    if why.len() > NOTE_BYTES {
        why.truncate(why.floor_char_boundary(NOTE_BYTES - 8));
        why.push_str("\n[… cut]");
    }
    why
}

/// The old text is there more than once.
pub(super) fn ambiguous(path: &str, text: &[u8], at: &[usize]) -> String {
    let (count, lines) = (at.len(), lines_of(text, at));
    format!(
        "the old text is {count} times in {path}, at lines {lines}; add neighbouring lines until it is unique, or set `all`"
    )
}

/// `3, 9, 20 …`: the lines of these offsets.
pub(super) fn lines_of(text: &[u8], at: &[usize]) -> String {
    let (mut line, mut from, mut shown) = (1, 0, Vec::new());
    for offset in at.iter().take(PLACES_NAMED) {
        line += memchr::memchr_iter(b'\n', &text[from..*offset]).count();
        from = *offset;
        shown.push(line.to_string());
    }
    format!("{}{}", shown.join(", "), if at.len() > PLACES_NAMED { " …" } else { "" })
}

fn hints(text: &str, old: &str) -> Vec<&'static str> {
    let numbered = |line: &str| {
        let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < line.trim_start().len() && rest.starts_with(['\t', '|', ':', '→'])
    };
    let mut hints = Vec::new();
    if !old.trim().is_empty() && old.lines().filter(|line| !line.trim().is_empty()).all(numbered) {
        hints.push("Leave out the line numbers: they are not part of the file");
    }
    if old.contains("\\n") && !old.contains('\n') && text.contains(&old.replace("\\n", "\n")) {
        hints.push("It holds `\\n` as two characters: write real line ends");
    }
    if old.contains("\\\"") && text.contains(&old.replace("\\\"", "\"")) {
        hints.push("Its quotes are escaped once too often");
    }
    if old.contains('\r') && !text.contains('\r') {
        hints.push("The file has LF line ends, the old text CRLF");
    }
    if old.contains("[… cut") || old.contains("bytes cut;") || old.contains("... existing code ...") {
        hints.push("It holds a mark of something left out: give the whole text");
    }
    hints
}

/// The first line (from 0) of the region most like `wanted`, and how alike in percent.
fn closest(lines: &[&str], wanted: &[&str]) -> Option<(usize, u32)> {
    let mut votes: HashMap<usize, usize> = HashMap::new();
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        places.entry(line.trim()).or_default().push(at);
    }
    for (offset, line) in wanted.iter().enumerate().take(MISS_REGION_LINES) {
        for at in places.get(line.trim()).into_iter().flatten().take(MISS_PLACES) {
            *votes.entry(at.saturating_sub(offset)).or_default() += 1;
        }
    }
    let mut starts: Vec<(usize, usize)> = votes.into_iter().map(|(at, votes)| (votes, at)).collect();
    starts.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut starts: Vec<usize> = starts.into_iter().take(MISS_CANDIDATES).map(|(_, at)| at).collect();
    if starts.is_empty() {
        starts = alike_lines(lines, wanted);
    }
    let score = |from: usize| {
        let region = &lines[from..lines.len().min(from + wanted.len()).min(from + MISS_REGION_LINES)];
        let pairs = wanted.iter().take(MISS_REGION_LINES).zip(region);
        let sum: f64 = pairs.map(|(a, b)| likeness(a, b)).sum();
        (sum * 100.0 / wanted.len().clamp(1, MISS_REGION_LINES) as f64).round() as u32
    };
    let best =
        starts.into_iter().map(|from| (from, score(from))).max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
    best.filter(|(_, alike)| *alike >= MISS_ALIKE_PERCENT)
}

/// Regions whose line is most like the old text's longest line.
fn alike_lines(lines: &[&str], wanted: &[&str]) -> Vec<usize> {
    let Some((offset, longest)) =
        wanted.iter().enumerate().take(MISS_REGION_LINES).max_by_key(|(_, line)| line.trim().len())
    else {
        return Vec::new();
    };
    let mut scored: Vec<(u32, usize)> = (lines.iter().enumerate().take(MISS_LIKENESS_LINES))
        .map(|(at, line)| ((likeness(longest, line) * 1000.0) as u32, at.saturating_sub(offset)))
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().take(MISS_CANDIDATES).map(|(_, at)| at).collect()
}

/// 0 to 1; blanks at both ends don't count.
fn likeness(a: &str, b: &str) -> f64 {
    let (a, b) = (start(a.trim()), start(b.trim()));
    match (a == b, a.is_empty() || b.is_empty()) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        // lines of very different length are not alike, which spares the comparison
        (false, false) if a.len() > b.len() * 4 || b.len() > a.len() * 4 => 0.0,
        (false, false) => strsim::normalized_levenshtein(a, b),
    }
}

fn start(line: &str) -> &str {
    &line[..line.floor_char_boundary(MISS_LINE_BYTES)]
}

fn same_but_blanks(region: &[&str], wanted: &[&str]) -> bool {
    let squeeze = |line: &&str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    region.iter().map(squeeze).eq(wanted.iter().map(squeeze))
}

/// Both as a diff; blanks that can't be seen are shown.
fn difference(wanted: &[&str], region: &[&str]) -> String {
    let shown = |line: &&str| start(line).replace('\t', "→").replace('\r', "␍");
    let wanted: Vec<String> = wanted.iter().take(MISS_REGION_LINES).map(shown).collect();
    let region: Vec<String> = region.iter().map(shown).collect();
    let (old, new): (Vec<&str>, Vec<&str>) =
        (wanted.iter().map(String::as_str).collect(), region.iter().map(String::as_str).collect());
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_slices(&old, &new);
    let mut text = String::new();
    for change in diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal) {
        let (sign, end) = match change.tag() {
            ChangeTag::Delete => ('-', trailing(change.value())),
            _ => ('+', trailing(change.value())),
        };
        text.push_str(&format!("{sign} {}{end}\n", change.value()));
    }
    text
}

fn trailing(line: &str) -> &'static str {
    if line.ends_with(' ') { "  (blanks at its end)" } else { "" }
}
