//! The git side of a repository: a bare one in a folder, read and written by libgit2.

use git2::{FileMode, ObjectType, Oid, Repository, Signature, Time, Tree};
use quantumlayer::clock::Timestamp;
use std::{collections::BTreeMap, path::Path};

/// Whose name is in a commit.
#[derive(Clone, Debug)]
pub(super) struct Author {
    pub(super) name: String,
    pub(super) email: String,
}

/// What becomes of one path of a tree.
#[derive(Clone, Debug)]
pub(super) enum Put {
    Entry(Oid, i32),
    Remove,
}

pub(super) fn open(folder: &Path) -> Repository {
    Repository::open_bare(folder).unwrap()
}

pub(super) fn create(folder: &Path, branch: &str) {
    let mut options = git2::RepositoryInitOptions::new();
    options.bare(true).external_template(false).initial_head(branch);
    Repository::init_opts(folder, &options).unwrap();
}

/// A branch's commit.
pub(super) fn head(folder: &Path, branch: &str) -> Option<String> {
    resolve(folder, &format!("refs/heads/{branch}"))
}

/// A full ref's object.
pub(super) fn resolve(folder: &Path, name: &str) -> Option<String> {
    open(folder).refname_to_id(name).ok().map(|id| id.to_string())
}

/// Whatever names a commit: a SHA, a branch, a tag, a full ref.
pub(super) fn commit_named(folder: &Path, text: &str) -> Option<String> {
    let repo = open(folder);
    let by_sha =
        Oid::from_str(text).ok().filter(|_| text.len() == 40).and_then(|id| repo.find_commit(id).ok());
    let names =
        [text.to_owned(), format!("refs/{text}"), format!("refs/heads/{text}"), format!("refs/tags/{text}")];
    let by_name = || names.iter().find_map(|name| repo.find_reference(name).ok()?.peel_to_commit().ok());
    by_sha.or_else(by_name).map(|commit| commit.id().to_string())
}

pub(super) fn is_empty(folder: &Path) -> bool {
    open(folder).is_empty().unwrap_or(true) || open(folder).references().is_ok_and(|all| all.count() == 0)
}

pub(super) fn set_ref(folder: &Path, name: &str, sha: &str) -> Result<(), git2::Error> {
    open(folder).reference(name, Oid::from_str(sha)?, true, "by the API").map(|_| ())
}

pub(super) fn delete_ref(folder: &Path, name: &str) -> bool {
    open(folder).find_reference(name).and_then(|mut found| found.delete()).is_ok()
}

/// Every ref whose name begins so, with its object.
pub(super) fn refs(folder: &Path, prefix: &str) -> Vec<(String, String)> {
    let repo = open(folder);
    let mut found: Vec<_> = repo
        .references()
        .unwrap()
        .filter_map(|one| {
            let one = one.ok()?;
            Some((one.name().ok()?.to_owned(), one.target()?.to_string()))
        })
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    found.sort();
    found
}

/// What an object is: `blob`, `tree`, `commit`, `tag`.
pub(super) fn kind(folder: &Path, sha: &str) -> Option<&'static str> {
    let id = Oid::from_str(sha).ok().filter(|_| sha.len() == 40)?;
    Some(open(folder).find_object(id, None).ok()?.kind()?.str())
}

/// Whether `to` has `from` among its ancestors, or is it.
pub(super) fn is_forward(folder: &Path, from: &str, to: &str) -> bool {
    let (Ok(from), Ok(to)) = (Oid::from_str(from), Oid::from_str(to)) else { return false };
    from == to || open(folder).graph_descendant_of(to, from).unwrap_or(false)
}

/// How many commits `head` has that `base` has not.
pub(super) fn ahead(folder: &Path, base: &str, head: &str) -> usize {
    let (base, head) = (Oid::from_str(base).unwrap(), Oid::from_str(head).unwrap());
    open(folder).graph_ahead_behind(head, base).map_or(0, |(ahead, _)| ahead)
}

pub(super) fn write_blob(folder: &Path, bytes: &[u8]) -> Oid {
    open(folder).blob(bytes).unwrap()
}

/// A tree made of another and what changes in it; folders left empty go.
pub(super) fn update_tree(
    folder: &Path,
    base: Option<&str>,
    puts: &[(String, Put)],
) -> Result<Oid, git2::Error> {
    let repo = open(folder);
    let base = base.map(|sha| repo.find_tree(Oid::from_str(sha)?)).transpose()?;
    let parts: Vec<_> = puts.iter().map(|(path, put)| (path.split('/').collect::<Vec<_>>(), put)).collect();
    match rebuilt(&repo, base.as_ref(), &parts)? {
        Some(tree) => Ok(tree),
        None => repo.treebuilder(None)?.write(),
    }
}

fn rebuilt(
    repo: &Repository,
    base: Option<&Tree<'_>>,
    puts: &[(Vec<&str>, &Put)],
) -> Result<Option<Oid>, git2::Error> {
    let mut builder = repo.treebuilder(base)?;
    let mut folders: BTreeMap<&str, Vec<(Vec<&str>, &Put)>> = BTreeMap::new();
    for (path, put) in puts {
        match (path.as_slice(), put) {
            ([name], Put::Entry(id, mode)) => {
                builder.insert(name, *id, *mode)?;
            }
            ([name], Put::Remove) => builder.remove(name)?,
            ([first, rest @ ..], put) => folders.entry(first).or_default().push((rest.to_vec(), put)),
            ([], _) => return Err(git2::Error::from_str("an empty path")),
        }
    }
    for (name, puts) in folders {
        let old =
            builder.get(name)?.filter(|entry| entry.kind() == Some(ObjectType::Tree)).map(|entry| entry.id());
        let old = old.map(|id| repo.find_tree(id)).transpose()?;
        match rebuilt(repo, old.as_ref(), &puts)? {
            Some(id) => {
                builder.insert(name, id, FileMode::Tree.into())?;
            }
            None if old.is_some() => builder.remove(name)?,
            None => {}
        }
    }
    let is_empty = builder.is_empty();
    Ok(if is_empty { None } else { Some(builder.write()?) })
}

/// A commit object; no ref moves.
pub(super) fn write_commit(
    folder: &Path,
    author: &Author,
    at: Timestamp,
    message: &str,
    tree_and_parents: (&str, &[String]),
) -> Result<String, git2::Error> {
    let repo = open(folder);
    let who = Signature::new(&author.name, &author.email, &Time::new(at.0.div_euclid(1000), 0))?;
    let tree = repo.find_tree(Oid::from_str(tree_and_parents.0)?)?;
    let parents = tree_and_parents.1.iter().map(|sha| repo.find_commit(Oid::from_str(sha)?));
    let parents = parents.collect::<Result<Vec<_>, _>>()?;
    let parents: Vec<_> = parents.iter().collect();
    repo.commit(None, &who, &who, message, &tree, &parents).map(|id| id.to_string())
}

/// Commits files on a branch, as a push would; `None` deletes one.
pub(super) fn commit_files(
    folder: &Path,
    author: &Author,
    at: Timestamp,
    branch: &str,
    files: &[(&str, Option<&[u8]>)],
) -> String {
    let parent = head(folder, branch);
    let base = parent.as_deref().map(|sha| tree_of(folder, sha));
    let puts: Vec<_> = files
        .iter()
        .map(|(path, bytes)| {
            let put = bytes.map_or(Put::Remove, |bytes| Put::Entry(write_blob(folder, bytes), 0o100_644));
            ((*path).to_owned(), put)
        })
        .collect();
    let tree = update_tree(folder, base.as_deref(), &puts).unwrap().to_string();
    let parents: Vec<String> = parent.into_iter().collect();
    let message = format!("Change {}", files.iter().map(|(path, _)| *path).collect::<Vec<_>>().join(", "));
    let sha = write_commit(folder, author, at, &message, (&tree, &parents)).unwrap();
    set_ref(folder, &format!("refs/heads/{branch}"), &sha).unwrap();
    sha
}

/// The tree of a commit.
pub(super) fn tree_of(folder: &Path, commit: &str) -> String {
    open(folder).find_commit(Oid::from_str(commit).unwrap()).unwrap().tree_id().to_string()
}

/// A file at a commit.
pub(super) fn file(folder: &Path, commit: &str, path: &str) -> Option<Vec<u8>> {
    let repo = open(folder);
    let tree = repo.find_commit(Oid::from_str(commit).ok()?).ok()?.tree().ok()?;
    let entry = tree.get_path(Path::new(path)).ok()?;
    Some(repo.find_blob(entry.id()).ok()?.content().to_vec())
}

/// The mode of an entry at a commit, as git prints it.
pub(super) fn mode(folder: &Path, commit: &str, path: &str) -> Option<String> {
    let repo = open(folder);
    let tree = repo.find_commit(Oid::from_str(commit).ok()?).ok()?.tree().ok()?;
    Some(format!("{:06o}", tree.get_path(Path::new(path)).ok()?.filemode()))
}
