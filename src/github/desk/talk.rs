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
    fn word(self) -> &'static str {
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
    /// Its number.
    pub number: u64,
    /// Which of the two it is.
    pub on: On,
    /// Its title; untrusted.
    pub title: String,
    /// Its text; untrusted, empty when there is none.
    pub body: String,
    /// Who opened it; None: an account that is no more.
    pub author: Option<Account>,
    /// Whether it is open.
    pub is_open: bool,
    /// Whether only collaborators may comment.
    pub is_locked: bool,
    /// When anything about it last changed.
    pub updated: Timestamp,
}

/// A comment that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub id: u64,
    /// Its text; untrusted.
    pub body: String,
    /// The App that wrote it.
    pub app_id: Option<u64>,
    /// Who wrote it; None: an account that is no more.
    pub author: Option<Account>,
    /// When it was written.
    pub created: Timestamp,
    /// Its address for people.
    pub url: String,
}

#[derive(Deserialize)]
struct ToldIssue {
    number: u64,
    title: String,
    body: Option<String>,
    user: Option<User>,
    state: String,
    #[serde(default)]
    locked: bool,
    updated_at: String,
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
    #[serde(default)]
    html_url: String,
}

impl Desk {
    /// One issue or pull request.
    pub async fn issue(&self, number: u64) -> Result<Issue, GitHubError> {
        let ask = Ask::get("read the issue", &["issues", &number.to_string()]).kept();
        let told: ToldIssue = self.read(Need::Read, &ask).await?;
        let updated = date::read(&told.updated_at).ok_or_else(|| ask.odd("an issue without a time"))?;
        Ok(Issue {
            number: told.number,
            on: if told.pull_request.is_some() { On::Pull } else { On::Issue },
            title: told.title,
            body: told.body.unwrap_or_default(),
            author: told.user.map(Account::from),
            is_open: told.state == "open",
            is_locked: told.locked,
            updated,
        })
    }

    /// Comments that were written or edited since then, oldest first.
    pub async fn comments_since(&self, number: u64, since: Timestamp) -> Result<Vec<Seen>, GitHubError> {
        let ask = Ask::get("read the comments", &["issues", &number.to_string(), "comments"]);
        let odd = || ask.odd("a comment without a time");
        let since = date::written(self.0.github.wire().theirs(since)).ok_or_else(odd)?;
        let told =
            self.list(Need::Read, ask.clone().query("since", since), |page: Vec<ToldComment>| page).await?;
        let seen = |told: ToldComment| {
            Some(Seen {
                created: date::read(&told.created_at)?,
                id: told.id,
                body: told.body.unwrap_or_default(),
                app_id: told.performed_via_github_app.map(|app| app.id),
                author: told.user.map(Account::from),
                url: told.html_url,
            })
        };
        told.into_iter().map(|told| seen(told).ok_or_else(odd)).collect()
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

    /// Puts a reaction on a comment; one that is there already is fine.
    pub async fn react_comment(&self, comment: u64, reaction: Reaction) -> Result<(), GitHubError> {
        let path = ["issues", "comments", &comment.to_string(), "reactions"];
        let ask = Ask::post("react to a comment", &path, json!({ "content": reaction.word() }));
        self.ask(Need::Talk, &ask).await.map(drop)
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
