//! What is kept of a workspace after setup: its folders of packages, moved out, so that later works get links to them.
//!
//! A package manager links a repository's own packages into them by relative paths (`node_modules/a → ../packages/a`), which
//! would lead nowhere after the move: they become absolute ones, into whatever workspace the sandbox has then.

use crate::limits::verify as limits;
use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Component, Path, PathBuf},
};

/// Moves the folders of these names that are there from `workspace` into `folder`; gives their names. `seen_at` is where a
/// later work sees its workspace, when that is always the same place. Only when nothing that could write there runs any more.
pub(super) fn keep(
    workspace: &Path,
    folder: &Path,
    names: &[&str],
    seen_at: Option<&str>,
) -> io::Result<Vec<String>> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        let made = workspace.join(name);
        let is_there = fs::symlink_metadata(&made).is_ok_and(|meta| meta.is_dir());
        if !is_there || kept.iter().any(|earlier| earlier == name) {
            continue;
        }
        let moved = folder.join(name);
        fs::rename(&made, &moved)?;
        if let Some(seen_at) = seen_at {
            lead_back(&moved, Path::new(name), Path::new(seen_at), &mut { limits::LINKS })?;
        }
        kept.push((*name).to_owned());
    }
    Ok(kept)
}

/// Makes links that leave the folder absolute; `inside` is the folder's path in the workspace. Packages lie in the folder
/// itself and in those of scopes (`@a/b`).
fn lead_back(folder: &Path, inside: &Path, seen_at: &Path, left: &mut usize) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return Ok(());
        }
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if kind.is_dir() && name.to_string_lossy().starts_with('@') {
            lead_back(&entry.path(), &inside.join(&name), seen_at, left)?;
        }
        if !kind.is_symlink() {
            continue;
        }
        let target = fs::read_link(entry.path())?;
        if let Some(path) = outside(inside, &target) {
            fs::remove_file(entry.path())?;
            symlink(seen_at.join(path), entry.path())?;
        }
    }
    Ok(())
}

/// Where in the workspace a relative link of the folder `inside` leads, when that is another of the workspace's folders.
fn outside(inside: &Path, target: &Path) -> Option<PathBuf> {
    let mut found = inside.to_owned();
    for part in target.components() {
        match part {
            Component::ParentDir => found.pop().then_some(())?,
            Component::Normal(name) => found.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    let first = |path: &Path| path.components().next().map(|part| part.as_os_str().to_owned());
    (first(&found).is_some() && first(&found) != first(inside)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_the_repository_s_own_packages_lead_back_into_the_workspace() {
        let place = tempfile::tempdir().unwrap();
        let (workspace, folder) = (place.path().join("w"), place.path().join("kept"));
        fs::create_dir_all(workspace.join("node_modules/@x")).unwrap();
        fs::create_dir_all(workspace.join("node_modules/.bin")).unwrap();
        fs::create_dir(&folder).unwrap();
        let link = |at: &str, to: &str| symlink(to, workspace.join("node_modules").join(at)).unwrap();
        link("a", "../packages/a");
        link("@x/b", "../../packages/./b");
        link("own", "./@x");
        link("whole", "..");
        link("far", "../../../etc");
        link("absolute", "/etc");
        link("@x/own", "../c");
        let kept = keep(&workspace, &folder, &["node_modules", ".venv", "node_modules"], Some("/workspace"));
        assert_eq!(kept.unwrap(), ["node_modules"]);
        assert!(!workspace.join("node_modules").exists());
        let check = |at: &str, expected: &str| {
            assert_eq!(
                fs::read_link(folder.join("node_modules").join(at)).unwrap(),
                Path::new(expected),
                "{at}"
            );
        };
        check("a", "/workspace/packages/a");
        check("@x/b", "/workspace/packages/b");
        check("own", "./@x");
        check("whole", "..");
        check("far", "../../../etc");
        check("absolute", "/etc");
        check("@x/own", "../c");
    }
}
