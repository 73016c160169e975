//! A tree made on GitHub from ours: text goes along, what is large or no text goes as blobs first. What GitHub says the tree is
//! called must be what we call it.

use super::{
    Priority, aside,
    desk::{Place, Trouble},
};
use crate::{
    git::{Entry, EntryKind as Kind, EntryState, Source},
    github::{EntryKind, TreeEntry},
    ids::Sha,
    limits::app as limits,
    report::{Class, Report},
};
use futures_util::FutureExt;
use std::{collections::HashSet, sync::Arc};

/// Makes `tree` there, on top of `base`, which is there already.
pub(super) async fn tree(place: &Place<'_>, base: &Sha, tree: &Sha) -> Result<(), Trouble> {
    let source = place.hands.source(place.thread).await?;
    let (from, old, new) = (Arc::clone(&source), base.clone(), tree.clone());
    let entries = aside(move || from.entries(&old, &new)).await?;
    bounds(&entries)?;
    let entries = worth_saying(entries);
    let mut on = base.clone();
    let (mut waiting, mut bytes) = (Vec::new(), 0);
    for entry in &entries {
        let (ready, size) = ready(place, &source, entry).await?;
        if waiting.len() >= limits::TREE_ENTRIES || bytes + size > limits::TREE_BYTES {
            on = send(place, &on, &std::mem::take(&mut waiting)).await?;
            bytes = 0;
        }
        waiting.push(ready);
        bytes += size;
    }
    if !waiting.is_empty() {
        on = send(place, &on, &waiting).await?;
    }
    if on == *tree {
        return Ok(());
    }
    let message = format!("the tree on GitHub is {on}, ours is {tree}");
    let hint = "report this with the log; nothing was published";
    Err(Report::new(Class::Broken, "other_tree", message, hint).into())
}

/// What has to be said of them: where a folder became a file or a link, its files go with it, and GitHub refuses to delete what
/// is gone ("Create a tree").
fn worth_saying(mut entries: Vec<Entry>) -> Vec<Entry> {
    let there = entries.iter().filter(|entry| entry.state != EntryState::Deleted);
    let there: HashSet<String> = there.map(|entry| entry.path.clone()).collect();
    let is_in_one = |path: &str| path.match_indices('/').any(|(end, _)| there.contains(&path[..end]));
    entries.retain(|entry| entry.state != EntryState::Deleted || !is_in_one(&entry.path));
    entries
}

/// What is too large is refused whole.
fn bounds(entries: &[Entry]) -> Result<(), Report> {
    let there = || entries.iter().filter(|entry| entry.state != EntryState::Deleted);
    let bytes: u64 = there().map(|entry| entry.size).sum();
    let largest = there().map(|entry| entry.size).max().unwrap_or_default();
    let (what, limit) = if entries.len() > limits::CHANGE_FILES {
        (format!("{} files", entries.len()), format!("{} files", limits::CHANGE_FILES))
    } else if largest > limits::BLOB_BYTES {
        let most = limits::BLOB_BYTES >> 20;
        (format!("a file of {} MiB", largest >> 20), format!("{most} MiB a file"))
    } else if bytes > limits::CHANGE_BYTES {
        let most = limits::CHANGE_BYTES >> 20;
        (format!("{} MiB", bytes >> 20), format!("{most} MiB"))
    } else {
        return Ok(());
    };
    let hint = "ask for a smaller change, or for one that leaves generated and large files out";
    let message = format!("the change has {what}; at most {limit} can be published");
    Err(Report::new(Class::Refused, "change_too_big", message, hint))
}

/// An entry as GitHub takes it, and how many bytes of it go along.
async fn ready(place: &Place<'_>, source: &Arc<Source>, entry: &Entry) -> Result<(TreeEntry, u64), Trouble> {
    let path = entry.path.clone();
    if entry.state == EntryState::Deleted {
        return Ok((TreeEntry { path, kind: EntryKind::Deleted }, 0));
    }
    let (from, id) = (Arc::clone(source), entry.id.clone());
    let most = usize::try_from(limits::BLOB_BYTES).unwrap_or(usize::MAX);
    let bytes = aside(move || from.blob(&id, most)).await?;
    let is_executable = entry.kind == Kind::Executable;
    let is_inline = entry.kind != Kind::Link && bytes.len() as u64 <= limits::TREE_BYTES;
    let bytes = match String::from_utf8(bytes) {
        Ok(text) if is_inline => {
            let size = text.len() as u64;
            return Ok((TreeEntry { path, kind: EntryKind::Text { text, is_executable } }, size));
        }
        Ok(text) => text.into_bytes(),
        Err(other) => other.into_bytes(),
    };
    let blob = place.send(Priority::Publish, || place.desk.blob(&bytes).boxed()).await?;
    let kind = match entry.kind {
        Kind::Link => EntryKind::Link { blob },
        Kind::File | Kind::Executable => EntryKind::File { blob, is_executable },
    };
    Ok((TreeEntry { path, kind }, 0))
}

async fn send(place: &Place<'_>, on: &Sha, entries: &[TreeEntry]) -> Result<Sha, Trouble> {
    let send = || place.desk.tree(Some(on), entries.to_vec()).boxed();
    Ok(place.send(Priority::Publish, send).await?)
}
