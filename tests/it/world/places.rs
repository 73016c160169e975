//! What a story sets up and what owners do: repositories, installations, branches, renames, removals.

use super::{
    git,
    github::Hub,
    pulls::NewPull,
    state::{Installation, Kind, Level, Repo, RepoId, Role, State, User, UserId},
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The file every repository begins with.
const README: (&str, &[u8]) = ("README.md", b"# Widgets\n");

impl State {
    fn new_user(&mut self, login: &str, kind: Kind) -> UserId {
        if let Some(user) = self.user_named(login) {
            return user.id;
        }
        let id = UserId(self.next_id());
        self.users.insert(id, User { id, login: login.to_owned(), kind });
        id
    }

    fn owner(&self, repo: RepoId) -> UserId {
        self.repo(repo).owner
    }

    /// Who does what only owners do: the account itself, as an organisation's owners have no names here.
    fn emit_repo(&mut self, action: &str, repo: RepoId, more: serde_json::Value) {
        let owner = self.owner(repo);
        self.emit("repository", action, repo, owner, more);
    }
}

impl Hub {
    /// A person; the same one for the same name.
    pub(crate) fn user(&self, login: &str) -> UserId {
        self.state().new_user(login, Kind::User)
    }

    /// Another App's account.
    pub(crate) fn bot(&self, login: &str) -> UserId {
        self.state().new_user(login, Kind::Bot)
    }

    pub(crate) fn organization(&self, login: &str) -> UserId {
        self.state().new_user(login, Kind::Organization)
    }

    /// The account takes another name; the old one is free for others.
    pub(crate) fn rename_user(&self, user: UserId, login: &str) {
        self.state().users.get_mut(&user).unwrap().login = login.to_owned();
    }

    pub(crate) fn login(&self, user: UserId) -> String {
        self.state().user(user).login.clone()
    }

    /// A public repository `OWNER/NAME` without a commit. An owner nobody knows yet becomes an organisation.
    pub(crate) fn empty_repo(&self, full_name: &str) -> RepoId {
        let (owner, name) = full_name.split_once('/').unwrap();
        let mut state = self.state();
        let owner = state.new_user(owner, Kind::Organization);
        let id = RepoId(state.next_id());
        let folder = state.folder.join(format!("{}.git", id.0));
        git::create(&folder, "main");
        let repo = Repo {
            id,
            owner,
            name: name.to_owned(),
            is_private: false,
            is_archived: false,
            has_drafts: true,
            default_branch: "main".to_owned(),
            roles: BTreeMap::new(),
            custom_roles: BTreeMap::new(),
            git: folder,
            threads: BTreeMap::new(),
            gone: BTreeMap::new(),
            comments: BTreeMap::new(),
            reviews: BTreeMap::new(),
            line_comments: BTreeMap::new(),
            labels: BTreeMap::new(),
            checks: BTreeMap::new(),
            hidden: BTreeMap::new(),
            signed: BTreeSet::new(),
            created: state.now(),
        };
        state.repos.insert(id, repo);
        id
    }

    /// A public repository with one commit on `main`: a README and these files.
    pub(crate) fn repo(&self, full_name: &str, files: &[(&str, &str)]) -> RepoId {
        let id = self.empty_repo(full_name);
        let mut all: Vec<(&str, Option<&[u8]>)> = vec![(README.0, Some(README.1))];
        all.extend(files.iter().map(|(path, text)| (*path, Some(text.as_bytes()))));
        let state = self.state();
        let author = state.author(state.owner(id));
        git::commit_files(state.git(id), &author, state.now(), "main", &all);
        id
    }

    /// Changes what a repository is, without a webhook: `hub.settings(repo, |repo| repo.is_private = true)`.
    pub(crate) fn settings(&self, repo: RepoId, change: impl FnOnce(&mut Repo)) {
        change(self.state().repo_mut(repo));
    }

    /// Gives somebody a role there; `Role::None` takes it away.
    pub(crate) fn permit(&self, repo: RepoId, user: UserId, role: Role) {
        let mut state = self.state();
        let repo = state.repo_mut(repo);
        repo.custom_roles.remove(&user);
        repo.roles.insert(user, role);
    }

    /// Gives somebody a custom role that inherits from another.
    pub(crate) fn permit_custom(&self, repo: RepoId, user: UserId, name: &str, inherits: Role) {
        self.permit(repo, user, inherits);
        self.state().repo_mut(repo).custom_roles.insert(user, name.to_owned());
    }

    pub(crate) fn full_name(&self, repo: RepoId) -> String {
        self.state().full_name(repo)
    }

    /// Where the bare repository is on disk.
    pub(crate) fn folder(&self, repo: RepoId) -> std::path::PathBuf {
        self.state().git(repo).to_owned()
    }

    /// Somebody pushes a commit to a branch; a new branch begins at the default one. `None` deletes a file.
    pub(crate) fn push(
        &self,
        repo: RepoId,
        user: UserId,
        branch: &str,
        files: &[(&str, Option<&str>)],
    ) -> String {
        let mut state = self.state();
        let folder = state.git(repo).to_owned();
        let full = format!("refs/heads/{branch}");
        let before = git::resolve(&folder, &full);
        if let (None, Some(start)) = (&before, git::head(&folder, &state.repo(repo).default_branch)) {
            git::set_ref(&folder, &full, &start).unwrap();
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.map(str::as_bytes))).collect();
        let author = state.author(user);
        let sha = git::commit_files(&folder, &author, state.now(), branch, &files);
        // back, so that the move is seen as one
        match before {
            Some(before) => git::set_ref(&folder, &full, &before).unwrap(),
            None => {
                git::delete_ref(&folder, &full);
            }
        }
        state.move_ref(repo, &full, Some(&sha), user);
        drop(state);
        self.knock();
        sha
    }

    /// Somebody moves a branch anywhere, by force, or deletes it.
    pub(crate) fn force(&self, repo: RepoId, user: UserId, branch: &str, to: Option<&str>) {
        self.state().move_ref(repo, &format!("refs/heads/{branch}"), to, user);
        self.knock();
    }

    /// Every branch is gone: the repository is empty again.
    pub(crate) fn empty_out(&self, repo: RepoId) {
        let state = self.state();
        for (name, _) in git::refs(state.git(repo), "refs/") {
            git::delete_ref(state.git(repo), &name);
        }
    }

    pub(crate) fn branch(&self, repo: RepoId, name: &str) -> Option<String> {
        git::head(self.state().git(repo), name)
    }

    /// Every branch, by name.
    pub(crate) fn branches(&self, repo: RepoId) -> Vec<String> {
        let all = git::refs(self.state().git(repo), "refs/heads/");
        all.into_iter().map(|(name, _)| name["refs/heads/".len()..].to_owned()).collect()
    }

    /// A file at a branch or commit.
    pub(crate) fn file(&self, repo: RepoId, at: &str, path: &str) -> Option<String> {
        let state = self.state();
        let commit = git::commit_named(state.git(repo), at)?;
        Some(String::from_utf8_lossy(&git::file(state.git(repo), &commit, path)?).into_owned())
    }

    /// The mode of a file at a branch or commit: `100755`.
    pub(crate) fn mode(&self, repo: RepoId, at: &str, path: &str) -> Option<String> {
        let state = self.state();
        git::mode(state.git(repo), &git::commit_named(state.git(repo), at)?, path)
    }

    /// The message of a commit.
    pub(crate) fn message(&self, repo: RepoId, at: &str) -> Option<String> {
        let state = self.state();
        let sha = git::commit_named(state.git(repo), at)?;
        Some(state.git_commit_json(repo, &sha)?["message"].as_str()?.to_owned())
    }

    /// A pull request from somebody's fork.
    pub(crate) fn open_pull_from_fork(
        &self,
        repo: RepoId,
        user: UserId,
        title: &str,
        files: &[(&str, &str)],
    ) -> u64 {
        let mut state = self.state();
        let folder = state.git(repo).to_owned();
        let base = state.repo(repo).default_branch.clone();
        let start = git::head(&folder, &base).unwrap();
        let branch = format!("fork-of-{}", user.0);
        git::set_ref(&folder, &format!("refs/heads/{branch}"), &start).unwrap();
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_bytes()))).collect();
        let author = state.author(user);
        let head_sha = git::commit_files(&folder, &author, state.now(), &branch, &files);
        git::delete_ref(&folder, &format!("refs/heads/{branch}"));
        let (title, head) = (title.to_owned(), "patch-1".to_owned());
        let new =
            NewPull { title, body: String::new(), head, fork: Some(user), head_sha, base, is_draft: false };
        let number = state.open_pull(repo, user, new);
        drop(state);
        self.knock();
        number
    }

    pub(crate) fn rename(&self, repo: RepoId, name: &str) {
        let mut state = self.state();
        let old = state.full_name(repo);
        let from = std::mem::replace(&mut state.repo_mut(repo).name, name.to_owned());
        state.moved.insert(old.to_ascii_lowercase(), repo);
        state.emit_repo("renamed", repo, json!({"changes": {"repository": {"name": {"from": from}}}}));
        drop(state);
        self.knock();
    }

    /// The repository goes to another account; an installation of the first no longer has it.
    pub(crate) fn transfer(&self, repo: RepoId, to: UserId) {
        let mut state = self.state();
        let (old, from) = (state.full_name(repo), state.owner(repo));
        let kind = if state.user(from).kind == Kind::Organization { "organization" } else { "user" };
        let owner = json!({kind: state.user_json(from)});
        // told to whom it leaves, as it will be
        state.emit_repo("transferred", repo, json!({"changes": {"owner": {"from": owner}}}));
        state.repo_mut(repo).owner = to;
        state.moved.insert(old.to_ascii_lowercase(), repo);
        drop(state);
        self.knock();
    }

    pub(crate) fn archive(&self, repo: RepoId, is_archived: bool) {
        let mut state = self.state();
        state.repo_mut(repo).is_archived = is_archived;
        state.emit_repo(if is_archived { "archived" } else { "unarchived" }, repo, json!({}));
        drop(state);
        self.knock();
    }

    pub(crate) fn delete_repo(&self, repo: RepoId) {
        let mut state = self.state();
        state.emit_repo("deleted", repo, json!({}));
        state.repos.remove(&repo);
        drop(state);
        self.knock();
    }

    /// Installs the App for an account: on all its repositories, or on these.
    pub(crate) fn install(&self, account: &str, selected: Option<&[RepoId]>) -> u64 {
        let mut state = self.state();
        let account = state.new_user(account, Kind::Organization);
        let (id, created) = (state.next_id(), state.now());
        let permissions = state.app.permissions.clone();
        let selected = selected.map(|repos| repos.iter().copied().collect());
        state
            .installations
            .insert(id, Installation { id, account, selected, suspended: None, permissions, created });
        let repos = state.repos_of(id);
        let more = json!({"repositories": state.short_repos_json(&repos), "requester": null});
        state.emit_installation("installation", "created", id, account, more);
        drop(state);
        self.knock();
        id
    }

    pub(crate) fn uninstall(&self, installation: u64) {
        let mut state = self.state();
        let account = state.installations[&installation].account;
        let repos = state.repos_of(installation);
        let more = json!({"repositories": state.short_repos_json(&repos)});
        state.emit_installation("installation", "deleted", installation, account, more);
        state.installations.remove(&installation);
        drop(state);
        self.knock();
    }

    pub(crate) fn suspend(&self, installation: u64, is_suspended: bool) {
        let mut state = self.state();
        let now = state.now();
        let found = state.installations.get_mut(&installation).unwrap();
        found.suspended = is_suspended.then_some(now);
        let account = found.account;
        let action = if is_suspended { "suspend" } else { "unsuspend" };
        state.emit_installation("installation", action, installation, account, json!({}));
        drop(state);
        self.knock();
    }

    /// Takes a repository out of an installation or puts it in; it is then one of selected ones.
    pub(crate) fn select(&self, installation: u64, repo: RepoId, is_selected: bool) {
        let mut state = self.state();
        let all: BTreeSet<RepoId> = state.repos_of(installation).into_iter().collect();
        let found = state.installations.get_mut(&installation).unwrap();
        let account = found.account;
        let selected = found.selected.get_or_insert(all);
        let action = if is_selected { "added" } else { "removed" };
        if is_selected {
            selected.insert(repo)
        } else {
            selected.remove(&repo)
        };
        let mut more = json!({"repository_selection": "selected", "repositories_added": [], "repositories_removed": [], "requester": null});
        more[format!("repositories_{action}")] = state.short_repos_json(&[repo]);
        state.emit_installation("installation_repositories", action, installation, account, more);
        drop(state);
        self.knock();
    }

    /// What the owner granted: another level, or nothing.
    pub(crate) fn grant(&self, installation: u64, permission: &str, level: Option<Level>) {
        let mut state = self.state();
        let permissions = &mut state.installations.get_mut(&installation).unwrap().permissions;
        match level {
            Some(level) => permissions.insert(permission.to_owned(), level),
            None => permissions.remove(permission),
        };
    }
}
