//! Files: read, write and edit, on whatever a repository may hold.

use super::Bench;
use quantumlayer::tool::ToolEnd;
use serde_json::json;
use std::os::unix::fs::{PermissionsExt, symlink};

fn edit(path: &str, old: &str, new: &str) -> String {
    json!({"path": path, "old": old, "new": new}).to_string()
}

#[test]
fn files_and_folders_are_read() {
    let mut bench = Bench::with(&[("src/lib.rs", b"one\ntwo\n"), ("src/deep/x", b""), ("a\nb", b"")]);
    symlink("src", bench.path().join("link")).unwrap();
    assert_eq!(bench.done("read", "src/lib.rs"), "src/lib.rs: 2 lines, 8 bytes\n     1\tone\n     2\ttwo\n");
    assert_eq!(
        bench.done("read", "./src/deep/../lib.rs"),
        bench.done("read", "link/lib.rs").replace("link/lib.rs", "./src/deep/../lib.rs")
    );
    assert!(bench.done("read", "/workspace/src/lib.rs").contains("     1\tone\n"));
    let absolute = bench.path().join("src/lib.rs");
    assert!(bench.done("read", absolute.to_str().unwrap()).contains("     1\tone\n"));
    assert_eq!(bench.done("read", "."), ". is a folder with 3 entries\na?b\nlink@\nsrc/");
    assert_eq!(bench.done("read", "/workspace"), "/workspace is a folder with 3 entries\na?b\nlink@\nsrc/");
    assert_eq!(bench.done("read", "src/deep/x"), "src/deep/x is empty");
}

#[test]
fn a_wrong_path_is_answered_with_what_was_meant() {
    let mut bench = Bench::with(&[("src/lib.rs", b""), ("src/parser/mod.rs", b""), ("README.md", b"")]);
    let mut check = |path: &str, expected: &str| assert_eq!(bench.told("read", path), expected);
    check("lib.rs", "there is no lib.rs; did you mean src/lib.rs?");
    check("src/libs.rs", "there is no src/libs.rs; did you mean src/lib.rs?");
    check("Readme.md", "there is no Readme.md; did you mean README.md?");
    check("src/parser.rs", "there is no src/parser.rs; did you mean src/parser?");
    check("zzz", "there is no zzz in the workspace");
    check("src/lib.rs/x", "src/lib.rs/x: a part of the path is a file, not a folder");
    check(&"x/".repeat(2000), "there is no such path in the workspace");
}

#[test]
fn nothing_leads_out_of_the_workspace() {
    let outside = tempfile::TempDir::new().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let mut bench = Bench::with(&[("in/file", b"text")]);
    let put = |target: &str, name: &str| symlink(target, bench.path().join(name)).unwrap();
    put(outside.path().to_str().unwrap(), "out");
    put(outside.path().join("secret").to_str().unwrap(), "file-out");
    put("../..", "in/up");
    put("loop", "loop");
    put("in/file", "inside");
    put("in/new", "dangling");
    let paths =
        ["out/secret", "file-out", "in/up/etc/passwd", "../x", "/etc/passwd", "loop", "a/../../x", "in/up"];
    for path in paths {
        let told = bench.told("read", path);
        assert!(told.contains("out") || told.contains("itself"), "{path}: {told}");
    }
    for path in ["out/new", "out/secret", "file-out", "in/up/new", "../new", "/tmp/new", "loop", "out/a/b/c"]
    {
        let told = bench.told("write", &json!({"path": path, "content": "x"}).to_string());
        assert!(told.contains("out") || told.contains("itself"), "{path}: {told}");
        let told = bench.told("edit", &edit(path, "", "x"));
        assert!(told.contains("out") || told.contains("itself"), "{path}: {told}");
    }
    assert!(bench.told("edit", &edit("file-out", "secret", "x")).contains("out of the workspace"));
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"secret");
    // a link that stays inside is followed, and stays a link
    bench.done("edit", &edit("inside", "text", "new text"));
    bench.done("write", r#"{"path":"dangling","content":"made"}"#);
    assert_eq!((bench.get("in/file"), bench.get("in/new")), (b"new text".to_vec(), b"made".to_vec()));
    assert!(bench.path().join("inside").is_symlink() && bench.path().join("dangling").is_symlink());
}

#[test]
fn what_is_no_file_does_not_block() {
    let mut bench = Bench::new();
    bench.done("shell", "mkfifo fifo; mkdir folder");
    let _socket = std::os::unix::net::UnixListener::bind(bench.path().join("socket")).unwrap();
    assert_eq!(bench.told("read", "fifo"), "fifo is a fifo, not a file");
    assert_eq!(bench.told("read", "socket"), "socket is a socket or device, not a file");
    assert_eq!(bench.told("write", r#"{"path":"fifo","content":"x"}"#), "fifo is a fifo, not a file");
    assert_eq!(bench.told("edit", &edit("fifo", "a", "b")), "fifo is a fifo, not a file");
    assert_eq!(bench.told("write", r#"{"path":"folder","content":"x"}"#), "folder is a folder");
    assert_eq!(bench.told("write", r#"{"path":".","content":"x"}"#), ". is a folder");
    assert_eq!(bench.told("edit", &edit("folder", "a", "b")), "folder is a folder");
    assert!(bench.done("search", "x").starts_with("no line matches"));
}

#[test]
fn a_file_is_written_whole_with_its_folders() {
    let mut bench = Bench::with(&[("script", b"#!/bin/sh\n")]);
    let mode = |path: &str| std::fs::metadata(bench.path().join(path)).unwrap().permissions().mode() & 0o777;
    std::fs::set_permissions(bench.path().join("script"), std::fs::Permissions::from_mode(0o751)).unwrap();
    let script = mode("script");
    assert_eq!(
        bench.done("write", r#"{"path":"a/b/c.txt","content":"x\ny"}"#),
        "created a/b/c.txt: 2 lines, 3 bytes"
    );
    assert_eq!(
        bench.done("write", r#"{"file":"script","text":"new\n"}"#),
        "replaced script: 1 lines, 4 bytes"
    );
    assert_eq!(
        bench.done("write", r#"{"path":"x.json","content":{"k":[1]}}"#),
        "created x.json: 5 lines, 22 bytes"
    );
    assert_eq!((bench.get("a/b/c.txt"), bench.get("script")), (b"x\ny".to_vec(), b"new\n".to_vec()));
    let now = std::fs::metadata(bench.path().join("script")).unwrap().permissions().mode() & 0o777;
    assert_eq!((script, now), (0o751, 0o751));
    assert!(bench.told("write", r#"{"path":"script/x","content":""}"#).contains("a file, not a folder"));
    let names = std::fs::read_dir(bench.path()).unwrap().count();
    assert_eq!(names, 3, "temporary files stay behind");
}

#[test]
fn text_is_replaced_exactly() {
    let mut bench = Bench::with(&[("a.rs", b"fn a() {\n    x();\n}\nfn b() {\n    x();\n}\n")]);
    assert_eq!(
        bench.done("edit", &edit("a.rs", "fn b() {\n    x();", "fn b() {\n    y();")),
        "edited a.rs: 1 place, line 4"
    );
    assert_eq!(bench.get("a.rs"), b"fn a() {\n    x();\n}\nfn b() {\n    y();\n}\n");
    assert_eq!(
        bench.told("edit", &edit("a.rs", "fn ", "pub fn ")),
        "the old text is 2 times in a.rs, at lines 1, 4; add neighbouring lines until it is unique, or set `all`"
    );
    let all = json!({"path": "a.rs", "old_string": "fn ", "new_string": "pub fn ", "replace_all": "true"})
        .to_string();
    assert_eq!(bench.done("edit", &all), "edited a.rs: 2 places, lines 1, 4");
    assert_eq!(
        bench.done("edit", &edit("a.rs", "pub fn b() {\n    y();\n}\n", "")),
        "edited a.rs: 1 place, line 4"
    );
    assert_eq!(bench.get("a.rs"), b"pub fn a() {\n    x();\n}\n");
    assert_eq!(bench.done("edit", &edit("new/b.rs", "", "hi\n")), "created new/b.rs: 1 lines, 3 bytes");
    assert!(bench.told("edit", &edit("a.rs", "", "x")).contains("the old text is empty but a.rs exists"));
    assert!(bench.told("edit", &edit("a.rs", "x", "x")).contains("the same"));
    assert_eq!(
        bench.told("edit", &edit("folder/none.rs", "a", "b")),
        "there is no folder/none.rs in the workspace"
    );
    assert!(!bench.path().join("folder").exists());
}

#[test]
fn line_ends_modes_and_foreign_bytes_stay() {
    let mut bench = Bench::with(&[
        ("dos.txt", b"one\r\ntwo\r\nthree\r\n"),
        ("latin.txt", b"caf\xe9 = 1\nplain = 2\n\xff\xfe\n"),
        ("mixed.txt", b"a\r\nb\nc\r\n"),
    ]);
    std::fs::set_permissions(bench.path().join("dos.txt"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = bench.done("edit", &edit("dos.txt", "one\ntwo\n", "1\n2\nmore\n"));
    assert_eq!(text, "edited dos.txt: 1 place, line 1 (with the file's CRLF line ends)");
    assert_eq!(bench.get("dos.txt"), b"1\r\n2\r\nmore\r\nthree\r\n");
    bench.done("edit", &edit("dos.txt", "three", "3"));
    assert_eq!(bench.get("dos.txt"), b"1\r\n2\r\nmore\r\n3\r\n");
    let mode = std::fs::metadata(bench.path().join("dos.txt")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    bench.done("edit", &edit("latin.txt", "plain = 2", "plain = 3"));
    assert_eq!(bench.get("latin.txt"), b"caf\xe9 = 1\nplain = 3\n\xff\xfe\n");
    bench.done("edit", &edit("mixed.txt", "b\n", "B\n"));
    assert_eq!(bench.get("mixed.txt"), b"a\r\nB\nc\r\n");
}

#[test]
fn a_missed_edit_is_explained() {
    let file = "use std::io;\n\nfn parse(text: &str) -> u32 {\n\tlet n = text.trim();\n\tn.parse().unwrap_or(0)\n}\n";
    let mut bench = Bench::with(&[("p.rs", file.as_bytes())]);
    let told =
        bench.told("edit", &edit("p.rs", "fn parse(text: &str) -> u64 {\n\tlet n = text.trim();", "x"));
    assert_eq!(
        told,
        "the old text is not in p.rs. Closest are the lines 3 to 4 (97 % alike):\n     3\tfn parse(text: &str) -> u32 {\n     \
         4\t\tlet n = text.trim();\nDifference (- your old text, + the file):\n- fn parse(text: &str) -> u64 {\n+ fn parse(text: &str) -> u32 {\n"
    );
    let mut check = |old: &str, part: &str| {
        let told = bench.told("edit", &edit("p.rs", old, "x"));
        assert!(told.contains(part), "{old:?}: {told}");
    };
    check("    let n = text.trim();\n    n.parse()", "lines 4 to 5");
    check("    let n = text.trim();\n    n.parse().unwrap_or(0)", "other blanks");
    check("    let n = text.trim();", "+ →let n = text.trim();");
    check("     4\t\tlet n = text.trim();\n", "Leave out the line numbers");
    check("use std::io;\\n\\nfn parse", "two characters");
    check("n.prase().unwarp_or(0)", "lines 5 to 5");
    check("completely different words", "Nothing in it is alike");
    check("\n\n\n\n", "not in p.rs");
    check("use std::io;\r\n", "LF line ends");
    assert_eq!(bench.get("p.rs"), file.as_bytes());
}

#[test]
fn large_and_hostile_files_are_bounded() {
    let mut bench = Bench::new();
    let lines: String = (1..=100_000).map(|n| format!("this is line number {n}\n")).collect();
    bench.put("long.txt", &lines);
    bench.put("one-line.js", "x".repeat(3_000_000));
    let sparse = std::fs::File::create(bench.path().join("sparse.bin")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let Ok(ToolEnd::Text { text, whole, .. }) = bench.call("read", "long.txt") else { panic!("not read") };
    assert!(
        text.contains("lines 1 to 1000\n") && text.ends_with("read on with from_line 1001 …]\n"),
        "{}",
        &text[..100]
    );
    assert_eq!(whole, None);
    assert!(
        bench
            .done("read", r#"{"path":"long.txt","from_line":99999}"#)
            .ends_with("\n100000\tthis is line number 100000\n")
    );
    assert!(bench.done("read", "one-line.js").len() < 3000);
    assert!(bench.told("read", "sparse.bin").contains("binary file (1,099,511,627,776 bytes)"));
    assert!(bench.told("edit", &edit("sparse.bin", "a", "b")).contains("too large to edit"));
    assert!(bench.done("search", "line number 77777").contains("long.txt:77777:this is line number 77777\n"));
    // the worst texts for a naive search, and for the explanation of a miss
    bench.put("a.txt", "a".repeat(4_000_000));
    let told = bench.told("edit", &edit("a.txt", &format!("{}b", "a".repeat(400_000)), "x"));
    assert!(told.starts_with("the old text is not in a.txt") && told.len() < 8_000, "{}", told.len());
    let told = bench.told("edit", &edit("long.txt", &lines[..300_000].replace('9', "8"), "x"));
    assert!(told.starts_with("the old text is not in long.txt") && told.len() < 8_000, "{}", told.len());
}
