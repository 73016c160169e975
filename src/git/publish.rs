//! One commit and one ref in somebody's repository. Objects go first, children before parents, so that a crash at any
//! point leaves nothing that refers to something missing; the ref is made last, by compare-and-swap.

use super::{
    GitError, Person, Source,
    source::{oid, sha},
};
use crate::{ids::Sha, limits::git as limits};
use git2::{Branch, ErrorCode, ObjectType, Odb, Oid, Repository, Signature, Time};

impl Source {
    /// A commit object; the same arguments give the same id (`at`: seconds since 1970, UTC).
    pub fn commit(
        &self,
        tree: &Sha,
        parent: &Sha,
        message: &str,
        author: &Person,
        at: i64,
    ) -> Result<Sha, GitError> {
        let store = self.ours();
        let person = Signature::new(&author.name, &author.email, &Time::new(at, 0))?;
        let (tree, parent) = (store.find_tree(oid(tree)?)?, store.find_commit(oid(parent)?)?);
        let message = message.replace('\0', "");
        Ok(sha(store.commit(None, &person, &person, &message, &tree, &[&parent])?))
    }

    /// Refuses a branch name that is illegal, exists (also as the folder of another branch) or is checked out.
    pub fn check_branch(&self, name: &str) -> Result<(), GitError> {
        let theirs = self.theirs();
        if !Branch::name_is_valid(name).unwrap_or(false) || name == "HEAD" {
            return Err(GitError::BadBranch(name.to_owned()));
        }
        let full = format!("refs/heads/{name}");
        let unborn = theirs
            .find_reference("HEAD")
            .ok()
            .and_then(|head| head.symbolic_target().ok().flatten().map(str::to_owned));
        if unborn.as_deref() == Some(full.as_str()) || theirs.find_reference(&full).is_ok() {
            return Err(GitError::BranchExists(name.to_owned()));
        }
        for reference in theirs.references_glob("refs/heads/*")? {
            let reference = reference?;
            let other = String::from_utf8_lossy(reference.name_bytes()).into_owned();
            if other.starts_with(&format!("{full}/")) || full.starts_with(&format!("{other}/")) {
                return Err(GitError::BranchExists(other.trim_start_matches("refs/heads/").to_owned()));
            }
        }
        Ok(())
    }

    /// Copies what `head` needs from the private store into the repository and creates `refs/heads/NAME`, or moves it
    /// from `expected` (None: must not exist). Already at `head`: done. `Moved` when it holds something else.
    pub fn publish(&self, name: &str, head: &Sha, expected: Option<&Sha>) -> Result<(), GitError> {
        let theirs = self.theirs();
        let (full, head) = (format!("refs/heads/{name}"), oid(head)?);
        let now = match theirs.find_reference(&full) {
            Ok(found) => found.target(),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        if now == Some(head) {
            return Ok(());
        }
        if now != expected.map(oid).transpose()? {
            return Err(GitError::Moved(name.to_owned()));
        }
        self.copy(&theirs, head)?;
        let log = "quantum: published";
        let written = match now {
            None => theirs.reference(&full, head, false, log),
            Some(now) => theirs.reference_matching(&full, head, true, now, log),
        };
        written.map(drop).map_err(|error| match error.code() {
            ErrorCode::Exists | ErrorCode::Modified => GitError::Moved(name.to_owned()),
            _ => GitError::Disk(error.message().to_owned()),
        })
    }

    fn copy(&self, theirs: &Repository, head: Oid) -> Result<(), GitError> {
        let store = self.ours();
        let copy = Copy { from: &store, from_odb: store.odb()?, to: theirs.odb()? };
        copy.object(head, 0)
    }
}

struct Copy<'a> {
    from: &'a Repository,
    from_odb: Odb<'a>,
    to: Odb<'a>,
}

impl Copy<'_> {
    /// One object with everything it refers to; an object that is there already is whole.
    fn object(&self, id: Oid, depth: usize) -> Result<(), GitError> {
        if self.to.exists(id) {
            return Ok(());
        }
        if depth > limits::DEPTH + 2 {
            return Err(GitError::TooBig {
                what: "the tree's depth".to_owned(),
                limit: format!("{} folders", limits::DEPTH),
            });
        }
        let object = self.from_odb.read(id)?;
        match object.kind() {
            ObjectType::Commit => {
                let commit = self.from.find_commit(id)?;
                self.object(commit.tree_id(), depth + 1)?;
                commit.parent_ids().try_for_each(|parent| self.object(parent, depth + 1))?;
            }
            ObjectType::Tree => {
                for entry in &self.from.find_tree(id)? {
                    if entry.kind() != Some(ObjectType::Commit) {
                        self.object(entry.id(), depth + 1)?;
                    }
                }
            }
            _ => {}
        }
        self.to
            .write(object.kind(), object.data())
            .map(drop)
            .map_err(|error| GitError::Disk(error.message().to_owned()))
    }
}
