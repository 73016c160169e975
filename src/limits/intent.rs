//! Commands and what people read on GitHub.

use std::time::Duration;

/// Bytes of one comment that are looked at: GitHub itself takes 65,536 characters. What is behind them is left out.
pub const COMMENT_BYTES: usize = 256 * 1024;
/// Bytes of a word that is no command, when it is shown. Cut with `…`.
pub const WORD_BYTES: usize = 40;
/// How old a command may be, by GitHub's clock: deliveries come late after an outage, not after days. An older one is
/// answered once and starts nothing (security case S-63).
pub const COMMAND_AGE: Duration = Duration::from_secs(72 * 3600);
/// The span in which started runs are counted for the two bounds below.
pub const STARTS_SPAN: Duration = Duration::from_secs(3600);
/// Runs that one account may start in that span, all repositories together: a person reads what comes out. One more is
/// refused with a reply (security case S-68).
pub const STARTS_PER_ACTOR: u32 = 20;
/// Runs that may start in one repository in that span: a team's. One more is refused with a reply.
pub const STARTS_PER_REPOSITORY: u32 = 60;
/// A word may differ from a verb in one letter for every so many it has, to be taken for a typo of it.
pub const TYPO_SHARE: usize = 3;
/// Letters of a word that may stand for the longer verb it begins.
pub const TYPO_PREFIX: usize = 3;

/// Characters of one text that we hand to GitHub, as UTF-16 counts them; GitHub takes 65,536. What agents wrote is cut in
/// the middle until the text fits; the receipt stays.
pub const BODY_CHARS: usize = 65_000;
/// Bytes of a title (pull request, check run, commit): GitHub takes 256 characters. Cut with `…`.
pub const SUBJECT_BYTES: usize = 240;
/// Containers in containers (lists, quotes) of somebody else's Markdown that are kept; deeper ones are flattened, so that
/// prefixes do not add up.
pub const NESTING: usize = 8;
/// Characters of somebody else's Markdown that are read at all: more than any text that a run carries. The middle of a
/// longer one is left out before it is read.
pub const MARKDOWN_CHARS: usize = 16 * 1024;
/// Characters of a login; GitHub's are 39, with a company's short name behind them on managed accounts. A longer one is no
/// login, and nobody is mentioned.
pub const LOGIN_CHARS: usize = 60;
