//! What an issue says, and when that was last changed. Only GraphQL tells: over REST, `updated_at` moves with every comment.

use super::Desk;
use crate::{
    clock::Timestamp,
    github::{GitHubError, Need, ask::Ask, date, said::Said},
    limits::github as limits,
};
use serde::Deserialize;
use serde_json::json;

/// The title and the text of an issue or a pull request, as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its title; untrusted.
    pub title: String,
    /// Its text; untrusted, empty when there is none.
    pub body: String,
    /// When either was last changed, to the second; None: never.
    pub changed: Option<Timestamp>,
}

const QUESTION: &str = "query($owner:String!,$name:String!,$number:Int!){\
    repository(owner:$owner,name:$name){databaseId issueOrPullRequest(number:$number){\
    ...on Issue{title body lastEditedAt timelineItems(itemTypes:[RENAMED_TITLE_EVENT],last:1){\
    nodes{...on RenamedTitleEvent{createdAt}}}}\
    ...on PullRequest{title body lastEditedAt timelineItems(itemTypes:[RENAMED_TITLE_EVENT],last:1){\
    nodes{...on RenamedTitleEvent{createdAt}}}}}}}";

#[derive(Deserialize)]
struct Told {
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Data {
    repository: Option<Repository>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    database_id: u64,
    issue_or_pull_request: Option<Thread>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thread {
    title: String,
    body: String,
    /// Null: never. One that is not there at all is no answer.
    #[serde(deserialize_with = "Option::deserialize")]
    last_edited_at: Option<String>,
    timeline_items: Renames,
}

#[derive(Deserialize)]
struct Renames {
    nodes: Vec<Rename>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rename {
    created_at: String,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default, rename = "type")]
    kind: String,
}

impl Error {
    fn is_missing(&self) -> bool {
        self.kind == "NOT_FOUND"
    }
}

impl Desk {
    /// What an issue or a pull request says, for somebody who is about to write there, so that it takes no other token.
    pub async fn written(&self, number: u64) -> Result<Written, GitHubError> {
        let mut is_new_name = false;
        loop {
            let used = self.repo();
            let variables = json!({ "owner": used.owner, "name": used.name, "number": number });
            let body = json!({ "query": QUESTION, "variables": variables });
            let ask = Ask::question("read what the issue says", body);
            match self.told(&ask).await? {
                // a name may be somebody else's by now, whose issues anybody can read
                Some(repository) if repository.database_id == used.id => {
                    let missing = GitHubError::Missing { what: ask.what };
                    return written(&ask, repository.issue_or_pull_request.ok_or(missing)?);
                }
                Some(_) | None => {
                    if is_new_name || !self.find(&ask, &used).await? {
                        return Err(GitHubError::Missing { what: ask.what });
                    }
                    is_new_name = true;
                }
            }
        }
    }

    /// GraphQL says no with status 200.
    async fn told(&self, ask: &Ask) -> Result<Option<Repository>, GitHubError> {
        let answer = self.ask(Need::Talk, ask).await?;
        let told: Told = ask.read(&answer)?;
        let Some(error) = told.errors.iter().find(|error| !error.is_missing()) else {
            return Ok(told.data.ok_or_else(|| ask.odd("neither an answer nor an error"))?.repository);
        };
        let said = Said::read(&answer.body);
        if error.kind == "RATE_LIMITED" || said.is_limit() {
            // its limits are its own: what is left of the others goes on
            return Err(GitHubError::Limited { until: self.now().after(limits::HOLD_FIRST) });
        }
        let (what, message) = (ask.what, said.message);
        Err(match error.kind.as_str() {
            "FORBIDDEN" | "INSUFFICIENT_SCOPES" => GitHubError::Refused { what, status: 403, message },
            // it has no code for its own troubles
            _ => ask.lost(message),
        })
    }
}

fn written(ask: &Ask, thread: Thread) -> Result<Written, GitHubError> {
    let Thread { title, body, last_edited_at, timeline_items } = thread;
    let mut changed = None;
    for at in
        last_edited_at.into_iter().chain(timeline_items.nodes.into_iter().map(|rename| rename.created_at))
    {
        let at = date::read(&at).ok_or_else(|| ask.odd("a change without a time"))?;
        changed = changed.max(Some(at));
    }
    Ok(Written { title, body, changed })
}
