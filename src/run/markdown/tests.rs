use super::*;
use proptest::prelude::*;
use pulldown_cmark::{Options, TextMergeStream};

const REPO: &str = "https://github.com/o/r";

#[track_caller]
fn check(input: &str, expected: &str) {
    assert_eq!(defused(input, REPO), expected, "{input:?}");
    harmless(input);
}

#[test]
fn prose_stays_prose() {
    check("", "");
    check(
        "Fixed the sum.\nIt was *off* by **one**.\n\nNow ~~not~~.",
        "Fixed the sum.\nIt was *off* by **one**.\n\nNow ~~not~~.",
    );
    check("a  b\r\nc\\\nd", "a b\nc\nd");
    check("snake_case 2*3 a_ [x] <3 & co | $5 ~x", "snake_case 2\\*3 a\\_ \\[x\\] \\<3 \\& co \\| \\$5 \\~x");
    check("1\\. x\n\\# y\n\\- z\n\\=== w", "1\\. x\n\\# y\n\\- z\n\\=== w");
    check("# Receipt\n\ntext\n\nAll *pass*\n===\n\n---\n", "**Receipt**\n\ntext\n\n**All *pass***");
    check("- a\n- b\n  - c\n\n  d\n1. e\n2. f", "- a\n- b\n  - c\n\n  d\n\n1. e\n2. f");
    check("- [x] a\n- [ ] b", "- [x] a\n- [ ] b");
    check("> a\n>\n> b\n> > c", "> a\n>\n> b\n>\n> > c");
    check("`a` ``b`c`` ` `", "`a` ``b`c``");
    check("```rust\nlet a;\n\nb\n```", "```rust\nlet a;\n\nb\n```");
    check("```mermaid\na\n```\n\n    b\n", "```\na\n```\n\n```\nb\n```");
    check("````\n```\n````", "````\n```\n````");
    check("a | `b\\|c`\n--|--\n@x | d\\|e", "| a | `b\\|c` |\n| --- | --- |\n| `@x` | d\\|e |");
    check("a\u{1b}[31m\u{202e}b\u{200b}c", "a\\[31mbc");
}

#[test]
fn nothing_is_fetched() {
    check("![x](https://sink.example/CANARY)", "x (image `https://sink.example/CANARY`)");
    check("![](https://sink.example/C)", "(image `https://sink.example/C`)");
    check("[a](https://sink.example/C) b", "a (`https://sink.example/C`) b");
    check("[a][1] b\n\n[1]: https://sink.example/C", "a (`https://sink.example/C`) b");
    check("<https://sink.example/C>", "`https://sink.example/C`");
    check(
        "see https://sink.example/C, or (www.sink.example).",
        "see `https://sink.example/C`, or (`www.sink.example`).",
    );
    check("<img src=https://sink.example/C>", "```\n<img src=https://sink.example/C>\n```");
    check("a <img src=x> Vec<String> b", "a `<img src=x>` Vec`<String>` b");
    check(
        "<details><summary>x</summary>\n\ny\n</details>",
        "```\n<details><summary>x</summary>\n```\n\ny\n\n```\n</details>\n```",
    );
    check("a <!-- b --> c\n\n<!-- quantum:run=x slot=status -->", "a c");
    check("[a](https://github.com/o/r/blob/main/a.rs#L3)", "[a](https://github.com/o/r/blob/main/a.rs#L3)");
    for url in [
        "https://github.com/o/r/issues/3",
        "https://github.com/o/r2/blob/x",
        "https://github.com/o/r",
        "https://github.com/o/r/blob/../../x",
        "/o/r/blob/x",
        "javascript:alert(1)",
        "https://github.com.sink.example/o/r/blob/x",
    ] {
        check(&format!("[a]({url})"), &format!("a (`{url}`)"));
    }
    // not decoded there, and not here either
    check(
        "<https://github.com/o/r/blob/&#46;&#46;/x>",
        "[`https://github.com/o/r/blob/&#46;&#46;/x`](https://github.com/o/r/blob/&amp;#46;&amp;#46;/x)",
    );
    harmless("<https://github.com/o/r/blob/&#46;&#46;/x> <https://github.com/o/r/blob/x&#64;>");
    check("!\\[a](https://github.com/o/r/blob/x)", "`![a](https://github.com/o/r/blob/x`)");
    check("\\![a](https://github.com/o/r/blob/x)", "\\![a](https://github.com/o/r/blob/x)");
}

#[test]
fn nobody_acts_on_it() {
    check("Thanks @alice, @org/team and me@example.com", "Thanks `@alice`, `@org/team` and `me@example.com`");
    check("**@alice** *(@bob)*", "**`@alice`** *(`@bob`)*");
    check("&#64;alice \\@bob @<!-- -->carol", "`@alice` `@bob` `@carol`");
    check("Fixes #12, closes o/r#3. See GH-4", "Fixes `#12`, closes `o/r#3`. See `GH-4`");
    check("fixes https://github.com/o/r/issues/5", "fixes `https://github.com/o/r/issues/5`");
    check("&#35;12 #<!-- -->13", "`#12` `#13`");
    check("/approve\n/lgtm cancel\nand /src", "`/approve`\n`/lgtm` cancel\nand /src");
    check("- /close\n\n> /hold\n\n# /label x", "- `/close`\n\n> `/hold`\n\n**`/label` x**");
    check("bors r+\n\nhe said bors r+", "`bors` r+\n\nhe said bors r+");
    check("```\n/approve\n```", "> ```\n> /approve\n> ```");
    check("```\n  @dependabot merge\n```", "> ```\n>   @dependabot merge\n> ```");
    check("`` `@a``\\`@x`\\`", "`` `@a `` `` `@x `` `\\`");
    check("`a`<!-- -->``b`@x``", "`a` ``b`@x``");
}

#[test]
fn titles_and_commits_are_taken_apart() {
    let check = |input: &str, expected: &str| assert_eq!(plain(input), expected);
    check("Fix the `sum` of a_b", "Fix the `sum` of a_b");
    check("Fixes #12 for @alice (GH-3)", "Fixes # 12 for @ alice (GH- 3)");
    check("see https://x.example\nwww.x.example a@b", "see https: //x.example\nwww. x.example a@ b");
    check("x [skip ci] [CI Skip]", "x (skip ci] (CI Skip]");
    assert_eq!(plain_line(" a\nb\u{202e} "), "a b");
    assert!(plain_line(&"#1 ".repeat(200)).len() <= 240);
}

#[test]
fn long_texts_lose_their_middle() {
    let check = |input: &str, max: usize, expected: &str| assert_eq!(cut_middle(input, max), expected);
    check("abcdef", 6, "abcdef");
    check("abcdefg", 6, "abc\n\n[… 1 characters left out here …]\n\nefg");
    check("🙂🙂🙂", 5, "🙂\n\n[… 2 characters left out here …]\n\n🙂");
    check("abc", 0, "\n\n[… 3 characters left out here …]\n\n");
    assert_eq!(length("aé🙂"), 4);
    let deep = defused(&"> ".repeat(5_000), REPO) + &defused(&"- ".repeat(5_000), REPO);
    assert!(deep.len() < 1_000, "{}", deep.len());
    let deep = defused(&format!("{}x", "> ".repeat(5_000)), REPO);
    assert!(deep.len() < 100 && deep.ends_with('x'), "{deep}");
    for nasty in ["[", "*", "`", "<", "|\n", "![", "- \n  ", "~~~"] {
        let out = defused(&nasty.repeat(8_000), REPO);
        assert!(length(&out) < 100_000, "{nasty:?} {}", length(&out));
    }
}

/// Whatever went in: what comes out does nothing, and what follows it is ours.
#[track_caller]
fn harmless(input: &str) {
    let out = defused(input, REPO);
    for line in out.lines() {
        assert!(!words::is_spoken(line.trim_start()), "{input:?} speaks to a bot: {out:?}");
    }
    let whole = format!("{out}\n\n## Receipt\n\nend");
    let options = prose::options() | Options::ENABLE_FOOTNOTES;
    let (mut depth, mut headings, mut is_code) = (0, 0, false);
    for event in TextMergeStream::new(Parser::new_ext(&whole, options)) {
        match &event {
            Event::Start(Tag::Heading { .. }) => {
                assert_eq!(depth, 0, "{input:?} is not closed: {out:?}");
                headings += 1;
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                assert!(is_ours(dest_url, REPO), "{input:?}: {out:?}")
            }
            Event::Start(Tag::Image { .. } | Tag::HtmlBlock) | Event::Html(_) | Event::InlineHtml(_) => {
                panic!("{input:?} makes {event:?}: {out:?}")
            }
            Event::Start(Tag::CodeBlock(_)) => is_code = true,
            Event::End(TagEnd::CodeBlock) => is_code = false,
            Event::Text(text) if !is_code => assert!(!words::does_something(text), "{input:?}: {out:?}"),
            _ => {}
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
    }
    assert_eq!(headings, 1, "{input:?} has a heading, or hides ours: {out:?}");
    assert!(whole.ends_with("## Receipt\n\nend"));
}

const NASTY: &str = "@ # a 12 alice / approve ` `` ``` ~~~ * ** _ ~~ [ ] ( ) ]( ![ < > <!-- --> <b> </b> <div> https://x.example www. \
    https://github.com/o/r/blob/x &#64; &#35; &lt; \\ | |-| === :-: - 1. ! $ ^ [^1] : GH-1 bors [1]: /x &#10; &NewLine; o/r";
const SPACED: [&str; 14] = [
    " ", " ", "\n", "\n", "\n\n", "\n---\n", "- ", "1. ", "> ", "    ", "\t", "- [x] ", "\u{200b}", "\u{a0}",
];

fn nasty() -> impl Strategy<Value = String> {
    let parts: Vec<&str> = NASTY.split_whitespace().chain(SPACED).collect();
    proptest::collection::vec(proptest::sample::select(parts), 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_goes_in_does_nothing(input in nasty()) {
        harmless(&input);
    }
}
