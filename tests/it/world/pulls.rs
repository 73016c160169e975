//! How branches and pull requests change, and which webhook says so.

use super::{
    git::{self, Author},
    state::{Pull, RepoId, State, UserId},
};
use serde_json::{Value, json};

const NOTHING: &str = "0000000000000000000000000000000000000000";

/// What a pull request is opened with.
#[derive(Debug)]
pub(super) struct NewPull {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) head: String,
    pub(super) fork: Option<UserId>,
    pub(super) head_sha: String,
    pub(super) base: String,
    pub(super) is_draft: bool,
}

impl State {
    /// The name and address that GitHub gives an account's commits.
    pub(super) fn author(&self, user: UserId) -> Author {
        let login = &self.user(user).login;
        Author { name: login.clone(), email: format!("{}+{login}@users.noreply.github.com", user.0) }
    }

    pub(super) fn open_pull(&mut self, repo: RepoId, author: UserId, new: NewPull) -> u64 {
        let number = self.next_number(repo);
        let mut thread = self.new_thread(author, number, &new.title, &new.body);
        let base_sha = git::head(self.git(repo), &new.base).unwrap();
        git::set_ref(self.git(repo), &format!("refs/pull/{number}/head"), &new.head_sha).unwrap();
        thread.pull = Some(Pull {
            id: self.next_id(),
            head: new.head,
            fork: new.fork,
            base: new.base,
            is_draft: new.is_draft,
            merged: None,
            head_sha: new.head_sha,
            base_sha,
        });
        self.repo_mut(repo).threads.insert(number, thread);
        self.emit_thread("opened", repo, number, author, json!({}));
        number
    }

    /// The open pull request from a branch of the repository itself.
    pub(super) fn open_pull_of(&self, repo: RepoId, head: &str) -> Option<u64> {
        let is_it = |pull: &Pull| pull.head == head && pull.fork.is_none();
        let mut threads = self.repo(repo).threads.values();
        threads
            .find(|thread| thread.is_open && thread.pull.as_ref().is_some_and(is_it))
            .map(|thread| thread.number)
    }

    /// Moves, makes or deletes a ref; pull requests of that branch follow.
    pub(super) fn move_ref(&mut self, repo: RepoId, name: &str, to: Option<&str>, sender: UserId) {
        let before = git::resolve(self.git(repo), name);
        match to {
            Some(sha) => git::set_ref(self.git(repo), name, sha).unwrap(),
            None => {
                git::delete_ref(self.git(repo), name);
            }
        }
        self.emit_push(repo, name, before.as_deref(), to, sender);
        let Some(branch) = name.strip_prefix("refs/heads/") else { return };
        let numbers: Vec<u64> = self.repo(repo).threads.keys().copied().collect();
        for number in numbers {
            let thread = self.repo_mut(repo).threads.get_mut(&number).unwrap();
            let Some(pull) = thread.pull.as_mut().filter(|_| thread.is_open) else { continue };
            if let (true, Some(sha)) = (pull.base == branch, to) {
                pull.base_sha = sha.to_owned();
            }
            if pull.head != branch || pull.fork.is_some() {
                continue;
            }
            match to {
                Some(sha) => {
                    let before = std::mem::replace(&mut pull.head_sha, sha.to_owned());
                    git::set_ref(self.git(repo), &format!("refs/pull/{number}/head"), sha).unwrap();
                    let more = json!({"before": before, "after": sha});
                    self.emit_thread("synchronize", repo, number, sender, more);
                }
                None => self.set_open(repo, number, sender, false),
            }
        }
    }

    fn emit_push(
        &mut self,
        repo: RepoId,
        name: &str,
        before: Option<&str>,
        after: Option<&str>,
        sender: UserId,
    ) {
        let forced = match (before, after) {
            (Some(from), Some(to)) => !git::is_forward(self.git(repo), from, to),
            _ => false,
        };
        let head = after.map(|sha| self.pushed_commit_json(repo, sha));
        let (from, to) = (before.unwrap_or(NOTHING), after.unwrap_or(NOTHING));
        let who = self.author(sender);
        let push = json!({
            "ref": name,
            "before": from,
            "after": to,
            "created": before.is_none(),
            "deleted": after.is_none(),
            "forced": forced,
            "base_ref": null,
            "compare": format!("{}/compare/{}...{}", self.repo_page(repo), &from[..12], &to[..12]),
            "commits": head.iter().collect::<Vec<_>>(),
            "head_commit": head,
            "pusher": {"name": who.name, "email": who.email},
        });
        self.emit("push", "", repo, sender, push);
    }

    fn pushed_commit_json(&self, repo: RepoId, sha: &str) -> Value {
        let git = git::open(self.git(repo));
        let Ok(commit) = git.revparse_single(sha).and_then(|object| object.peel_to_commit()) else {
            return Value::Null;
        };
        let who = |signature: git2::Signature<'_>| json!({"name": signature.name().unwrap_or_default(), "email": signature.email().unwrap_or_default()});
        json!({
            "id": sha,
            "tree_id": commit.tree_id().to_string(),
            "distinct": true,
            "message": commit.message().unwrap_or_default(),
            "timestamp": super::answer::stamp(quantumlayer::clock::Timestamp(commit.time().seconds() * 1000)),
            "url": format!("{}/commit/{sha}", self.repo_page(repo)),
            "author": who(commit.author()),
            "committer": who(commit.committer()),
            "added": [], "removed": [], "modified": [],
        })
    }

    /// A person merges on the website: a merge commit on the base, the pull request closed, and the issues that its
    /// text closes.
    pub(super) fn merge_pull(&mut self, repo: RepoId, number: u64, sender: UserId) -> String {
        let pull = self.repo(repo).threads[&number].pull.as_ref().unwrap();
        let (base, head_sha) = (pull.base.clone(), pull.head_sha.clone());
        let base_sha = git::head(self.git(repo), &base).unwrap();
        let message = format!("Merge pull request #{number} from {}", pull.head);
        let tree = merged_tree(self.git(repo), &base_sha, &head_sha);
        let parents = [base_sha, head_sha];
        let author = self.author(sender);
        let sha =
            git::write_commit(self.git(repo), &author, self.now(), &message, (&tree, &parents)).unwrap();
        self.move_ref(repo, &format!("refs/heads/{base}"), Some(&sha), sender);
        let now = self.now();
        let thread = self.thread_mut(repo, number);
        thread.is_open = false;
        thread.closed = Some(now);
        thread.pull.as_mut().unwrap().merged = Some((sender, now, sha.clone()));
        let text = thread.body.to_ascii_lowercase();
        self.emit_thread("closed", repo, number, sender, json!({}));
        let is_default = self.repo(repo).default_branch == base;
        for issue in closed_by(&text).into_iter().filter(|_| is_default) {
            if self.repo(repo).threads.contains_key(&issue) {
                self.set_open(repo, issue, sender, false);
            }
        }
        sha
    }
}

fn merged_tree(folder: &std::path::Path, ours: &str, theirs: &str) -> String {
    let git = git::open(folder);
    let commit = |sha: &str| git.find_commit(git2::Oid::from_str(sha).unwrap()).unwrap();
    let mut index = git.merge_commits(&commit(ours), &commit(theirs), None).unwrap();
    assert!(!index.has_conflicts(), "a story merges a pull request that conflicts");
    index.write_tree_to(&git).unwrap().to_string()
}

/// The issues that a text closes (`closes #1`), in lower case.
fn closed_by(text: &str) -> Vec<u64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let closing = ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved"];
    let pairs = words.windows(2).filter(|pair| closing.contains(&pair[0].trim_end_matches(':')));
    pairs
        .filter_map(|pair| {
            let digits = pair[1].strip_prefix('#')?.trim_end_matches(|c: char| !c.is_ascii_digit());
            digits.parse().ok()
        })
        .collect()
}
