//! How much the long stories try: little, unless a variable says more (CONTRIBUTING.md has them). Nonsense in a variable fails
//! the story: who asks for a thousand must not be shown the green of one.

use std::{fmt::Debug, ops::Range, str::FromStr};

/// So many.
pub(crate) fn count<N: FromStr<Err: Debug>>(name: &str, few: N) -> N {
    asked(name).map_or(few, |text| number(name, &text, &text))
}

/// Seeds, as `N` or `FROM..TO`.
pub(crate) fn range(name: &str, few: u64) -> Range<u64> {
    asked(name).map_or(0..few, |text| read_range(name, &text))
}

/// Several numbers, with commas between them; none when nobody asks.
pub(crate) fn list(name: &str) -> Vec<usize> {
    asked(name).map_or_else(Vec::new, |text| read_list(name, &text))
}

/// Everything there is, by the word `all`.
pub(crate) fn is_all(name: &str) -> bool {
    asked(name).is_some_and(|text| {
        assert_eq!(text, "all", "{name} says `all`, or nothing");
        true
    })
}

/// What somebody asked for; an empty variable is unset.
#[expect(clippy::disallowed_methods, reason = "a test's size, not a setting of the program")]
fn asked(name: &str) -> Option<String> {
    let text = std::env::var_os(name)?.into_string().unwrap_or_else(|odd| panic!("{name}={odd:?}"));
    (!text.is_empty()).then_some(text)
}

fn read_range(name: &str, text: &str) -> Range<u64> {
    match text.split_once("..") {
        Some((from, to)) => {
            let range = number(name, text, from)..number(name, text, to);
            assert!(!range.is_empty(), "{name}={text:?} is empty");
            range
        }
        None => 0..number(name, text, text),
    }
}

fn read_list(name: &str, text: &str) -> Vec<usize> {
    text.split(',').map(|part| number(name, text, part)).collect()
}

fn number<N: FromStr<Err: Debug>>(name: &str, text: &str, part: &str) -> N {
    part.parse().unwrap_or_else(|why| panic!("{name}={text:?}: {part:?} is no number: {why:?}"))
}

#[test]
fn sizes_are_read_and_nonsense_is_refused() {
    assert_eq!(number::<usize>("N", "40", "40"), 40);
    assert_eq!((read_range("N", "40"), read_range("N", "7..9")), (0..40, 7..9));
    assert_eq!((read_list("N", "3"), read_list("N", "100000,1,200")), (vec![3], vec![100_000, 1, 200]));
    for odd in ["many", "-1", "1.5", " 7", "1,", "..9", "9..", "9..7", "7..x"] {
        let refused = |read: fn(&str)| std::panic::catch_unwind(|| read(odd)).is_err();
        assert!(refused(|odd| _ = number::<usize>("N", odd, odd)), "{odd:?} as a count");
        assert!(refused(|odd| _ = read_range("N", odd)), "{odd:?} as a range");
        assert!(refused(|odd| _ = read_list("N", odd)), "{odd:?} as a list");
    }
}
