//! What a run starts from: every kind of repository a person may stand in.

use super::{World, git, put};
use quantumlayer::{
    git::{GitError, Source},
    ids::Sha,
    report::{Class, Hint},
};
use std::fs;

#[test]
fn a_folder_that_is_no_repository_is_refused_with_advice() {
    let world = World::empty();
    let plain = world.at("plain");
    fs::create_dir(&plain).unwrap();
    for folder in [plain, world.at("nowhere")] {
        let error = Source::open(&folder, &world.at("data")).unwrap_err();
        assert!(matches!(error, GitError::NotARepository(_)), "{error:?}");
        assert!(error.hint().contains("git init"));
        assert_eq!(error.class(), Class::Refused);
    }
}

#[test]
fn a_repository_without_a_commit_says_so() {
    let world = World::empty();
    assert!(matches!(world.source().base(None), Err(GitError::NoCommit(_))));
    let bare = World::empty();
    git(&bare.repo(), &["init", "-q", "--bare", "../bare.git"]);
    assert!(matches!(bare.source_of(&bare.at("bare.git")).base(None), Err(GitError::NoCommit(_))));
}

#[test]
fn an_empty_commit_is_a_base_and_an_empty_tree_writes_nothing() {
    let world = World::empty();
    world.commit_all("nothing yet");
    let (source, into) = (world.source(), world.at("out"));
    let base = source.base(None).unwrap();
    source.checkout(&base.tree, &into, None).unwrap();
    assert_eq!(fs::read_dir(&into).unwrap().count(), 0);
    assert_eq!(source.tree_of(&into, &base.tree, &[]).unwrap(), base.tree);
    assert_eq!(source.paths(&base.tree).unwrap(), vec![]);
}

#[test]
fn a_bare_repository_needs_a_base_and_takes_any_name_of_a_commit() {
    let world = World::with(&[("a.txt", "1\n")]);
    world.git(&["tag", "-a", "v1", "-m", "one"]);
    world.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    let source = world.source_of(&world.at("bare.git"));
    assert!(matches!(source.base(None), Err(GitError::Bare(_))));
    let head = world.rev("HEAD");
    for name in ["main", "v1", "refs/heads/main", head.as_str(), &head.as_str()[..10], "HEAD"] {
        let base = source.base(Some(name)).unwrap();
        assert_eq!((base.commit, base.dirty), (head.clone(), false), "{name}");
    }
    for name in ["", "nope", "main:a.txt", "main^{tree}", "-x", "0000000000000000000000000000000000000000"] {
        assert!(matches!(source.base(Some(name)), Err(GitError::NoSuchCommit(_))), "{name:?}");
    }
}

#[test]
fn uncommitted_changes_of_tracked_files_are_told_and_left_out() {
    let world = World::with(&[("a.txt", "1\n"), ("b.txt", "2\n")]);
    let tree = world.tree();
    let dirty = || world.source().base(None).unwrap().dirty;
    assert!(!dirty());
    world.write("new.txt", "untracked");
    assert!(!dirty(), "an untracked file is no change of a tracked one");
    world.write("a.txt", "changed, another length\n");
    assert!(dirty());
    world.git(&["add", "a.txt"]);
    assert!(dirty());
    let before = world.seen();
    assert_eq!(world.source().base(None).unwrap().tree, tree);
    assert_eq!(world.seen(), before, "looking changes nothing, the index neither");
    world.git(&["reset", "-q", "--hard"]);
    fs::remove_file(world.repo().join("b.txt")).unwrap();
    assert!(dirty());
}

#[test]
fn a_subfolder_and_a_linked_worktree_lead_to_the_same_repository() {
    let world = World::with(&[("deep/er/a.txt", "1\n")]);
    let first = world.rev("HEAD");
    world.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    put(&world.at("side"), "b.txt", b"2\n");
    git(&world.at("side"), &["add", "-A"]);
    git(&world.at("side"), &["commit", "-q", "-m", "second"]);
    let (main, deep) = (world.source(), world.source_of(&world.repo().join("deep/er")));
    let side = world.source_of(&world.at("side"));
    assert_eq!(main.folder(), deep.folder());
    assert_eq!(main.folder(), side.folder(), "one repository, one private store");
    assert_eq!(deep.base(None).unwrap().commit, first);
    assert_eq!(side.base(None).unwrap().commit, world.rev("side"));
    assert!(matches!(main.check_branch("side"), Err(GitError::BranchExists(_))), "checked out over there");
}

#[test]
fn a_detached_head_and_a_shallow_clone_are_fine() {
    let world = World::with(&[("a.txt", "1\n")]);
    let first = world.rev("HEAD");
    world.write("a.txt", "2\n");
    let second = world.commit_all("second");
    world.git(&["checkout", "-q", "--detach", first.as_str()]);
    assert_eq!(world.source().base(None).unwrap().commit, first);
    let url = format!("file://{}", world.repo().display());
    world.git(&["clone", "-q", "--depth=1", "--branch=main", &url, "../shallow"]);
    let shallow = world.source_of(&world.at("shallow"));
    let base = shallow.base(None).unwrap();
    assert_eq!(base.commit, second);
    put(&world.at("out"), "a.txt", b"3\n");
    let tree = shallow.tree_of(&world.at("out"), &base.tree, &[]).unwrap();
    let head = shallow.commit(&tree, &base.commit, "third", &super::author(), 1).unwrap();
    shallow.publish("third", &head, None).unwrap();
    git(&world.at("shallow"), &["fsck", "--strict", "--no-dangling"]);
    assert_eq!(git(&world.at("shallow"), &["show", "third:a.txt"]), "3");
}

#[test]
fn a_broken_head_is_not_an_empty_repository() {
    let world = World::with(&[("a.txt", "1\n")]);
    let lost = "1111111111111111111111111111111111111111";
    fs::write(world.repo().join(".git/refs/heads/main"), format!("{lost}\n")).unwrap();
    assert!(matches!(world.source().base(None), Err(GitError::NoSuchCommit(_))));
    for broken in ["neither\n", "", "1111"] {
        fs::write(world.repo().join(".git/HEAD"), broken).unwrap();
        match Source::open(&world.repo(), &world.at("data")).and_then(|source| source.base(None)) {
            Err(GitError::NoCommit(_)) | Ok(_) => {
                panic!("{broken:?} passes for a repository without commits")
            }
            Err(error) => assert!(!error.hint().is_empty()),
        }
    }
}

#[test]
fn kinds_of_repository_that_we_cannot_read_say_so() {
    let world = World::with(&[("a.txt", "1\n")]);
    world.git(&["init", "-q", "--object-format=sha256", "../sha256"]);
    world.git(&["init", "-q", "--ref-format=reftable", "../reftable"]);
    for name in ["sha256", "reftable"] {
        let error = Source::open(&world.at(name), &world.at("data")).unwrap_err();
        assert!(matches!(error, GitError::Unsupported { .. }), "{name}: {error:?}");
        assert_eq!(error.class(), Class::Refused);
    }
}

#[test]
fn a_clone_without_all_objects_works_with_those_it_has() {
    let world = World::with(&[("a.txt", "1\n")]);
    world.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", world.repo().display());
    world.git(&["clone", "-q", "--filter=blob:none", &url, "../partial"]);
    let source = world.source_of(&world.at("partial"));
    let base = source.base(None).unwrap();
    source.checkout(&base.tree, &world.at("out"), None).unwrap();
    world.git(&["clone", "-q", "--bare", "--filter=blob:none", &url, "../none.git"]);
    let none = world.source_of(&world.at("none.git"));
    let error = none.checkout(&base.tree, &world.at("out2"), None).unwrap_err();
    assert!(matches!(error, GitError::Missing(_)), "{error:?}");
    assert!(error.hint().contains("fetch"), "{}", error.hint());
}

#[test]
fn a_private_store_that_was_half_made_is_made_whole() {
    let world = World::with(&[("a.txt", "1\n")]);
    drop(world.source());
    let store = fs::read_dir(world.at("data/git")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(store.join("objects/info/alternates")).unwrap();
    let source = world.source();
    assert_eq!(source.paths(&world.tree()).unwrap().len(), 1, "a crash between making and linking");
    fs::remove_file(store.join("HEAD")).unwrap();
    fs::write(store.join("HEAD.lock"), "").unwrap();
    fs::write(store.join("config.lock"), "").unwrap();
    assert_eq!(world.source().paths(&world.tree()).unwrap().len(), 1);
}

#[test]
fn the_author_is_read_as_data() {
    let world = World::with(&[("a.txt", "1\n")]);
    world.git(&["config", "user.name", "Ada <Lovelace>\n"]);
    world.git(&["config", "user.email", "ada@localhost"]);
    let author = world.source().author();
    assert_eq!((author.name.as_str(), author.email.as_str()), ("Ada Lovelace", "ada@localhost"));
    let tree = world.tree();
    let source = world.source();
    let commit = source.commit(&tree, &world.rev("HEAD"), "x", &author, 0).unwrap();
    source.publish("x", &commit, None).unwrap();
    world.fsck();
}

#[test]
fn a_file_is_read_from_a_tree_within_bounds() {
    let world = World::with(&[("dir/a.txt", "123\n")]);
    std::os::unix::fs::symlink("dir/a.txt", world.repo().join("link")).unwrap();
    world.commit_all("link");
    let (source, tree) = (world.source(), world.tree());
    assert_eq!(source.file(&tree, "dir/a.txt", 4).unwrap().unwrap(), b"123\n");
    assert!(matches!(source.file(&tree, "dir/a.txt", 3), Err(GitError::TooBig { .. })));
    for none in ["dir", "link", "nope", "dir/nope", "dir/a.txt/x", "../repo/dir/a.txt", "/dir/a.txt", "", "."]
    {
        assert_eq!(source.file(&tree, none, 100).unwrap(), None, "{none:?}");
    }
    for bad in ["", "zz", "main"] {
        assert!(source.file(&Sha::new(bad), "x", 1).is_err(), "{bad:?}");
    }
}
