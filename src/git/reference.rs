//! Creates a ref in one step. A lock file beside it, as git makes one, would stay behind when we are killed and keep
//! everybody from the branch; a file without a name is gone with the process.

use git2::Oid;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::fd::AsRawFd,
    path::Path,
};

/// Creates a loose ref that is not there. Any error means that nothing was written, apart from folders: a file system that
/// knows no files without names, somebody who was faster or has it locked.
pub(super) fn create(common: &Path, name: &str, head: Oid) -> io::Result<()> {
    let path = common.join(name);
    let mut lock = path.clone().into_os_string();
    lock.push(".lock");
    if fs::symlink_metadata(&lock).is_ok() {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let folder = path.parent().unwrap_or(common);
    fs::create_dir_all(folder)?;
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let mut file = File::from(openat(CWD, folder, flags, Mode::from_raw_mode(0o666))?);
    writeln!(file, "{head}")?;
    file.sync_all()?;
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, nameless, CWD, &path, AtFlags::SYMLINK_FOLLOW)?)
}
