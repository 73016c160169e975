//! Why GitHub did not do what was asked. What the caller has to tell apart has a variant: refused (it did nothing, and says
//! no), limited (it was not asked), ambiguous (it may have done it: look before doing it again). No variant holds a token.

use crate::{
    clock::Timestamp,
    report::{Class, Hint},
};

/// What of ours is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The App is not installed any more.
    Installation,
    /// The installation is suspended.
    Suspended,
    /// The repository was deleted or taken out of the installation.
    Repository,
    /// The repository is archived: nobody can write it.
    Archived,
}

impl Lost {
    /// What it is, for a sentence that goes on with "is gone or can't be reached any more".
    pub fn words(self) -> &'static str {
        match self {
            Self::Installation => "the App's installation",
            Self::Suspended => "the App's installation (suspended)",
            Self::Repository => "the repository",
            Self::Archived => "the repository (archived)",
        }
    }
}

/// Why GitHub did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitHubError {
    /// The setting is no address.
    #[error("the address of GitHub's API is no http or https URL without credentials")]
    BadUrl,
    /// The setting is no RSA key.
    #[error("the App's private key can't be used: {0}")]
    BadKey(&'static str),
    /// The HTTP client can't be made.
    #[error("there is no HTTP client: {0}")]
    NoClient(String),
    /// The App's own token is not taken.
    #[error("GitHub does not take the App's key: {message}")]
    NotUs { message: String },
    /// There is nothing left to work on.
    #[error("{}", match .0 {
        Lost::Installation => "the App is not installed there any more",
        Lost::Suspended => "the App's installation is suspended",
        Lost::Repository => "the repository is gone, or no longer in the App's installation",
        Lost::Archived => "the repository is archived",
    })]
    Gone(Lost),
    /// The repository is there, and this is not in it.
    #[error("not found ({what})")]
    Missing { what: &'static str },
    /// It says no, and did nothing.
    #[error("GitHub refused to {what}: {status} {message}")]
    Refused { what: &'static str, status: u16, message: String },
    /// The account that installed the App did not grant this.
    #[error("the App's installation lacks {}", .0.join(", "))]
    Lacks(Vec<String>),
    /// There is one of that name already; nothing was done.
    #[error("there is one already: {what}")]
    Exists { what: &'static str },
    /// The branch has commits that the new head does not have; nothing was done.
    #[error("the branch has moved: the new head does not follow its head")]
    NotForward,
    /// This repository has no draft pull requests; nothing was done.
    #[error("this repository has no draft pull requests")]
    NoDrafts,
    /// A limit: it was not sent, or refused unread.
    #[error("GitHub's limits are reached")]
    Limited {
        /// When it may be sent.
        until: Timestamp,
    },
    /// A change whose answer was lost: it may have been made.
    #[error("whether GitHub did it is not known ({what}): {cause}")]
    Ambiguous { what: &'static str, cause: String },
    /// Nothing was changed: a read without an answer, or a change that never left.
    #[error("no answer from GitHub ({what}): {cause}")]
    Network { what: &'static str, cause: String },
    /// The token was not taken although it should be good; nothing was done. The next call uses a fresh one.
    #[error("GitHub no longer took the token ({what})")]
    Stale { what: &'static str },
    /// The repository was renamed or moved; nothing was done. The next call uses the new name.
    #[error("the repository has another name now ({what})")]
    Renamed { what: &'static str },
    /// An answer that does not fit the question.
    #[error("GitHub answered oddly ({what}): {cause}")]
    Odd { what: &'static str, cause: String },
}

impl Hint for GitHubError {
    fn code(&self) -> &'static str {
        match self {
            Self::BadUrl => "github_url",
            Self::BadKey(_) => "github_key",
            Self::NoClient(_) => "github_client",
            Self::NotUs { .. } => "github_not_us",
            Self::Gone(_) => "github_gone",
            Self::Missing { .. } => "github_missing",
            Self::Refused { .. } => "github_refused",
            Self::Lacks(_) => "github_lacks",
            Self::Exists { .. } => "github_exists",
            Self::NotForward => "github_moved",
            Self::NoDrafts => "github_no_drafts",
            Self::Limited { .. } => "github_limited",
            Self::Ambiguous { .. } => "github_ambiguous",
            Self::Network { .. } => "github_network",
            Self::Stale { .. } => "github_stale",
            Self::Renamed { .. } => "github_renamed",
            Self::Odd { .. } => "github_odd",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::BadUrl => "set QUANTUM_GITHUB_API_URL to https://api.github.com, or to https://HOST/api/v3 for Enterprise Server",
            Self::BadKey(_) => "let QUANTUM_GITHUB_PRIVATE_KEY_FILE name the .pem file from the App's settings page (RSA, PKCS#1 or PKCS#8, not encrypted)",
            Self::NoClient(_) => "check the system's certificates and proxy settings (SSL_CERT_FILE, HTTPS_PROXY)",
            Self::NotUs { .. } => "check QUANTUM_GITHUB_APP_ID, the private key (the App's settings page makes new ones) and this machine's clock",
            Self::Gone(Lost::Installation) => "install the App on the account again to go on",
            Self::Gone(Lost::Suspended) => "unsuspend the App on the account's page of installed GitHub Apps to go on",
            Self::Gone(Lost::Repository) => "add the repository to the App's installation to go on",
            Self::Gone(Lost::Archived) => "unarchive the repository to go on",
            Self::Missing { .. } => "it was deleted or moved; check it on GitHub",
            Self::Refused { status: 403, .. } => "check the App's permissions, and the repository's rules (archived, locked, protected branches, rulesets)",
            Self::Refused { .. } => "check the repository on GitHub: it does not allow this as it is now",
            Self::Lacks(_) => "accept the App's new permissions on the account's page of installed GitHub Apps",
            Self::Exists { .. } => "look at what is there",
            Self::NotForward => "look at who wrote the branch; nothing of theirs was changed",
            Self::NoDrafts => "set pull_request.draft to false in .github/quantum.yml",
            Self::Limited { .. } => "nothing: it goes on when GitHub allows it",
            Self::Ambiguous { .. } => "nothing: it is looked up before it is done again",
            Self::Network { cause, .. } if cause.contains("certificate") => "the server's certificate is not trusted: name its authority's file in SSL_CERT_FILE, or check QUANTUM_GITHUB_API_URL",
            Self::Network { .. } => "check the network, QUANTUM_GITHUB_API_URL and GitHub's status page",
            Self::Stale { .. } | Self::Renamed { .. } => "nothing: it is tried again",
            Self::Odd { .. } => "check that QUANTUM_GITHUB_API_URL is GitHub's API and that no proxy answers in its place",
        }
        .to_owned()
    }
    fn not_before(&self) -> Option<Timestamp> {
        match self {
            Self::Limited { until } => Some(*until),
            _ => None,
        }
    }
    fn class(&self) -> Class {
        match self {
            Self::Limited { .. }
            | Self::Ambiguous { .. }
            | Self::Network { .. }
            | Self::Stale { .. }
            | Self::Renamed { .. }
            | Self::Odd { .. } => Class::Transient,
            // the operator's, and no run's: what was begun waits as it is until the key is right
            Self::NotUs { .. } => Class::Broken,
            Self::BadUrl
            | Self::BadKey(_)
            | Self::NoClient(_)
            | Self::Gone(_)
            | Self::Missing { .. }
            | Self::Refused { .. }
            | Self::Lacks(_)
            | Self::Exists { .. }
            | Self::NotForward
            | Self::NoDrafts => Class::Refused,
        }
    }
}
