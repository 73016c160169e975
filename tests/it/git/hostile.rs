//! Trees made to harm: each is refused before the first byte is written, in bounded time.

use super::{World, listing};
use quantumlayer::{git::GitError, ids::Sha};
use std::fs;

/// Refused by checkout, and nothing written.
fn refused(world: &World, tree: &Sha, why: &str) -> GitError {
    let out = world.at("out");
    let error = world.source().checkout(tree, &out, None).expect_err(why);
    assert!(!out.exists(), "{why}: something was written: {:?}", listing(&out));
    error
}

#[test]
fn names_that_would_escape_or_become_git_are_refused() {
    let world = World::with(&[("a", "a")]);
    let blob = world.raw("blob", b"x");
    let folder = world.raw_tree(&[("100644", b"config", &blob)]);
    let names: &[&[u8]] = &[
        b".git",
        b".GIT",
        b".Git",
        b".git.",
        b".git ",
        b"git~1",
        b"GIT~1",
        b".git::$INDEX_ALLOCATION",
        b".git:x",
        "\u{200c}.git".as_bytes(),
        ".g\u{200d}it".as_bytes(),
        b"..",
        b".",
        b"a/b",
        b"/etc",
        b"../x",
        b".git/config",
        b".git\\config",
    ];
    for name in names {
        for (mode, id) in [("100644", &blob), ("40000", &folder), ("120000", &blob), ("160000", &blob)] {
            let shown = name.escape_ascii().to_string();
            let tree = world.raw_tree(&[(mode, name, id)]);
            let nested = world.raw_tree(&[("40000", b"sub", &tree)]);
            for tree in [tree, nested] {
                let error = refused(&world, &tree, &format!("{shown} as {mode}"));
                assert!(matches!(error, GitError::Hostile(_)), "{shown} as {mode}: {error:?}");
            }
        }
    }
}

#[test]
fn two_entries_of_one_name_are_refused() {
    let world = World::with(&[("a", "a")]);
    let blob = world.raw("blob", b"/etc");
    let folder = world.raw_tree(&[("100644", b"passwd", &blob)]);
    for first in ["100644", "120000"] {
        let tree = world.raw_tree(&[(first, b"d", &blob), ("40000", b"d", &folder)]);
        assert!(matches!(refused(&world, &tree, first), GitError::Hostile(_)));
        let apart =
            world.raw_tree(&[(first, b"d", &blob), ("100644", b"d.x", &blob), ("40000", b"d", &folder)]);
        assert!(matches!(refused(&world, &apart, first), GitError::Hostile(_)));
    }
}

#[test]
fn odd_modes_and_lying_kinds_are_refused() {
    let world = World::with(&[("a", "a")]);
    let (blob, head) = (world.raw("blob", b"x"), world.rev("HEAD"));
    let folder = world.raw_tree(&[("100644", b"x", &blob)]);
    for mode in ["100777", "104755", "20666", "60660", "10644", "140755", "0", "777777", "100000"] {
        // an odd mode is refused, or is what git takes it for: a plain file
        let tree = world.raw_tree(&[(mode, b"x", &blob)]);
        let (out, source) = (world.at("odd"), world.source());
        if source.checkout(&tree, &out, None).is_ok() {
            assert!(["x x", "x* x"].contains(&listing(&out)[0].as_str()), "{mode}: {:?}", listing(&out));
            fs::remove_dir_all(out).unwrap();
        }
    }
    for (mode, id) in
        [("40000", &blob), ("100644", &folder), ("100644", &head), ("120000", &folder), ("40000", &head)]
    {
        refused(&world, &world.raw_tree(&[(mode, b"x", id)]), mode);
    }
    let missing = Sha::new("1234567890123456789012345678901234567890");
    for mode in ["40000", "100644", "120000"] {
        let error = refused(&world, &world.raw_tree(&[(mode, b"x", &missing)]), mode);
        assert!(matches!(error, GitError::Missing(_)), "{mode}: {error:?}");
    }
    refused(&world, &world.raw("tree", b"100644 cut short"), "garbage");
    refused(&world, &blob, "a blob");
    refused(&world, &missing, "nothing");
}

#[test]
fn links_that_no_file_system_takes_are_refused() {
    let world = World::with(&[("a", "a")]);
    for target in [vec![], vec![b'x'; 4096], b"a\0b".to_vec(), vec![b'x'; 1 << 20]] {
        let blob = world.raw("blob", &target);
        let tree = world.raw_tree(&[("100644", b"a", &world.raw("blob", b"a")), ("120000", b"link", &blob)]);
        let error = refused(&world, &tree, "a link");
        assert!(matches!(error, GitError::Hostile(_)), "{} bytes: {error:?}", target.len());
    }
}

/// Ten times ten times ten …: a few kilobytes of objects name more files than there are atoms.
#[test]
fn tree_bombs_end_at_a_bound() {
    let world = World::with(&[("a", "a")]);
    let names: Vec<String> = (0..10).map(|n| format!("n{n}")).collect();
    let nothing = world.raw("tree", b"");
    let blob = world.raw("blob", b"x");
    for (seed, mode, depth) in [(&blob, "100644", 12), (&nothing, "40000", 12), (&nothing, "40000", 250)] {
        let mut tree = {
            let entries: Vec<_> = names.iter().map(|name| (mode, name.as_bytes(), seed)).collect();
            world.raw_tree(&entries)
        };
        for _ in 0..depth {
            let entries: Vec<_> = names.iter().map(|name| ("40000", name.as_bytes(), &tree)).collect();
            tree = world.raw_tree(&entries);
        }
        assert!(matches!(refused(&world, &tree, "a bomb"), GitError::TooBig { .. }));
        assert!(matches!(world.source().paths(&tree), Err(GitError::TooBig { .. })));
    }
}

#[test]
fn a_tree_that_is_small_on_the_disk_and_huge_in_memory_is_refused() {
    let world = World::with(&[("a", "1")]);
    let huge = world.raw("tree", &vec![0; 40 << 20]);
    assert!(matches!(refused(&world, &huge, "huge"), GitError::TooBig { .. }));
    let inside = world.raw_tree(&[("40000", b"inner", &huge)]);
    assert!(matches!(refused(&world, &inside, "huge inside"), GitError::TooBig { .. }));
    assert!(matches!(world.source().paths(&inside), Err(GitError::TooBig { .. })));
}

#[test]
fn folders_in_folders_end_at_a_bound() {
    let world = World::with(&[("a", "a")]);
    let mut tree = world.raw_tree(&[("100644", b"x", &world.raw("blob", b"x"))]);
    for _ in 0..256 {
        tree = world.raw_tree(&[("40000", b"d", &tree)]);
    }
    let (source, out) = (world.source(), world.at("out"));
    source.checkout(&tree, &out, None).unwrap();
    assert_eq!(source.tree_of(&out, &tree, &[]).unwrap(), tree, "as deep as may be");
    assert_eq!(source.paths(&tree).unwrap().len(), 1);
    let mut deepest = out.clone();
    (0..256).for_each(|_| deepest.push("d"));
    fs::create_dir(deepest.join("one-more")).unwrap();
    fs::write(deepest.join("one-more/x"), "x").unwrap();
    assert!(matches!(source.tree_of(&out, &tree, &[]), Err(GitError::TooBig { .. })));
    fs::remove_dir_all(&out).unwrap();
    let deeper = world.raw_tree(&[("40000", b"d", &tree)]);
    assert!(matches!(refused(&world, &deeper, "too deep"), GitError::TooBig { .. }));
    assert!(matches!(world.source().paths(&deeper), Err(GitError::TooBig { .. })));
}

#[test]
fn ignore_files_that_cost_too_much_are_refused() {
    let world = World::with(&[("a", "a")]);
    let out = world.at("out");
    let rules: String = (0..20_000).map(|n| format!("r{n}*x?y\n")).collect();
    for n in 0..40 {
        super::put(&out, format!("d{n}/.gitignore"), rules.as_bytes());
    }
    let error = world.source().tree_of(&out, &world.tree(), &[]).unwrap_err();
    assert!(matches!(error, GitError::TooBig { .. }), "{error:?}");
}
