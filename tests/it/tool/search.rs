//! Search: what is found, in which order, and what is left out.

use super::Bench;
use quantumlayer::tool::ToolEnd;

#[test]
fn lines_are_found_by_expression() {
    let mut bench = Bench::with(&[
        ("src/a.rs", b"fn alpha() {}\nfn Beta() {}\n"),
        ("src/b.py", b"def alpha(): pass\r\n"),
        (".github/ci.yml", b"run: alpha\n"),
        (".gitignore", b"target/\n*.log\n"),
        ("target/x.rs", b"fn alpha() {}\n"),
        ("debug.log", b"alpha\n"),
        (".git/config", b"alpha\n"),
        ("bin", b"alpha\n\0\0"),
        ("odd", b"nothing"),
    ]);
    let mut check = |arguments: &str, expected: &str| {
        assert_eq!(bench.done("search", arguments), expected, "{arguments}")
    };
    check(
        "alpha",
        "3 matching lines in 3 of 6 files searched\n.github/ci.yml:1:run: alpha\nsrc/a.rs:1:fn alpha() {}\nsrc/b.py:1:def alpha(): pass\n",
    );
    check(
        r#"{"query":"fn \\w+\\(","glob":"*.rs"}"#,
        "2 matching lines in 1 of 1 files searched\nsrc/a.rs:1:fn alpha() {}\nsrc/a.rs:2:fn Beta() {}\n",
    );
    check(
        r#"{"pattern":"BETA","ignore_case":true}"#,
        "1 matching lines in 1 of 6 files searched\nsrc/a.rs:2:fn Beta() {}\n",
    );
    check(
        r#"{"pattern":"alpha","path":"src/b.py"}"#,
        "1 matching lines in 1 of 1 files searched\nsrc/b.py:1:def alpha(): pass\n",
    );
    check(
        r#"{"pattern":"alpha","path":"src","glob":"*.py, *.js"}"#,
        "1 matching lines in 1 of 1 files searched\nsrc/b.py:1:def alpha(): pass\n",
    );
    check(
        r#"{"pattern":"alpha","path":"target"}"#,
        "1 matching lines in 1 of 1 files searched\ntarget/x.rs:1:fn alpha() {}\n",
    );
    check(
        r#"{"pattern":"alpha","path":"debug.log"}"#,
        "1 matching lines in 1 of 1 files searched\ndebug.log:1:alpha\n",
    );
    check(
        r#"{"pattern":"alpha","max_matches":1}"#,
        "3 matching lines in 3 of 6 files searched; the first 1 are shown\n.github/ci.yml:1:run: alpha\n",
    );
    check(r"alpha\(\) \{", "1 matching lines in 1 of 6 files searched\nsrc/a.rs:1:fn alpha() {}\n");
    check(
        "alpha(",
        "2 matching lines in 2 of 6 files searched; the pattern is not a regular expression and was taken as plain text\nsrc/a.rs:1:fn alpha() {}\nsrc/b.py:1:def alpha(): pass\n",
    );
    check("gamma", "no line matches in 6 files searched\n");
    check(
        r#"{"pattern":"alpha","glob":"*.zig"}"#,
        "no line matches in 0 files searched; no file matches `glob`\n",
    );
}

#[test]
fn wrong_wishes_are_told() {
    let mut bench = Bench::with(&[("src/a.rs", b"x\n")]);
    assert_eq!(
        bench.told("search", r#"{"pattern":"x","path":"scr/a.rs"}"#),
        "there is no scr/a.rs; did you mean src/a.rs?"
    );
    assert!(bench.told("search", r#"{"pattern":"x","glob":"{a"}"#).contains("`glob` is not legal"));
    assert!(bench.told("search", r#"{"pattern":"x","path":"/etc"}"#).contains("outside the workspace"));
    assert!(bench.told("search", r#"{"pattern":""}"#).contains("empty"));
    assert!(bench.told("search", r#"{"pattern":"a\nb"}"#).contains("line by line"));
}

#[test]
fn floods_of_matches_are_bounded_and_counted() {
    let mut bench = Bench::new();
    for file in 0..30 {
        bench.put(&format!("f{file:02}.txt"), "the same line\n".repeat(1000));
    }
    bench.put("wide.txt", format!("the same {}\n", "x".repeat(1_000_000)));
    let text = bench.done("search", r#"{"pattern":"the same","max_matches":5}"#);
    assert!(text.starts_with("at least 2") && text.lines().count() == 6, "{text}");
    let text = bench.done("search", r#"{"pattern":"the same","path":"f07.txt","max_matches":999999}"#);
    assert!(
        text.starts_with("1000 matching lines in 1 of 1")
            && text.contains(" bytes cut; a narrower `pattern`"),
        "{text}"
    );
    let Ok(ToolEnd::Text { text, .. }) = bench.call("search", r#"{"pattern":"the same","path":"wide.txt"}"#)
    else {
        panic!()
    };
    assert!(text.len() < 500 && text.ends_with("x [… 1000009 bytes]\n"), "{text}");
}

#[test]
fn a_match_in_a_long_line_is_shown_with_what_stands_around_it() {
    let line = format!("{}needle{}\n", "a".repeat(5_000), "b".repeat(5_000));
    let mut bench = Bench::with(&[("long.js", line.as_bytes())]);
    let text = bench.done("search", "needle");
    let shown = "long.js:1:[… from byte 4925] aaa";
    assert!(
        text.contains(shown) && text.contains("aneedleb") && text.contains("b [… 10006 bytes]"),
        "{text}"
    );
    assert!(text.len() < 500, "{}", text.len());
}

#[test]
fn a_pattern_that_is_too_big_costs_nothing() {
    let mut bench = Bench::with(&[("a", b"x{1000000}\n")]);
    let text = bench.done("search", r"x{1000000}");
    assert!(text.starts_with("1 matching") && text.contains("taken as plain text"), "{text}");
}

#[test]
fn a_gitignore_counts_without_a_git_folder() {
    let mut bench = Bench::with(&[(".gitignore", b"out/\n"), ("out/x", b"word\n"), ("in/x", b"word\n")]);
    assert_eq!(bench.done("search", "word"), "1 matching lines in 1 of 2 files searched\nin/x:1:word\n");
}
