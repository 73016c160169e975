//! `read`: shows a file with line numbers, or lists a folder. The host's half.

use super::{Asked, Given, Step, Tool, ToolEnd, ToolError, arguments::Fields, misfit, view};
use crate::{
    limits::tool::{BINARY_BYTES, PATH_BYTES, READ_BYTES, READ_LINE_BYTES, READ_LINES, READ_VIEW_BYTES},
    sandbox::toolbox::{Answer, Request},
};
use serde_json::json;

/// Names under which models give a path.
pub(super) const PATH: &[&str] = &["path", "file", "file_path", "filename", "filepath", "target_file"];

/// The child's note when a read path is a folder: the body lists it.
pub(super) const FOLDER: &str = "folder";

pub(super) const TOOL: Tool = Tool {
    name: "read",
    also: &[
        "cat",
        "open",
        "view",
        "read_file",
        "open_file",
        "view_file",
        "ls",
        "list",
        "list_dir",
        "list_files",
    ],
    description: "Show a file of the workspace with line numbers (they are not part of the file), or list a folder.",
    parameters: |_| {
        json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "Relative to the workspace, e.g. `src/lib.rs`; `.` lists its root"},
                "from_line": {"type": "integer", "minimum": 1, "description": "First line to show (default 1)"},
                "lines": {"type": "integer", "minimum": 1, "description": "How many lines (default 1000)"}
            },
            "required": ["path"]
        })
    },
    main: "path",
    example: r#"{"path":"src/lib.rs","from_line":1,"lines":200}"#,
    prepare,
};

fn prepare(fields: &mut Fields, _: &Given<'_>) -> Result<Step, String> {
    let path = fields.required(&[PATH, &["dir", "directory", "folder"]].concat())?;
    check_path(&path)?;
    let from =
        fields.number(&["from_line", "from", "start_line", "offset", "line", "start"])?.unwrap_or(1).max(1);
    let to = fields.number(&["to_line", "end_line", "to", "end"])?;
    let lines =
        fields.number(&["lines", "limit", "count", "num_lines", "line_count"])?.filter(|lines| *lines > 0);
    if to.is_some_and(|to| to < from) {
        return Err(format!("the last line is before line {from}"));
    }
    let lines = lines.or_else(|| to.map(|to| to - from + 1)).unwrap_or(READ_LINES);
    // the range is the host's business: the child sends the file's start, and lines are counted here
    let request = Request::Read { path, offset: 0, max_bytes: READ_BYTES };
    let mut asked = Asked::new(request, Vec::new(), verdict);
    asked.lines = Some((from, lines));
    Ok(Step::Ask(asked))
}

/// Refuses paths that can't be any.
pub(super) fn check_path(path: &str) -> Result<(), String> {
    match path {
        "" => Err("the path is empty".to_owned()),
        path if path.len() > PATH_BYTES => Err(format!("the path has more than {PATH_BYTES} bytes")),
        path if path.contains('\0') => Err("the path holds a NUL".to_owned()),
        _ => Ok(()),
    }
}

fn verdict(asked: &Asked, answer: Answer, body: Vec<u8>) -> Result<ToolEnd, ToolError> {
    let Request::Read { path, .. } = &asked.request else { return Err(misfit(&answer)) };
    let Answer::Done { note, total } = answer else { return Err(misfit(&answer)) };
    let path = view::line(path);
    if note == FOLDER {
        let (text, was_cut) =
            view::cut(view::readable(&body).text, "list its folders one by one, or use `find`");
        let head = format!("{path} is a folder with {} entries", view::grouped(total));
        return Ok(ToolEnd::Text {
            text: format!("{head}\n{text}"),
            whole: was_cut.then_some(body),
            line: view::line(&head),
        });
    }
    let bytes = view::grouped(total);
    if body.iter().take(BINARY_BYTES).any(|byte| *byte == 0) {
        return Err(ToolError::Tell(format!(
            "{path} is a binary file ({bytes} bytes); look at it with a program in the shell (file, xxd, …)"
        )));
    }
    if total == 0 {
        let text = format!("{path} is empty");
        return Ok(ToolEnd::Text { line: text.clone(), text, whole: None });
    }
    numbered(&path, &body, total, asked.lines.unwrap_or((1, READ_LINES)))
}

/// The lines `from`, `from` + 1, …, at most `count`, as many as fit, below a headline.
fn numbered(path: &str, body: &[u8], total: u64, (from, count): (u64, u64)) -> Result<ToolEnd, ToolError> {
    let mut lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    if body.ends_with(b"\n") {
        lines.pop();
    }
    let all = lines.len() as u64;
    let partial = total > body.len() as u64;
    let at_least = if partial { "at least " } else { "" };
    if from > all {
        return Err(ToolError::Tell(format!(
            "{path} has {at_least}{all} lines; line {from} is past its end"
        )));
    }
    let crlf = lines.iter().filter(|line| line.ends_with(b"\r")).count();
    let (mut shown, mut whole, mut last, mut utf8) = (String::new(), String::new(), from - 1, true);
    let skip = usize::try_from(from - 1).unwrap_or(usize::MAX);
    for (line, number) in
        lines.iter().skip(skip).zip(from..).take(usize::try_from(count).unwrap_or(usize::MAX))
    {
        let clean = view::readable(line);
        utf8 &= clean.utf8;
        let full = format!("{number:>6}\t{}\n", clean.text);
        let row = match clean.text.len() > READ_LINE_BYTES {
            true => format!("{number:>6}\t{}\n", view::shorten(&clean.text, READ_LINE_BYTES)),
            false => full.clone(),
        };
        if last + 1 == number && shown.len() + row.len() <= READ_VIEW_BYTES {
            shown.push_str(&row);
            last = number;
        }
        whole.push_str(&full);
    }
    let mut head = format!("{path}: {at_least}{all} lines, {} bytes", view::grouped(total));
    if crlf > 0 {
        head.push_str(if crlf as u64 == all { ", CRLF line ends" } else { ", mixed line ends" });
    }
    if !utf8 {
        head.push_str(", not all UTF-8 (\u{fffd})");
    }
    if (from, last) != (1, all) {
        head.push_str(&format!("; lines {from} to {last}"));
    }
    let rest = match (last < all, partial) {
        (true, _) => {
            format!("[… {} more lines; read on with from_line {} …]\n", view::grouped(all - last), last + 1)
        }
        (false, true) => "[… the file goes on; use sed or tail in the shell for the rest …]\n".to_owned(),
        (false, false) => String::new(),
    };
    let line = view::line(&head);
    let whole = (whole.len() > shown.len()).then(|| whole.into_bytes());
    Ok(ToolEnd::Text { text: format!("{head}\n{shown}{rest}"), whole, line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(arguments: &str, body: &[u8]) -> Result<(String, Option<Vec<u8>>), ToolError> {
        let bounds = crate::tool::CallBounds { shell: std::time::Duration::from_secs(1) };
        let mut fields = Fields::parse(arguments, "path").map_err(ToolError::Tell)?;
        let step = prepare(&mut fields, &Given { bounds, variant: "" }).map_err(ToolError::Tell)?;
        let Step::Ask(asked) = step else { panic!("submitted") };
        let answer = Answer::Done { note: "file".to_owned(), total: body.len() as u64 };
        match asked.verdict(answer, body.to_vec())? {
            ToolEnd::Text { text, whole, .. } => Ok((text, whole)),
            ToolEnd::Submitted(_) => panic!("submitted"),
        }
    }

    #[test]
    fn a_file_is_shown_with_numbers() {
        let check = |arguments: &str, body: &[u8], expected: &str| {
            assert_eq!(text(arguments, body).expect(arguments).0, expected, "{arguments}");
        };
        check("a.txt", b"one\ntwo\n", "a.txt: 2 lines, 8 bytes\n     1\tone\n     2\ttwo\n");
        check(
            r#"{"file":"a","from_line":"2","lines":1}"#,
            b"1\n2\n3",
            "a: 3 lines, 5 bytes; lines 2 to 2\n     2\t2\n[… 1 more lines; read on with from_line 3 …]\n",
        );
        check(
            r#"{"path":"a","start_line":2,"end_line":3}"#,
            b"1\n2\n3",
            "a: 3 lines, 5 bytes; lines 2 to 3\n     2\t2\n     3\t3\n",
        );
        check("a", b"x\r\ny\r\n", "a: 2 lines, 6 bytes, CRLF line ends\n     1\tx\n     2\ty\n");
        check(
            "a",
            b"caf\xe9\x1b[0m\n",
            "a: 1 lines, 9 bytes, not all UTF-8 (\u{fffd})\n     1\tcaf\u{fffd}[0m\n",
        );
        check("a", b"", "a is empty");
    }

    #[test]
    fn what_does_not_fit_is_said_and_kept_whole() {
        let body: String = (1..=5000).map(|n| format!("this is line {n} of the file\n")).collect();
        let (shown, whole) = text(r#"{"path":"a","lines":4000}"#, body.as_bytes()).expect("text");
        assert!(shown.len() < READ_VIEW_BYTES + 300);
        let whole = String::from_utf8(whole.expect("kept")).expect("UTF-8");
        assert!(whole.ends_with("  4000\tthis is line 4000 of the file\n"), "{}", &whole[whole.len() - 90..]);
        let next = shown
            .rsplit("from_line ")
            .next()
            .and_then(|rest| rest.split(' ').next())
            .expect("where to go on");
        assert!(
            !shown.contains(&format!("is line {next} of")) && whole.contains(&format!("is line {next} of"))
        );
        let (long, whole) = text("a", "é".repeat(50_000).as_bytes()).expect("text");
        assert!(long.contains("[… cut, 100,000 bytes in all]") && whole.is_some());
    }

    #[test]
    fn what_is_no_text_is_refused_with_a_reason() {
        let check = |arguments: &str, body: &[u8], part: &str| match text(arguments, body) {
            Err(ToolError::Tell(why)) => assert!(why.contains(part), "{why}"),
            other => panic!("{arguments}: {other:?}"),
        };
        check("logo.png", b"\x89PNG\0\0", "binary file (6 bytes)");
        check(r#"{"path":"a","from_line":9}"#, b"x\n", "has 1 lines; line 9 is past its end");
        check(r#"{"path":"a","start_line":9,"end_line":3}"#, b"x\n", "before line 9");
        check("{}", b"", "`path` is missing");
        check(r#"{"path":""}"#, b"", "empty");
        check(r#"{"path":"a\u0000b"}"#, b"", "NUL");
    }
}
