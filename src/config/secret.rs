//! Secrets: from their variable, else from the file that another setting names. What they hold is never shown.

use super::{ConfigError, Source};
use crate::{ids::Secret, limits::config as limits};
use std::{io::Read, path::PathBuf};

/// Where a secret was found.
pub(super) enum Origin {
    Variable(&'static str),
    File(&'static str, PathBuf),
}

impl Origin {
    /// An error about it, named as its writer knows it: a line of the settings file, or a variable.
    pub(super) fn wrong(&self, source: &Source<'_>, why: &str) -> ConfigError {
        match self {
            Self::Variable(name) => ConfigError::Value { name, value: "…".to_owned(), why: why.to_owned() },
            Self::File(name, path) => {
                match source.file.get(name).filter(|_| source.env.var(name).is_none()) {
                    Some(entry) => source.wrong(name, &entry.text, why),
                    None => ConfigError::Secret { name, path: path.clone(), why: why.to_owned() },
                }
            }
        }
    }
}

impl Source<'_> {
    /// A secret of one line.
    pub(super) fn secret(
        &self,
        name: &'static str,
        file: &'static str,
    ) -> Result<Option<Secret>, ConfigError> {
        let Some((text, from)) = self.secret_text(name, file)? else { return Ok(None) };
        if !text.chars().any(char::is_control) {
            return Ok(Some(Secret::new(text)));
        }
        Err(from.wrong(
            self,
            match from {
                Origin::Variable(_) => "it holds a line break or control character",
                Origin::File(..) => "it holds more than one line",
            },
        ))
    }

    /// The text of a secret without the white space around it, and where it was found.
    pub(super) fn secret_text(
        &self,
        name: &'static str,
        file: &'static str,
    ) -> Result<Option<(String, Origin)>, ConfigError> {
        if let Some(text) = self.env.var(name).map(str::trim).filter(|text| !text.is_empty()) {
            return Ok(Some((text.to_owned(), Origin::Variable(name))));
        }
        let Some(path) = self.text(file).map(PathBuf::from) else { return Ok(None) };
        let mut text = String::new();
        let opened = std::fs::File::open(&path);
        let from = Origin::File(file, path);
        let read = opened.and_then(|file| file.take(limits::SECRET_BYTES + 1).read_to_string(&mut text));
        read.map_err(|cause| from.wrong(self, &format!("it can't be read: {cause}")))?;
        match text.trim() {
            "" => Err(from.wrong(self, "it is empty")),
            _ if text.len() as u64 > limits::SECRET_BYTES => {
                Err(from.wrong(self, &format!("it is larger than {} KiB", limits::SECRET_BYTES / 1024)))
            }
            secret => Ok(Some((secret.to_owned(), from))),
        }
    }
}
