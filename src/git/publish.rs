//! One commit and one ref in somebody's repository. Objects go first, children before parents, so that a crash at any
//! point leaves nothing that refers to something missing; the ref is made last, by compare-and-swap.

use super::{
    GitError, Person, Source, reference,
    source::{disk, missing, oid, sha, tree_at},
    sync,
};
use crate::{ids::Sha, limits::git as limits};
use git2::{Branch, ErrorCode, ObjectType, Odb, Oid, Repository, Signature, Time, Tree};
use std::{collections::HashSet, fs};

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
        let (tree, parent) = (tree_at(&store, oid(tree)?)?, oid(parent)?);
        let parent = store.find_commit(parent).map_err(missing(parent))?;
        let message = message.replace('\0', "");
        Ok(sha(store.commit(None, &person, &person, &message, &tree, &[&parent])?))
    }

    /// Refuses a branch name that is illegal, exists (also as the folder of another branch) or is checked out.
    pub fn check_branch(&self, name: &str) -> Result<(), GitError> {
        let theirs = self.theirs();
        let is_legal = Branch::name_is_valid(name).unwrap_or(false) && name != "HEAD";
        if !is_legal || name.len() > limits::BRANCH_BYTES {
            return Err(GitError::BadBranch(name.to_owned()));
        }
        let full = format!("refs/heads/{name}");
        match self.taken(&theirs, &full)? {
            Some(other) => Err(GitError::BranchExists(other)),
            None => Ok(()),
        }
    }

    /// The branch that is in the way of `full`: itself, or one that is a folder of the other.
    fn taken(&self, theirs: &Repository, full: &str) -> Result<Option<String>, GitError> {
        let mut others = self.stood_on();
        for reference in theirs.references_glob("refs/heads/*")? {
            others.push(String::from_utf8_lossy(reference?.name_bytes()).into_owned());
        }
        let is_below = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.starts_with('/'));
        let clash = |other: &String| other == full || is_below(other, full) || is_below(full, other);
        let other = others.into_iter().find(clash);
        Ok(other.map(|other| other.trim_start_matches("refs/heads/").to_owned()))
    }

    /// The branches that HEAD and the HEADs of linked work trees name, the unborn too.
    fn stood_on(&self) -> Vec<String> {
        let linked = fs::read_dir(self.folder().join("worktrees")).into_iter().flatten().flatten();
        let folders = linked.map(|entry| entry.path()).chain([self.folder().to_owned()]);
        let heads = folders.filter_map(|folder| fs::read_to_string(folder.join("HEAD")).ok());
        heads.filter_map(|head| Some(head.strip_prefix("ref:")?.trim().to_owned())).collect()
    }

    /// Copies what `head` needs from the private store into the repository and creates `refs/heads/NAME`, or moves it
    /// from `expected` (None: must not exist). Already at `head`: done. `Moved` when it holds something else,
    /// `BranchExists` when somebody has it checked out meanwhile.
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
        if now.is_none() && self.taken(&theirs, &full)?.is_some() {
            return Err(GitError::Moved(name.to_owned()));
        }
        // moving what somebody stands on would make their work tree look changed
        if now.is_some() && !theirs.is_bare() && self.stood_on().contains(&full) {
            return Err(GitError::BranchExists(name.to_owned()));
        }
        self.copy(&theirs, head)?;
        if now.is_none() && reference::create(self.folder(), &full, head).is_ok() {
            return sync::reference(self.folder(), &full).map_err(|cause| disk(self.folder(), cause));
        }
        // the zero id stands for a ref that is not there
        let now = now.unwrap_or(Oid::ZERO_SHA1);
        let written = theirs.reference_matching(&full, head, true, now, "quantum: published");
        written.map_err(|error| match error.code() {
            ErrorCode::Exists | ErrorCode::Modified => GitError::Moved(name.to_owned()),
            _ => GitError::Disk(error.message().to_owned()),
        })?;
        sync::reference(self.folder(), &full).map_err(|cause| disk(self.folder(), cause))
    }

    fn copy(&self, theirs: &Repository, head: Oid) -> Result<(), GitError> {
        let store = self.ours();
        let (from_odb, to) = (store.odb()?, theirs.odb()?);
        let mut copy = Copy { from: &store, from_odb, to, there: HashSet::new(), written: Vec::new() };
        copy.commit(head, 0)?;
        let objects = self.folder().join("objects");
        sync::objects(&objects, &copy.written).map_err(|cause| disk(&objects, cause))
    }
}

struct Copy<'a> {
    from: &'a Repository,
    from_odb: Odb<'a>,
    to: Odb<'a>,
    /// What was seen to be there, with all it refers to.
    there: HashSet<Oid>,
    written: Vec<Oid>,
}

impl Copy<'_> {
    /// One commit; a parent that is there already is whole, being somebody's history.
    fn commit(&mut self, id: Oid, rounds: usize) -> Result<(), GitError> {
        if rounds > limits::COMMITS {
            let limit = format!("{} commits", limits::COMMITS);
            return Err(GitError::TooBig { what: "the branch".to_owned(), limit });
        }
        let commit = self.from.find_commit(id).map_err(missing(id))?;
        for parent in commit.parent_ids() {
            if !self.to.exists(parent) {
                self.commit(parent, rounds + 1)?;
            }
        }
        let known = commit.parents().next().map(|parent| parent.tree()).transpose()?;
        self.tree(commit.tree_id(), known.as_ref(), 0)?;
        self.write(id)
    }

    /// A tree with all that it names, apart from what the parent's tree has in the same place. That a tree is there
    /// does not tell that what it names is: something may have been cut short or pruned.
    fn tree(&mut self, id: Oid, known: Option<&Tree<'_>>, depth: usize) -> Result<(), GitError> {
        if known.is_some_and(|known| known.id() == id) || self.there.contains(&id) {
            return Ok(());
        }
        if depth > limits::DEPTH {
            let limit = format!("{} folders", limits::DEPTH);
            return Err(GitError::TooBig { what: "the tree's depth".to_owned(), limit });
        }
        for entry in &tree_at(self.from, id)? {
            let before = known.and_then(|known| known.get_name_bytes(entry.name_bytes()));
            if before.as_ref().is_some_and(|before| before.id() == entry.id()) {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let before = before.filter(|before| before.kind() == Some(ObjectType::Tree));
                    let before = before.map(|before| tree_at(self.from, before.id())).transpose()?;
                    self.tree(entry.id(), before.as_ref(), depth + 1)?;
                }
                Some(ObjectType::Commit) => {}
                _ => self.write(entry.id())?,
            }
        }
        self.write(id)
    }

    fn write(&mut self, id: Oid) -> Result<(), GitError> {
        if self.there.insert(id) && !self.to.exists(id) {
            let object = self.from_odb.read(id).map_err(missing(id))?;
            let written = self.to.write(object.kind(), object.data());
            written.map_err(|error| GitError::Disk(error.message().to_owned()))?;
            self.written.push(id);
        }
        Ok(())
    }
}
