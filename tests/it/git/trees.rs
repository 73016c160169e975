//! Out of a tree into a folder and back again: what is in it comes out as it went in.

use super::{World, git, listing, put, set_mode};
use quantumlayer::git::GitError;
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
};

/// Checks out HEAD, compares with git's own files (`there`), and takes the folder back as a tree.
fn round_trip(world: &World) -> Vec<String> {
    let (source, out) = (world.source(), world.at("out"));
    let base = source.base(None).unwrap();
    source.checkout(&base.tree, &out, None).unwrap();
    assert_eq!(source.tree_of(&out, &base.tree, &[]).unwrap(), base.tree, "as it was");
    // the same without what the checkout remembered
    assert_eq!(world.source().tree_of(&out, &base.tree, &[]).unwrap(), base.tree, "as it was, all read");
    listing(&out)
}

#[test]
fn executable_bits_binaries_empty_files_and_odd_names_are_kept() {
    let world =
        World::with(&[("plain", "a\n"), ("run.sh", "#!/bin/sh\n"), ("empty", ""), ("sp ace/tab\t", "x")]);
    set_mode(&world.repo().join("run.sh"), 0o755);
    put(&world.repo(), "zero.bin", b"\0\x01\xff\0");
    put(&world.repo(), OsStr::from_bytes(b"caf\xe9/\xff.txt"), b"latin");
    put(&world.repo(), "new\nline", b"x");
    put(&world.repo(), ".github/x", b"x");
    put(&world.repo(), "a/b", b"folder");
    put(&world.repo(), "a.b", b"sorts before a/");
    put(&world.repo(), "a0", b"sorts after a/");
    world.commit_all("odd");
    let mut theirs = listing(&world.repo());
    theirs.retain(|line| !line.starts_with(".git/"));
    assert_eq!(round_trip(&world), theirs);
    let source = world.source();
    let paths: Vec<_> = source.paths(&world.tree()).unwrap().into_iter().map(|(path, _)| path).collect();
    assert!(paths.contains(&"caf\\xe9/\\xff.txt".to_owned()), "{paths:?}");
    assert_eq!(paths.len(), 11);
}

#[test]
fn line_ends_are_nobodys_business() {
    let world = World::with(&[("unix", "a\nb\n"), ("dos", "a\r\nb\r\n"), ("both", "a\nb\r\n")]);
    world.write(".gitattributes", "*.txt text=auto eol=crlf\n* ident\n");
    world.write("t.txt", "$Id$\none\n");
    world.commit_all("attributes");
    world.git(&["config", "core.autocrlf", "true"]);
    world.git(&["config", "core.safecrlf", "true"]);
    let out = round_trip(&world);
    for line in ["unix a\\nb\\n", "dos a\\r\\nb\\r\\n", "both a\\nb\\r\\n", "t.txt $Id$\\none\\n"] {
        assert!(out.contains(&line.to_owned()), "{line:?} in {out:?}");
    }
    assert!(!world.source().base(None).unwrap().dirty, "the work tree differs by line ends only");
}

#[test]
fn links_stay_links_wherever_they_point() {
    let world = World::with(&[("dir/file", "x")]);
    for (name, target) in
        [("in", "dir/file"), ("folder", "dir"), ("abs", "/etc/passwd"), ("up", "../../x"), ("gone", "nope")]
    {
        symlink(target, world.repo().join(name)).unwrap();
    }
    world.commit_all("links");
    let out = round_trip(&world);
    for line in ["in -> dir/file", "folder -> dir", "abs -> /etc/passwd", "up -> ../../x", "gone -> nope"] {
        assert!(out.contains(&line.to_owned()), "{line:?} in {out:?}");
    }
    // what was a folder becomes a link: what is behind it is not looked at
    let (source, dir) = (world.source(), world.at("out/dir"));
    fs::remove_dir_all(&dir).unwrap();
    symlink("/etc", &dir).unwrap();
    let tree = source.tree_of(&world.at("out"), &world.tree(), &[]).unwrap();
    assert_eq!(world.source().file(&tree, "dir/passwd", 1 << 20).unwrap(), None);
    let paths = source.paths(&tree).unwrap();
    assert!(paths.iter().any(|(path, _)| path == "dir"), "{paths:?}");
}

#[test]
fn submodules_are_empty_folders_and_stay_what_they_were() {
    let world = World::with(&[("a.txt", "1\n")]);
    let inner = World::with(&[("lib.txt", "1\n")]);
    let url = inner.repo().to_string_lossy().into_owned();
    world.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "vendor/lib"]);
    world.commit_all("submodule");
    let out = round_trip(&world);
    assert!(out.contains(&"vendor/lib/".to_owned()), "{out:?}");
    assert!(!out.iter().any(|line| line.contains("lib.txt")), "{out:?}");
    put(&world.at("out"), "vendor/lib/stray", b"not part of this repository");
    assert_eq!(world.source().tree_of(&world.at("out"), &world.tree(), &[]).unwrap(), world.tree());
    fs::remove_dir_all(world.at("out/vendor")).unwrap();
    let tree = world.source().tree_of(&world.at("out"), &world.tree(), &[]).unwrap();
    assert_eq!(world.source().paths(&tree).unwrap().len(), 2, "removed on purpose");
}

#[test]
fn an_edit_that_keeps_size_and_times_is_seen() {
    let world = World::with(&[("a.txt", "one\n"), ("b.txt", "two\n")]);
    let (source, out) = (world.source(), world.at("out"));
    let base = world.tree();
    source.checkout(&base, &out, None).unwrap();
    let path = out.join("a.txt");
    let times = fs::metadata(&path).unwrap();
    fs::write(&path, "eno\n").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let old =
        fs::FileTimes::new().set_modified(times.modified().unwrap()).set_accessed(times.accessed().unwrap());
    file.set_times(old).unwrap();
    let tree = source.tree_of(&out, &base, &[]).unwrap();
    assert_eq!(source.file(&tree, "a.txt", 100).unwrap().unwrap(), b"eno\n");
    fs::rename(out.join("a.txt"), out.join("c.txt")).unwrap();
    fs::rename(out.join("b.txt"), out.join("a.txt")).unwrap();
    let tree = source.tree_of(&out, &base, &[]).unwrap();
    assert_eq!(source.file(&tree, "a.txt", 100).unwrap().unwrap(), b"two\n");
    assert_eq!(source.file(&tree, "c.txt", 100).unwrap().unwrap(), b"eno\n");
}

#[test]
fn what_is_left_out_is_left_out_at_the_top_only() {
    let world = World::with(&[("a.txt", "1\n")]);
    let (source, out) = (world.source(), world.at("out"));
    put(&out, "a.txt", b"1\n");
    put(&out, "node_modules/x/y.js", b"x");
    put(&out, ".git/config", b"[core]");
    put(&out, "sub/.git/HEAD", b"ref: x");
    put(&out, "sub/.GIT/hooks/post-checkout", b"x");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        out.join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    fs::create_dir(out.join("empty")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(out.join("socket")).unwrap();
    let tree = source.tree_of(&out, &world.tree(), &["node_modules".to_owned()]).unwrap();
    assert_eq!(tree, world.tree());
    put(&out, "sub/node_modules/x.js", b"x");
    let tree = source.tree_of(&out, &world.tree(), &["node_modules".to_owned()]).unwrap();
    assert_eq!(source.paths(&tree).unwrap().len(), 2);
}

/// What `.gitignore` files mean is what git says they mean.
#[test]
fn ignore_rules_are_gits() {
    let world = World::with(&[("kept.log", "tracked\n"), ("build/tracked", "x\n"), ("was_folder/x", "x\n")]);
    world.write(
        ".gitignore",
        "\u{feff}*.bom\n*.log\n!important.log\n/top\nbuild/\n**/deep/*.tmp\n# comment\n\\#hash\n\\!bang\nspace\\ \ntrail  \n\
         {a,b}.js\n[abc].c\n*.[[:digit:]]\na/**/z\nfoo**bar\nonly_dir/\nwas_folder\n[unclosed\nCr\r\n?x\nab\\{c\n[{]d\n/sub/*\n!/sub/keep",
    );
    world.write("inner/.gitignore", "!*.log\nsecret\n/anchored\n*\n!.gitignore\n!*.txt\n");
    for name in [
        "x.bom",
        "x.log",
        "important.log",
        "top/file",
        "in/top",
        "build/new",
        "p/deep/a.tmp",
        "deep/a.tmp",
        "deep/b/a.tmp",
        "#hash",
        "!bang",
        "space ",
        "trail",
        "trail  ",
        "a.js",
        "b.js",
        "{a,b}.js",
        "a.c",
        "d.c",
        "x.1",
        "x.a",
        "a/z",
        "a/q/z",
        "a/q/r/z",
        "fooxbar",
        "foo/bar",
        "only_dir",
        "in/only_dir/x",
        "[unclosed",
        "Cr",
        "cr",
        "xx",
        "ab{c",
        "{d",
        "sub/x",
        "sub/keep",
        "inner/x.log",
        "inner/secret",
        "inner/anchored",
        "inner/deep/a.txt",
        "inner/a.txt",
        "kept.log",
        "new/kept.log",
    ] {
        if !(name == "only_dir" && world.repo().join("only_dir").is_dir()) {
            world.write(name, "new\n");
        }
    }
    fs::remove_dir_all(world.repo().join("was_folder")).unwrap();
    world.write("was_folder", "now a file, and ignored\n");
    agree(&world);
}

/// git's tree of the work tree and ours are the same.
pub(super) fn agree(world: &World) {
    let base = world.tree();
    // a copy without `.git`, which is what a workspace is
    world.git(&["add", "-A"]);
    let theirs = world.rev_tree();
    let ours = world.source().tree_of(&world.repo(), &base, &[]).unwrap();
    let show = |tree: &str| git(&world.repo(), &["ls-tree", "-r", "--full-tree", tree]);
    if ours.as_str() != theirs {
        let store = fs::read_dir(world.at("data/git")).unwrap().next().unwrap().unwrap().path();
        let ours = git(&store, &["ls-tree", "-r", "--full-tree", ours.as_str()]);
        let theirs = show(&theirs);
        let only = |a: &str, b: &str| {
            a.lines().filter(|l| !b.lines().any(|m| m == *l)).map(str::to_owned).collect::<Vec<_>>()
        };
        panic!("ours only: {:#?}\ngit's only: {:#?}", only(&ours, &theirs), only(&theirs, &ours));
    }
}

impl World {
    fn rev_tree(&self) -> String {
        self.git(&["write-tree"])
    }
}

#[test]
fn a_file_over_the_limit_is_refused_both_ways() {
    let world = World::with(&[("a.txt", "1\n")]);
    let out = world.at("out");
    put(&out, "a.txt", b"1\n");
    let file = fs::File::create(out.join("huge")).unwrap();
    file.set_len((100 << 20) + 1).unwrap();
    let error = world.source().tree_of(&out, &world.tree(), &[]).unwrap_err();
    assert!(matches!(&error, GitError::TooBig { what, .. } if what == "huge"), "{error:?}");
    world.write("big.bin", "");
    fs::File::create(world.repo().join("big.bin")).unwrap().set_len((100 << 20) + 1).unwrap();
    world.commit_all("big");
    let error = world.source().checkout(&world.tree(), &world.at("out2"), None).unwrap_err();
    assert!(matches!(&error, GitError::TooBig { what, .. } if what == "big.bin"), "{error:?}");
    assert!(!world.at("out2").exists(), "refused before anything is written");
}
