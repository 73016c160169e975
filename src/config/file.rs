//! `quantum.toml` as written: flat, the names of the environment in lower case without `quantum_`. Unknown keys are
//! errors with line and suggestion; what such a key holds is never shown, it may be a secret.

use super::{
    ConfigError, closest,
    env::{VARIABLES, Variable},
};
use crate::limits::config as limits;
use std::{collections::BTreeMap, io::Read, path::Path};

/// What the file says, under the names of the environment's variables.
pub type Entries = BTreeMap<&'static str, Entry>;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: &'static str,
    /// The value as text.
    pub text: String,
    /// Where it stands (from 1).
    pub line: usize,
}

/// Reads and parses the file.
pub fn read(path: &Path) -> Result<Entries, ConfigError> {
    let unreadable = |cause: std::io::Error| ConfigError::Unreadable { path: path.to_owned(), cause };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(limits::FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let wrong = |line: usize, message: String| ConfigError::Wrong { path: path.to_owned(), line, message };
    if bytes.len() as u64 > limits::FILE_BYTES {
        return Err(wrong(1, format!("the file is larger than {} KiB", limits::FILE_BYTES / 1024)));
    }
    let text = super::utf8(&bytes).map_err(|line| wrong(line, "not UTF-8".to_owned()))?;
    parse(text, path)
}

/// The same from text; `path` is for the messages.
pub fn parse(text: &str, path: &Path) -> Result<Entries, ConfigError> {
    let wrong = |line: usize, message: String| ConfigError::Wrong { path: path.to_owned(), line, message };
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        wrong(line, error.message().to_owned())
    })?;
    let mut found = Entries::new();
    for (key, value) in &table {
        let line = line_of(text, key);
        let Some((variable, key)) = VARIABLES
            .iter()
            .find_map(|variable| variable.key.filter(|known| known == key).map(|key| (variable, key)))
        else {
            return Err(wrong(line, unknown(key)));
        };
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(value) => value.to_string(),
            toml::Value::Array(_) | toml::Value::Table(_) | toml::Value::Datetime(_) => {
                return Err(wrong(line, format!("`{key}` must be a text or a number")));
            }
        };
        found.insert(variable.name, Entry { key, text, line });
    }
    Ok(found)
}

/// Why a key is none, and what was probably meant; never the value.
fn unknown(key: &str) -> String {
    let lower = key.to_ascii_lowercase();
    let plain = lower.strip_prefix("quantum_").unwrap_or(&lower);
    let usual = |variable: &Variable| {
        let name = variable.name.to_ascii_lowercase();
        name.strip_prefix("quantum_").unwrap_or(&name) == plain
    };
    match VARIABLES.iter().find(|variable| usual(variable)) {
        Some(Variable { key: Some(known), .. }) => format!("unknown key {key:?}; did you mean `{known}`?"),
        Some(Variable { is_secret: true, .. }) => format!(
            "a secret can't stand in this file: write `{plain}_file` and name a file that holds it, or use the \
             environment"
        ),
        Some(Variable { name, .. }) => {
            format!("{key:?} can't stand in this file; set {name} in the environment")
        }
        None => match closest(plain, VARIABLES.iter().filter_map(|variable| variable.key)) {
            Some(near) => format!("unknown key {key:?}; did you mean `{near}`?"),
            None => format!("unknown key {key:?}"),
        },
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

fn line_of(text: &str, key: &str) -> usize {
    let starts = |line: &str| {
        line.trim_start()
            .trim_start_matches(['\u{feff}', '[', ' ', '"', '\''])
            .strip_prefix(key)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    text.lines().position(starts).map_or(1, |at| at + 1)
}
