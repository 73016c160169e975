//! `quantum.toml` as written: flat, the names of the environment in lower case without `quantum_`. Unknown keys are
//! errors with line and suggestion.

use super::{ConfigError, env::VARIABLES};
use crate::limits::config as limits;
use std::{collections::BTreeMap, io::Read, path::Path};

/// The file's settings under their environment variables' names.
pub fn read(path: &Path) -> Result<BTreeMap<&'static str, String>, ConfigError> {
    let unreadable = |cause: std::io::Error| ConfigError::Unreadable { path: path.to_owned(), cause };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(limits::FILE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    parse(&text, path)
}

/// The same from text; `path` is for the messages.
pub fn parse(text: &str, path: &Path) -> Result<BTreeMap<&'static str, String>, ConfigError> {
    let wrong = |line: usize, message: String| ConfigError::Wrong { path: path.to_owned(), line, message };
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        wrong(line, error.message().to_owned())
    })?;
    let mut found = BTreeMap::new();
    for (key, value) in &table {
        let line = line_of(text, key);
        let Some(variable) = VARIABLES.iter().find(|variable| variable.key == Some(key.as_str())) else {
            return Err(wrong(line, unknown(key)));
        };
        let value = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(value) => value.to_string(),
            toml::Value::Array(_) | toml::Value::Table(_) | toml::Value::Datetime(_) => {
                return Err(wrong(line, format!("`{key}` must be a text or a number")));
            }
        };
        found.insert(variable.name, value);
    }
    Ok(found)
}

fn unknown(key: &str) -> String {
    let secret = VARIABLES.iter().any(|variable| {
        variable.key.is_none() && variable.name.to_ascii_lowercase().trim_start_matches("quantum_") == key
    });
    if secret {
        return format!(
            "`{key}` can't stand in this file; write `{key}_file` and name a file, or use the environment"
        );
    }
    match super::closest(key, VARIABLES.iter().filter_map(|variable| variable.key)) {
        Some(near) => format!("unknown key `{key}`; did you mean `{near}`?"),
        None => format!("unknown key `{key}`"),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

fn line_of(text: &str, key: &str) -> usize {
    let starts = |line: &str| {
        line.trim_start()
            .trim_start_matches(['"', '\''])
            .strip_prefix(key)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    text.lines().position(starts).map_or(1, |at| at + 1)
}
