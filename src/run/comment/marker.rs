//! The hidden last line of our comments: which run's, and which of its comments, or which comment it answers. It is how a
//! repeated effect finds what it did; whoever looks also checks that the comment is our App's.

use crate::ids::RunId;
use std::fmt;

const START: &str = "<!-- quantum:run=";
const END: &str = " -->";
/// The slot of an answer to a comment.
pub const ANSWER: &str = "answer";
const ANSWER_START: &str = "<!-- quantum:comment=";
const ANSWER_END: &str = " slot=answer -->";

/// Which of a run's comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The one that is edited in place.
    Status,
    /// A question, numbered by the run.
    Question(u32),
    /// A plan to approve, numbered by the run.
    Approval(u32),
    /// The one about the end or a pause.
    Result,
    /// The pull request's text.
    Pull,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Question(slot) => write!(f, "question-{slot}"),
            Self::Approval(slot) => write!(f, "approval-{slot}"),
            Self::Result => f.write_str("result"),
            Self::Pull => f.write_str("pull"),
        }
    }
}

/// The marker line.
pub fn marker(run: &RunId, slot: Slot) -> String {
    format!("{START}{run} slot={slot}{END}")
}

/// The run and the slot that the last line of a comment names.
pub fn read_marker(body: &str) -> Option<(RunId, String)> {
    let line = body.trim_end().lines().last()?;
    let (run, slot) = line.strip_prefix(START)?.strip_suffix(END)?.split_once(" slot=")?;
    let is_word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    (is_word(run) && is_word(slot)).then(|| (RunId::new(run), slot.to_owned()))
}

/// The marker line of the answer to a comment of this name; it is no run's.
pub fn answer_marker(comment: &str) -> String {
    format!("{ANSWER_START}{comment}{ANSWER_END}")
}

/// The name of the comment that this one of ours answers.
pub fn answered(body: &str) -> Option<&str> {
    body.trim_end().lines().last()?.strip_prefix(ANSWER_START)?.strip_suffix(ANSWER_END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_comment_on_its_last_line() {
        let line = answer_marker("review-7");
        assert_eq!(line, "<!-- quantum:comment=review-7 slot=answer -->");
        assert_eq!(answered(&format!("text\n\n{line}\n")), Some("review-7"));
        assert_eq!(answered(&format!("{line}\ntext")), None);
        assert_eq!((answered(&marker(&RunId::new("a"), Slot::Status)), read_marker(&line)), (None, None));
    }

    #[test]
    fn markers_are_read_on_the_last_line_only() {
        let run = RunId::new("abc234");
        let line = marker(&run, Slot::Question(2));
        assert_eq!(line, "<!-- quantum:run=abc234 slot=question-2 -->");
        let check = |body: &str, expected: bool| {
            let found = read_marker(body);
            assert_eq!(found, expected.then(|| (run.clone(), "question-2".to_owned())), "{body:?}");
        };
        check(&line, true);
        check(&format!("text\r\n\r\n{line}\r\n"), true);
        check(&format!("{line}\ntext"), false);
        check(&format!("> {line}"), false);
        check("<!-- quantum:run= slot=status -->", false);
        check("<!-- quantum:run=a slot= -->", false);
        check("<!-- quantum:run=a b slot=status -->", false);
        check("", false);
    }
}
