//! Git objects and branches, by the Git data API. A branch is only ever made or moved forward.

use super::Desk;
use crate::{
    github::{
        GitHubError, Need,
        ask::Ask,
        wire::{self, Object},
    },
    ids::Sha,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file's text, which GitHub stores.
    Text { text: String, is_executable: bool },
    /// A file that is stored already ([`Desk::blob`]).
    File { blob: Sha, is_executable: bool },
    /// A link, by the stored text of its target.
    Link { blob: Sha },
    /// Nothing any more.
    Deleted,
}

/// One path of a tree that changes. There are no submodules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// The path from the repository's root, with `/`.
    pub path: String,
    /// What stands there.
    pub kind: EntryKind,
}

/// A commit that was just made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitMade {
    /// Its id.
    pub sha: Sha,
    /// Whether GitHub says that it signed it: whoever claims that goes by this.
    pub verified: bool,
}

/// A commit that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitFacts {
    /// Its tree.
    pub tree: Sha,
    /// What it stands on.
    pub parents: Vec<Sha>,
    /// Its message; untrusted.
    pub message: String,
}

#[derive(Deserialize)]
struct ToldCommit {
    sha: String,
    tree: Object,
    #[serde(default)]
    parents: Vec<Object>,
    #[serde(default)]
    message: String,
    verification: Option<Verification>,
}

#[derive(Deserialize)]
struct Verification {
    verified: bool,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "ref")]
    name: String,
    object: Object,
}

impl TreeEntry {
    fn wire(self) -> Value {
        let mode = match &self.kind {
            EntryKind::Text { is_executable: true, .. } | EntryKind::File { is_executable: true, .. } => {
                "100755"
            }
            EntryKind::Link { .. } => "120000",
            EntryKind::Text { .. } | EntryKind::File { .. } | EntryKind::Deleted => "100644",
        };
        let mut entry = json!({ "path": self.path, "mode": mode, "type": "blob" });
        match self.kind {
            EntryKind::Text { text, .. } => entry["content"] = text.into(),
            EntryKind::File { blob, .. } | EntryKind::Link { blob } => entry["sha"] = blob.as_str().into(),
            EntryKind::Deleted => entry["sha"] = Value::Null,
        }
        entry
    }
}

impl Desk {
    /// Stores a file.
    pub async fn blob(&self, bytes: &[u8]) -> Result<Sha, GitHubError> {
        let body = json!({ "content": STANDARD.encode(bytes), "encoding": "base64" });
        self.stored(Ask::post("store a file", &["git", "blobs"], body)).await
    }

    /// Stores a tree: `base` with these entries instead. Without `base` it has these entries only.
    pub async fn tree(&self, base: Option<&Sha>, entries: Vec<TreeEntry>) -> Result<Sha, GitHubError> {
        let mut body = json!({ "tree": entries.into_iter().map(TreeEntry::wire).collect::<Vec<_>>() });
        if let Some(base) = base {
            body["base_tree"] = base.as_str().into();
        }
        self.stored(Ask::post("store a tree", &["git", "trees"], body)).await
    }

    /// Makes a commit in the App's name, which GitHub signs.
    pub async fn commit(&self, message: &str, tree: &Sha, parent: &Sha) -> Result<CommitMade, GitHubError> {
        let body = json!({ "message": message, "tree": tree.as_str(), "parents": [parent.as_str()] });
        let ask = Ask::post("make a commit", &["git", "commits"], body);
        let told: ToldCommit = self.read(Need::Publish, &ask).await?;
        let verified = told.verification.is_some_and(|told| told.verified);
        Ok(CommitMade { sha: wire::sha(&ask, &told.sha)?, verified })
    }

    /// What a commit is.
    pub async fn commit_facts(&self, sha: &Sha) -> Result<CommitFacts, GitHubError> {
        let ask = Ask::get("read a commit", &["git", "commits", sha.as_str()]);
        let told: ToldCommit = self.read(Need::Read, &ask).await?;
        let parents: Result<_, _> = told.parents.iter().map(|parent| wire::sha(&ask, &parent.sha)).collect();
        Ok(CommitFacts { tree: wire::sha(&ask, &told.tree.sha)?, parents: parents?, message: told.message })
    }

    /// The head of a branch (`branch` without `refs/heads/`); None: there is no such branch.
    pub async fn git_ref(&self, branch: &str) -> Result<Option<Sha>, GitHubError> {
        let ask = Ask::get("read a branch", &path("ref", branch));
        let answer = match self.if_any(Need::Read, ask.clone()).await {
            // a repository without any commit has no branches
            Err(GitHubError::Refused { status: 409, .. }) => return Ok(None),
            answer => answer?,
        };
        let Some(answer) = answer else { return Ok(None) };
        let told: Reference = ask.read(&answer)?;
        if told.name != format!("refs/heads/{branch}") {
            return Err(ask.odd("another branch"));
        }
        wire::sha(&ask, &told.object.sha).map(Some)
    }

    /// Makes a branch. [`GitHubError::Exists`]: somebody was faster.
    pub async fn create_ref(&self, branch: &str, sha: &Sha) -> Result<(), GitHubError> {
        let body = json!({ "ref": format!("refs/heads/{branch}"), "sha": sha.as_str() });
        let ask = Ask::post("make a branch", &["git", "refs"], body);
        self.moved(&ask).await
    }

    /// Moves a branch forward, never back or aside: [`GitHubError::NotForward`] then.
    pub async fn update_ref(&self, branch: &str, sha: &Sha) -> Result<(), GitHubError> {
        let body = json!({ "sha": sha.as_str(), "force": false });
        let ask = Ask::patch("move a branch", &path("refs", branch), body);
        self.moved(&ask).await
    }

    async fn moved(&self, ask: &Ask) -> Result<(), GitHubError> {
        self.ask(Need::Publish, ask).await.map(drop)
    }

    async fn stored(&self, ask: Ask) -> Result<Sha, GitHubError> {
        let told: Object = self.read(Need::Publish, &ask).await?;
        wire::sha(&ask, &told.sha)
    }
}

/// The path of a branch: each part of its name is a part of the path.
fn path<'a>(kind: &'a str, branch: &'a str) -> Vec<&'a str> {
    ["git", kind, "heads"].into_iter().chain(branch.split('/')).collect()
}
