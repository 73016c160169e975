//! How issues, comments, reactions, labels and assignees change, whoever does it, and which webhook says so.

use super::state::{Comment, Kind, Label, Reaction, RepoId, State, Thread, UserId};
use serde_json::{Value, json};

/// What a reaction is on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Thread(u64),
    Comment(u64),
    Line(u64),
}

impl State {
    /// The next number of issues and pull requests, which they share.
    pub(super) fn next_number(&self, repo: RepoId) -> u64 {
        let repo = self.repo(repo);
        let last = repo.threads.keys().last().max(repo.gone.keys().last());
        last.map_or(1, |last| last + 1)
    }

    pub(super) fn new_thread(&mut self, author: UserId, number: u64, title: &str, body: &str) -> Thread {
        let now = self.now();
        Thread {
            number,
            id: self.next_id(),
            title: title.to_owned(),
            body: body.to_owned(),
            author,
            is_via_app: author == self.app.bot,
            is_open: true,
            created: now,
            updated: now,
            edited: None,
            renamed: None,
            closed: None,
            labels: Vec::new(),
            assignees: Vec::new(),
            reactions: Vec::new(),
            pull: None,
        }
    }

    pub(super) fn open_issue(&mut self, repo: RepoId, author: UserId, title: &str, body: &str) -> u64 {
        let number = self.next_number(repo);
        let thread = self.new_thread(author, number, title, body);
        self.repo_mut(repo).threads.insert(number, thread);
        let issue = json!({"issue": self.issue_json(repo, number)});
        self.emit("issues", "opened", repo, author, issue);
        number
    }

    pub(super) fn thread_mut(&mut self, repo: RepoId, number: u64) -> &mut Thread {
        let now = self.now();
        let thread = self.repo_mut(repo).threads.get_mut(&number).unwrap();
        thread.updated = now;
        thread
    }

    pub(super) fn say(&mut self, repo: RepoId, number: u64, author: UserId, body: &str) -> u64 {
        let (id, now) = (self.next_id(), self.now());
        let comment = Comment {
            id,
            number,
            author,
            is_via_app: author == self.app.bot,
            body: body.to_owned(),
            created: now,
            updated: now,
            edits: 0,
            reactions: Vec::new(),
        };
        self.repo_mut(repo).comments.insert(id, comment);
        self.thread_mut(repo, number);
        self.emit_comment("created", repo, id, author, json!({}));
        id
    }

    pub(super) fn edit_comment(&mut self, repo: RepoId, id: u64, sender: UserId, body: &str) {
        let now = self.now();
        let comment = self.repo_mut(repo).comments.get_mut(&id).unwrap();
        let old = std::mem::replace(&mut comment.body, body.to_owned());
        comment.edits += 1;
        comment.updated = now;
        self.emit_comment("edited", repo, id, sender, json!({"changes": {"body": {"from": old}}}));
    }

    pub(super) fn delete_comment(&mut self, repo: RepoId, id: u64, sender: UserId) {
        self.emit_comment("deleted", repo, id, sender, json!({}));
        self.repo_mut(repo).comments.remove(&id);
    }

    fn emit_comment(&mut self, action: &str, repo: RepoId, id: u64, sender: UserId, mut more: Value) {
        let comment = &self.repo(repo).comments[&id];
        more["issue"] = self.issue_json(repo, comment.number);
        more["comment"] = self.comment_json(repo, comment);
        self.emit("issue_comment", action, repo, sender, more);
    }

    pub(super) fn reactions_of(&mut self, repo: RepoId, target: Target) -> Option<&mut Vec<Reaction>> {
        let repo = self.repo_mut(repo);
        match target {
            Target::Thread(number) => repo.threads.get_mut(&number).map(|thread| &mut thread.reactions),
            Target::Comment(id) => repo.comments.get_mut(&id).map(|comment| &mut comment.reactions),
            Target::Line(id) => repo.line_comments.get_mut(&id).map(|comment| &mut comment.reactions),
        }
    }

    /// The reaction, and whether it is new. No webhook tells of reactions.
    pub(super) fn react(
        &mut self,
        repo: RepoId,
        target: Target,
        user: UserId,
        content: &str,
    ) -> (Reaction, bool) {
        let (id, created) = (self.next_id(), self.now());
        let all = self.reactions_of(repo, target).unwrap();
        if let Some(old) = all.iter().find(|reaction| reaction.user == user && reaction.content == content) {
            return (old.clone(), false);
        }
        let reaction = Reaction { id, user, content: content.to_owned(), created };
        all.push(reaction.clone());
        (reaction, true)
    }

    /// Makes a label when the repository has none of that name.
    pub(super) fn know_label(&mut self, repo: RepoId, name: &str) -> Label {
        if let Some(label) = self.repo(repo).labels.get(name) {
            return label.clone();
        }
        let label = Label {
            id: self.next_id(),
            name: name.to_owned(),
            color: "ededed".to_owned(),
            description: None,
        };
        self.repo_mut(repo).labels.insert(name.to_owned(), label.clone());
        label
    }

    pub(super) fn add_label(&mut self, repo: RepoId, number: u64, sender: UserId, name: &str) {
        let label = self.know_label(repo, name);
        if self.repo(repo).threads[&number].labels.iter().any(|held| held == name) {
            return;
        }
        self.thread_mut(repo, number).labels.push(name.to_owned());
        let label = self.label_json(repo, &label);
        self.emit_thread("labeled", repo, number, sender, json!({"label": label}));
    }

    pub(super) fn remove_label(&mut self, repo: RepoId, number: u64, sender: UserId, name: &str) -> bool {
        let labels = &mut self.thread_mut(repo, number).labels;
        let Some(at) = labels.iter().position(|held| held == name) else { return false };
        labels.remove(at);
        let label = self.label_json(repo, &self.repo(repo).labels[name]);
        self.emit_thread("unlabeled", repo, number, sender, json!({"label": label}));
        true
    }

    /// Assigns those who may be; others are left out in silence, as GitHub does.
    pub(super) fn assign(&mut self, repo: RepoId, number: u64, sender: UserId, user: UserId) {
        let may = self.may_be_assigned(repo, user);
        if !may || self.repo(repo).threads[&number].assignees.contains(&user) {
            return;
        }
        self.thread_mut(repo, number).assignees.push(user);
        let assignee = self.user_json(user);
        self.emit_thread("assigned", repo, number, sender, json!({"assignee": assignee}));
    }

    pub(super) fn may_be_assigned(&self, repo: RepoId, user: UserId) -> bool {
        self.is_collaborator(repo, user) && self.user(user).kind == Kind::User
    }

    /// Closes or opens again; a merge closes by `merge`.
    pub(super) fn set_open(&mut self, repo: RepoId, number: u64, sender: UserId, is_open: bool) {
        if self.repo(repo).threads[&number].is_open == is_open {
            return;
        }
        let now = self.now();
        let thread = self.thread_mut(repo, number);
        thread.is_open = is_open;
        thread.closed = (!is_open).then_some(now);
        self.emit_thread(if is_open { "reopened" } else { "closed" }, repo, number, sender, json!({}));
    }

    pub(super) fn edit_thread(
        &mut self,
        repo: RepoId,
        number: u64,
        sender: UserId,
        title: Option<&str>,
        body: Option<&str>,
    ) {
        let now = self.now();
        let thread = self.thread_mut(repo, number);
        let mut changes = json!({});
        if let Some(title) = title {
            thread.renamed = Some(now);
            changes["title"] = json!({"from": std::mem::replace(&mut thread.title, title.to_owned())});
        }
        if let Some(body) = body {
            thread.edited = Some(now);
            changes["body"] = json!({"from": std::mem::replace(&mut thread.body, body.to_owned())});
        }
        self.emit_thread("edited", repo, number, sender, json!({"changes": changes}));
    }

    /// A webhook about an issue or, for a pull request, the one of its own kind.
    pub(super) fn emit_thread(
        &mut self,
        action: &str,
        repo: RepoId,
        number: u64,
        sender: UserId,
        mut more: Value,
    ) {
        if self.repo(repo).threads[&number].pull.is_some() {
            more["number"] = number.into();
            more["pull_request"] = self.full_pull_json(repo, number);
            self.emit("pull_request", action, repo, sender, more);
        } else {
            more["issue"] = self.issue_json(repo, number);
            self.emit("issues", action, repo, sender, more);
        }
    }

    /// The issue is deleted; only its number stays taken.
    pub(super) fn delete_issue(&mut self, repo: RepoId, number: u64, sender: UserId) {
        self.emit_thread("deleted", repo, number, sender, json!({}));
        let found = self.repo_mut(repo);
        found.threads.remove(&number);
        found.comments.retain(|_, comment| comment.number != number);
        found.gone.insert(number, None);
    }

    /// The issue goes to another repository, where it gets a number of its own.
    pub(super) fn transfer_issue(&mut self, from: RepoId, number: u64, sender: UserId, to: RepoId) -> u64 {
        let fresh = self.next_number(to);
        let old = &self.repo(from).threads[&number];
        let (author, title, body) = (old.author, old.title.clone(), old.body.clone());
        let thread = self.new_thread(author, fresh, &title, &body);
        self.repo_mut(to).threads.insert(fresh, thread);
        let changes = json!({"new_issue": self.issue_json(to, fresh), "new_repository": self.repo_json(to)});
        self.emit_thread("transferred", from, number, sender, json!({"changes": changes}));
        let left = self.repo_mut(from);
        left.threads.remove(&number);
        left.gone.insert(number, Some((to, fresh)));
        let comments: Vec<u64> = left
            .comments
            .values()
            .filter(|comment| comment.number == number)
            .map(|comment| comment.id)
            .collect();
        for id in comments {
            let mut comment = self.repo_mut(from).comments.remove(&id).unwrap();
            comment.number = fresh;
            self.repo_mut(to).comments.insert(id, comment);
        }
        fresh
    }
}
