//! Finds the command in a comment.
//!
//! The first line that is not blank is `/quantum VERB [text]` in plain prose: not in quotes, lists, code, headings, tables
//! or HTML. `@NAME VERB [text]` means the same. Anything else is talk, and nobody's business.

use super::{command::Command, cut, prose};
use crate::limits::intent::{COMMENT_BYTES, WORD_BYTES};

const SLASH: &str = "/quantum";

/// What somebody said to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What is wanted.
    pub verb: Spoken,
    /// The rest of that line and of the comment; untrusted.
    pub text: String,
    /// A second command further down, as it is typed: it is named in an answer and not obeyed.
    pub second: Option<String>,
}

/// What stands behind our name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// A command; our name alone is `help`.
    Verb(Command),
    /// A word that is none, cut to a line.
    Unknown(String),
    /// Words to `@NAME` that begin with no verb and with no typo of one.
    Free,
}

/// The command of a comment; None: it is not for us. `slug` is our App's name.
pub fn find(body: &str, slug: &str) -> Option<Said> {
    let body = body.get(..body.floor_char_boundary(COMMENT_BYTES))?;
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    let first = body.find(|c| !matches!(c, ' ' | '\t' | '\n'))?;
    let call = Call::read(&body[first..], slug)?;
    let lines = prose::lines(&body);
    let (start, rest) = lines.split_first()?;
    if *start != first {
        return None;
    }
    let second = rest.iter().find_map(|at| Call::read(&body[*at..], slug)?.named());
    Some(Said { verb: call.verb(), text: call.text(), second })
}

/// Our name, and what follows it.
struct Call<'a> {
    is_mention: bool,
    /// The first word behind it on its line.
    word: Option<&'a str>,
    /// Everything behind our name.
    rest: &'a str,
}

impl<'a> Call<'a> {
    fn read(text: &'a str, slug: &str) -> Option<Self> {
        let (is_mention, rest) = match after(text, SLASH) {
            Some(rest) => (false, rest),
            None => (true, after_mention(text, slug)?),
        };
        if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            return None;
        }
        let word = rest.lines().next().and_then(|line| line.split_whitespace().next());
        Some(Self { is_mention, word, rest })
    }

    fn verb(&self) -> Spoken {
        let Some(word) = self.word else { return Spoken::Verb(Command::Help) };
        match Command::named(word) {
            Some(command) => Spoken::Verb(command),
            None if self.is_mention && Command::closest(word).is_none() => Spoken::Free,
            None => Spoken::Unknown(cut::line(word, WORD_BYTES)),
        }
    }

    fn text(&self) -> String {
        let text = self.rest.trim_start();
        let is_named = self.word.is_some_and(|word| Command::named(word).is_some());
        let words = if is_named { self.word.map_or(0, str::len) } else { 0 };
        text[words..].trim().to_owned()
    }

    /// As a command that is named in an answer. Of mentions only those that are one: people mention us in talk.
    fn named(&self) -> Option<String> {
        let word = self.word.unwrap_or_default();
        (!self.is_mention || Command::named(word).is_some())
            .then(|| cut::line(&format!("{SLASH} {word}"), SLASH.len() + WORD_BYTES))
    }
}

/// What follows `@NAME`: with GitHub's `[bot]` behind it, or a comma, as people write.
fn after_mention<'a>(text: &'a str, slug: &str) -> Option<&'a str> {
    if slug.is_empty() {
        return None;
    }
    let rest = after(text.strip_prefix('@')?, slug)?;
    let rest = after(rest, "[bot]").unwrap_or(rest);
    Some(rest.strip_prefix([',', ':']).unwrap_or(rest))
}

fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command in one line: verb, text, second.
    fn read(body: &str) -> String {
        let Some(said) = find(body, "my-bot") else { return "nothing".to_owned() };
        let verb = match said.verb {
            Spoken::Verb(command) => command.row().word.to_owned(),
            Spoken::Unknown(word) => format!("unknown {word}"),
            Spoken::Free => "free".to_owned(),
        };
        let second = said.second.map(|second| format!(" ({second})")).unwrap_or_default();
        format!("{verb}: {}{second}", said.text.replace('\n', "/"))
    }

    #[test]
    fn commands_are_found() {
        let check = |body: &str, expected: &str| assert_eq!(read(body), expected, "{body:?}");
        check("/quantum build", "build: ");
        check("/quantum BUILD", "build: ");
        check("/Quantum Build it", "build: it");
        check("   /quantum build", "build: ");
        check("/quantum\tbuild\tit", "build: it");
        check("\n \t\n\r\n/quantum build", "build: ");
        check("/quantum build fast\r\n\r\nand *well*\r\n", "build: fast//and *well*");
        check("/quantum build\r\nmore", "build: more");
        check("/quantum build\rmore", "build: more");
        check("/quantum build\n\n> /quantum cancel\n", "build: > /quantum cancel");
        check("/quantum build `code`\n```\n/quantum cancel\n```", "build: `code`/```//quantum cancel/```");
        check("/quantum", "help: ");
        check("/quantum\n\nwhat is this", "help: what is this");
        check("/quantum build it\n/quantum cancel now", "build: it//quantum cancel now (/quantum cancel)");
        check("/quantum status\n\n   /quantum fly", "status: /quantum fly (/quantum fly)");
        check("/quantum status\n\n/quantum", "status: /quantum (/quantum)");
        check("/quantum biuld it", "unknown biuld: biuld it");
        check("/quantum build: it", "unknown build:: build: it");
        check("/quantum <b>", "unknown <b>: <b>");
        check("/quantum /quantum build", "unknown /quantum: /quantum build");
        let long = format!("/quantum {}", "x".repeat(100));
        check(&long, &format!("unknown {}…: {}", "x".repeat(37), "x".repeat(100)));
    }

    #[test]
    fn mentions_mean_the_same() {
        let check = |body: &str, expected: &str| assert_eq!(read(body), expected, "{body:?}");
        check("@my-bot build it", "build: it");
        check("@My-Bot: build", "build: ");
        check("@my-bot, Status", "status: ");
        check("@my-bot[bot] cancel", "cancel: ");
        check("@my-bot", "help: ");
        check("@my-bot what do you think?\nreally", "free: what do you think?/really");
        check("@my-bot stauts", "unknown stauts: stauts");
        check("@my-bot status\n@my-bot build", "status: @my-bot build (/quantum build)");
        check("@my-bot status\n@my-bot thanks", "status: @my-bot thanks");
        check("@my-bot-2 build", "nothing");
        check("@my-botbuild", "nothing");
        check("@my-bot/team build", "nothing");
        check("@my-bot's build", "nothing");
        check("my-bot build", "nothing");
        assert_eq!(find("@ build", ""), None);
        assert_eq!(find("@build", ""), None);
    }

    #[test]
    fn the_rest_is_talk() {
        for body in [
            "",
            " \n\t\n",
            "build",
            "please /quantum build",
            "text\n\n/quantum build",
            "/quantumx build",
            "/quantum-x",
            "/quantum/build",
            "/quantum.",
            "//quantum build",
            "\\/quantum build",
            "    /quantum build",
            "\t/quantum build",
            "> /quantum build",
            "- /quantum build",
            "* /quantum build",
            "1. /quantum build",
            "- [ ] /quantum build",
            "# /quantum build",
            "/quantum build\n===",
            "/quantum build\n---",
            "/quantum build\nmore\n---\n",
            "`/quantum build`",
            "```\n/quantum build\n```",
            "~~~\n/quantum build",
            "<!-- /quantum build -->",
            "<!--\n/quantum build\n-->",
            "<!-- x -->\n/quantum build",
            "<div>\n/quantum build\n</div>",
            "<details><summary>x</summary>\n\n/quantum build\n</details>",
            "**/quantum build**",
            "*/quantum build*",
            "~~/quantum build~~",
            "[/quantum build](http://x)",
            "![/quantum build](http://x)",
            "[x]: /quantum\n/quantum build",
            "| /quantum build |\n|---|\n",
            "/quantum build | x\n---|---\n",
            "\u{200b}/quantum build",
            "\u{feff}/quantum build",
            "/quantum\u{200b} build",
            "／quantum build",
        ] {
            assert_eq!(read(body), "nothing", "{body:?}");
        }
    }

    #[test]
    fn any_text_is_read() {
        let long = format!("/quantum build {}", "ж".repeat(COMMENT_BYTES));
        let said = find(&long, "my-bot").expect("a command");
        assert!(said.text.len() < COMMENT_BYTES);
        for body in ["/quantum build ".repeat(20_000), "> ".repeat(50_000), "[".repeat(100_000)] {
            let _ = find(&body, "my-bot");
        }
    }
}
