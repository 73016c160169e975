//! The one table of commands: parser, help reply and documentation are made of it.

use super::{notice::On, policy::Permission, prose};
use crate::limits::intent::{TYPO_PREFIX, TYPO_SHARE};

/// What may stand after `/quantum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start a run.
    Build,
    /// Say where the run is.
    Status,
    /// Stop the run.
    Cancel,
    /// Let the run try again.
    Retry,
    /// Say what is understood.
    Help,
}

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    /// Which command.
    pub command: Command,
    /// The word that is typed.
    pub word: &'static str,
    /// Whether text after it means something.
    pub takes_text: bool,
    /// Where it works.
    pub on: &'static [On],
    /// The least permission.
    pub least: Permission,
    /// Whether whoever opened the issue may say it too.
    pub is_authors: bool,
    /// What it does, one line.
    pub does: &'static str,
    /// One example, as it is typed.
    pub example: &'static str,
    /// Words that people type when they mean it; they are suggested from, not obeyed.
    pub means: &'static [&'static str],
}

const ANY: &[On] = &[On::Issue, On::Pull];

/// Every command, in the order of help.
pub const COMMANDS: &[Row] = &[
    Row {
        command: Command::Build,
        word: "build",
        takes_text: true,
        on: &[On::Issue],
        least: Permission::Write,
        is_authors: false,
        does: "plan, do the work, run the repository's own checks, open a pull request",
        example: "/quantum build keep the old flag working",
        means: &["start", "run", "do", "implement", "make", "work"],
    },
    Row {
        command: Command::Status,
        word: "status",
        takes_text: false,
        on: ANY,
        least: Permission::Write,
        is_authors: false,
        does: "say where the run is",
        example: "/quantum status",
        means: &["state", "progress", "info"],
    },
    Row {
        command: Command::Cancel,
        word: "cancel",
        takes_text: false,
        on: ANY,
        least: Permission::Write,
        is_authors: true,
        does: "stop the run now; what is done is kept",
        example: "/quantum cancel",
        means: &["stop", "abort", "kill", "end"],
    },
    Row {
        command: Command::Retry,
        word: "retry",
        takes_text: false,
        on: ANY,
        least: Permission::Write,
        is_authors: false,
        does: "let a run that stopped, failed or was cancelled go on",
        example: "/quantum retry",
        means: &["again", "rerun", "redo", "restart", "resume", "continue"],
    },
    Row {
        command: Command::Help,
        word: "help",
        takes_text: false,
        on: ANY,
        least: Permission::Write,
        is_authors: false,
        does: "show this list",
        example: "/quantum help",
        means: &["commands", "usage"],
    },
];

impl Command {
    /// Its row.
    pub fn row(self) -> &'static Row {
        &COMMANDS[self as usize]
    }

    /// The command that this word names; the case of letters does not matter.
    pub fn named(word: &str) -> Option<Self> {
        COMMANDS.iter().find(|row| row.word.eq_ignore_ascii_case(word)).map(|row| row.command)
    }

    /// The command that this word, which names none, was probably meant for.
    pub fn closest(word: &str) -> Option<Self> {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        let typos = |of: &str| strsim::osa_distance(&word, of);
        let is_meant = |row: &&Row| row.means.contains(&word.as_str());
        let is_begun = |row: &&Row| word.len() >= TYPO_PREFIX && row.word.starts_with(&word);
        let nearest = || {
            let most = |row: &&Row| word.chars().count().max(row.word.len()) / TYPO_SHARE;
            COMMANDS.iter().filter(|row| typos(row.word) <= most(row)).min_by_key(|row| typos(row.word))
        };
        let find = |is: &dyn Fn(&&Row) -> bool| COMMANDS.iter().find(is);
        find(&is_meant).or_else(|| find(&is_begun)).or_else(nearest).map(|row| row.command)
    }

    /// As it is typed, as code.
    pub fn shown(self) -> String {
        prose::code(&format!("/quantum {}", self.row().word))
    }

    /// Whether it works there.
    pub fn works_on(self, on: On) -> bool {
        self.row().on.contains(&on)
    }
}

/// The command that this word names, as it is typed, when this version has it: texts that tell people what to say ask here,
/// so that they never name a command that does not exist.
pub fn shown_if_there(word: &str) -> Option<String> {
    Command::named(word).map(Command::shown)
}

/// All commands as a Markdown table.
pub fn table() -> String {
    let rows = COMMANDS.iter().map(|row| {
        let text = if row.takes_text { " [text]" } else { "" };
        let on = row.on.iter().map(|on| kind(*on)).collect::<Vec<_>>().join(", ");
        let who = if row.is_authors { ", or who opened the issue" } else { "" };
        format!("| `/quantum {}{text}` | {on} | {}{who} | {} |", row.word, row.least.word(), row.does)
    });
    let head = ["| say | on | who | does |", "|---|---|---|---|"].map(str::to_owned);
    head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// What a thread is, in a person's words.
pub fn kind(on: On) -> &'static str {
    match on {
        On::Issue => "issue",
        On::Pull => "pull request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_row() {
        for (at, row) in COMMANDS.iter().enumerate() {
            assert_eq!(row.command as usize, at, "{}", row.word);
            assert_eq!(row.command.row().word, row.word);
            assert_eq!(Command::named(&row.word.to_uppercase()), Some(row.command));
            assert!(row.example.starts_with(&format!("/quantum {}", row.word)));
            assert!(!row.on.is_empty() && !row.does.is_empty());
        }
        assert_eq!(COMMANDS.len(), Command::Help as usize + 1);
    }

    #[test]
    fn did_you_mean() {
        let check = |word: &str, expected: Option<Command>| {
            assert_eq!(Command::closest(word), expected, "{word}");
        };
        use Command::*;
        for word in ["biuld", "buil", "built", "BUILDS", "build,", "bild", "implement", "--build"] {
            check(word, Some(Build));
        }
        check("stat", Some(Status));
        check("stauts", Some(Status));
        check("cancle", Some(Cancel));
        check("stop", Some(Cancel));
        check("re-try", Some(Retry));
        check("again", Some(Retry));
        check("hlep", Some(Help));
        for word in ["", "x", "please", "thanks", "hello", "deploy", "бuild🙂ing", &"a".repeat(5_000)] {
            check(word, None);
        }
    }
}
