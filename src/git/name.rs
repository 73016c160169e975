//! Names in hostile trees: what may be written to a disk, and how a name is shown.

use super::GitError;

/// Refuses names that are no names, or that some file system takes for `.git`.
pub(super) fn check(name: &[u8]) -> Result<(), GitError> {
    let hostile = name.is_empty()
        || name == b"."
        || name == b".."
        || name.contains(&b'/')
        || name.contains(&0)
        || is_git(name);
    if hostile {
        Err(GitError::Hostile(format!("a tree with an entry named {:?}", shown(name))))
    } else {
        Ok(())
    }
}

/// `.git` in any spelling: case, trailing dots and spaces (NTFS, also as the start of a path there), ignorable code points (HFS+), the short name.
pub(super) fn is_git(name: &[u8]) -> bool {
    let text = String::from_utf8_lossy(name);
    let plain: String = text.chars().filter(|c| !is_ignorable(*c)).collect::<String>().to_lowercase();
    let plain = plain.split([':', '\\']).next().unwrap_or_default().trim_end_matches(['.', ' ']);
    plain == ".git" || plain == "git~1"
}

/// Code points that HFS+ leaves out when it compares names.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// A path as text: bytes that are not UTF-8 as `\xNN`.
pub(super) fn shown(path: &[u8]) -> String {
    path.utf8_chunks().fold(String::new(), |mut text, chunk| {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_git_are_known() {
        for bad in [
            &b".git"[..],
            b".GIT",
            b".Git.",
            b".git ",
            b"git~1",
            b".git::$INDEX_ALLOCATION",
            b".git\\config",
            ".g\u{200c}it".as_bytes(),
        ] {
            assert!(is_git(bad), "{bad:?}");
        }
        for good in [&b".github"[..], b".gitignore", b"git", b"agit", b".gi"] {
            assert!(!is_git(good), "{good:?}");
        }
        for bad in [&b""[..], b".", b"..", b"a/b", b"a\0"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert_eq!(shown(b"a\xffb"), "a\\xffb");
    }
}
