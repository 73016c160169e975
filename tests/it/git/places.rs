//! Places that say no: what is read-only, unreadable or somebody else's.

use super::{World, author, put, set_mode};
use quantumlayer::{
    git::GitError,
    report::{Class, Hint},
};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::{fs, os::unix::fs::chown};

/// Runs it as somebody whom permissions bind: root, too, without the right to pass over them.
fn bound<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut mine = capabilities(None).unwrap();
            let over = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
            mine.effective.remove(over);
            set_capabilities(None, mine).unwrap();
            act()
        });
        thread.join().unwrap()
    })
}

#[test]
fn a_repository_that_cannot_be_written_is_read_and_not_published_to() {
    let world = World::with(&[("a.txt", "1\n")]);
    let source = world.source();
    let base = source.base(None).unwrap();
    put(&world.at("out"), "a.txt", b"2\n");
    let tree = source.tree_of(&world.at("out"), &base.tree, &[]).unwrap();
    let head = source.commit(&tree, &base.commit, "x", &author(), 1).unwrap();
    for folder in [".git/objects", ".git/refs/heads"] {
        let (path, before) = (world.repo().join(folder), world.seen());
        let mode = |mode| {
            set_mode(&path, mode);
            fs::read_dir(&path)
                .unwrap()
                .flatten()
                .filter(|e| e.path().is_dir())
                .for_each(|e| set_mode(&e.path(), mode));
        };
        mode(0o555);
        let error = bound(|| world.source().publish("x", &head, None)).unwrap_err();
        mode(0o755);
        assert!(matches!(error, GitError::Disk(_)), "{folder}: {error:?}");
        assert!(error.hint().contains("writable"));
        assert_eq!(world.seen(), before, "{folder}");
        world.fsck();
    }
    source.publish("x", &head, None).unwrap();
    world.fsck();
}

#[test]
fn a_data_folder_that_cannot_be_written_is_told() {
    let world = World::with(&[("a.txt", "1\n")]);
    fs::create_dir(world.at("data")).unwrap();
    set_mode(&world.at("data"), 0o555);
    let (repo, data) = (world.repo(), world.at("data"));
    let error = bound(|| quantumlayer::git::Source::open(&repo, &data).map(drop)).unwrap_err();
    assert!(matches!(error, GitError::Disk(_)), "{error:?}");
    assert_eq!(error.class(), Class::Transient);
}

#[test]
fn what_an_agent_made_unreadable_is_named() {
    let world = World::with(&[("a.txt", "1\n"), ("dir/b.txt", "2\n")]);
    let (source, out, base) = (world.source(), world.at("out"), world.tree());
    source.checkout(&base, &out, None).unwrap();
    put(&out, "secret/new", b"x");
    for (name, mode) in [("secret/new", 0o000), ("secret", 0o000), ("secret", 0o444), ("dir", 0o600)] {
        set_mode(&out.join(name), mode);
        let error = bound(|| source.tree_of(&out, &base, &[])).unwrap_err();
        set_mode(&out.join(name), 0o755);
        assert!(matches!(&error, GitError::Unreadable(path) if path.starts_with(name)), "{name}: {error:?}");
        assert_eq!(error.class(), Class::Refused, "trying again does not help");
    }
}

#[test]
fn a_repository_of_another_user_is_read() {
    if !rustix::process::geteuid().is_root() {
        return; // only root can give files away
    }
    let world = World::with(&[("a.txt", "1\n")]);
    let mut todo = vec![world.repo()];
    while let Some(path) = todo.pop() {
        chown(&path, Some(12_345), Some(12_345)).unwrap();
        if path.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    let source = world.source();
    let base = source.base(None).unwrap();
    let owner = Some((12_346, 12_347));
    source.checkout(&base.tree, &world.at("out"), owner).unwrap();
    use std::os::unix::fs::MetadataExt;
    for path in [world.at("out"), world.at("out/a.txt")] {
        let meta = fs::metadata(path).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (12_346, 12_347));
    }
}
