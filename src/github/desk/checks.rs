//! Check runs: how a commit fared, for everybody to see.

use super::Desk;
use crate::{
    github::{GitHubError, Need, ask::Ask, wire::Numbered},
    ids::Sha,
    limits::github as limits,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// A check run to make. It is over: nobody is shown one that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCheck {
    /// Its name, the same for every round.
    pub name: String,
    /// The commit.
    pub head_sha: Sha,
    /// Ours: run and round.
    pub external_id: String,
    /// How it ended.
    pub conclusion: Conclusion,
    /// One line.
    pub title: String,
    /// Markdown, above the details.
    pub summary: String,
    /// Markdown: the details. Empty: none.
    pub text: String,
    /// Where a person can read more.
    pub details_url: Option<String>,
    /// Lines that something is said about: 50 at most, the rest is left out.
    pub annotations: Vec<Annotation>,
}

/// How a check run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Verified.
    Success,
    /// Verify failed.
    Failure,
    /// Unverified, or our own trouble.
    Neutral,
}

/// Something said about lines of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The file.
    pub path: String,
    /// Its first line (from 1).
    pub start_line: u32,
    /// Its last line.
    pub end_line: u32,
    /// How bad it is.
    pub level: AnnotationLevel,
    /// What it is.
    pub message: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationLevel {
    /// Good to know.
    Notice,
    /// May be wrong.
    Warning,
    /// Is wrong.
    Failure,
}

/// A check run that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSeen {
    /// Its id.
    pub id: u64,
    /// What its maker calls it; empty when it does not.
    pub external_id: String,
    /// The App that made it.
    pub app_id: Option<u64>,
}

#[derive(Deserialize)]
struct Page {
    check_runs: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    id: u64,
    external_id: Option<String>,
    app: Option<Numbered>,
}

impl From<Told> for CheckSeen {
    fn from(told: Told) -> Self {
        let (external_id, app_id) = (told.external_id.unwrap_or_default(), told.app.map(|app| app.id));
        Self { id: told.id, external_id, app_id }
    }
}

impl NewCheck {
    fn wire(&self) -> Value {
        let mut check = json!({
            "name": self.name,
            "head_sha": self.head_sha.as_str(),
            "external_id": self.external_id,
            "status": "completed",
            "conclusion": self.conclusion.word(),
            "output": { "title": self.title, "summary": self.summary },
        });
        if let Some(url) = &self.details_url {
            check["details_url"] = url.as_str().into();
        }
        if !self.text.is_empty() {
            check["output"]["text"] = self.text.as_str().into();
        }
        if !self.annotations.is_empty() {
            let some = self.annotations.iter().take(limits::ANNOTATIONS);
            check["output"]["annotations"] = some.map(Annotation::wire).collect();
        }
        check
    }
}

impl Conclusion {
    fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Neutral => "neutral",
        }
    }
}

impl Annotation {
    fn wire(&self) -> Value {
        let level = match self.level {
            AnnotationLevel::Notice => "notice",
            AnnotationLevel::Warning => "warning",
            AnnotationLevel::Failure => "failure",
        };
        let (start, end) = (self.start_line, self.end_line);
        json!({ "path": self.path, "start_line": start, "end_line": end, "annotation_level": level, "message": self.message })
    }
}

impl Desk {
    /// Check runs of a commit with this name, of every App.
    pub async fn checks(&self, sha: &Sha, name: &str) -> Result<Vec<CheckSeen>, GitHubError> {
        let ask = Ask::get("read the checks", &["commits", sha.as_str(), "check-runs"]).kept();
        let ask = ask.query("check_name", name).query("filter", "all");
        let told = self.list(Need::Read, ask, |page: Page| page.check_runs).await?;
        Ok(told.into_iter().map(CheckSeen::from).collect())
    }

    /// Makes a check run; its id.
    pub async fn create_check(&self, new: &NewCheck) -> Result<u64, GitHubError> {
        let ask = Ask::post("make a check run", &["check-runs"], new.wire());
        Ok(self.read::<Numbered>(Need::Publish, &ask).await?.id)
    }
}
