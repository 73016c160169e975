//! `search`: finds text by regular expression. The host's half.

use super::{Asked, Given, Step, Tool, ToolEnd, ToolError, arguments::Fields, misfit, read, view};
use crate::{
    limits::tool::{CALL_GRACE, PATTERN_BYTES, SEARCH_MATCHES, SEARCH_MOST_MATCHES, SEARCH_TIME},
    sandbox::toolbox::{Answer, Request},
};
use serde_json::json;

/// Names under which models give a pattern.
pub(super) const PATTERN: &[&str] = &["pattern", "query", "regex", "search", "text", "search_term"];

pub(super) const TOOL: Tool = Tool {
    name: "search",
    also: &[
        "grep",
        "rg",
        "ripgrep",
        "find",
        "search_files",
        "grep_search",
        "code_search",
        "glob",
        "find_files",
    ],
    description: "Find lines by regular expression in the workspace's files; answers `path:line:text`. Skips binary files and what .gitignore names.",
    parameters: |_| {
        json!({
            "type": "object",
            "properties": {
                "pattern": {"type": "string", "description": "Regular expression (Rust syntax), matched line by line"},
                "path": {"type": "string", "description": "File or folder to search below (default: the workspace)"},
                "glob": {"type": "string", "description": "Only files whose path matches, e.g. `*.rs` or `src/**/*.py`"},
                "ignore_case": {"type": "boolean", "description": "Default false"},
                "max_matches": {"type": "integer", "minimum": 1, "description": "Default 100"}
            },
            "required": ["pattern"]
        })
    },
    main: "pattern",
    example: r#"{"pattern":"fn parse_\\w+","glob":"*.rs"}"#,
    prepare,
};

fn prepare(fields: &mut Fields, _: &Given<'_>) -> Result<Step, String> {
    let pattern = fields.required(PATTERN)?;
    if pattern.is_empty() {
        return Err("`pattern` is empty (files by name: `find . -name '*.rs'` in the shell)".to_owned());
    }
    if pattern.len() > PATTERN_BYTES {
        return Err(format!("`pattern` has more than {PATTERN_BYTES} bytes"));
    }
    let path =
        fields.text(&[read::PATH, &["dir", "directory", "folder"]].concat())?.filter(|path| !path.is_empty());
    if let Some(path) = &path {
        read::check_path(path)?;
    }
    let glob =
        fields.text(&["glob", "include", "file_pattern", "include_pattern"])?.filter(|glob| !glob.is_empty());
    let mut ignore_case = fields.flag(&["ignore_case", "case_insensitive", "i"])?;
    if fields.value(&["case_sensitive"]) == Some(false.into()) {
        ignore_case = true;
    }
    let most = fields.number(&["max_matches", "max_results", "limit"])?.filter(|most| *most > 0);
    let most = most.unwrap_or(SEARCH_MATCHES.into()).min(SEARCH_MOST_MATCHES.into());
    let max_matches = u32::try_from(most).unwrap_or(SEARCH_MOST_MATCHES);
    let request = Request::Search { pattern, path, glob, ignore_case, max_matches };
    let mut asked = Asked::new(request, Vec::new(), verdict);
    asked.limit = CALL_GRACE + SEARCH_TIME;
    Ok(Step::Ask(asked))
}

fn verdict(asked: &Asked, answer: Answer, body: Vec<u8>) -> Result<ToolEnd, ToolError> {
    let Request::Search { pattern, .. } = &asked.request else { return Err(misfit(&answer)) };
    let Answer::Done { note, total } = answer else { return Err(misfit(&answer)) };
    let (shown, was_cut) =
        view::cut(view::readable(&body).text, "a narrower `pattern`, `path` or `glob` shows them");
    let line = view::line(&format!("{} matches of {pattern}", view::grouped(total)));
    Ok(ToolEnd::Text {
        text: format!("{}\n{shown}", view::note(&note)),
        whole: was_cut.then_some(body),
        line,
    })
}
