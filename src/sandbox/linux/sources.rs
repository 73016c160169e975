//! What the sandbox is shown of the host, opened while its paths can still be reached: by root before it becomes an
//! ordinary user (who could not walk into `/root`), by an ordinary user as soon as it may mount.

use super::super::{Policy, WORKSPACE, child::cannot, forward, launch::Trouble, roots::SYSTEM, walls::Wall};
use super::mounts::{DEVICE, Forbids, READ_ONLY, WRITABLE, copy};
use rustix::io::Errno;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// What programs read of `/etc`; not one of them holds a secret. Names that end in `*` are beginnings.
const ETC: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "fonts",
    "java*",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "lsb-release",
    "magic",
    "magic.mime",
    "maven",
    "mime.types",
    "os-release",
    "papersize",
    "perl",
    "pki/ca-trust",
    "pki/java",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "protocols",
    "python*",
    "services",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
    "xml",
];

const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

/// One thing shown: a tree of mounts, or a symbolic link as the host has it.
pub(super) enum Shown {
    Tree(OwnedFd),
    Link(PathBuf),
}

/// Everything shown, with the path it is shown at, in the order it is mounted.
pub(super) struct Sources {
    pub(super) system: Vec<(PathBuf, Shown)>,
    pub(super) devices: Vec<(PathBuf, Shown)>,
    pub(super) read: Vec<(PathBuf, Shown)>,
    pub(super) write: Vec<(PathBuf, Shown)>,
}

impl Sources {
    pub(super) fn open(policy: &Policy) -> Result<Self, Trouble> {
        let mut system = Vec::new();
        for path in SYSTEM.iter().map(PathBuf::from).chain(etc()) {
            if let Some(shown) = as_it_is(&path)? {
                system.push((path, shown));
            }
        }
        let mut devices = Vec::new();
        for name in DEVICES {
            let path = Path::new("/dev").join(name);
            if path.exists() {
                let tree = tree("the device", &path, DEVICE)?;
                devices.push((path, tree));
            }
        }
        let mut write = vec![(PathBuf::from(WORKSPACE), tree("the workspace", &policy.workspace, WRITABLE)?)];
        for (host, inside) in &policy.write {
            let tree = tree("the writable folder", plain(host)?, WRITABLE)?;
            write.push((plain(inside)?.to_owned(), tree));
        }
        if let Some(socket) = &policy.egress {
            let tree = tree("the egress socket", plain(socket)?, WRITABLE)?;
            devices.push((PathBuf::from(forward::SOCKET), tree));
        }
        Ok(Self { system, devices, read: roots(policy)?, write })
    }

    /// Where commands may write, besides the private folders.
    pub(super) fn writable(&self) -> Vec<PathBuf> {
        let private = [super::TMP, super::HOME, "/dev/shm", "/dev/pts"].map(PathBuf::from);
        self.write.iter().map(|(path, _)| path.clone()).chain(private).collect()
    }
}

/// The policy's roots, parents first; what an earlier one shows already is left out.
fn roots(policy: &Policy) -> Result<Vec<(PathBuf, Shown)>, Trouble> {
    let mut wanted = policy.read.clone();
    wanted.sort();
    wanted.dedup();
    let mut shown: Vec<(PathBuf, Shown)> = Vec::new();
    for path in wanted {
        plain(&path)?;
        let within = |root: &Path| path.starts_with(root);
        let before = shown.iter().any(|(root, _)| within(root));
        if before || SYSTEM.iter().any(|root| within(Path::new(root))) {
            continue;
        }
        match copy(&path, READ_ONLY) {
            // what its user may not see is not shown: a container's root has given up the right to
            Err(Errno::ACCESS) => {}
            found => shown.push((path.clone(), opened("the read-only folder", &path, found)?)),
        }
    }
    Ok(shown)
}

/// Absolute, not the root, and without `..`: what is named is what is shown.
fn plain(path: &Path) -> Result<&Path, Trouble> {
    let parts = path.components().skip(1);
    let ordinary = parts.clone().all(|part| matches!(part, Component::Normal(_)));
    if path.is_absolute() && ordinary && parts.count() > 0 {
        return Ok(path);
    }
    Err(cannot("the folder", path, "the path must be absolute, without `..`, and not the root"))
}

fn tree(what: &str, path: &Path, forbids: Forbids) -> Result<Shown, Trouble> {
    opened(what, path, copy(path, forbids))
}

fn opened(what: &str, path: &Path, found: Result<OwnedFd, Errno>) -> Result<Shown, Trouble> {
    found.map(Shown::Tree).map_err(|errno| match errno {
        // The call itself, not the path: whoever asks for a folder that isn't there gets another answer.
        Errno::PERM | Errno::NOSYS => Wall::Root.missing("open_tree", errno).into(),
        Errno::ACCESS => cannot(what, path, "the sandbox's user may not enter a folder above it"),
        _ => cannot(what, path, std::io::Error::from(errno)),
    })
}

/// A system folder or file, or the link it is (`/bin` to `usr/bin`); None where the host has none.
fn as_it_is(path: &Path) -> Result<Option<Shown>, Trouble> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(None) };
    if found.is_symlink() {
        return Ok(fs::read_link(path).ok().map(Shown::Link));
    }
    tree("the system folder", path, READ_ONLY).map(Some)
}

/// The paths of [`ETC`] that exist.
fn etc() -> Vec<PathBuf> {
    let folder = Path::new("/etc");
    let (beginnings, names): (Vec<&str>, Vec<&str>) = ETC.iter().partition(|name| name.ends_with('*'));
    let mut paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let begins = |beginning: &&str| name.to_string_lossy().starts_with(beginning.trim_end_matches('*'));
        if beginnings.iter().any(begins) {
            paths.push(entry.path());
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_shown() {
        fn check(path: &str, fits: bool) {
            assert_eq!(plain(Path::new(path)).is_ok(), fits, "{path}");
        }
        check("/home/u/.cargo", true);
        check("/x", true);
        check("/", false);
        check("", false);
        check("relative", false);
        check("/home/../root", false);
        check("/..", false);
    }
}
