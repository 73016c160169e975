//! Reviews of pull requests: their texts, the comments on lines, and reactions on the latter. A review itself takes no
//! reactions over the REST API.

use super::{
    acts::Target,
    answer::{Answer, stamp},
    call::Call,
    github::Hub,
    routes_issues::react_to,
    shapes::node_id,
    state::{Comment, RepoId, State, UserId},
};
use serde_json::{Value, json};

impl State {
    fn words(&self, number: u64, author: UserId, body: &str, id: u64) -> Comment {
        let (now, is_via_app) = (self.now(), author == self.app.bot);
        let (body, reactions) = (body.to_owned(), Vec::new());
        Comment { id, number, author, is_via_app, body, created: now, updated: now, edits: 0, reactions }
    }

    fn review_json(&self, repo: RepoId, review: &Comment) -> Value {
        let page = format!("{}/pull/{}", self.repo_page(repo), review.number);
        json!({
            "id": review.id,
            "node_id": node_id("PullRequestReview", review.id),
            "user": self.user_json(review.author),
            "body": Some(&review.body).filter(|body| !body.is_empty()),
            "commit_id": null,
            "submitted_at": stamp(review.created),
            "updated_at": stamp(review.updated),
            "state": "commented",
            "html_url": format!("{page}#pullrequestreview-{}", review.id),
            "pull_request_url": format!("{}/pulls/{}", self.repo_url(repo), review.number),
            "author_association": "CONTRIBUTOR",
        })
    }

    fn line_comment_json(&self, repo: RepoId, comment: &Comment) -> Value {
        let (url, page) = (self.repo_url(repo), format!("{}/pull/{}", self.repo_page(repo), comment.number));
        json!({
            "url": format!("{url}/pulls/comments/{}", comment.id),
            "id": comment.id,
            "node_id": node_id("PullRequestReviewComment", comment.id),
            "pull_request_review_id": null,
            "path": "value",
            "line": 1,
            "user": self.user_json(comment.author),
            "body": comment.body,
            "created_at": stamp(comment.created),
            "updated_at": stamp(comment.updated),
            "html_url": format!("{page}#discussion_r{}", comment.id),
            "pull_request_url": format!("{url}/pulls/{}", comment.number),
            "author_association": "CONTRIBUTOR",
        })
    }
}

/// What reviewers do on the website.
impl Hub {
    /// Somebody submits a review with this text; its id.
    pub(crate) fn review(&self, repo: RepoId, number: u64, user: UserId, body: &str) -> u64 {
        let mut state = self.state();
        let id = state.next_id();
        let review = state.words(number, user, body, id);
        let more = json!({"review": state.review_json(repo, &review), "pull_request": state.pull_json(repo, number)});
        state.repo_mut(repo).reviews.insert(id, review);
        state.emit("pull_request_review", "submitted", repo, user, more);
        drop(state);
        self.knock();
        id
    }

    /// Somebody comments on a line, under this id: each kind of comment has its own numbers.
    pub(crate) fn comment_on_line(&self, repo: RepoId, number: u64, user: UserId, body: &str, id: u64) {
        let mut state = self.state();
        let comment = state.words(number, user, body, id);
        let more = json!({
            "comment": state.line_comment_json(repo, &comment),
            "pull_request": state.pull_json(repo, number),
        });
        state.repo_mut(repo).line_comments.insert(id, comment);
        state.emit("pull_request_review_comment", "created", repo, user, more);
        drop(state);
        self.knock();
    }
}

pub(super) fn react(state: &mut State, call: &Call) -> Result<Answer, Answer> {
    let id = call.id("comment_id")?;
    state.repo(call.repo()).line_comments.get(&id).ok_or_else(Answer::not_found)?;
    react_to(state, call, Target::Line(id))
}
