//! A thread as a person sees it, as text for snapshots; and what somebody looks at by hand.

use super::{
    answer::Answer,
    github::Hub,
    state::{Check, Reaction, RepoId, State, Thread},
};
use axum::{body::Body, response::Response};
use std::fmt::Write as _;

impl Hub {
    /// An issue with its reactions and comments, then the pull requests that name it, with their checks. Times, ids and
    /// SHAs are left out, and the address of this GitHub is `https://github.test`.
    pub(crate) fn thread(&self, repo: RepoId, number: u64) -> String {
        let state = self.state();
        let mut out = String::new();
        match state.repos.get(&repo).and_then(|repo| repo.threads.get(&number)) {
            Some(thread) => state.print(repo, thread, &mut out),
            None => out.push_str("(gone)\n"),
        }
        if let Some(found) = state.repos.get(&repo) {
            let names = |thread: &&Thread| thread.pull.is_some() && mentions(&thread.body, number);
            for thread in found.threads.values().filter(|thread| thread.number != number).filter(names) {
                out.push('\n');
                state.print(repo, thread, &mut out);
            }
        }
        out.replace(&state.base, "https://github.test")
    }

    /// What the process that serves by hand shows below `/_/`.
    pub(super) fn by_hand(&self, path: &str) -> Response {
        let parts: Vec<&str> = path.split('/').collect();
        let text = match parts.as_slice() {
            ["thread", owner, name, number] => {
                let repo = self.state().repo_named(owner, name);
                repo.zip(number.parse().ok()).map(|(repo, number)| self.thread(repo, number))
            }
            ["log"] => Some(self.log_text()),
            ["deliveries"] => Some(self.delivered().join("\n") + "\n"),
            ["trouble"] => Some(self.state().all_trouble().join("\n") + "\n"),
            _ => None,
        };
        let status = if text.is_some() { 200 } else { 404 };
        let text = text.unwrap_or_else(|| Answer::not_found().body.to_string());
        Response::builder().status(status).body(Body::from(text)).unwrap()
    }
}

/// Whether a text names an issue, as `#7` and not as a part of `#77`.
fn mentions(text: &str, number: u64) -> bool {
    let name = format!("#{number}");
    text.match_indices(&name)
        .any(|(at, _)| !text[at + name.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

impl State {
    fn print(&self, repo: RepoId, thread: &Thread, out: &mut String) {
        let state = match (&thread.pull, thread.is_open) {
            (Some(pull), _) if pull.merged.is_some() => "merged",
            (_, false) => "closed",
            (Some(pull), true) if pull.is_draft => "draft",
            _ => "open",
        };
        let kind = if thread.pull.is_some() { "PR" } else { "Issue" };
        let author = &self.user(thread.author).login;
        let _ = writeln!(out, "{kind} #{} {} ({state}) by {author}", thread.number, thread.title);
        if let Some(pull) = &thread.pull {
            let _ = writeln!(out, "{} <- {}", pull.base, pull.head);
        }
        if !thread.labels.is_empty() {
            let _ = writeln!(out, "labels: {}", thread.labels.join(", "));
        }
        if !thread.assignees.is_empty() {
            let logins: Vec<&str> = thread.assignees.iter().map(|id| self.user(*id).login.as_str()).collect();
            let _ = writeln!(out, "assigned: {}", logins.join(", "));
        }
        indent(&thread.body, out);
        self.print_reactions(&thread.reactions, out);
        for comment in self.repo(repo).comments.values().filter(|comment| comment.number == thread.number) {
            let edits = match comment.edits {
                0 => String::new(),
                1 => " (edited once)".to_owned(),
                n => format!(" (edited {n} times)"),
            };
            let _ = writeln!(out, "{}{edits}:", self.user(comment.author).login);
            indent(&comment.body, out);
            self.print_reactions(&comment.reactions, out);
        }
        self.print_reviews(repo, thread.number, out);
        if let Some(pull) = &thread.pull {
            self.print_commits(repo, &pull.base_sha, &pull.head_sha, out);
            for check in self.repo(repo).checks.values().filter(|check| check.head_sha == pull.head_sha) {
                print_check(check, out);
            }
        }
    }

    fn print_reviews(&self, repo: RepoId, number: u64, out: &mut String) {
        let repo = self.repo(repo);
        for (kind, all) in [("review", &repo.reviews), ("on a line", &repo.line_comments)] {
            for said in all.values().filter(|said| said.number == number) {
                let _ = writeln!(out, "{} ({kind}):", self.user(said.author).login);
                indent(&said.body, out);
                self.print_reactions(&said.reactions, out);
            }
        }
    }

    /// `[eyes by quantum-acme[bot], +1 by ada]`.
    fn print_reactions(&self, reactions: &[Reaction], out: &mut String) {
        let one = |reaction: &Reaction| format!("{} by {}", reaction.content, self.user(reaction.user).login);
        if !reactions.is_empty() {
            let _ = writeln!(out, "  [{}]", reactions.iter().map(one).collect::<Vec<_>>().join(", "));
        }
    }

    fn print_commits(&self, repo: RepoId, base: &str, head: &str, out: &mut String) {
        let git = super::git::open(self.git(repo));
        let mut walk = git.revwalk().unwrap();
        let id = |sha: &str| git2::Oid::from_str(sha).unwrap();
        walk.push(id(head)).unwrap();
        // nothing is hidden when the base is the head itself
        let _ = walk.hide(id(base));
        walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE).unwrap();
        for commit in walk.filter_map(Result::ok).filter_map(|id| git.find_commit(id).ok()) {
            let is_signed = self.repo(repo).signed.contains(&commit.id().to_string());
            let signed = if is_signed { ", verified" } else { "" };
            let author = commit.author().name().unwrap_or_default().to_owned();
            let _ = writeln!(out, "commit by {author}{signed}:");
            indent(commit.message().unwrap_or_default(), out);
            print_files(&git, &commit, out);
        }
    }
}

/// The paths that a commit changes: `A` added, `M` changed, `D` deleted.
fn print_files(git: &git2::Repository, commit: &git2::Commit<'_>, out: &mut String) {
    let before = commit.parent(0).and_then(|parent| parent.tree()).ok();
    let diff = git.diff_tree_to_tree(before.as_ref(), commit.tree().ok().as_ref(), None).unwrap();
    for delta in diff.deltas() {
        let letter = match delta.status() {
            git2::Delta::Added => 'A',
            git2::Delta::Deleted => 'D',
            _ => 'M',
        };
        let path = delta.new_file().path().unwrap_or_else(|| std::path::Path::new("?"));
        let _ = writeln!(out, "  {letter} {}", path.display());
    }
}

fn print_check(check: &Check, out: &mut String) {
    let end = check.conclusion.as_ref().unwrap_or(&check.status);
    let _ = writeln!(out, "check {}: {end}", check.name);
    for text in [&check.title, &check.summary, &check.text].into_iter().flatten() {
        indent(text, out);
    }
    for note in &check.annotations {
        let _ = writeln!(out, "  {}:{} {}", note["path"], note["start_line"], note["message"]);
    }
}

fn indent(text: &str, out: &mut String) {
    for line in text.lines() {
        let _ = writeln!(out, "{}", format!("  {line}").trim_end());
    }
}
