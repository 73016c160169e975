//! Makes a new repository with one commit: the sample of `quantum demo`.

use super::{GitError, Person};
use crate::ids::Sha;
use git2::{Repository, RepositoryInitOptions, Signature, Time};
use std::path::Path;

/// Files are written below `folder` (which is made), added and committed on `main`.
pub fn fresh(folder: &Path, files: &[(&str, &str)], author: &Person, at: i64) -> Result<Sha, GitError> {
    let io = |path: &Path, cause| GitError::Io { path: path.to_owned(), cause };
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|cause| io(parent, cause))?;
        std::fs::write(&path, text).map_err(|cause| io(&path, cause))?;
    }
    let repository = Repository::init_opts(
        folder,
        RepositoryInitOptions::new().initial_head("main").external_template(false),
    )?;
    let mut index = repository.index()?;
    for (name, _) in files {
        index.add_path(Path::new(name))?;
    }
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let person = Signature::new(&author.name, &author.email, &Time::new(at, 0))?;
    let commit = repository.commit(Some("HEAD"), &person, &person, "The sample", &tree, &[])?;
    Ok(Sha::new(commit.to_string()))
}
