//! Pull requests: looked up by branch, opened. Never merged, approved or closed.

use super::Desk;
use crate::{
    github::{
        GitHubError, Need,
        ask::Ask,
        wire::{self, Numbered},
    },
    ids::Sha,
};
use serde::Deserialize;
use serde_json::json;

/// A pull request to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPull {
    /// Its title.
    pub title: String,
    /// The branch it comes from, of the same repository, without `refs/heads/`.
    pub head: String,
    /// The branch it goes to.
    pub base: String,
    /// Its text.
    pub body: String,
    /// Whether it is a draft. [`GitHubError::NoDrafts`]: the repository has none.
    pub draft: bool,
}

/// What became of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullState {
    /// Open.
    Open,
    /// Closed without being merged.
    Closed,
    /// Merged.
    Merged,
}

/// A pull request that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// Its address for people.
    pub url: String,
    /// What became of it.
    pub state: PullState,
    /// Whether it is a draft.
    pub is_draft: bool,
    /// The branch it comes from.
    pub head: String,
    /// That branch's head.
    pub head_sha: Sha,
    /// The repository that branch is in; None: it is no more.
    pub head_repo: Option<u64>,
    /// The branch it goes to.
    pub base: String,
}

#[derive(Deserialize)]
struct Told {
    number: u64,
    html_url: String,
    state: String,
    merged_at: Option<String>,
    #[serde(default)]
    draft: bool,
    head: End,
    base: End,
}

#[derive(Deserialize)]
struct End {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    repo: Option<Numbered>,
}

impl Told {
    fn pull(self, ask: &Ask) -> Result<Pull, GitHubError> {
        Ok(Pull {
            number: self.number,
            url: self.html_url,
            state: match (self.merged_at, self.state.as_str()) {
                (Some(_), _) => PullState::Merged,
                (None, "open") => PullState::Open,
                (None, _) => PullState::Closed,
            },
            is_draft: self.draft,
            head_sha: wire::sha(ask, &self.head.sha)?,
            head: self.head.branch,
            head_repo: self.head.repo.map(|repo| repo.id),
            base: self.base.branch,
        })
    }
}

impl Desk {
    /// One pull request.
    pub async fn pull(&self, number: u64) -> Result<Pull, GitHubError> {
        let ask = Ask::get("read the pull request", &["pulls", &number.to_string()]).kept();
        self.read::<Told>(Need::Read, &ask).await?.pull(&ask)
    }

    /// Pull requests from a branch of this repository, whatever became of them.
    pub async fn pulls_by_head(&self, branch: &str) -> Result<Vec<Pull>, GitHubError> {
        let ask = Ask::get("look for the pull request", &["pulls"]).kept();
        let repo = self.repo();
        let asked = ask.clone().query("state", "all").query("head", format!("{}:{branch}", repo.owner));
        let told = self.list(Need::Read, asked, |page: Vec<Told>| page).await?;
        // a filter that GitHub does not understand is one that it leaves out
        let ours = |pull: &Pull| pull.head == branch && pull.head_repo == Some(repo.id);
        let pulls: Result<Vec<_>, _> = told.into_iter().map(|told| told.pull(&ask)).collect();
        Ok(pulls?.into_iter().filter(ours).collect())
    }

    /// Opens a pull request. [`GitHubError::Exists`]: there is an open one from that branch.
    pub async fn create_pull(&self, new: &NewPull) -> Result<Pull, GitHubError> {
        let NewPull { title, head, base, body, draft } = new;
        let body = json!({ "title": title, "head": head, "base": base, "body": body, "draft": draft });
        let ask = Ask::post("open a pull request", &["pulls"], body).creating();
        self.read::<Told>(Need::Publish, &ask).await?.pull(&ask)
    }
}
