//! The environment: the only place that reads it, and the one table of all settings (`docs/settings.md` is made of it).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// One setting: its variable, whether it may stand in the settings file, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The environment variable.
    pub name: &'static str,
    /// The key in `quantum.toml`; None: environment only (secrets, other programs' variables).
    pub key: Option<&'static str>,
    /// One line for the docs.
    pub meaning: &'static str,
    /// What counts when it is not set, for the docs; empty: nothing.
    pub default: &'static str,
    /// The commands it matters to, for the docs.
    pub commands: &'static str,
    /// It must not stand in a file in clear.
    pub is_secret: bool,
    /// It belongs to a feature that is not built yet: understood, and said to be without effect.
    pub is_later: bool,
}

/// Whatever works on a run.
const EVERY: &str = "run, demo, serve, receive, doctor";
/// The same, and what only looks into the store.
const STORE: &str = "run, demo, serve, receive, runs, doctor";
const BUDGET: &str = "run, demo, serve, receive";
const SERVER: &str = "serve, doctor";
const APP: &str = "serve, receive, doctor";

impl Variable {
    const fn new(name: &'static str, meaning: &'static str) -> Self {
        Self { name, key: None, meaning, default: "", commands: EVERY, is_secret: false, is_later: false }
    }
    const fn key(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }
    const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }
    const fn commands(self, commands: &'static str) -> Self {
        Self { commands, ..self }
    }
    const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }
    const fn later(self, commands: &'static str) -> Self {
        Self { is_later: true, commands, ..self }
    }
}

const fn row(name: &'static str, key: &'static str, meaning: &'static str) -> Variable {
    Variable::new(name, meaning).key(key)
}

const fn outer(name: &'static str, meaning: &'static str) -> Variable {
    Variable::new(name, meaning)
}

/// Every setting, in the order of the docs.
pub const VARIABLES: &[Variable] = &[
    row("QUANTUM_MODEL", "model", "the model: `openai/NAME` or `scripted/FILE`, split at the first `/` only; a comma list is a fallback chain")
        .commands("run, serve, receive, doctor"),
    row("QUANTUM_MODEL_FAST", "model_fast", "the model for classifying and summarising")
        .default("the same")
        .later("run, serve, receive"),
    outer("OPENAI_API_KEY", "the key for OpenAI or a compatible server").secret(),
    row("OPENAI_API_KEY_FILE", "openai_api_key_file", "a file that holds the key"),
    row("OPENAI_BASE_URL", "openai_base_url", "another server that speaks Chat Completions; includes `/v1`")
        .default("OpenAI's own"),
    row("QUANTUM_BUDGET_USD", "budget_usd", "dollars a run may cost, when the model's price is known").default("2").commands(BUDGET),
    row("QUANTUM_BUDGET_MINUTES", "budget_minutes", "minutes a run may take")
        .default("30")
        .commands(BUDGET),
    row("QUANTUM_BUDGET_STEPS", "budget_steps", "model calls a run may make")
        .default("60")
        .commands(BUDGET),
    row("QUANTUM_SANDBOX", "sandbox", "`linux`, or `danger-host`: no walls at all (refused from a `quantum.toml` that nobody named)").default("`linux`"),
    row(
        "QUANTUM_SANDBOX_READ",
        "sandbox_read",
        "extra read-only folders shown to the sandbox, absolute, `:`-separated",
    ),
    row("QUANTUM_EGRESS_ALLOW", "egress_allow", "`host[:port],…` that setup may reach")
        .default("what the package clients on this host use")
        .commands(BUDGET),
    row("QUANTUM_PRICES", "prices", "a price table (TOML, see [the command line](command-line.md))").default("a built-in one"),
    row("QUANTUM_DATA_DIR", "data_dir", "git objects, workspaces, the database")
        .default("`quantum` in the platform's data folder (demo: its own temporary one)").commands(STORE),
    row("QUANTUM_DATABASE_URL", "database_url", "`sqlite://FILE`").default("`quantum.db` in the data folder").commands(STORE),
    row("QUANTUM_ENGINE", "engine", "what drives a run; only `embedded` today").default("`embedded`"),
    row("QUANTUM_LISTEN", "listen", "where the server listens").default("`127.0.0.1:3000`").commands(SERVER),
    row("QUANTUM_PUBLIC_URL", "public_url", "how people reach the server, for links to a run's page").later("serve"),
    row("QUANTUM_SWEEP_SECONDS", "sweep_seconds", "seconds between looks for what was missed")
        .default("120")
        .commands(SERVER),
    row("QUANTUM_GITHUB_APP_ID", "github_app_id", "the App's id").commands(APP),
    outer("QUANTUM_GITHUB_PRIVATE_KEY", "the App's private key").secret().commands(APP),
    row("QUANTUM_GITHUB_PRIVATE_KEY_FILE", "github_private_key_file", "a file that holds the private key")
        .commands(APP),
    outer("QUANTUM_GITHUB_WEBHOOK_SECRET", "what the App's deliveries are signed with")
        .secret()
        .commands(APP),
    row("QUANTUM_GITHUB_WEBHOOK_SECRET_FILE", "github_webhook_secret_file", "a file that holds that secret")
        .commands(APP),
    row("QUANTUM_GITHUB_API_URL", "github_api_url", "another API; on Enterprise Server `https://HOST/api/v3`")
        .default("`https://api.github.com`")
        .commands(APP),
    row("QUANTUM_GITHUB_URL", "github_url", "another site; on Enterprise Server `https://HOST`")
        .default("`https://github.com`")
        .commands(APP),
    row("QUANTUM_LOG_FORMAT", "log_format", "`text` or `json`").default("`text`").commands(STORE),
    outer("RUST_LOG", "log levels, e.g. `info`; logs go to stderr").default("`warn` for serve and receive, else no logs").commands(STORE),
    outer("QUANTUM_CONFIG", "the settings file").default("an untracked `quantum.toml` in the working folder").commands(STORE),
    outer("HTTPS_PROXY", "a proxy for every connection, as everywhere else"),
    outer("NO_PROXY", "hosts that are reached without the proxy"),
    outer("SSL_CERT_FILE", "certificate authorities to trust").default("the system's"),
    row("AZURE_OPENAI_ENDPOINT", "azure_openai_endpoint", "for `azure/…`").later(EVERY),
    outer("AZURE_OPENAI_API_KEY", "for `azure/…`").secret().later(EVERY),
    row("AZURE_OPENAI_API_KEY_FILE", "azure_openai_api_key_file", "a file that holds the key for `azure/…`")
        .later(EVERY),
    row("AZURE_OPENAI_API_VERSION", "azure_openai_api_version", "for `azure/…`")
        .default("`2024-10-21`")
        .later(EVERY),
    row("OLLAMA_HOST", "ollama_host", "for `ollama/…`, in every form Ollama takes")
        .default("`127.0.0.1:11434`")
        .later(EVERY),
    row("QUANTUM_GITHUB_CLIENT_ID", "github_client_id", "login to the dashboard").later("serve"),
    outer("QUANTUM_GITHUB_CLIENT_SECRET", "login to the dashboard").secret().later("serve"),
    row("QUANTUM_GITHUB_CLIENT_SECRET_FILE", "github_client_secret_file", "a file that holds that secret")
        .later("serve"),
    outer("OTEL_EXPORTER_OTLP_ENDPOINT", "where traces go").later("serve"),
];

/// The environment as a value: a test makes its own.
#[derive(Clone, Debug, Default)]
pub struct Env {
    texts: BTreeMap<String, String>,
    /// Names whose value is not UTF-8.
    odd: BTreeSet<String>,
}

impl Env {
    /// This process's environment. A value that is not UTF-8 is no text: `odd` names it.
    #[expect(clippy::disallowed_methods, reason = "this is the environment's one home")]
    pub fn of_process() -> Self {
        let mut env = Self::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(env.texts.insert(name, value)),
                Err(_) => drop(env.odd.insert(name)),
            }
        }
        // a service or a cron job has none; toolchains and caches are found by it all the same
        if let Some(home) = std::env::home_dir().as_deref().and_then(Path::to_str) {
            env.suppose("HOME", home);
        }
        env
    }

    /// From pairs.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let texts = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Self { texts, odd: BTreeSet::new() }
    }

    /// A variable; an empty one is unset.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Sets a variable that nobody set.
    pub fn suppose(&mut self, name: &str, value: &str) {
        if self.var(name).is_none() && !self.is_odd(name) {
            self.texts.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Whether a program can be found by `PATH`.
    pub fn finds(&self, program: &str) -> bool {
        self.var("PATH")
            .unwrap_or_default()
            .split(':')
            .any(|folder| Path::new(folder).join(program).is_file())
    }

    /// Whether a variable is set to something that is not UTF-8.
    pub fn is_odd(&self, name: &str) -> bool {
        self.odd.contains(name)
    }

    /// Names that begin like a setting of ours and are none: somebody's typo.
    pub fn strangers(&self) -> impl Iterator<Item = &str> {
        let names = self.texts.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.as_str());
        names.filter(|name| name.starts_with("QUANTUM_") && VARIABLES.iter().all(|known| known.name != *name))
    }

    /// Everything, for the discovery of toolchains.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    const HEAD: &str = "# Settings

Settings are environment variables or lines of a settings file; `quantum doctor` checks them. A flag wins over the
environment, the environment over the file, the file over the default; a variable wins over its `_FILE`. An empty variable is unset. A value that can't be
used is an error that names it; a setting of a feature that is not built yet is reported as *not in effect*.

The file is `--config FILE`, else `QUANTUM_CONFIG`, else `quantum.toml` in the working folder. One that git tracks there came
with a repository: it is not read, and the run is refused until `--config` names it. It is TOML and flat, with the keys below; an unknown key is an error with its line and the key that was probably meant. A secret can't stand in it: name
a file that holds it (`openai_api_key_file = \"/run/secrets/openai\"`). Relative paths are meant from the working folder.

```toml
model = \"openai/gpt-5-mini\"
openai_api_key_file = \"/run/secrets/openai\"
budget_usd = 0.50
budget_steps = 40
```

What a repository says about itself (its checks, its setup, smaller budgets) is in its `.github/quantum.yml`: see
[quantum.example.yml](quantum.example.yml) and [quantum.schema.json](quantum.schema.json). Flags are on the page of
[the command line](command-line.md).
";

    fn table(page: &mut String, title: &str, is_later: bool) {
        let head = "| variable | in the file | meaning | default | read by |\n|---|---|---|---|---|";
        write!(page, "\n## {title}\n\n{head}\n").unwrap();
        for row in VARIABLES.iter().filter(|row| row.is_later == is_later) {
            let key = match row.key {
                Some(key) => format!("`{key}`"),
                None if row.is_secret => "no: a secret".to_owned(),
                None => "no".to_owned(),
            };
            let (name, meaning, default) = (row.name, row.meaning, row.default);
            writeln!(page, "| `{name}` | {key} | {meaning} | {default} | {} |", row.commands).unwrap();
        }
    }

    #[test]
    fn the_page_of_settings_is_this_table() {
        let mut page = HEAD.to_owned();
        table(&mut page, "In effect", false);
        table(&mut page, "Not in effect yet", true);
        let root = env!("CARGO_MANIFEST_DIR");
        let shipped = std::fs::read_to_string(format!("{root}/docs/settings.md")).unwrap_or_default();
        if shipped != page {
            std::fs::write(format!("{root}/target/settings.md"), &page).unwrap();
        }
        assert!(shipped == page, "docs/settings.md is old: copy target/settings.md over it");
    }

    #[test]
    fn every_key_is_its_variable_and_every_secret_has_a_file() {
        for row in VARIABLES {
            let usual = row.name.to_ascii_lowercase();
            let usual = usual.strip_prefix("quantum_").unwrap_or(&usual);
            assert!(row.key.is_none_or(|key| key == usual), "{}: {:?}", row.name, row.key);
            let file = format!("{}_FILE", row.name);
            assert_eq!(row.is_secret, VARIABLES.iter().any(|other| other.name == file), "{}", row.name);
        }
    }
}
