//! rustup's programs, which are nothing without a toolchain.

use super::{RUST, Roots};
use std::{fs, os::unix::fs::MetadataExt, path::Path};

impl Roots {
    /// Whether every `cargo` of this `PATH` is rustup's, and rustup has no toolchain that it could stand for.
    pub fn rust_is_absent(&self, path: &str) -> bool {
        let mut cargos = path
            .split(':')
            .map(|folder| Path::new(folder).join("cargo"))
            .filter(|cargo| cargo.is_file())
            .peekable();
        let is_found = self.listing.iter().any(|(what, _)| what == RUST);
        !is_found && cargos.peek().is_some() && cargos.all(|cargo| is_rustup(&cargo))
    }
}

/// rustup's programs are links, of either kind, to rustup itself.
fn is_rustup(program: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    program.canonicalize().is_ok_and(|real| real.ends_with("rustup"))
        || id(program).is_some_and(|own| Some(own) == id(&program.with_file_name("rustup")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::roots::{HostFacts, discover};

    #[test]
    fn rustup_without_a_toolchain_is_known() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().canonicalize().unwrap();
        for folder in ["shims", "links", "real"] {
            fs::create_dir(home.join(folder)).unwrap();
        }
        for file in ["shims/rustup", "real/cargo"] {
            fs::write(home.join(file), "").unwrap();
        }
        fs::hard_link(home.join("shims/rustup"), home.join("shims/cargo")).unwrap();
        std::os::unix::fs::symlink(home.join("shims/rustup"), home.join("links/cargo")).unwrap();
        let host = |path: &str| HostFacts {
            env: [("HOME", home.display().to_string()), ("PATH", path.to_owned())]
                .map(|(k, v)| (k.to_owned(), v))
                .into(),
            data: home.join("data"),
            extra: Vec::new(),
        };
        let check = |folders: &[&str], expected: bool| {
            let path =
                folders.iter().map(|f| home.join(f).display().to_string()).collect::<Vec<_>>().join(":");
            assert_eq!(discover(&host(&path)).rust_is_absent(&path), expected, "{folders:?}");
        };
        check(&["shims"], true);
        check(&["links", "shims"], true);
        check(&["shims", "real"], false);
        check(&["absent"], false);
        fs::create_dir_all(home.join(".rustup/toolchains/stable-x/bin")).unwrap();
        fs::write(home.join(".rustup/toolchains/stable-x/bin/cargo"), "").unwrap();
        fs::write(home.join(".rustup/settings.toml"), "default_toolchain = \"stable\"").unwrap();
        check(&["shims"], false);
    }
}
