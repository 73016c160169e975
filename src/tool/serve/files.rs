//! Files and folders: read, list, write. Writes are whole or not at all: a temporary file, then a rename.

use super::{
    Outcome, done,
    place::{Place, Root, kind},
};
use crate::{
    limits::tool::{LIST_ENTRIES, READ_BYTES},
    tool::read::FOLDER,
};
use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags},
    io::Errno,
};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;

/// The bytes of a file from `offset`; of a folder, its list.
pub(super) fn read(root: &Root, given: &str, offset: u64, max_bytes: u64) -> Outcome {
    let (path, file, stat) = root.open_existing(given)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let bytes = read_bytes(file, offset, max_bytes.min(READ_BYTES))
                .map_err(|error| format!("{path}: {error}"))?;
            Ok((done("file".to_owned(), u64::try_from(stat.st_size).unwrap_or(0)), bytes))
        }
        FileType::Directory => {
            let (mut names, total) = entries(&path, file, LIST_ENTRIES)?;
            names.truncate(usize::try_from(max_bytes).unwrap_or(usize::MAX));
            Ok((done(FOLDER.to_owned(), total), names))
        }
        other => Err(format!("{path} is {}", kind(other))),
    }
}

/// Writes a file whole, making parent folders; an existing file keeps its mode.
pub(super) fn write(root: &Root, given: &str, content: &[u8]) -> Outcome {
    let place = root.place(given)?;
    let existed = place.now.is_some();
    replace(&place, content).map_err(|error| root.explain(given, error))?;
    let lines = content.split(|byte| *byte == b'\n').count()
        - usize::from(content.is_empty() || content.ends_with(b"\n"));
    let what = if existed { "replaced" } else { "created" };
    Ok((
        done(format!("{what} {given}: {lines} lines, {} bytes", content.len()), content.len() as u64),
        Vec::new(),
    ))
}

/// The whole of a file that may be edited, or that there is none.
pub(super) fn content(place: &Place, most: u64) -> Result<Option<Vec<u8>>, Errno> {
    if place.now.is_none() {
        return Ok(None);
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&place.folder, &place.name, flags, Mode::empty())?;
    let bytes =
        read_bytes(file, 0, most).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(Some(bytes))
}

/// Puts `content` in place of what is there: all of it or, on any failure, nothing.
pub(super) fn replace(place: &Place, content: &[u8]) -> Result<(), Errno> {
    let mode = place.now.as_ref().map(|stat| Mode::from_raw_mode(stat.st_mode & 0o7777));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (mut temporary, mut attempt) = (String::new(), 0);
    let file = loop {
        temporary.clone_from(&format!(".quantum-{}-{attempt}.tmp", std::process::id()));
        let created = Mode::from_raw_mode(0o666);
        match rustix::fs::openat(&place.folder, &temporary, flags, created) {
            Err(Errno::EXIST) if attempt < 100 => attempt += 1,
            other => break other?,
        }
    };
    let written = fill(file, content, mode)
        .and_then(|()| rustix::fs::renameat(&place.folder, &temporary, &place.folder, &place.name));
    if written.is_err() {
        let _ = rustix::fs::unlinkat(&place.folder, &temporary, AtFlags::empty());
    }
    written
}

fn fill(file: OwnedFd, content: &[u8], mode: Option<Mode>) -> Result<(), Errno> {
    let mut file = File::from(file);
    file.write_all(content).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    match mode {
        Some(mode) => rustix::fs::fchmod(&file, mode),
        None => Ok(()),
    }
}

fn read_bytes(file: OwnedFd, offset: u64, most: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::from(file);
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// At most `most` names, sorted, and how many there are.
fn entries(path: &str, folder: OwnedFd, most: u32) -> Result<(Vec<u8>, u64), String> {
    let failed = |error: Errno| format!("{path}: {}", std::io::Error::from(error));
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
            kind => kind,
        };
        let mark = match kind {
            FileType::Directory => "/",
            FileType::Symlink => "@",
            _ => "",
        };
        // a line feed in a name must not look like another name
        let shown: String =
            name.to_string_lossy().chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        names.push(format!("{shown}{mark}"));
    }
    names.sort();
    let total = names.len() as u64;
    names.truncate(most as usize);
    let left = total - names.len() as u64;
    if left > 0 {
        names.push(format!("[… {left} more entries …]"));
    }
    Ok((names.join("\n").into_bytes(), total))
}

/// Whether a folder stands at this path, for commands that run there.
pub(super) fn folder(root: &Root, given: &str) -> Result<std::path::PathBuf, String> {
    let (path, _, stat) = root.open_existing(given)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(root.path.join(path)),
        _ => Err(format!("{path} is not a folder")),
    }
}
