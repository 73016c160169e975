//! The environment: the only place that reads it, and the one table of all settings.

use std::collections::BTreeMap;

/// One setting: its variable, whether it may stand in the settings file, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The environment variable.
    pub name: &'static str,
    /// The key in `quantum.toml`; None: environment only (secrets, other programs' variables).
    pub key: Option<&'static str>,
    /// One line for the docs.
    pub meaning: &'static str,
}

const fn row(name: &'static str, key: &'static str, meaning: &'static str) -> Variable {
    Variable { name, key: Some(key), meaning }
}

const fn outer(name: &'static str, meaning: &'static str) -> Variable {
    Variable { name, key: None, meaning }
}

/// Every setting, in the order of the docs (design §5.4).
pub const VARIABLES: &[Variable] = &[
    row("QUANTUM_MODEL", "model", "`openai/NAME` or `scripted/FILE`; a comma list is a fallback chain"),
    row("QUANTUM_MODEL_FAST", "model_fast", "for classifying and summarising; default the same"),
    outer("OPENAI_API_KEY", "the key; in the file only as `openai_api_key_file`"),
    row("OPENAI_API_KEY_FILE", "openai_api_key_file", "a file that holds the key"),
    row("OPENAI_BASE_URL", "openai_base_url", "another server that speaks Chat Completions; includes `/v1`"),
    row("QUANTUM_BUDGET_USD", "budget_usd", "dollars a run may cost; 2"),
    row("QUANTUM_BUDGET_MINUTES", "budget_minutes", "minutes a run may take; 30"),
    row("QUANTUM_BUDGET_STEPS", "budget_steps", "model calls a run may make; 60"),
    row("QUANTUM_SANDBOX", "sandbox", "`linux`; `danger-host` has no walls at all"),
    row(
        "QUANTUM_SANDBOX_READ",
        "sandbox_read",
        "extra read-only folders shown to the sandbox, `:`-separated",
    ),
    row(
        "QUANTUM_EGRESS_ALLOW",
        "egress_allow",
        "`host[:port],…` that setup may reach; default: what the package clients on this host use",
    ),
    row("QUANTUM_PRICES", "prices", "a price table; a built-in one otherwise"),
    row("QUANTUM_DATA_DIR", "data_dir", "mirrors, workspaces, the database; the platform's data folder"),
    row(
        "QUANTUM_DATABASE_URL",
        "database_url",
        "`sqlite://FILE`; for `quantum run`: `quantum.db` in the data folder",
    ),
    row("QUANTUM_ENGINE", "engine", "`embedded`"),
    row("QUANTUM_LOG_FORMAT", "log_format", "`text` or `json`"),
    row("QUANTUM_LISTEN", "listen", "for `quantum serve`, which comes later"),
    row("QUANTUM_PUBLIC_URL", "public_url", "for `quantum serve`, which comes later"),
    row("QUANTUM_GITHUB_APP_ID", "github_app_id", "for the App, which comes later"),
    outer("QUANTUM_GITHUB_PRIVATE_KEY", "for the App, which comes later"),
    row("QUANTUM_GITHUB_PRIVATE_KEY_FILE", "github_private_key_file", "for the App, which comes later"),
    outer("QUANTUM_GITHUB_WEBHOOK_SECRET", "for the App, which comes later"),
    row("QUANTUM_GITHUB_WEBHOOK_SECRET_FILE", "github_webhook_secret_file", "for the App, which comes later"),
    row("QUANTUM_GITHUB_API_URL", "github_api_url", "for the App, which comes later"),
    row("QUANTUM_GITHUB_URL", "github_url", "for the App, which comes later"),
    row("QUANTUM_GITHUB_CLIENT_ID", "github_client_id", "for the dashboard, which comes later"),
    outer("QUANTUM_GITHUB_CLIENT_SECRET", "for the dashboard, which comes later"),
    row(
        "QUANTUM_GITHUB_CLIENT_SECRET_FILE",
        "github_client_secret_file",
        "for the dashboard, which comes later",
    ),
    row("QUANTUM_SWEEP_SECONDS", "sweep_seconds", "for `quantum serve`, which comes later"),
    row("AZURE_OPENAI_ENDPOINT", "azure_openai_endpoint", "for `azure/…`, which comes later"),
    outer("AZURE_OPENAI_API_KEY", "for `azure/…`, which comes later"),
    row("AZURE_OPENAI_API_KEY_FILE", "azure_openai_api_key_file", "for `azure/…`, which comes later"),
    row("AZURE_OPENAI_API_VERSION", "azure_openai_api_version", "for `azure/…`, which comes later"),
    row("OLLAMA_HOST", "ollama_host", "for `ollama/…`, which comes later"),
    outer("QUANTUM_CONFIG", "the settings file; else `quantum.toml` in the working folder"),
    outer("HTTPS_PROXY", "a proxy for every connection, as everywhere else"),
    outer("NO_PROXY", "hosts that are reached without the proxy"),
    outer("SSL_CERT_FILE", "more certificate authorities"),
    outer("RUST_LOG", "log levels, e.g. `info`; nothing by default"),
];

/// The environment as a value: a test makes its own.
#[derive(Clone, Debug, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// This process's environment; a variable that is not UTF-8 is left out.
    #[expect(clippy::disallowed_methods, reason = "this is the environment's one home")]
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
        )
    }

    /// From pairs.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    /// A variable; an empty one is unset.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Everything, for the discovery of toolchains.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}
