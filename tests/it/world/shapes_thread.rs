//! Issues, comments, pull requests and check runs as GitHub's JSON.

use super::{
    answer::{maybe_stamp, stamp},
    git,
    shapes::{merge, node_id},
    state::{Check, Comment, Pull, Reaction, RepoId, State, Thread, UserId},
};
use serde_json::{Value, json};

const CONTENTS: [&str; 8] = ["+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"];

/// Whether GitHub has such a reaction.
pub(super) fn is_reaction(content: &str) -> bool {
    CONTENTS.contains(&content)
}

impl State {
    pub(super) fn reaction_json(&self, reaction: &Reaction) -> Value {
        json!({
            "id": reaction.id,
            "node_id": node_id("Reaction", reaction.id),
            "user": self.user_json(reaction.user),
            "content": reaction.content,
            "created_at": stamp(reaction.created),
        })
    }

    /// What GitHub says somebody is to a repository. Ours never decides by it; here it is what it often is: misleading.
    fn association(&self, repo: RepoId, user: UserId) -> &'static str {
        if self.repo(repo).owner == user {
            return "OWNER";
        }
        if self.is_collaborator(repo, user) { "COLLABORATOR" } else { "CONTRIBUTOR" }
    }

    pub(super) fn thread_page(&self, repo: RepoId, thread: &Thread) -> String {
        let kind = if thread.pull.is_some() { "pull" } else { "issues" };
        format!("{}/{kind}/{}", self.repo_page(repo), thread.number)
    }

    /// An issue, or a pull request seen as one.
    pub(super) fn issue_json(&self, repo: RepoId, number: u64) -> Value {
        let thread = &self.repo(repo).threads[&number];
        let at = self.repo_url(repo);
        let url = format!("{at}/issues/{number}");
        let comments = self.repo(repo).comments.values().filter(|comment| comment.number == number).count();
        let mut json = json!({
            "id": thread.id,
            "node_id": node_id("Issue", thread.id),
            "number": number,
            "title": thread.title,
            "url": url,
            "repository_url": at,
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "timeline_url": format!("{url}/timeline"),
            "html_url": self.thread_page(repo, thread),
            "milestone": null,
            "comments": comments,
            "closed_at": maybe_stamp(thread.closed),
            "author_association": self.association(repo, thread.author),
            "active_lock_reason": null,
            "state_reason": thread.closed.map(|_| "completed"),
            "closed_by": null,
            "reactions": reactions_json(&thread.reactions, &url),
            "performed_via_github_app": thread.is_via_app.then(|| self.app_json()),
        });
        merge(&mut json, self.shared_json(repo, thread));
        if let Some(pull) = &thread.pull {
            let page = self.thread_page(repo, thread);
            json["draft"] = pull.is_draft.into();
            json["pull_request"] = json!({
                "url": format!("{at}/pulls/{number}"),
                "html_url": page,
                "diff_url": format!("{page}.diff"),
                "patch_url": format!("{page}.patch"),
                "merged_at": maybe_stamp(pull.merged.as_ref().map(|(_, at, _)| *at)),
            });
        }
        json
    }

    /// What issues and pull requests have in common.
    fn shared_json(&self, repo: RepoId, thread: &Thread) -> Value {
        let labels: Vec<Value> = thread
            .labels
            .iter()
            .filter_map(|name| self.repo(repo).labels.get(name))
            .map(|label| self.label_json(repo, label))
            .collect();
        let assignees: Vec<Value> = thread.assignees.iter().map(|user| self.user_json(*user)).collect();
        json!({
            "user": self.user_json(thread.author),
            "labels": labels,
            "state": if thread.is_open { "open" } else { "closed" },
            "locked": false,
            "assignee": assignees.first(),
            "assignees": assignees,
            "created_at": stamp(thread.created),
            "updated_at": stamp(thread.updated),
            // GitHub keeps no empty text
            "body": Some(&thread.body).filter(|body| !body.is_empty()),
        })
    }

    pub(super) fn comment_json(&self, repo: RepoId, comment: &Comment) -> Value {
        let at = self.repo_url(repo);
        let url = format!("{at}/issues/comments/{}", comment.id);
        let thread = &self.repo(repo).threads[&comment.number];
        json!({
            "url": url,
            "html_url": format!("{}#issuecomment-{}", self.thread_page(repo, thread), comment.id),
            "issue_url": format!("{at}/issues/{}", comment.number),
            "id": comment.id,
            "node_id": node_id("IssueComment", comment.id),
            "user": self.user_json(comment.author),
            "created_at": stamp(comment.created),
            "updated_at": stamp(comment.updated),
            "author_association": self.association(repo, comment.author),
            "body": comment.body,
            "reactions": reactions_json(&comment.reactions, &url),
            "performed_via_github_app": comment.is_via_app.then(|| self.app_json()),
        })
    }

    /// A pull request as a list shows it.
    pub(super) fn pull_json(&self, repo: RepoId, number: u64) -> Value {
        let thread = &self.repo(repo).threads[&number];
        let pull = thread.pull.as_ref().unwrap();
        let at = self.repo_url(repo);
        let url = format!("{at}/pulls/{number}");
        let issue = format!("{at}/issues/{number}");
        let page = self.thread_page(repo, thread);
        let mut json = json!({
            "id": pull.id,
            "node_id": node_id("PullRequest", pull.id),
            "number": number,
            "title": thread.title,
            "url": url,
            "html_url": page,
            "diff_url": format!("{page}.diff"),
            "patch_url": format!("{page}.patch"),
            "issue_url": issue,
            "commits_url": format!("{url}/commits"),
            "review_comments_url": format!("{url}/comments"),
            "review_comment_url": format!("{at}/pulls/comments{{/number}}"),
            "comments_url": format!("{issue}/comments"),
            "statuses_url": format!("{at}/statuses/{}", pull.head_sha),
            "closed_at": maybe_stamp(thread.closed),
            "merged_at": maybe_stamp(pull.merged.as_ref().map(|(_, at, _)| *at)),
            "merge_commit_sha": pull.merged.as_ref().map(|(_, _, sha)| sha.clone()),
            "requested_reviewers": [],
            "requested_teams": [],
            "milestone": null,
            "draft": pull.is_draft,
            "author_association": self.association(repo, thread.author),
            "auto_merge": null,
            "active_lock_reason": null,
            "_links": {
                "self": {"href": url}, "html": {"href": page}, "issue": {"href": issue},
                "comments": {"href": format!("{issue}/comments")},
                "review_comments": {"href": format!("{url}/comments")},
                "review_comment": {"href": format!("{at}/pulls/comments{{/number}}")},
                "commits": {"href": format!("{url}/commits")},
                "statuses": {"href": format!("{at}/statuses/{}", pull.head_sha)},
            },
        });
        merge(&mut json, self.shared_json(repo, thread));
        json["head"] = self.head_json(repo, pull);
        json["base"] = json!({
            "label": format!("{}:{}", self.user(self.repo(repo).owner).login, pull.base),
            "ref": pull.base,
            "sha": pull.base_sha,
            "user": self.user_json(self.repo(repo).owner),
            "repo": self.repo_json(repo),
        });
        json
    }

    /// A pull request as `GET …/pulls/N` shows it.
    pub(super) fn full_pull_json(&self, repo: RepoId, number: u64) -> Value {
        let mut json = self.pull_json(repo, number);
        let thread = &self.repo(repo).threads[&number];
        let pull = thread.pull.as_ref().unwrap();
        let comments = self.repo(repo).comments.values().filter(|comment| comment.number == number).count();
        let more = json!({
            "merged": pull.merged.is_some(),
            // GitHub works it out later and tells nobody
            "mergeable": null,
            "rebaseable": null,
            "mergeable_state": "unknown",
            "merged_by": pull.merged.as_ref().map(|(user, _, _)| self.user_json(*user)),
            "comments": comments,
            "review_comments": 0,
            "maintainer_can_modify": false,
            "commits": git::ahead(self.git(repo), &pull.base_sha, &pull.head_sha),
            "additions": 0, "deletions": 0, "changed_files": 0,
        });
        merge(&mut json, more);
        json
    }

    fn head_json(&self, repo: RepoId, pull: &Pull) -> Value {
        let owner = pull.fork.unwrap_or(self.repo(repo).owner);
        let mut home = self.repo_json(repo);
        if let Some(fork) = pull.fork {
            let name = format!("{}/{}", self.user(fork).login, self.repo(repo).name);
            // a repository of its own, of which this world keeps no more than that
            merge(
                &mut home,
                json!({"id": repo.0 + 1_000_000, "full_name": name, "fork": true, "owner": self.user_json(fork)}),
            );
        }
        json!({
            "label": format!("{}:{}", self.user(owner).login, pull.head),
            "ref": pull.head,
            "sha": pull.head_sha,
            "user": self.user_json(owner),
            "repo": home,
        })
    }

    pub(super) fn check_json(&self, repo: RepoId, check: &Check) -> Value {
        let url = format!("{}/check-runs/{}", self.repo_url(repo), check.id);
        let page = format!("{}/runs/{}", self.repo_page(repo), check.id);
        json!({
            "id": check.id,
            "node_id": node_id("CheckRun", check.id),
            "name": check.name,
            "head_sha": check.head_sha,
            "external_id": check.external_id,
            "url": url,
            "html_url": page,
            "details_url": check.details_url.as_ref().unwrap_or(&page),
            "status": check.status,
            "conclusion": check.conclusion,
            "started_at": stamp(check.started),
            "completed_at": maybe_stamp(check.completed),
            "output": {
                "title": check.title,
                "summary": check.summary,
                "text": check.text,
                "annotations_count": check.annotations.len(),
                "annotations_url": format!("{url}/annotations"),
            },
            "check_suite": {"id": check.id - 1},
            "app": self.app_json(),
            "pull_requests": [],
        })
    }
}

fn reactions_json(reactions: &[Reaction], url: &str) -> Value {
    let count = |content: &str| reactions.iter().filter(|reaction| reaction.content == content).count();
    let mut json = json!({"url": format!("{url}/reactions"), "total_count": reactions.len()});
    merge(&mut json, CONTENTS.iter().map(|content| ((*content).to_owned(), count(content))).collect());
    json
}
