//! Issues and what is said in them. A pull request is an issue too.

use super::Desk;
use crate::{
    clock::Timestamp,
    github::{
        GitHubError, Need,
        ask::Ask,
        date,
        wire::{Numbered, User},
    },
    intent::notice::{Account, On},
    limits::github as limits,
};
use serde::Deserialize;
use serde_json::json;

/// What we put on a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Seen.
    Eyes,
    /// Done.
    Rocket,
    /// Every other end.
    Confused,
}

impl Reaction {
    /// GitHub's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Eyes => "eyes",
            Self::Rocket => "rocket",
            Self::Confused => "confused",
        }
    }
}

/// An issue or a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Which of the two it is.
    pub on: On,
    /// Its title; untrusted.
    pub title: String,
    /// Its text; untrusted, empty when there is none.
    pub body: String,
    /// Who opened it; None: an account that is no more.
    pub author: Option<Account>,
}

/// A comment that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub id: u64,
    /// The issue or pull request it is on.
    pub number: u64,
    /// Its text; untrusted.
    pub body: String,
    /// The App that wrote it.
    pub app_id: Option<u64>,
    /// Who wrote it; None: an account that is no more.
    pub author: Option<Account>,
    /// When it was written.
    pub created: Timestamp,
    /// When it was last edited; the same as `created` when it never was.
    pub updated: Timestamp,
    /// Its address for people.
    pub url: String,
}

#[derive(Deserialize)]
struct ToldIssue {
    title: String,
    body: Option<String>,
    user: Option<User>,
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct ToldComment {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    performed_via_github_app: Option<Numbered>,
    user: Option<User>,
    created_at: String,
    updated_at: Option<String>,
    #[serde(default)]
    html_url: String,
    #[serde(default)]
    issue_url: String,
}

impl ToldComment {
    /// None: it lacks a time, or where it is.
    fn seen(self, number: Option<u64>) -> Option<Seen> {
        let created = date::read(&self.created_at)?;
        Some(Seen {
            id: self.id,
            number: number.or_else(|| self.issue_url.rsplit('/').next()?.parse().ok())?,
            body: self.body.unwrap_or_default(),
            app_id: self.performed_via_github_app.map(|app| app.id),
            author: self.user.map(Account::from),
            created,
            updated: self.updated_at.as_deref().map_or(Some(created), date::read)?,
            url: self.html_url,
        })
    }
}

impl Desk {
    /// One issue or pull request.
    pub async fn issue(&self, number: u64) -> Result<Issue, GitHubError> {
        let ask = Ask::get("read the issue", &["issues", &number.to_string()]).kept();
        let told: ToldIssue = self.read(Need::Read, &ask).await?;
        Ok(Issue {
            on: if told.pull_request.is_some() { On::Pull } else { On::Issue },
            title: told.title,
            body: told.body.unwrap_or_default(),
            author: told.user.map(Account::from),
        })
    }

    /// Comments that were written or edited since then, oldest first.
    pub async fn comments_since(&self, number: u64, since: Timestamp) -> Result<Vec<Seen>, GitHubError> {
        let ask = comments(number, self.0.github.wire().theirs(since))?;
        let told = self.list(Need::Read, ask.clone(), |page: Vec<ToldComment>| page).await?;
        seen(&ask, told, Some(number))
    }

    /// The same since a time that GitHub said, for somebody who is about to write there, so that it takes no other token; where there are more of them than a
    /// list may hold, the first.
    pub async fn said_since(&self, number: u64, since: Timestamp) -> Result<Vec<Seen>, GitHubError> {
        let ask = comments(number, since)?;
        let (told, is_all) = self.list_some(Need::Talk, ask.clone(), |page: Vec<ToldComment>| page).await?;
        if !is_all {
            tracing::warn!(number, "more was said in a thread than is looked through");
        }
        seen(&ask, told, Some(number))
    }

    /// One page of what was written or edited in the whole repository since then, the longest unchanged first. As long as
    /// nothing changes, asking again costs nothing.
    pub async fn talk_since(&self, since: Timestamp) -> Result<Vec<Seen>, GitHubError> {
        let ask = Ask::get("read the repository's comments", &["issues", "comments"]).kept();
        let since = date::written(since).ok_or_else(|| ask.odd("a time that can't be written"))?;
        let ask = ask.query("since", since).query("sort", "updated").query("direction", "asc");
        let ask = ask.query("per_page", limits::PAGE);
        seen(&ask, self.read(Need::Read, &ask).await?, None)
    }

    /// Writes a comment; its id.
    pub async fn comment(&self, number: u64, body: &str) -> Result<u64, GitHubError> {
        let path = ["issues", &number.to_string(), "comments"];
        let ask = Ask::post("write a comment", &path, json!({ "body": body })).creating();
        Ok(self.read::<Numbered>(Need::Talk, &ask).await?.id)
    }

    /// Replaces a comment's text.
    pub async fn edit_comment(&self, id: u64, body: &str) -> Result<(), GitHubError> {
        let path = ["issues", "comments", &id.to_string()];
        let ask = Ask::patch("edit a comment", &path, json!({ "body": body }));
        self.ask(Need::Talk, &ask).await.map(drop)
    }

    /// Deletes a comment; one that is gone already is fine.
    pub async fn delete_comment(&self, id: u64) -> Result<(), GitHubError> {
        let ask = Ask::delete("delete a comment", &["issues", "comments", &id.to_string()]);
        match self.ask(Need::Talk, &ask).await {
            Ok(_) | Err(GitHubError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Puts a reaction on a comment; one that is there already is fine. Its id.
    pub async fn react_comment(&self, comment: u64, reaction: Reaction) -> Result<u64, GitHubError> {
        let path = ["issues", "comments", &comment.to_string(), "reactions"];
        let ask = Ask::post("react to a comment", &path, json!({ "content": reaction.word() }));
        Ok(self.read::<Numbered>(Need::Talk, &ask).await?.id)
    }

    /// Takes a reaction of ours away; one that is gone already is fine.
    pub async fn unreact_comment(&self, comment: u64, reaction: u64) -> Result<(), GitHubError> {
        let path = ["issues", "comments", &comment.to_string(), "reactions", &reaction.to_string()];
        match self.ask(Need::Talk, &Ask::delete("take a reaction away", &path)).await {
            Ok(_) | Err(GitHubError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The same on a comment on a line of a pull request's diff, which has a number of its own kind.
    pub async fn react_line(&self, comment: u64, reaction: Reaction) -> Result<(), GitHubError> {
        let path = ["pulls", "comments", &comment.to_string(), "reactions"];
        let ask = Ask::post("react to a comment on a line", &path, json!({ "content": reaction.word() }));
        self.ask(Need::Talk, &ask).await.map(drop)
    }

    /// Puts labels on an issue or pull request; those that are there already are fine.
    pub async fn add_labels(&self, number: u64, labels: &[&str]) -> Result<(), GitHubError> {
        let path = ["issues", &number.to_string(), "labels"];
        let ask = Ask::post("add a label", &path, json!({ "labels": labels }));
        self.ask(Need::Talk, &ask).await.map(drop)
    }

    /// Assigns somebody. GitHub says nothing when an account can't be assigned.
    pub async fn add_assignee(&self, number: u64, login: &str) -> Result<(), GitHubError> {
        let path = ["issues", &number.to_string(), "assignees"];
        let ask = Ask::post("assign somebody", &path, json!({ "assignees": [login] }));
        self.ask(Need::Talk, &ask).await.map(drop)
    }
}

fn comments(number: u64, since: Timestamp) -> Result<Ask, GitHubError> {
    let ask = Ask::get("read the comments", &["issues", &number.to_string(), "comments"]);
    let since = date::written(since).ok_or_else(|| ask.odd("a time that can't be written"))?;
    Ok(ask.query("since", since))
}

fn seen(ask: &Ask, told: Vec<ToldComment>, number: Option<u64>) -> Result<Vec<Seen>, GitHubError> {
    let odd = || ask.odd("a comment without a time or a place");
    told.into_iter().map(|told| told.seen(number).ok_or_else(odd)).collect()
}
