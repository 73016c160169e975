//! One commit and one branch: what may be named, what is written, and that nothing else is.

use super::{World, author, fed, git, listing, put};
use quantumlayer::{
    git::{GitError, Source},
    ids::Sha,
};
use std::{collections::BTreeSet, fs};

/// A commit in the private store with one changed and one new file.
fn head(world: &World, source: &Source, text: &str) -> Sha {
    let base = source.base(None).unwrap();
    let out = world.at("out");
    let _ = fs::remove_dir_all(&out);
    source.checkout(&base.tree, &out, None).unwrap();
    put(&out, "a.txt", text.as_bytes());
    put(&out, "new/deep/b.txt", b"new\n");
    let tree = source.tree_of(&out, &base.tree, &[]).unwrap();
    source.commit(&tree, &base.commit, "A change\n\nWith a body\n", &author(), 1_700_000_000).unwrap()
}

#[test]
fn publishing_adds_one_branch_and_changes_nothing_else() {
    let world = World::with(&[("a.txt", "1\n"), ("kept/c.txt", "3\n")]);
    world.write("a.txt", "a person's own edit\n");
    world.write("mine.txt", "untracked\n");
    let (before, source) = (world.seen(), world.source());
    let head = head(&world, &source, "2\n");
    assert_eq!(world.seen(), before, "nothing is in the repository before it is published");
    source.publish("quantum/fix", &head, None).unwrap();
    let line = format!("{head} commit\trefs/heads/quantum/fix\n");
    assert_eq!(world.seen().replace(&line, ""), before);
    world.fsck();
    assert_eq!(world.git(&["diff", "--stat=80", "HEAD", "quantum/fix"]).lines().count(), 3);
    assert_eq!(
        world.git(&["log", "-1", "--format=%an %ae %at %s %b", "quantum/fix"]),
        "Ada ada@localhost 1700000000 A change With a body"
    );
}

#[test]
fn objects_and_one_ref_are_all_that_is_written() {
    for own in ["true", "always", "false"] {
        let world = World::with(&[("a.txt", "1\n"), ("kept/c.txt", "3\n")]);
        world.git(&["config", "core.logAllRefUpdates", own]);
        world.write("a.txt", "stashed\n");
        world.git(&["stash", "-q"]);
        world.write("a.txt", "2\n");
        let folder = world.repo().join(".git");
        let files = || -> BTreeSet<String> { listing(&folder).into_iter().collect() };
        let (before, source) = (files(), world.source());
        let base = source.base(None).unwrap();
        assert!(base.dirty);
        let head = head(&world, &source, "3\n");
        source.check_branch("quantum/fix").unwrap();
        source.publish("quantum/fix", &head, None).unwrap();
        let again = self::head(&world, &source, "4\n");
        source.publish("quantum/fix", &again, Some(&head)).unwrap();
        let after = files();
        assert_eq!(before.difference(&after).count(), 0, "{own}: nothing is changed or gone");
        let new: Vec<&String> =
            after.difference(&before).filter(|line| !line.starts_with("objects/")).collect();
        let expected = ["refs/heads/quantum/".to_owned(), format!("refs/heads/quantum/fix {again}\\n")];
        assert_eq!(new, expected.iter().collect::<Vec<_>>(), "{own}");
        assert!(after.iter().all(|line| !line.contains("tmp_obj")), "{own}: no half object");
    }
}

#[test]
fn the_same_change_is_the_same_commit_and_publishing_it_again_is_done() {
    let world = World::with(&[("a.txt", "1\n")]);
    let first = head(&world, &world.source(), "2\n");
    fs::remove_dir_all(world.at("data")).unwrap();
    let source = world.source();
    assert_eq!(head(&world, &source, "2\n"), first);
    for _ in 0..3 {
        source.publish("x", &first, None).unwrap();
    }
    source.publish("x", &first, Some(&first)).unwrap();
    assert_eq!(world.rev("x"), first);
    // git makes the same commit of it
    world.git(&["checkout", "-q", "-b", "by-git"]);
    world.write("a.txt", "2\n");
    world.write("new/deep/b.txt", "new\n");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "A change\n\nWith a body"]);
    assert_eq!(world.rev("by-git"), first);
}

#[test]
fn a_branch_that_somebody_else_moved_stays_theirs() {
    let world = World::with(&[("a.txt", "1\n")]);
    let source = world.source();
    let (one, two) = (head(&world, &source, "1 1\n"), head(&world, &source, "2 2\n"));
    let base = world.rev("HEAD");
    source.publish("x", &one, None).unwrap();
    assert!(matches!(source.publish("x", &two, None), Err(GitError::Moved(_))));
    assert!(matches!(source.publish("x", &two, Some(&base)), Err(GitError::Moved(_))));
    assert!(matches!(source.publish("gone", &two, Some(&base)), Err(GitError::Moved(_))));
    assert_eq!(world.rev("x"), one);
    source.publish("x", &two, Some(&one)).unwrap();
    assert_eq!(world.rev("x"), two);
    // made by somebody between the check and the publishing, as a folder of ours or we of theirs
    world.git(&["branch", "later/inner"]);
    world.git(&["pack-refs", "--all"]);
    for name in ["later", "later/inner/most"] {
        let error = source.publish(name, &one, None).unwrap_err();
        assert!(matches!(error, GitError::Moved(_)), "{name}: {error:?}");
    }
    world.fsck();
}

#[test]
fn a_branch_that_is_checked_out_is_never_moved() {
    let world = World::with(&[("a.txt", "1\n")]);
    let source = world.source();
    let (one, two) = (head(&world, &source, "1 1\n"), head(&world, &source, "2 2\n"));
    source.publish("x", &one, None).unwrap();
    world.git(&["worktree", "add", "-q", "../side", "x"]);
    let moved = source.publish("x", &two, Some(&one));
    assert!(matches!(moved, Err(GitError::BranchExists(_))), "in a linked worktree: {moved:?}");
    world.git(&["worktree", "remove", "../side"]);
    world.git(&["checkout", "-q", "x"]);
    assert!(matches!(source.publish("x", &two, Some(&one)), Err(GitError::BranchExists(_))));
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    world.git(&["checkout", "-q", "main"]);
    source.publish("x", &two, Some(&one)).unwrap();
}

#[test]
fn branch_names_are_legal_where_git_says_so() {
    let world = World::with(&[("a.txt", "1\n")]);
    let source = world.source();
    for name in [
        "x",
        "a/b",
        "quantum/issue-1-fix",
        "ünïcode",
        "x.y",
        "x-",
        "@x",
        "",
        "-x",
        ".x",
        "a/.x",
        "x.",
        "a..b",
        "a b",
        "a~b",
        "a^b",
        "a:b",
        "a?b",
        "a*b",
        "a[b",
        "a\\b",
        "x.lock",
        "a.lock/b",
        "/x",
        "x/",
        "a//b",
        "@",
        "a@{b",
        "HEAD",
        "a\tb",
        "a\nb",
    ] {
        let theirs = fed(&world.repo(), &["check-ref-format", "--branch", name], b"").status.success();
        let ours = source.check_branch(name);
        assert_eq!(ours.is_ok(), theirs, "{name:?}: {ours:?}");
        assert!(theirs || matches!(ours, Err(GitError::BadBranch(_))), "{name:?}: {ours:?}");
    }
    assert!(matches!(source.check_branch("a\0b"), Err(GitError::BadBranch(_))));
    assert!(source.check_branch(&"x".repeat(5_000)).is_err());
}

#[test]
fn branch_names_that_are_taken_are_refused() {
    let world = World::with(&[("a.txt", "1\n")]);
    world.git(&["branch", "a/b"]);
    world.git(&["branch", "loose"]);
    let check = |packed: &str| {
        for (name, free) in [
            ("main", false),
            ("a", false),
            ("a/b", false),
            ("a/b/c", false),
            ("a/c", true),
            ("ab", true),
            ("loose/x", false),
        ] {
            let ours = world.source().check_branch(name);
            assert_eq!(ours.is_ok(), free, "{name} {packed}: {ours:?}");
        }
    };
    check("loose");
    world.git(&["pack-refs", "--all"]);
    check("packed");
    world.git(&["checkout", "-q", "--orphan", "unborn"]);
    assert!(matches!(world.source().check_branch("unborn"), Err(GitError::BranchExists(_))));
    assert!(world.source().check_branch("unborn/x").is_err(), "it could never be born");
}

#[test]
fn parts_that_are_there_already_do_not_stop_the_rest() {
    let world = World::with(&[("a.txt", "1\n")]);
    let source = world.source();
    let head = head(&world, &source, "2\n");
    let store = fs::read_dir(world.at("data/git")).unwrap().next().unwrap().unwrap().path();
    let tree = Sha::new(git(&store, &["rev-parse", &format!("{head}^{{tree}}")]));
    // the tree is there, left by something that was cut short or pruned, and what it names is not
    for id in [&tree, &Sha::new(git(&store, &["rev-parse", &format!("{head}:new")]))] {
        let bytes = fed(&store, &["cat-file", "tree", id.as_str()], b"").stdout;
        assert_eq!(&world.raw("tree", &bytes), id);
    }
    source.publish("x", &head, None).unwrap();
    world.fsck();
    assert_eq!(world.git(&["show", "x:new/deep/b.txt"]), "new");
}

#[test]
fn a_second_round_builds_on_the_first() {
    let world = World::with(&[("a.txt", "1\n")]);
    let source = world.source();
    let one = head(&world, &source, "1 1\n");
    let tree = world.tree();
    let two = source.commit(&tree, &one, "back again", &author(), 2).unwrap();
    source.publish("x", &two, None).unwrap();
    world.fsck();
    assert_eq!(world.git(&["rev-list", "--count", "x"]), "3");
    assert!(source.commit(&tree, &tree, "a tree is no parent", &author(), 2).is_err());
    assert!(source.commit(&one, &one, "a commit is no tree", &author(), 2).is_err());
}
