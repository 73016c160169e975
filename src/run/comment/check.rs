//! The check run on the published commit: the receipt, and what the commands wrote.

use super::{
    Facts,
    parts::{self, fit, join},
};
use crate::{
    intent::{cut::is_hidden, prose::code},
    run::{
        Receipt, Run, Verdict,
        markdown::{cut_middle, fenced, plain_line},
    },
};

/// What a check run shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOutput {
    /// One line.
    pub title: String,
    /// The receipt.
    pub summary: String,
    /// The commands' output; empty when there is none.
    pub text: String,
}

/// What a command of the receipt wrote, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The command.
    pub command: String,
    /// What it wrote, or the end of it.
    pub text: String,
}

/// The check run's title, summary and text, each within its bound.
pub fn check_output(run: &Run, verdict: Verdict, outputs: &[Output], facts: &Facts) -> CheckOutput {
    let receipt = run.state.receipt.clone().unwrap_or_default();
    let summary = fit(|_| join(&[parts::verdict(run, verdict, facts), parts::receipt(&receipt, facts)]));
    let written = outputs.iter().map(|output| (code(&output.command), shown(&output.text)));
    let written: Vec<_> = written.filter(|(_, text)| !text.trim().is_empty()).collect();
    let text = fit(|each| {
        let block = |text: &str| fenced(cut_middle(text, each).trim_end(), "");
        let parts = written.iter().map(|(command, text)| join(&[command.clone(), block(text)]));
        parts.collect::<Vec<_>>().join("\n\n")
    });
    CheckOutput { title: title(verdict, &receipt), summary, text }
}

fn title(verdict: Verdict, receipt: &Receipt) -> String {
    let all = receipt.commands.len();
    let failed = receipt.commands.iter().filter(|check| check.exit_code != Some(0)).count();
    let commands = |n: usize| if n == 1 { "1 command".to_owned() } else { format!("{n} commands") };
    match verdict {
        Verdict::Verified => format!("{} passed", commands(all)),
        Verdict::Failed => format!("{failed} of {} failed", commands(all)),
        Verdict::Unverified => match receipt.commands.first() {
            Some(only) if all == 1 => plain_line(&format!("Not verified by {}", only.command)),
            Some(_) => format!("Not verified by {}", commands(all)),
            None => "Not verified: no command was run".to_owned(),
        },
    }
}

/// What a command wrote to a terminal, without what only a terminal shows: colours, titles, what can't be seen.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            // neither may hide more than its line
            ('\u{1b}', Some('[')) => {
                chars.next();
                while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
                chars.next_if(|c| ('@'..='~').contains(c));
            }
            ('\u{1b}', Some(']')) => {
                while chars.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n')).is_some() {}
                if chars.next_if_eq(&'\u{1b}').is_some() {
                    chars.next_if_eq(&'\\');
                }
            }
            ('\r', Some('\n')) => {}
            // a progress line that is written over: each state on its own line
            ('\r', _) => out.push('\n'),
            ('\n' | '\t', _) => out.push(c),
            _ if c.is_control() || is_hidden(c) => {}
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn terminal_codes_are_left_out() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text:?}");
        check("a\tb\r\nc\rd", "a\tb\nc\nd");
        check("\u{1b}[1;31mred\u{1b}[0m \u{1b}]0;title\u{7}x\u{1b}]8;;u\u{1b}\\y", "red xy");
        check("\u{1b}]0;title\nx", "\nx");
        check("\u{1b}", "");
        check("\u{1b}[", "");
        check("\u{1b}(B\u{202e}z\u{0}", "(Bz");
    }
}
