//! Tools: what an agent may call. One file a tool, one row each in the table.
//!
//! A tool has two halves: the host's (schema, arguments, what the model is told; [`call`]) and the child's
//! ([`serve`], which runs behind the sandbox's walls and does the work). A tool fails in two ways: tell the model, or stop the work.

use crate::{
    model::ToolCall, model::ToolSpec, report::Report, run::Plan, run::Question, sandbox::toolbox::Toolbox,
};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

/// What a tool call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolEnd {
    /// Text for the model, cut to a stated size; `whole` is everything when it was cut; `line` is for a person watching.
    Text { text: String, whole: Option<Vec<u8>>, line: String },
    /// The agent has finished.
    Submitted(Submission),
}

/// How a tool fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolError {
    /// The model is told and goes on.
    Tell(String),
    /// The work stops: the sandbox ended, the host is in trouble.
    Stop(Report),
}

/// What an agent submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// A plan (planner only).
    Plan(Plan),
    /// The workspace's changes.
    Proposal { title: String, summary: String },
    /// A question to a person.
    Question(Question),
    /// An answer in text.
    Answer(String),
    /// Nothing to change, and why.
    NoChange(String),
}

/// Bounds of one tool call.
#[derive(Clone, Copy, Debug)]
pub struct CallBounds {
    /// Wall time a command may take unless the model asks for less.
    pub shell: Duration,
}

/// What the model is shown of these tools, in the table's order.
pub fn specs(tools: &[&str]) -> Vec<ToolSpec> {
    let _ = tools;
    Vec::new()
}

/// Runs one tool call: the gate (is the tool known and allowed, are the arguments legal), then the toolbox, then the verdict.
pub async fn call(
    call: &ToolCall,
    allowed: &[&str],
    bounds: CallBounds,
    toolbox: &mut Toolbox,
) -> Result<ToolEnd, ToolError> {
    let _ = (call, allowed, bounds, toolbox);
    Err(ToolError::Tell("not built yet".to_owned()))
}

/// The child's side: serves requests until the host hangs up. Called behind the walls.
pub fn serve(mut socket: UnixStream) -> ExitCode {
    use crate::sandbox::{toolbox::Answer, toolbox::Request, wall_off, wire};
    use std::os::unix::process::ExitStatusExt;
    let bounds = wire::FrameBounds { header_bytes: 1 << 20, body_bytes: 1 << 25 };
    while let Ok(Some((request, _))) = wire::read_frame::<Request>(&mut socket, bounds) {
        let Request::Shell { command, capture_bytes, .. } = request else { return ExitCode::FAILURE };
        #[expect(clippy::disallowed_methods, reason = "temporary")]
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1\n{command}")]).stdin(std::process::Stdio::null());
        wall_off(&mut shell);
        let (answer, body) = match shell.output() {
            Err(error) => (Answer::Refused { why: error.to_string() }, Vec::new()),
            Ok(output) => {
                let mut body = output.stdout;
                body.truncate(capture_bytes as usize);
                let (exit_code, signal) = (output.status.code(), output.status.signal());
                let total_bytes = body.len() as u64;
                (Answer::Shell { exit_code, signal, timed_out: false, millis: 0, total_bytes }, body)
            }
        };
        if wire::write_frame(&mut socket, &answer, &body).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
