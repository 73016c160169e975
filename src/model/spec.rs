//! From a spec to a model: `openai/NAME`, `scripted/FILE`, or a comma list of them; a provider is one file and one arm
//! here.

use super::{Model, dialect::Learned, fallback::Fallback, openai::OpenAi, price::Prices, scripted::Scripted};
use crate::{
    http,
    ids::Secret,
    limits::model as limits,
    report::{Class, Hint},
};
use reqwest::header::HeaderValue;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a model may need from the settings.
#[derive(Clone, Debug, Default)]
pub struct ModelSettings {
    /// The key for OpenAI and compatible servers.
    pub openai_key: Option<Secret>,
    /// Another server than OpenAI's; includes `/v1`.
    pub openai_base_url: Option<String>,
    /// The operator's price table.
    pub prices: Option<PathBuf>,
}

/// Why a spec is no model.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// Not of the form `provider/name`.
    #[error("{0:?} names no model")]
    Form(String),
    /// A provider that nobody knows.
    #[error("{0:?} is not a provider that is known")]
    Provider(String),
    /// A provider of a later version.
    #[error("{0}/… is not built yet")]
    Later(String),
    /// The price table can't be used.
    #[error("{0}")]
    Prices(String),
    /// OpenAI itself needs a key.
    #[error("there is no key for {0}")]
    NoKey(String),
    /// A key that no header can carry.
    #[error("OPENAI_API_KEY can't be sent: it holds a line break or another character that no key has")]
    BadKey,
    /// Not a URL.
    #[error("OPENAI_BASE_URL is not an http or https URL")]
    BadUrl,
    /// A script or price table that can't be used.
    #[error("{0}")]
    File(String),
    /// No HTTP client: no certificates, no memory.
    #[error("no HTTP client: {0}")]
    Client(String),
}

impl Hint for SpecError {
    fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "model_spec",
            Self::Provider(_) => "model_provider",
            Self::Later(_) => "model_provider",
            Self::Prices(_) => "price_table",
            Self::NoKey(_) => "no_key",
            Self::BadKey => "bad_key",
            Self::BadUrl => "model_url",
            Self::File(_) => "model_file",
            Self::Client(_) => "model_client",
        }
    }
    fn hint(&self) -> String {
        match self {
            Self::Form(_) => "write PROVIDER/NAME, e.g. openai/gpt-5-mini or scripted/conversation.jsonl; a list is A/B,C/D",
            Self::Prices(_) => "mend the file that QUANTUM_PRICES names, or leave it out",
            Self::Provider(_) | Self::Later(_) => {
                "use openai/NAME (with OPENAI_BASE_URL for any compatible server) or scripted/FILE"
            }
            Self::NoKey(_) => "set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs none",
            Self::BadKey => "set OPENAI_API_KEY to the key alone, on one line",
            Self::BadUrl => "set OPENAI_BASE_URL to something like http://127.0.0.1:8080/v1",
            Self::File(_) => "mend the named file, or name another",
            Self::Client(_) => "check the system's certificates (SSL_CERT_FILE)",
        }
        .to_owned()
    }
    fn class(&self) -> Class {
        Class::Refused
    }
}

const PROVIDERS: &[&str] = &["openai", "azure", "ollama", "scripted"];
const OPENAI: &str = "https://api.openai.com/v1";

/// Opens a model; a comma list is a chain of them. A spec splits at the first `/` only: `openai/org/name` is legal.
pub fn open(spec: &str, settings: &ModelSettings) -> Result<Arc<dyn Model>, SpecError> {
    let parts = parts(spec);
    if parts.len() > 1 {
        let chain = parts.iter().map(|part| open(part, settings)).collect::<Result<_, _>>()?;
        return Ok(Arc::new(Fallback::new(spec, chain)));
    }
    match spec.split_once('/') {
        Some((_, "")) => Err(SpecError::Form(spec.to_owned())),
        // no server's model has a comma in its name: it is a list whose second part names no provider
        Some(("openai", name)) if name.contains(',') => Err(SpecError::Form(spec.to_owned())),
        Some(("scripted", file)) => Ok(Arc::new(Scripted::open(Path::new(file)).map_err(SpecError::File)?)),
        Some(("openai", name)) => openai(spec, name, settings),
        Some((provider @ ("azure" | "ollama"), _)) => Err(SpecError::Later(provider.to_owned())),
        Some((provider, _)) => Err(SpecError::Provider(provider.to_owned())),
        None => Err(SpecError::Form(spec.to_owned())),
    }
}

/// The models of a comma list. A comma within a file's path makes no list: what follows must begin like a spec.
fn parts(spec: &str) -> Vec<&str> {
    let begins = |text: &str| {
        PROVIDERS.iter().any(|provider| {
            text.trim_start().strip_prefix(provider).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in spec.match_indices(',') {
        if begins(&spec[at + 1..]) {
            parts.push(spec[from..at].trim());
            from = at + 1;
        }
    }
    parts.push(if from == 0 { spec } else { spec[from..].trim() });
    parts
}

fn openai(spec: &str, name: &str, settings: &ModelSettings) -> Result<Arc<dyn Model>, SpecError> {
    let base = settings.openai_base_url.as_deref().unwrap_or(OPENAI).trim_end_matches('/');
    let url = reqwest::Url::parse(base).map_err(|_| SpecError::BadUrl)?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err(SpecError::BadUrl);
    }
    let sendable = |key: &Secret| HeaderValue::from_str(key.expose()).is_ok();
    if settings.openai_key.as_ref().is_some_and(|key| !sendable(key)) {
        return Err(SpecError::BadKey);
    }
    if base == OPENAI && settings.openai_key.is_none() {
        return Err(SpecError::NoKey(spec.to_owned()));
    }
    let prices = match &settings.prices {
        Some(path) => Prices::with_file(path).map_err(SpecError::Prices)?,
        None => Prices::built_in(),
    };
    // a name has its price on another server too: a cap that is too careful can be raised, one that is not there can't
    let row = prices.row(name).copied();
    Ok(Arc::new(OpenAi {
        spec: spec.to_owned(),
        model: name.to_owned(),
        base: base.to_owned(),
        key: settings.openai_key.clone(),
        price: row.map(|row| row.price()),
        client: http::client(limits::CONNECT, limits::IDLE)
            .map_err(|error| SpecError::Client(error.to_string()))?,
        learned: Learned::new(row.and_then(|row| row.window()).unwrap_or(limits::WINDOW)),
    }))
}

/// Whether every model's server answers: a question that costs nothing (`GET /models`). Scripts always do.
pub async fn reachable(spec: &str, settings: &ModelSettings) -> Result<(), String> {
    let parts = parts(spec);
    for part in &parts {
        one_reachable(part, settings)
            .await
            .map_err(|why| if parts.len() > 1 { format!("{part}: {why}") } else { why })?;
    }
    Ok(())
}

async fn one_reachable(spec: &str, settings: &ModelSettings) -> Result<(), String> {
    let Some(("openai", _)) = spec.split_once('/') else { return Ok(()) };
    let base = settings.openai_base_url.as_deref().unwrap_or(OPENAI).trim_end_matches('/');
    let client = http::client(limits::CONNECT, limits::IDLE).map_err(|error| {
        format!("no HTTP client ({error}); check the system's certificates and proxy settings")
    })?;
    let mut request = client.get(format!("{base}/models")).timeout(limits::CONNECT);
    if let Some(key) = &settings.openai_key {
        request = request.bearer_auth(key.expose());
    }
    match request.send().await {
        Ok(answer) if answer.status().is_success() || answer.status().as_u16() == 404 => Ok(()),
        Ok(answer) if matches!(answer.status().as_u16(), 401 | 403) => {
            Err("the key is refused; check OPENAI_API_KEY".to_owned())
        }
        Ok(answer) => Err(format!(
            "the server answers {}; check OPENAI_BASE_URL, or try again later if it is right",
            answer.status().as_u16()
        )),
        Err(error) => Err(format!(
            "no answer ({}); check OPENAI_BASE_URL and the network",
            if error.is_timeout() { "time-out" } else { "no connection" }
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_list_is_a_chain() {
        let check = |spec: &str, expected: &[&str]| assert_eq!(parts(spec), expected, "{spec}");
        check("openai/a", &["openai/a"]);
        check("openai/org/a, openai/b ,scripted/x,y", &["openai/org/a", "openai/b", "scripted/x,y"]);
        check("scripted/a,b", &["scripted/a,b"]);
        check("", &[""]);
        let settings = ModelSettings { openai_key: Some(Secret::new("k")), ..ModelSettings::default() };
        let model = open("openai/gpt-5, openai/org/x", &settings).ok().unwrap();
        assert_eq!(model.name(), "openai/gpt-5, openai/org/x");
        for wrong in ["openai/a,b", "openai/a,", "openai/a,,openai/b", ",openai/b", "openai/a,azure/b"] {
            assert!(open(wrong, &settings).is_err(), "{wrong}");
        }
    }
}
