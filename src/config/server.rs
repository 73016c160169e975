//! What `quantum serve` needs on top: where it listens, and the App it is.

use super::{ConfigError, Source};
use crate::{ids::Secret, limits::config as limits};
use std::time::Duration;

/// The settings of the server and of the App, as far as they are set.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// `HOST:PORT`.
    pub listen: String,
    /// How people and GitHub reach it, without a slash at its end.
    pub public_url: Option<String>,
    /// Time between looks for what was missed.
    pub sweep: Duration,
    /// The App's id.
    pub app_id: Option<u64>,
    /// The App's private key (PEM, real line breaks).
    pub private_key: Option<Secret>,
    /// What deliveries are signed with.
    pub webhook_secret: Option<Secret>,
    /// GitHub's API, without a slash at its end.
    pub api_url: String,
    /// GitHub's site, without a slash at its end.
    pub github_url: String,
    /// What a person should know about these.
    pub notes: Vec<String>,
}

/// The App's private key, and the beginning of the name of its file.
pub(super) const PRIVATE_KEY: &str = "QUANTUM_GITHUB_PRIVATE_KEY";
/// What to do about one that can't be used.
pub(super) const KEY_HINT: &str = "let QUANTUM_GITHUB_PRIVATE_KEY_FILE name the .pem file from the App's settings page (RSA, \
                                   PKCS#1 or PKCS#8, not encrypted); the page makes new ones";

/// Said when the API is no https.
const IN_CLEAR: &str = "QUANTUM_GITHUB_API_URL is not https: GitHub's tokens can be read on their way";

/// What a server can't begin without.
#[derive(Clone, Copy, Debug)]
pub struct App<'a> {
    /// Its id.
    pub id: u64,
    /// Its private key.
    pub private_key: &'a Secret,
    /// What its deliveries are signed with.
    pub webhook_secret: &'a Secret,
}

impl ServerSettings {
    /// The App; an error names everything that is missing.
    pub fn app(&self) -> Result<App<'_>, ConfigError> {
        let (id, key, secret) = (self.app_id, self.private_key.as_ref(), self.webhook_secret.as_ref());
        if let (Some(id), Some(private_key), Some(webhook_secret)) = (id, key, secret) {
            return Ok(App { id, private_key, webhook_secret });
        }
        let all = [
            (id.is_none(), "QUANTUM_GITHUB_APP_ID"),
            (key.is_none(), "QUANTUM_GITHUB_PRIVATE_KEY"),
            (secret.is_none(), "QUANTUM_GITHUB_WEBHOOK_SECRET"),
        ];
        let missing = all.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, name)| name);
        Err(ConfigError::Missing(missing.collect::<Vec<_>>().join(", ")))
    }
}

impl Source<'_> {
    pub(super) fn server(&self) -> Result<ServerSettings, ConfigError> {
        let seconds = self.count("QUANTUM_SWEEP_SECONDS", limits::SWEEP_SECONDS)?;
        let api_url = self.url("QUANTUM_GITHUB_API_URL")?;
        Ok(ServerSettings {
            listen: self.listen()?,
            public_url: self.url("QUANTUM_PUBLIC_URL")?,
            sweep: Duration::from_secs(u64::from(seconds)),
            app_id: self.app_id()?,
            private_key: self.private_key()?,
            webhook_secret: self
                .secret("QUANTUM_GITHUB_WEBHOOK_SECRET", "QUANTUM_GITHUB_WEBHOOK_SECRET_FILE")?,
            notes: api_url
                .as_deref()
                .filter(|url| is_in_clear(url))
                .map(|_| IN_CLEAR.to_owned())
                .into_iter()
                .collect(),
            api_url: api_url.unwrap_or_else(|| "https://api.github.com".to_owned()),
            github_url: self.url("QUANTUM_GITHUB_URL")?.unwrap_or_else(|| "https://github.com".to_owned()),
        })
    }

    fn listen(&self) -> Result<String, ConfigError> {
        let name = "QUANTUM_LISTEN";
        let Some(text) = self.text(name) else { return Ok("127.0.0.1:3000".to_owned()) };
        match text.rsplit_once(':') {
            // an IPv6 address without brackets would lose its last part as a port
            Some((host, port))
                if port.parse::<u16>().is_ok()
                    && !host.is_empty()
                    && (!host.contains(':') || host.starts_with('[') && host.ends_with(']'))
                    && !host.contains(char::is_whitespace) =>
            {
                Ok(text.to_owned())
            }
            _ => Err(self.wrong(name, text, "not of the form HOST:PORT, like 127.0.0.1:3000")),
        }
    }

    /// An address of the web without its trailing slash.
    fn url(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let why = match reqwest::Url::parse(text) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                // it may be a password: not shown
                return Err(self.wrong(name, "…", "it holds a name or a password"));
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => "it holds `?` or `#`",
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                return Ok(Some(text.trim_end_matches('/').to_owned()));
            }
            Ok(_) | Err(_) => "not an address that begins with https:// (or http://)",
        };
        Err(self.wrong(name, text, why))
    }

    fn app_id(&self) -> Result<Option<u64>, ConfigError> {
        let name = "QUANTUM_GITHUB_APP_ID";
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<u64>() {
            Ok(id) if id > 0 => Ok(Some(id)),
            _ => Err(self.wrong(name, text, "not the App's id, a number on the App's settings page")),
        }
    }

    /// A PEM file as it is, or in one line with `\n` written out.
    fn private_key(&self) -> Result<Option<Secret>, ConfigError> {
        let (name, file) = (PRIVATE_KEY, "QUANTUM_GITHUB_PRIVATE_KEY_FILE");
        let Some((text, from)) = self.secret_text(name, file)? else { return Ok(None) };
        let pem = text.replace("\\n", "\n").replace('\r', "");
        let is_whole = pem.starts_with("-----BEGIN ") && pem.ends_with(" PRIVATE KEY-----");
        if pem.starts_with("-----BEGIN ENCRYPTED") || pem.contains("Proc-Type: 4,ENCRYPTED") {
            Err(from.wrong(self, "the key is locked with a passphrase; GitHub gives one without"))
        } else if !is_whole || pem.contains(|c: char| c.is_control() && c != '\n') {
            Err(from.wrong(self, "not a private key (the PEM file that GitHub's page gives)"))
        } else {
            Ok(Some(Secret::new(pem + "\n")))
        }
    }
}

/// Whether what is sent there can be read on its way.
fn is_in_clear(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    let is_here = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    url.scheme() == "http" && !is_here
}
