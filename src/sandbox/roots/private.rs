//! What is never shown, whatever names it: homes, our data, credentials, and folders so broad that they hold one of them.

use crate::limits::sandbox::CREDENTIALS;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Folders that are never shown themselves; what is in them may be.
const BROAD: &[&str] = &[
    "/home",
    "/root",
    "/etc",
    "/run",
    "/run/user",
    "/var",
    "/var/home",
    "/var/lib",
    "/var/run",
    "/tmp",
    "/boot",
];
/// Folders nothing of which is shown: the sandbox has its own.
const OTHERS: &[&str] = &["/proc", "/sys", "/dev"];
/// Where people's homes lie.
const HOMES: &[&str] = &["/home", "/var/home"];
/// The first number of people's users; those below are the system's, whose homes may be a tool's folder.
const PEOPLE: u32 = 1000;
/// "nobody".
const NOBODY: u32 = 65_534;

/// The folders that are private on this host.
pub(super) struct Private {
    homes: BTreeSet<PathBuf>,
    data: BTreeSet<PathBuf>,
}

impl Private {
    pub(super) fn of(home: Option<&Path>, data: &Path) -> Self {
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = accounts.lines().filter_map(home_of_person);
        let named = home.into_iter().map(Path::to_owned);
        let beside = HOMES.iter().flat_map(|homes| fs::read_dir(homes).into_iter().flatten().flatten());
        let homes = known.chain(named).chain(beside.map(|entry| entry.path()));
        Self { homes: both(homes), data: both([data.to_owned()]) }
    }

    /// Why this path must not be seen.
    pub(super) fn check(&self, path: &Path) -> Result<(), &'static str> {
        let is = |known: &&str| path == Path::new(known);
        if path.parent().is_none() || BROAD.iter().any(is) {
            return Err("it is too broad: name a folder in it");
        }
        if OTHERS.iter().any(|known| path.starts_with(known)) {
            return Err("the sandbox has its own");
        }
        if self.homes.iter().any(|home| home.starts_with(path)) {
            return Err("it is somebody's home, or holds one: name a folder in it");
        }
        if self.data.iter().any(|data| data.starts_with(path) || path.starts_with(data)) {
            return Err("our own data is there");
        }
        let secret = |part: &Path| CREDENTIALS.iter().any(|name| part.ends_with(name));
        if path.ancestors().any(secret) {
            return Err("credentials are kept there");
        }
        Ok(())
    }
}

/// The home in a line of the accounts.
fn home_of_person(line: &str) -> Option<PathBuf> {
    let mut fields = line.split(':');
    let number: u32 = fields.nth(2)?.parse().ok()?;
    let home = fields.nth(2)?;
    ((number == 0 || number >= PEOPLE) && number != NOBODY).then(|| PathBuf::from(home))
}

/// Each as it is named and as it really is.
fn both(paths: impl IntoIterator<Item = PathBuf>) -> BTreeSet<PathBuf> {
    let named = paths.into_iter().filter(|path| path.is_absolute() && path.parent().is_some());
    named.flat_map(|path| [path.canonicalize().unwrap_or_else(|_| path.clone()), path]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_of_people() {
        fn check(line: &str, expected: Option<&str>) {
            assert_eq!(home_of_person(line), expected.map(PathBuf::from), "{line}");
        }
        check("root:x:0:0:root:/root:/bin/bash", Some("/root"));
        check("anna:x:1000:1000:Anna,,,:/data/anna:/bin/zsh", Some("/data/anna"));
        check("www-data:x:33:33::/var/www:/usr/sbin/nologin", None);
        check("nobody:x:65534:65534::/nonexistent:/bin/false", None);
        check("", None);
        check("+::::::", None);
    }

    #[test]
    fn what_is_private_stays_so_by_any_name() {
        let place = tempfile::tempdir().unwrap();
        let (real, named, data) =
            (place.path().join("d/anna"), place.path().join("anna"), place.path().join("q"));
        fs::create_dir_all(real.join(".ssh/keys")).unwrap();
        fs::create_dir_all(&data).unwrap();
        std::os::unix::fs::symlink(&real, &named).unwrap();
        let private = Private::of(Some(&named), &data);
        let check = |path: &Path, expected: &str| {
            let found = private.check(path);
            assert!(found.is_err_and(|why| why.contains(expected)), "{}: {found:?}", path.display());
        };
        for home in [&named, &real, &place.path().join("d"), place.path()] {
            check(home, "home");
        }
        check(&data.join("git"), "our own data");
        check(&named.join(".ssh/keys"), "credentials");
        check(Path::new("/proc/1/root"), "its own");
        check(Path::new("/"), "too broad");
        check(Path::new("/root"), "too broad");
        assert_eq!(private.check(&named.join("bin")), Ok(()));
    }
}
