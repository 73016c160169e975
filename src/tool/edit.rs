//! `edit`: replaces text exactly. The host's half; what a miss is answered with is made next to the file, in the child.

use super::{Asked, Given, Step, Tool, ToolEnd, ToolError, arguments::Fields, misfit, read, say_note};
use crate::sandbox::toolbox::{Answer, Request};
use serde_json::json;

pub(super) const TOOL: Tool = Tool {
    name: "edit",
    also: &[
        "replace",
        "str_replace",
        "str_replace_editor",
        "edit_file",
        "apply_patch",
        "patch",
        "search_replace",
        "modify",
    ],
    description: "Replace text in a file of the workspace. `old` must occur exactly once, character for character, with its \
        indentation and without line numbers; add neighbouring lines until it is unique, or set `all`. \
        An empty `old` creates a file that does not exist yet.",
    parameters: |_| {
        json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "Relative to the workspace"},
                "old": {"type": "string", "description": "The text to replace, exactly as in the file"},
                "new": {"type": "string", "description": "The text to put there; empty deletes"},
                "all": {"type": "boolean", "description": "Replace every occurrence (default false)"}
            },
            "required": ["path", "old", "new"]
        })
    },
    main: "path",
    example: r#"{"path":"src/lib.rs","old":"a + b","new":"a - b"}"#,
    prepare,
};

fn prepare(fields: &mut Fields, _: &Given<'_>) -> Result<Step, String> {
    let path = fields.required(read::PATH)?;
    read::check_path(&path)?;
    let old = fields.required(&["old", "old_string", "old_text", "old_str", "search"])?;
    let new = fields.required(&["new", "new_string", "new_text", "new_str", "replace", "replacement"])?;
    let every = fields.flag(&["all", "replace_all", "every"])?;
    fields.value(&["command"]);
    if old == new {
        return Err("`old` and `new` are the same: nothing would change".to_owned());
    }
    let request = Request::Edit { path, old_bytes: old.len() as u64, every };
    Ok(Step::Ask(Asked::new(request, [old.into_bytes(), new.into_bytes()].concat(), verdict)))
}

fn verdict(asked: &Asked, answer: Answer, _: Vec<u8>) -> Result<ToolEnd, ToolError> {
    match &asked.request {
        Request::Edit { path, .. } => say_note(&format!("edited {path}"), answer),
        _ => Err(misfit(&answer)),
    }
}
