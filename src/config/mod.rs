//! Settings, resolved once: flags over environment over file over default. A value that can't be used is an error
//! that names it and says what would do; nothing is silently ignored.

pub mod env;
pub mod file;
pub mod repo;
mod secret;
mod server;

pub use server::{App, ServerSettings};

use crate::{
    ids::{Secret, Usd},
    limits::agent as budgets,
    report::{Class, Hint},
    sandbox::{Kind, egress::Place},
};
use env::Env;
use std::path::{Path, PathBuf};

/// Where the documentation is: whoever installed the binary has no copy, and a thread's reader neither.
const DOCS: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs");

/// Everything an operator can set that is in effect today.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where mirrors, workspaces and the database live.
    pub data: PathBuf,
    /// The database file; None: `quantum.db` in the data folder.
    pub database: Option<PathBuf>,
    /// The model's spec, when one is set.
    pub model: Option<String>,
    /// The key for OpenAI and compatible servers.
    pub openai_key: Option<Secret>,
    /// Another server than OpenAI's.
    pub openai_base_url: Option<String>,
    /// A price table.
    pub prices: Option<PathBuf>,
    /// Money a run may cost.
    pub usd: Usd,
    /// Minutes a run may take.
    pub minutes: u32,
    /// Model calls a run may make.
    pub steps: u32,
    /// Which sandbox.
    pub sandbox: Kind,
    /// Extra read-only folders for the sandbox.
    pub sandbox_read: Vec<PathBuf>,
    /// What setup may reach, as written; None: what the host's package clients use.
    pub egress_allow: Option<String>,
    /// Log lines as JSON.
    pub log_json: bool,
    /// Settings that are understood but belong to features that come later.
    pub not_in_effect: Vec<String>,
    /// What a person should know about these settings: a file that was found, a variable that is none.
    pub notes: Vec<String>,
    /// The file that lay in the working folder and that nobody named.
    pub found: Option<PathBuf>,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{} can't be read: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: std::io::Error },
    /// A line of a file.
    #[error("{}, line {line}: {message}", path.display())]
    Wrong { path: PathBuf, line: usize, message: String },
    /// A value of the environment.
    #[error("{name} is {value:?}: {why}")]
    Value { name: &'static str, value: String, why: String },
    /// A file that holds a secret.
    #[error("{name} names {}: {why}", path.display())]
    Secret { name: &'static str, path: PathBuf, why: String },
    /// The settings came along with somebody's repository: they could send a key elsewhere or open a folder.
    #[error("{} is a file of this repository and nobody named it", .0.display())]
    NotOurs(PathBuf),
    /// What a server can't do without.
    #[error("not set: {0}")]
    Missing(String),
    /// No folder to keep anything in.
    #[error("there is no data folder: HOME is not an absolute path")]
    NoDataFolder,
}

impl Hint for ConfigError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "config_unreadable",
            Self::Wrong { .. } => "config_wrong",
            Self::Value { .. } => "config_value",
            Self::Secret { .. } => "config_secret",
            Self::NotOurs(_) => "config_not_ours",
            Self::Missing(_) => "config_missing",
            Self::NoDataFolder => "no_data_folder",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "name a readable settings file with --config, or leave it out".to_owned()
            }
            Self::Wrong { path, line, .. } if path.ends_with(repo::PATH) => {
                format!("mend line {line} and commit it ({DOCS}/quantum.example.yml shows every key)")
            }
            Self::Wrong { path, line, .. } => {
                format!("mend line {line} of {} ({DOCS}/settings.md lists the keys)", path.display())
            }
            // whatever is wrong with it, GitHub makes another one
            Self::Value { name, .. } | Self::Secret { name, .. } if name.starts_with(server::PRIVATE_KEY) => {
                server::KEY_HINT.to_owned()
            }
            Self::Value { name, .. } => {
                format!("set {name} to a value that {DOCS}/settings.md allows, or leave it out")
            }
            Self::Secret { name, .. } => {
                format!("let {name} name a readable file that holds the secret and nothing else")
            }
            Self::NotOurs(path) => format!(
                "read it, and name it when you trust it: --config {}; or work from another folder with --repo",
                path.display()
            ),
            Self::Missing(_) => {
                "set them (a key or secret also by a file: `…_FILE`). The App's settings page on GitHub shows its id and makes \
                 a new private key; the webhook secret is the text that you chose there, and it takes a new one"
                    .to_owned()
            }
            Self::NoDataFolder => "set HOME, or name a folder with QUANTUM_DATA_DIR".to_owned(),
        }
    }
    fn class(&self) -> Class {
        Class::Refused
    }
}

/// The key that was probably meant.
pub fn closest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|key| (strsim::jaro_winkler(word, key), key));
    scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, key)| key)
}

/// The text, or the line of the first byte that is none.
pub fn utf8(bytes: &[u8]) -> Result<&str, usize> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    })
}

/// Resolves the settings. `config` is the `--config` flag, `folder` the working folder.
pub fn load(config: Option<&Path>, env: &Env, folder: &Path) -> Result<Settings, ConfigError> {
    let source = Source::find(config, env, folder)?;
    let mut settings = source.resolve()?;
    if let Some(path) = source.found() {
        settings.notes.push(format!("settings from {}", path.display()));
        settings.found = Some(path.to_owned());
    }
    for stranger in env.strangers() {
        let known = env::VARIABLES.iter().map(|variable| variable.name);
        let near = closest(stranger, known).map_or(String::new(), |near| format!("; did you mean {near}?"));
        settings.notes.push(format!("{stranger} is not a setting{near}"));
    }
    Ok(settings)
}

/// The settings of the server and the App, from the same places. Apart, because no other command has any business with the
/// App's key.
pub fn load_server(config: Option<&Path>, env: &Env, folder: &Path) -> Result<ServerSettings, ConfigError> {
    Source::find(config, env, folder)?.server()
}

/// The file that nobody named: a pipe of that name must not stop the program.
fn usual(folder: &Path) -> Result<Option<PathBuf>, ConfigError> {
    let path = folder.join("quantum.toml");
    match std::fs::metadata(&path) {
        Ok(there) if there.is_file() => Ok(Some(path)),
        Ok(_) => Err(ConfigError::Unreadable { path, cause: std::io::Error::other("it is no file") }),
        Err(_) => Ok(None),
    }
}

struct Source<'a> {
    env: &'a Env,
    file: file::Entries,
    path: PathBuf,
    /// A person named the file; else it only lay in the working folder.
    is_named: bool,
}

impl<'a> Source<'a> {
    fn find(config: Option<&Path>, env: &'a Env, folder: &Path) -> Result<Self, ConfigError> {
        if let Some(odd) = env::VARIABLES.iter().find(|variable| env.is_odd(variable.name)) {
            let why = "not UTF-8".to_owned();
            return Err(ConfigError::Value { name: odd.name, value: "\u{fffd}".to_owned(), why });
        }
        let named = config.map(Path::to_owned).or_else(|| env.var("QUANTUM_CONFIG").map(PathBuf::from));
        let is_named = named.is_some();
        let path = match named {
            Some(path) => Some(path),
            None => usual(folder)?,
        };
        let file = path.as_deref().map(file::read).transpose()?.unwrap_or_default();
        Ok(Self { env, file, path: path.unwrap_or_default(), is_named })
    }

    /// The file that nobody named.
    fn found(&self) -> Option<&Path> {
        Some(self.path.as_path()).filter(|path| !self.is_named && !path.as_os_str().is_empty())
    }
}

impl Source<'_> {
    fn text(&self, name: &'static str) -> Option<&str> {
        let filed = self.file.get(name).map(|entry| entry.text.as_str()).filter(|text| !text.is_empty());
        self.env.var(name).or(filed)
    }

    /// An error about the value in force, named as its writer knows it.
    fn wrong(&self, name: &'static str, value: &str, why: &str) -> ConfigError {
        match self.file.get(name).filter(|_| self.env.var(name).is_none()) {
            Some(entry) => ConfigError::Wrong {
                path: self.path.clone(),
                line: entry.line,
                message: format!("`{}` is {value:?}: {why}", entry.key),
            },
            None => ConfigError::Value { name, value: value.to_owned(), why: why.to_owned() },
        }
    }

    fn resolve(&self) -> Result<Settings, ConfigError> {
        let data = match self.text("QUANTUM_DATA_DIR") {
            Some(path) => PathBuf::from(path),
            None => self.platform_data()?,
        };
        Ok(Settings {
            data,
            database: self.database()?,
            model: self.text("QUANTUM_MODEL").map(str::to_owned),
            openai_key: self.secret("OPENAI_API_KEY", "OPENAI_API_KEY_FILE")?,
            openai_base_url: self.text("OPENAI_BASE_URL").map(str::to_owned),
            prices: self.text("QUANTUM_PRICES").map(PathBuf::from),
            usd: Usd::from_dollars(self.dollars("QUANTUM_BUDGET_USD", budgets::DOLLARS)?),
            minutes: self.count("QUANTUM_BUDGET_MINUTES", (budgets::RUN.as_secs() / 60) as u32)?,
            steps: self.count("QUANTUM_BUDGET_STEPS", budgets::STEPS)?,
            sandbox: self.sandbox()?,
            sandbox_read: self.folders("QUANTUM_SANDBOX_READ")?,
            egress_allow: self.hosts("QUANTUM_EGRESS_ALLOW")?,
            log_json: self.choice("QUANTUM_LOG_FORMAT", &["text", "json"])? == Some("json"),
            not_in_effect: self.later()?,
            notes: Vec::new(),
            found: None,
        })
    }

    fn platform_data(&self) -> Result<PathBuf, ConfigError> {
        use etcetera::BaseStrategy;
        let strategy = etcetera::choose_base_strategy().map_err(|_| ConfigError::NoDataFolder)?;
        let folder = strategy.data_dir().join("quantum");
        // a relative HOME would put it into whatever folder this is, a repository for example
        if folder.is_absolute() { Ok(folder) } else { Err(ConfigError::NoDataFolder) }
    }

    fn database(&self) -> Result<Option<PathBuf>, ConfigError> {
        let name = "QUANTUM_DATABASE_URL";
        let Some(url) = self.text(name) else { return Ok(None) };
        // only the scheme is shown: the rest may hold a password
        match url.split_once("://") {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Some(PathBuf::from(path))),
            Some(("postgres" | "postgresql", _)) => {
                Err(self.wrong(name, "postgres://…", "Postgres is not built yet; use sqlite://FILE"))
            }
            Some((scheme, _)) => {
                Err(self.wrong(name, &format!("{scheme}://…"), "not a database; use sqlite://FILE"))
            }
            None => Err(self.wrong(name, "…", "not a database; use sqlite://FILE")),
        }
    }

    fn dollars(&self, name: &'static str, default: f64) -> Result<f64, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        match text.trim_start_matches('$').parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
            _ => Err(self.wrong(name, text, "not an amount in dollars, like 0.50")),
        }
    }

    fn count(&self, name: &'static str, default: u32) -> Result<u32, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        match text.parse::<u32>() {
            Ok(value) if value > 0 => Ok(value),
            _ => Err(self.wrong(name, text, "not a whole number from 1 to 4294967295")),
        }
    }

    fn choice<'a>(&'a self, name: &'static str, choices: &[&str]) -> Result<Option<&'a str>, ConfigError> {
        match self.text(name) {
            Some(text) if !choices.contains(&text) => {
                Err(self.wrong(name, text, &format!("use one of {}", choices.join(", "))))
            }
            text => Ok(text),
        }
    }

    fn sandbox(&self) -> Result<Kind, ConfigError> {
        let name = "QUANTUM_SANDBOX";
        match self.text(name) {
            None | Some("linux") => Ok(Kind::Linux),
            // a repository that somebody else wrote may hold a quantum.toml, and people work in its folder
            Some(kind @ "danger-host") if !self.is_named && self.env.var(name).is_none() => Err(self.wrong(
                name,
                kind,
                "a file that nobody named can't take the walls away; use --config or the environment",
            )),
            Some("danger-host") => Ok(Kind::DangerHost),
            Some(kind @ "container") => Err(self.wrong(name, kind, "not built yet; use linux")),
            Some(other) => Err(self.wrong(name, other, "use linux or danger-host")),
        }
    }

    fn folders(&self, name: &'static str) -> Result<Vec<PathBuf>, ConfigError> {
        let entries = self.text(name).unwrap_or_default().split(':').filter(|path| !path.is_empty());
        let absolute = |path: &str| match Path::new(path).is_absolute() {
            true => Ok(PathBuf::from(path)),
            false => Err(self.wrong(name, path, "not an absolute path")),
        };
        entries.map(absolute).collect()
    }

    fn hosts(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(list) = self.text(name) else { return Ok(None) };
        let mut entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        match entries.find(|entry| Place::parse(entry).is_none()) {
            Some(entry) => Err(self.wrong(name, entry, "not of the form host[:port]")),
            None => Ok(Some(list.to_owned())),
        }
    }

    /// Settings of features that are not built yet: understood, and said to be without effect.
    fn later(&self) -> Result<Vec<String>, ConfigError> {
        let name = "QUANTUM_ENGINE";
        match self.text(name) {
            None | Some("embedded") => {}
            Some(engine) if engine.starts_with("temporal://") => {
                return Err(self.wrong(name, engine, "Temporal is not built yet; use embedded"));
            }
            Some(engine) => return Err(self.wrong(name, engine, "not an engine; use embedded")),
        }
        let later = env::VARIABLES.iter().filter(|variable| variable.is_later);
        Ok(later
            .filter(|variable| self.text(variable.name).is_some())
            .map(|variable| variable.name.to_owned())
            .collect())
    }
}
