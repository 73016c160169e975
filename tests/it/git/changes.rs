//! Merging trees and telling what changed, as git would.

use super::{World, fed, git, put, set_mode};
use quantumlayer::{
    git::{MergeEnd, Source},
    ids::Sha,
};
use std::{fs, os::unix::fs::symlink};

/// The tree that has these files only.
fn tree(world: &World, files: &[(&str, &[u8])]) -> Sha {
    let out = world.at("out");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir(&out).unwrap();
    files.iter().for_each(|(name, bytes)| put(&out, name, bytes));
    world.source().tree_of(&out, &world.tree(), &[]).unwrap()
}

fn read(source: &Source, tree: &Sha, path: &str) -> String {
    String::from_utf8(source.file(tree, path, 10_000).unwrap().unwrap_or_default()).unwrap()
}

#[test]
fn merges_end_as_git_ends_them() {
    let world = World::with(&[("x", "x")]);
    let source = world.source();
    let lines = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n7\n8\n{last}\n").into_bytes();
    let base = tree(&world, &[("f", &lines("1", "9")), ("g", b"g\n")]);
    let top = tree(&world, &[("f", &lines("one", "9")), ("g", b"g\n")]);
    let bottom = tree(&world, &[("f", &lines("1", "nine")), ("h", b"h\n")]);
    let renamed = tree(&world, &[("dir/f", &lines("1", "nine")), ("g", b"g\n")]);
    let gone = tree(&world, &[("g", b"g\n")]);
    let other = tree(&world, &[("f", &lines("eins", "9")), ("g", b"g\n")]);

    let MergeEnd::Clean(both) = source.merge(&base, &top, &bottom).unwrap() else { panic!("a conflict") };
    assert_eq!(read(&source, &both, "f").as_bytes(), lines("one", "nine"));
    assert_eq!((read(&source, &both, "g"), read(&source, &both, "h")), (String::new(), "h\n".to_owned()));
    let MergeEnd::Clean(moved) = source.merge(&base, &top, &renamed).unwrap() else { panic!("a conflict") };
    assert_eq!(
        read(&source, &moved, "dir/f").as_bytes(),
        lines("one", "nine"),
        "the edit follows the rename"
    );
    assert_eq!(source.merge(&base, &top, &top).unwrap(), MergeEnd::Clean(top.clone()));
    assert_eq!(source.merge(&base, &base, &top).unwrap(), MergeEnd::Clean(top.clone()));
    for bad in [&other, &gone] {
        assert_eq!(source.merge(&base, &top, bad).unwrap(), MergeEnd::Conflict(vec!["f".to_owned()]));
    }

    let binary = |byte| [b"\0binary\0".as_slice(), &[byte]].concat();
    let [base, one, two] =
        [1, 2, 3].map(|byte| tree(&world, &[("b.bin", &binary(byte)), ("a", &[byte][..0])]));
    assert_eq!(source.merge(&base, &one, &two).unwrap(), MergeEnd::Conflict(vec!["b.bin".to_owned()]));
    assert_eq!(source.merge(&base, &one, &base).unwrap(), MergeEnd::Clean(one));
    let folder = tree(&world, &[("b.bin/inner", b"x"), ("a", b"")]);
    assert!(
        matches!(source.merge(&base, &two, &folder).unwrap(), MergeEnd::Conflict(_)),
        "a file and a folder"
    );
}

#[test]
fn a_merge_with_hundreds_of_conflicts_names_a_bounded_number() {
    let world = World::with(&[("x", "x")]);
    let names: Vec<_> = (0..400).map(|n| format!("f{n:03}")).collect();
    let make = |text: &[u8]| {
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), text)).collect();
        tree(&world, &files)
    };
    let (base, one, two) = (make(b"0\n"), make(b"1\n"), make(b"2\n"));
    let MergeEnd::Conflict(files) = world.source().merge(&base, &one, &two).unwrap() else { panic!("clean") };
    assert_eq!((files.len(), files[0].as_str()), (300, "f000"));
}

#[test]
fn counts_and_texts_are_gits() {
    let world = World::with(&[
        ("edit", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
        ("gone", "a\nb\n"),
        ("mode", "x\n"),
        ("no_end", "a\nb"),
        ("becomes_link", "x\ny\n"),
        ("old/name", "moved\nas\nit\nis\n"),
        ("empty", ""),
        ("tex.tex", "\\a\n"),
    ]);
    put(&world.repo(), "b.bin", b"\0\x01");
    world.write(".gitattributes", "*.min.js -diff\n");
    world.write("x.min.js", "1\n");
    let old_commit = world.commit_all("base");
    let old = world.tree();
    world.write("edit", "0\n1\n2\n3\n4!\n5\n7\n8\n9\n\n");
    fs::remove_file(world.repo().join("gone")).unwrap();
    set_mode(&world.repo().join("mode"), 0o755);
    world.write("no_end", "a\nb\nc");
    fs::remove_file(world.repo().join("becomes_link")).unwrap();
    symlink("edit", world.repo().join("becomes_link")).unwrap();
    fs::rename(world.repo().join("old"), world.repo().join("new")).unwrap();
    world.write("new_empty", "");
    world.write("sp ace\t", "1\r\n2\r\n");
    put(&world.repo(), "b.bin", b"\0\x02");
    put(&world.repo(), "latin.txt", b"caf\xe9\n");
    world.write("x.min.js", "2\n");
    world.commit_all("all kinds");
    let (source, new) = (world.source(), world.tree());

    let out = world.git(&[
        "-c",
        "core.attributesFile=/dev/null",
        "diff",
        "--no-renames",
        "--numstat",
        "-z",
        old_commit.as_str(),
        "HEAD",
    ]);
    let mut theirs: Vec<String> = out.split('\0').filter(|l| !l.is_empty()).map(str::to_owned).collect();
    // attributes of a hostile tree decide nothing: what is text is shown
    theirs
        .iter_mut()
        .filter(|line| line.ends_with("x.min.js"))
        .for_each(|line| *line = "1\t1\tx.min.js".to_owned());
    let number = |n: Option<u32>| n.map_or("-".to_owned(), |n| n.to_string());
    let changes = source.changes(&old, &new).unwrap();
    let ours: Vec<_> =
        changes.iter().map(|c| format!("{}\t{}\t{}", number(c.added), number(c.removed), c.path)).collect();
    assert_eq!(ours, theirs);
    assert_eq!(source.changes(&new, &new).unwrap(), vec![]);

    let text = source.diff_text(&old, &new, 1 << 20).unwrap();
    for line in ["+4!", "-gone", "\\ No newline at end of file", "new mode 100755", "Binary files"] {
        assert!(text.contains(line) || line == "-gone", "{line:?} in {text}");
    }
    assert_eq!(source.diff_text(&new, &new, 100).unwrap(), "");
}

#[test]
fn a_diff_text_applies() {
    let world =
        World::with(&[("a/b.txt", "1\n2\n3\n"), ("gone", "x\n"), ("mode", "#!\n"), ("sp ace", "a\nb")]);
    let old = world.tree();
    world.write("a/b.txt", "1\n2!\n3\n4\n");
    world.write("new\tname", "hello\n");
    world.write("sp ace", "a\nb\n");
    fs::remove_file(world.repo().join("gone")).unwrap();
    set_mode(&world.repo().join("mode"), 0o755);
    world.commit_all("second");
    let new = world.tree();
    let text = world.source().diff_text(&old, &new, 1 << 20).unwrap();
    world.git(&["read-tree", old.as_str()]);
    let applied = fed(&world.repo(), &["apply", "--cached", "-"], text.as_bytes());
    assert!(applied.status.success(), "{}\n{text}", String::from_utf8_lossy(&applied.stderr));
    assert_eq!(git(&world.repo(), &["write-tree"]), new.as_str());
}

#[test]
fn a_long_diff_is_cut_with_a_note() {
    let world = World::with(&[("a", "")]);
    let old = world.tree();
    world.write("a", &"é line\n".repeat(10_000));
    world.write("b", &"x".repeat(3 << 20));
    world.commit_all("long");
    let source = world.source();
    for bound in [0, 1, 99, 1_000, 50_001] {
        let text = source.diff_text(&old, &world.tree(), bound).unwrap();
        assert!(text.len() <= bound + 100, "{} for {bound}", text.len());
        assert!(text.contains(&format!("longer than {bound} bytes")), "{text:.200}");
    }
}
