//! Installed versions side by side, as asdf and mise (`installs/TOOL/VERSION/bin`) and rustup keep them.

use crate::limits::sandbox::PATH_ENTRIES;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every version's folder of programs, tool by tool: first those that `named` (lines of `TOOL VERSION…`) names, then the
/// newest.
pub(super) fn bins(installs: &Path, named: &str) -> Vec<PathBuf> {
    let mut tools = below(installs);
    tools.sort();
    let mut bins = Vec::new();
    for tool in tools {
        let mut versions = below(&tool);
        versions.sort_by_cached_key(|version| {
            (!is_named(&name(&tool), &name(version), named), std::cmp::Reverse(parts(&name(version))))
        });
        bins.extend(versions.into_iter().map(|version| version.join("bin")).filter(|bin| bin.is_dir()));
    }
    bins
}

/// rustup's folder of a toolchain, which may be named without its platform (`stable`).
pub(super) fn toolchain(toolchains: &Path, named: &str) -> Option<PathBuf> {
    let whole = toolchains.join(named);
    let mut longer = below(toolchains);
    longer.sort();
    let is_meant =
        |found: &PathBuf| name(found).strip_prefix(named).is_some_and(|rest| rest.starts_with('-'));
    if whole.is_dir() { Some(whole) } else { longer.into_iter().find(is_meant) }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).take(PATH_ENTRIES).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_named(tool: &str, version: &str, named: &str) -> bool {
    let mut words = named.lines().map(str::split_whitespace);
    words.any(|mut words| words.next() == Some(tool) && words.any(|word| word == version))
}

/// A version's numbers, so that 10 is newer than 9.
fn parts(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_version_first_then_the_newest() {
        let place = tempfile::tempdir().unwrap();
        for version in ["node/9.1.0", "node/18.20.1", "node/20.2.0", "go/1.9", "go/1.22"] {
            fs::create_dir_all(place.path().join(version).join("bin")).unwrap();
        }
        let check = |named: &str, expected: &str| {
            let bins = bins(place.path(), named);
            let short: Vec<_> = bins.iter().map(|bin| name(bin.parent().unwrap())).collect();
            assert_eq!(short.join(" "), expected, "{named}");
        };
        check("", "1.22 1.9 20.2.0 18.20.1 9.1.0");
        check("node 18.20.1\ngo system\n", "1.22 1.9 18.20.1 20.2.0 9.1.0");
        check("# go 1.9\nnodejs 9.1.0\n", "1.22 1.9 20.2.0 18.20.1 9.1.0");
    }

    #[test]
    fn a_toolchain_without_its_platform() {
        let place = tempfile::tempdir().unwrap();
        for name in ["1.9-x", "1.92-x", "stable-x", "nightly-2026-01-01-x"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        let check = |named: &str, expected: Option<&str>| {
            let found = toolchain(place.path(), named).map(|path| name(&path));
            assert_eq!(found.as_deref(), expected, "{named}");
        };
        check("stable", Some("stable-x"));
        check("stable-x", Some("stable-x"));
        check("1.9", Some("1.9-x"));
        check("beta", None);
    }
}
