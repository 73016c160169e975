//! A repository can name programs in a dozen places. None of them is ever started.

use super::{World, author, put, set_mode};
use std::fs;

/// Configuration that names a program.
const KEYS: [&str; 22] = [
    "core.fsmonitor",
    "core.sshCommand",
    "core.editor",
    "core.pager",
    "core.askPass",
    "core.gitProxy",
    "core.alternateRefsCommand",
    "credential.helper",
    "diff.external",
    "diff.mark.command",
    "diff.mark.textconv",
    "filter.mark.clean",
    "filter.mark.smudge",
    "filter.mark.process",
    "merge.mark.driver",
    "gpg.program",
    "gpg.ssh.program",
    "sequence.editor",
    "uploadpack.packObjectsHook",
    "trailer.mark.command",
    "pager.diff",
    "alias.status",
];

#[test]
fn nothing_that_a_repository_names_is_run() {
    let world = World::with(&[("a.txt", "1\n"), ("b.bin", "\0"), ("c.txt", "c\n")]);
    world.write(".gitattributes", "* filter=mark diff=mark merge=mark\n*.txt text eol=crlf\n");
    world.write(
        ".gitmodules",
        "[submodule \"x\"]\n\tpath = x\n\turl = ext::touch MARK\n\tupdate = !touch MARK\n",
    );
    world.commit_all("attributes");
    let marked = world.at("MARK");
    let mark = format!("touch {}", marked.display());
    for key in KEYS {
        let value = if key == "alias.status" { format!("!{mark}") } else { mark.clone() };
        world.git(&["config", key, &value]);
    }
    world.git(&["config", "filter.mark.required", "true"]);
    world.git(&["config", "commit.gpgSign", "true"]);
    let hooks = world.at("hooks");
    for hook in [
        "pre-commit",
        "post-commit",
        "post-checkout",
        "post-merge",
        "reference-transaction",
        "pre-auto-gc",
        "post-index-change",
        "update",
    ] {
        for folder in [&hooks, &world.repo().join(".git/hooks")] {
            put(folder, hook, format!("#!/bin/sh\n{mark}\n").as_bytes());
            set_mode(&folder.join(hook), 0o755);
        }
    }
    world.git(&["config", "core.hooksPath", &hooks.to_string_lossy()]);
    let _ = fs::remove_file(&marked);

    // a changed time makes whoever compares look at the content, and run the filter
    world.write("a.txt", "1\r\n");
    let source = world.source();
    let base = source.base(None).unwrap();
    let out = world.at("out");
    source.checkout(&base.tree, &out, None).unwrap();
    put(&out, "a.txt", b"2\n");
    put(&out, ".git/config", format!("[core]\n\tfsmonitor = {mark}\n").as_bytes());
    let one = source.tree_of(&out, &base.tree, &[]).unwrap();
    put(&out, "a.txt", b"3\n");
    let two = source.tree_of(&out, &base.tree, &[]).unwrap();
    source.merge(&base.tree, &one, &two).unwrap();
    source.changes(&base.tree, &two).unwrap();
    assert!(source.diff_text(&base.tree, &two, 10_000).unwrap().contains("+3"));
    source.check_branch("new").unwrap();
    let head = source.commit(&two, &base.commit, "x", &author(), 1).unwrap();
    source.publish("new", &head, None).unwrap();
    assert!(!marked.exists(), "something was run");
    assert_eq!(fs::read(out.join("c.txt")).unwrap(), b"c\n", "no filter, no line ends");

    // the trap works: git itself springs it
    let _ = super::fed(&world.repo(), &["status"], b"");
    assert!(marked.exists(), "this test can't fail");
}
