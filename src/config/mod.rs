//! Settings, resolved once: flags over environment over file over default. A value that can't be used is an error
//! that names it and says what would do; nothing is silently ignored.

pub mod env;
pub mod file;
pub mod repo;

use crate::{
    ids::{Secret, Usd},
    limits::agent as budgets,
    report::{Class, Hint},
    sandbox::Kind,
};
use env::Env;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

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
    /// A value.
    #[error("{name} is {value:?}: {why}")]
    Value { name: &'static str, value: String, why: String },
    /// No folder to keep anything in.
    #[error("this platform names no data folder")]
    NoDataFolder,
}

impl Hint for ConfigError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "config_unreadable",
            Self::Wrong { .. } => "config_wrong",
            Self::Value { .. } => "config_value",
            Self::NoDataFolder => "no_data_folder",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "name a readable settings file with --config, or leave it out".to_owned()
            }
            Self::Wrong { path, line, .. } => {
                format!("mend line {line} of {} (docs/settings.md lists the keys)", path.display())
            }
            Self::Value { name, .. } => {
                format!("set {name} to a value that docs/settings.md allows, or leave it out")
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

/// Resolves the settings. `config` is the `--config` flag, `folder` the working folder.
pub fn load(config: Option<&Path>, env: &Env, folder: &Path) -> Result<Settings, ConfigError> {
    let named = config.map(Path::to_owned).or_else(|| env.var("QUANTUM_CONFIG").map(PathBuf::from));
    let file = match named {
        Some(path) => file::read(&path)?,
        None => {
            let usual = folder.join("quantum.toml");
            if usual.is_file() { file::read(&usual)? } else { BTreeMap::new() }
        }
    };
    Source { env, file }.resolve()
}

struct Source<'a> {
    env: &'a Env,
    file: BTreeMap<&'static str, String>,
}

impl Source<'_> {
    fn text(&self, name: &'static str) -> Option<&str> {
        self.env.var(name).or_else(|| self.file.get(name).map(String::as_str).filter(|text| !text.is_empty()))
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
            egress_allow: self.text("QUANTUM_EGRESS_ALLOW").map(str::to_owned),
            log_json: self.choice("QUANTUM_LOG_FORMAT", &["text", "json"])? == Some("json"),
            not_in_effect: self.later()?,
        })
    }

    fn platform_data(&self) -> Result<PathBuf, ConfigError> {
        use etcetera::BaseStrategy;
        let strategy = etcetera::choose_base_strategy().map_err(|_| ConfigError::NoDataFolder)?;
        Ok(strategy.data_dir().join("quantum"))
    }

    fn database(&self) -> Result<Option<PathBuf>, ConfigError> {
        let name = "QUANTUM_DATABASE_URL";
        let Some(url) = self.text(name) else { return Ok(None) };
        let wrong = |why: &str| ConfigError::Value {
            name,
            value: url.split('@').next_back().unwrap_or_default().to_owned(),
            why: why.to_owned(),
        };
        match url.split_once("://") {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Some(PathBuf::from(path))),
            Some(("postgres" | "postgresql", _)) => {
                Err(wrong("Postgres is not built yet; use sqlite://FILE"))
            }
            _ => Err(wrong("not a database; use sqlite://FILE")),
        }
    }

    fn secret(&self, name: &'static str, file: &'static str) -> Result<Option<Secret>, ConfigError> {
        if let Some(text) = self.env.var(name) {
            return Ok(Some(Secret::new(text.trim())));
        }
        let Some(path) = self.text(file).map(PathBuf::from) else { return Ok(None) };
        let text = std::fs::read_to_string(&path).map_err(|cause| ConfigError::Unreadable { path, cause })?;
        Ok(Some(Secret::new(text.trim())).filter(|secret| !secret.expose().is_empty()))
    }

    fn dollars(&self, name: &'static str, default: f64) -> Result<f64, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        match text.trim_start_matches('$').parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
            _ => Err(ConfigError::Value {
                name,
                value: text.to_owned(),
                why: "not an amount in dollars, like 0.50".to_owned(),
            }),
        }
    }

    fn count(&self, name: &'static str, default: u32) -> Result<u32, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        match text.parse::<u32>() {
            Ok(value) if value > 0 => Ok(value),
            _ => Err(ConfigError::Value {
                name,
                value: text.to_owned(),
                why: "not a whole number above 0".to_owned(),
            }),
        }
    }

    fn choice<'a>(&'a self, name: &'static str, choices: &[&str]) -> Result<Option<&'a str>, ConfigError> {
        match self.text(name) {
            Some(text) if !choices.contains(&text) => Err(ConfigError::Value {
                name,
                value: text.to_owned(),
                why: format!("use one of {}", choices.join(", ")),
            }),
            text => Ok(text),
        }
    }

    fn sandbox(&self) -> Result<Kind, ConfigError> {
        let name = "QUANTUM_SANDBOX";
        match self.text(name) {
            None | Some("linux") => Ok(Kind::Linux),
            Some("danger-host") => Ok(Kind::DangerHost),
            Some("container") => Err(ConfigError::Value {
                name,
                value: "container".to_owned(),
                why: "not built yet; use linux".to_owned(),
            }),
            Some(other) => Err(ConfigError::Value {
                name,
                value: other.to_owned(),
                why: "use linux or danger-host".to_owned(),
            }),
        }
    }

    fn folders(&self, name: &'static str) -> Result<Vec<PathBuf>, ConfigError> {
        let paths = self
            .text(name)
            .map(|text| text.split(':').filter(|p| !p.is_empty()).map(PathBuf::from).collect::<Vec<_>>());
        let paths = paths.unwrap_or_default();
        match paths.iter().find(|path| !path.is_absolute()) {
            Some(path) => Err(ConfigError::Value {
                name,
                value: path.display().to_string(),
                why: "not an absolute path".to_owned(),
            }),
            None => Ok(paths),
        }
    }

    /// Settings of features that are not built yet: understood, and said to be without effect.
    fn later(&self) -> Result<Vec<String>, ConfigError> {
        if let Some(engine) = self.text("QUANTUM_ENGINE").filter(|engine| *engine != "embedded") {
            let why = "not built yet; use embedded".to_owned();
            return Err(ConfigError::Value { name: "QUANTUM_ENGINE", value: engine.to_owned(), why });
        }
        let later = env::VARIABLES.iter().filter(|variable| variable.is_later);
        Ok(later
            .filter(|variable| self.text(variable.name).is_some())
            .map(|variable| variable.name.to_owned())
            .collect())
    }
}
