//! What changed between two trees, as a publisher needs it.

use super::World;
use quantumlayer::{
    git::{EntryKind, EntryState, GitError},
    ids::Sha,
};

/// `state mode path size`, a line an entry.
fn listed(world: &World, old: &Sha, new: &Sha) -> Vec<String> {
    let entries = world.source().entries(old, new).unwrap();
    let line = |entry: &quantumlayer::git::Entry| {
        format!("{:?} {} {} {}", entry.state, entry.kind.mode(), entry.path, entry.size)
    };
    entries.iter().map(line).collect()
}

#[test]
fn every_kind_of_change_has_its_entry() {
    let world = World::with(&[
        ("same", "s"),
        ("edited", "old"),
        ("run", "#!/bin/sh"),
        ("gone/deep/file", "1"),
        ("was-file", "text"),
        ("was-folder/inner", "2"),
        ("renamed", "a name is a name"),
    ]);
    std::os::unix::fs::symlink("edited", world.repo().join("link")).unwrap();
    let old = {
        world.commit_all("links");
        world.tree()
    };
    world.write("edited", "newer");
    world.write("added/ä b", "é");
    super::set_mode(&world.repo().join("run"), 0o755);
    world.git(&["rm", "-q", "-r", "gone", "was-folder", "was-file", "link"]);
    world.write("was-folder", "now a file");
    std::os::unix::fs::symlink("edited", world.repo().join("was-file")).unwrap();
    std::os::unix::fs::symlink("same", world.repo().join("link")).unwrap();
    world.git(&["mv", "renamed", "other"]);
    world.commit_all("all of it");
    let new = world.tree();
    let expected = [
        "Added 100644 added/ä b 2",
        "Changed 100644 edited 5",
        "Deleted 100644 gone/deep/file 1",
        "Changed 120000 link 4",
        "Added 100644 other 16",
        "Deleted 100644 renamed 16",
        "Changed 100755 run 9",
        "Changed 120000 was-file 6",
        "Added 100644 was-folder 10",
        "Deleted 100644 was-folder/inner 1",
    ];
    assert_eq!(listed(&world, &old, &new), expected);
    assert!(listed(&world, &new, &new).is_empty());

    let source = world.source();
    let edited =
        source.entries(&old, &new).unwrap().into_iter().find(|entry| entry.path == "edited").unwrap();
    assert_eq!((edited.kind, edited.state), (EntryKind::File, EntryState::Changed));
    assert_eq!(source.blob(&edited.id, 5).unwrap(), b"newer");
    assert!(matches!(source.blob(&edited.id, 4), Err(GitError::TooBig { .. })));
    let nothing = Sha::new("1234567890123456789012345678901234567890");
    assert!(matches!(source.blob(&nothing, 4), Err(GitError::Missing(_))));
}

#[test]
fn what_no_publisher_can_say_is_refused() {
    let world = World::with(&[("a", "a")]);
    let (blob, head, old) = (world.raw("blob", b"x"), world.rev("HEAD"), world.tree());
    let with = |mode: &str, name: &[u8], id: &Sha| {
        world.raw_tree(&[("100644", b"a", &world.raw("blob", b"a")), (mode, name, id)])
    };
    let submodule = with("160000", b"sub", &head);
    let refused = |old: &Sha, new: &Sha| world.source().entries(old, new).unwrap_err();
    for (old, new) in [(&old, &submodule), (&submodule, &old), (&submodule, &with("100644", b"sub", &blob))] {
        assert!(matches!(refused(old, new), GitError::Hostile(why) if why.contains("submodule")));
    }
    assert!(matches!(refused(&submodule, &with("160000", b"sub", &blob)), GitError::Hostile(_)));
    assert!(matches!(refused(&old, &with("100644", b"b\xff", &blob)), GitError::Hostile(_)));
    let missing = Sha::new("1234567890123456789012345678901234567890");
    assert!(matches!(refused(&old, &with("100644", b"b", &missing)), GitError::Missing(_)));
    assert!(matches!(refused(&old, &missing), GitError::Missing(_)));
    // what did not change is nobody's business
    let both = world.raw_tree(&[("100644", b"b", &blob), ("160000", b"sub", &head)]);
    let edited = world.raw_tree(&[("100755", b"b", &blob), ("160000", b"sub", &head)]);
    assert_eq!(listed(&world, &both, &edited), ["Changed 100755 b 1"]);
}
