//! `write`: makes a file, or replaces it whole. The host's half.

use super::{Asked, Given, Step, Tool, ToolEnd, ToolError, arguments::Fields, misfit, read, say_note};
use crate::sandbox::toolbox::{Answer, Request};
use serde_json::json;

pub(super) const TOOL: Tool = Tool {
    name: "write",
    also: &["create", "create_file", "write_file", "save", "save_file", "write_to_file", "touch", "new_file"],
    description: "Write a whole file of the workspace, with its folders. An existing file is replaced: prefer `edit` for a change.",
    parameters: |_| {
        json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "Relative to the workspace"},
                "content": {"type": "string", "description": "Everything the file shall hold"}
            },
            "required": ["path", "content"]
        })
    },
    main: "path",
    example: r#"{"path":"src/new.rs","content":"…"}"#,
    prepare,
};

fn prepare(fields: &mut Fields, _: &Given<'_>) -> Result<Step, String> {
    let path = fields.required(read::PATH)?;
    read::check_path(&path)?;
    let content = fields.required(&["content", "contents", "text", "file_text", "body", "data"])?;
    fields.value(&["command"]);
    Ok(Step::Ask(Asked::new(Request::Write { path }, content.into_bytes(), verdict)))
}

fn verdict(asked: &Asked, answer: Answer, _: Vec<u8>) -> Result<ToolEnd, ToolError> {
    match &asked.request {
        Request::Write { path } => say_note(&format!("wrote {path}"), answer),
        _ => Err(misfit(&answer)),
    }
}
