//! For any edit of any small tree, our tree of the folder is the one that `git add -A` makes.

use super::{World, put, set_mode, trees::agree};
use proptest::prelude::*;
use std::{fs, os::unix::fs::symlink, path::Path};

#[derive(Clone, Debug)]
enum Edit {
    Write(String, u8),
    Run(String),
    Link(String, String),
    Remove(String),
    Ignore(String, Vec<String>),
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "a.b", "c"]), 1..4)
        .prop_map(|parts| parts.join("/"))
}

fn rule() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a", "b", "ab", "a.b", "*", "**", "a*", "?", "[ab]", "[!a]", "*.b", "{a,b}",
    ]);
    let parts = prop::collection::vec(part, 1..4);
    (prop::sample::select(vec!["", "", "!", "/", "!/"]), parts, prop::sample::select(vec!["", "", "/", "  "]))
        .prop_map(|(start, parts, end)| format!("{start}{}{end}", parts.join("/")))
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        5 => (path(), 0..4_u8).prop_map(|(path, byte)| Edit::Write(path, byte)),
        1 => path().prop_map(Edit::Run),
        1 => (path(), path()).prop_map(|(path, target)| Edit::Link(path, target)),
        2 => path().prop_map(Edit::Remove),
        2 => (prop::sample::select(vec!["", "a/", "b/", "a/b/"]), prop::collection::vec(rule(), 1..4))
            .prop_map(|(folder, rules)| Edit::Ignore(format!("{folder}.gitignore"), rules)),
    ]
}

/// Does it where it can be done: what is in the way of a path goes.
fn act(root: &Path, edit: &Edit) {
    let clear = |path: &str| {
        let parts: Vec<_> = path.split('/').collect();
        for end in 1..=parts.len() {
            let prefix = root.join(parts[..end].join("/"));
            let Ok(meta) = fs::symlink_metadata(&prefix) else { continue };
            if meta.is_dir() && end == parts.len() {
                fs::remove_dir_all(&prefix).unwrap();
            } else if !meta.is_dir() {
                fs::remove_file(&prefix).unwrap();
            }
        }
    };
    match edit {
        Edit::Write(path, byte) => {
            clear(path);
            put(root, path, &[b'x' + byte % 3; 3]);
        }
        Edit::Run(path) => {
            clear(path);
            put(root, path, b"#!/bin/sh\n");
            set_mode(&root.join(path), 0o755);
        }
        Edit::Link(path, target) => {
            clear(path);
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            symlink(target, root.join(path)).unwrap();
        }
        Edit::Remove(path) => clear(path),
        Edit::Ignore(path, rules) => {
            clear(path);
            put(root, path, rules.join("\n").as_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tree_of_is_what_git_adds(
        first in prop::collection::vec(edit(), 1..12),
        second in prop::collection::vec(edit(), 1..12),
    ) {
        let world = World::empty();
        first.iter().for_each(|edit| act(&world.repo(), edit));
        world.commit_all("first");
        second.iter().for_each(|edit| act(&world.repo(), edit));
        agree(&world);
    }
}
