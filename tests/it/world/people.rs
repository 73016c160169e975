//! What people do on the website: they open, write, edit, close, merge and delete.

use super::{
    Role,
    acts::Target,
    git,
    github::Hub,
    pulls::NewPull,
    state::{RepoId, UserId},
};

/// The world most stories begin in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual {
    /// `acme/widgets`, public, with a README and a few lines of code.
    pub(crate) repo: RepoId,
    /// May write.
    pub(crate) ada: UserId,
    /// A collaborator who may only read.
    pub(crate) rita: UserId,
    /// A stranger.
    pub(crate) eve: UserId,
    /// Of the organisation `acme`, on all its repositories.
    pub(crate) installation: u64,
}

impl Hub {
    /// `acme/widgets` with ada, rita and eve, and the App installed; the webhook of that is already delivered.
    pub(crate) fn usual(&self) -> Usual {
        let repo = self.repo("acme/widgets", &[("src/flag.sh", "#!/bin/sh\necho none\n")]);
        let [ada, rita, eve] = ["ada", "rita", "eve"].map(|login| self.user(login));
        self.permit(repo, ada, Role::Write);
        self.permit(repo, rita, Role::Read);
        let installation = self.install("acme", None);
        self.take(1);
        Usual { repo, ada, rita, eve, installation }
    }

    /// A token of a person's own, for use by hand.
    pub(crate) fn user_token(&self, user: UserId) -> String {
        let mut state = self.state();
        let token = format!("ghp_{}", state.user(user).login);
        state.user_tokens.insert(token.clone(), user);
        token
    }

    /// The issue's number.
    pub(crate) fn open_issue(&self, repo: RepoId, user: UserId, title: &str, body: &str) -> u64 {
        let number = self.state().open_issue(repo, user, title, body);
        self.knock();
        number
    }

    /// The comment's id.
    pub(crate) fn comment(&self, repo: RepoId, number: u64, user: UserId, body: &str) -> u64 {
        let id = self.state().say(repo, number, user, body);
        self.knock();
        id
    }

    pub(crate) fn edit_comment(&self, repo: RepoId, id: u64, user: UserId, body: &str) {
        self.state().edit_comment(repo, id, user, body);
        self.knock();
    }

    pub(crate) fn delete_comment(&self, repo: RepoId, id: u64, user: UserId) {
        self.state().delete_comment(repo, id, user);
        self.knock();
    }

    pub(crate) fn react(&self, repo: RepoId, comment: u64, user: UserId, content: &str) {
        self.state().react(repo, Target::Comment(comment), user, content);
    }

    pub(crate) fn edit_issue(
        &self,
        repo: RepoId,
        number: u64,
        user: UserId,
        title: Option<&str>,
        body: Option<&str>,
    ) {
        self.state().edit_thread(repo, number, user, title, body);
        self.knock();
    }

    /// Closes an issue, or a pull request without merging it.
    pub(crate) fn close(&self, repo: RepoId, number: u64, user: UserId) {
        self.state().set_open(repo, number, user, false);
        self.knock();
    }

    pub(crate) fn reopen(&self, repo: RepoId, number: u64, user: UserId) {
        self.state().set_open(repo, number, user, true);
        self.knock();
    }

    pub(crate) fn delete_issue(&self, repo: RepoId, number: u64, user: UserId) {
        self.state().delete_issue(repo, number, user);
        self.knock();
    }

    /// The issue's number in the other repository.
    pub(crate) fn transfer_issue(&self, from: RepoId, number: u64, user: UserId, to: RepoId) -> u64 {
        let number = self.state().transfer_issue(from, number, user, to);
        self.knock();
        number
    }

    /// A pull request from a branch of the repository to its default branch.
    pub(crate) fn open_pull(&self, repo: RepoId, user: UserId, head: &str, title: &str, body: &str) -> u64 {
        let mut state = self.state();
        let base = state.repo(repo).default_branch.clone();
        let head_sha = git::head(state.git(repo), head).unwrap();
        let (title, body, head) = (title.to_owned(), body.to_owned(), head.to_owned());
        let new = NewPull { title, body, head, fork: None, head_sha, base, is_draft: false };
        let number = state.open_pull(repo, user, new);
        drop(state);
        self.knock();
        number
    }

    /// Merges a pull request with a merge commit, whose SHA it is; closes the issues that its text closes.
    pub(crate) fn merge(&self, repo: RepoId, number: u64, user: UserId) -> String {
        let sha = self.state().merge_pull(repo, number, user);
        self.knock();
        sha
    }
}
