//! Which hosts setup may reach when the operator names none: what the package clients of this host say they use. No
//! host name is built in here, and nothing of the repository counts.

use super::steps::Client;
use crate::sandbox::egress::{Place, Upstream};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The operator's list; the settings have refused one with a typo.
pub fn by_operator(list: &str) -> Vec<Place> {
    list.split(',').filter_map(|entry| Place::parse(entry.trim())).collect()
}

/// A question for a client, to be run without a network in a sandbox of its own; it prints URLs or host names. Each is asked
/// from an empty folder: a repository's own files (`.npmrc`, a package named `pip`) must not answer it.
pub fn question(client: Client) -> Option<&'static str> {
    match client {
        Client::Cargo => Some(CARGO_QUESTION),
        Client::Node => Some(
            "cd \"$(mktemp -d)\" && { npm config get registry; pnpm config get registry; yarn config get registry; yarn config get npmRegistryServer; } 2>/dev/null | grep '^https*://'",
        ),
        Client::Python => Some(
            "cd \"$(mktemp -d)\" && python3 -I -c 'from pip._internal.models.index import PyPI as p; print(p.url); print(p.file_storage_domain)' 2>/dev/null; python3 -I -m pip config get global.index-url 2>/dev/null",
        ),
        // the sandbox without a network says `off` in the environment
        Client::Go => {
            Some("cd \"$(mktemp -d)\" && unset GOPROXY GOSUMDB && go env GOPROXY GOSUMDB 2>/dev/null")
        }
        Client::Any => None,
    }
}

/// cargo has no command that says so, but an error that does: what its registry is when it can't be reached. The version
/// is one that no package has, so nothing more is fetched where it can.
macro_rules! cargo_of_its_own {
    ($command:literal) => {
        concat!(
            "cd \"$(mktemp -d)\" && mkdir src home && touch src/lib.rs && export CARGO_HOME=\"$PWD/home\" CARGO_NET_OFFLINE=false CARGO_NET_RETRY=0 && ",
            "printf '[package]\\nname=\"ask\"\\nversion=\"0.0.0\"\\nedition=\"2021\"\\n[dependencies]\\na=\"=0.0.0-none\"\\n' > Cargo.toml && ",
            $command
        )
    };
}
const CARGO_QUESTION: &str = cargo_of_its_own!("cargo fetch 2>&1 | grep -o 'https*://[^`]*'");

/// What only the places that [`question`] told can say, to be run with a way to them alone: cargo's index tells where the
/// packages themselves are.
pub fn further_question(client: Client) -> Option<&'static str> {
    match client {
        Client::Cargo => Some(cargo_of_its_own!(
            "{ cargo fetch >/dev/null 2>&1; cat home/registry/index/*/config.json | tr '{}\"' '   '; }"
        )),
        Client::Node | Client::Python | Client::Go | Client::Any => None,
    }
}

/// What keeps clients from asking again for minutes what was refused, as the environment that tells them.
pub const PATIENCE: &[(&str, &str)] = &[
    ("CARGO_NET_RETRY", "2"),
    ("PIP_RETRIES", "2"),
    ("UV_HTTP_RETRIES", "2"),
    ("npm_config_fetch_retries", "1"),
    ("npm_config_fetch_retry_maxtimeout", "2000"),
    ("npm_config_fetch_retry_mintimeout", "500"),
];

/// What clients say, and what this host's own files and environment say about them.
pub fn reported(client: Client, answer: &str, env: &BTreeMap<String, String>) -> Vec<Place> {
    let mut texts: Vec<String> = answer.split(BREAKS).map(str::to_owned).collect();
    for (_, value) in settings(client, env) {
        texts.extend(value.split(BREAKS).map(str::to_owned));
    }
    if let Some(home) = cargo_home(env).filter(|_| client == Client::Cargo) {
        texts.extend(cargo(&home));
        texts.extend(cargo_urls(&cargo_config(&home)));
    }
    let mut places: Vec<Place> = texts.iter().filter_map(|text| place(text)).collect();
    places.sort();
    places.dedup();
    places
}

const BREAKS: [char; 4] = [',', '|', '\n', ' '];

/// What this host's own files and environment tell a client about its registries, as the environment that tells it to the
/// client in the sandbox. A value with a login in it is left out: no secret goes in there.
pub fn settings(client: Client, env: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let (names, files): (&[(&str, &[&str])], &[&str]) = match client {
        Client::Node => (
            &[
                ("npm_config_registry", &["npm_config_registry", "NPM_CONFIG_REGISTRY"]),
                ("YARN_REGISTRY", &["YARN_REGISTRY"]),
                ("YARN_NPM_REGISTRY_SERVER", &["YARN_NPM_REGISTRY_SERVER"]),
            ],
            &[".npmrc"],
        ),
        Client::Python => (
            &[
                ("PIP_INDEX_URL", &["PIP_INDEX_URL"]),
                ("PIP_EXTRA_INDEX_URL", &["PIP_EXTRA_INDEX_URL"]),
                ("UV_DEFAULT_INDEX", &["UV_DEFAULT_INDEX", "UV_INDEX_URL"]),
            ],
            &[".config/pip/pip.conf", ".pip/pip.conf", "/etc/pip.conf"],
        ),
        Client::Go => (&[("GOPROXY", &["GOPROXY"]), ("GOSUMDB", &["GOSUMDB"])], &[".config/go/env"]),
        Client::Cargo | Client::Any => (&[], &[]),
    };
    // joining an absolute path gives that path
    let home = env.get("HOME").map(Path::new);
    let lines: Vec<(String, String)> =
        home.into_iter().flat_map(|home| files.iter().flat_map(|file| pairs(&home.join(file)))).collect();
    let mut found = Vec::new();
    for (name, variables) in names {
        let said = variables.iter().find_map(|variable| env.get(*variable).cloned());
        let key = match *name {
            "npm_config_registry" => "registry",
            "PIP_INDEX_URL" => "index-url",
            "PIP_EXTRA_INDEX_URL" => "extra-index-url",
            other => other,
        };
        let written = || lines.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        let value = said.filter(|value| !value.is_empty()).or_else(written);
        if let Some(value) = value.filter(|value| !value.is_empty() && !value.contains(['@', '$'])) {
            found.push(((*name).to_owned(), value));
        }
    }
    found
}

/// The host's own proxy, when it has one; an error is a value that is no http proxy.
pub fn upstream(env: &BTreeMap<String, String>) -> Result<Option<Upstream>, String> {
    let value =
        |names: [&str; 2]| names.iter().find_map(|name| env.get(*name).filter(|value| !value.is_empty()));
    let Some(url) = value(["HTTPS_PROXY", "https_proxy"]) else { return Ok(None) };
    let direct = value(["NO_PROXY", "no_proxy"]).cloned().unwrap_or_default();
    let wrong = || "HTTPS_PROXY is no http://host:port".to_owned();
    Upstream::parse(url, &direct).map(Some).ok_or_else(wrong)
}

/// Where cargo is at home on this host.
pub fn cargo_home(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let named = env.get("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(Path::new(env.get("HOME")?).join(".cargo")))
}

/// What of cargo's own configuration says where packages come from; nothing else of it, and no login.
pub fn cargo_config(home: &Path) -> toml::Table {
    let read = |name: &str| fs::read_to_string(home.join(name)).ok();
    let text = read("config.toml").or_else(|| read("config")).unwrap_or_default();
    let mut whole: toml::Table = text.parse().unwrap_or_default();
    let mut kept = toml::Table::new();
    for (part, keys) in [("source", SOURCE_KEYS), ("registries", &["index"] as &[&str])] {
        let Some(toml::Value::Table(mut entries)) = whole.remove(part) else { continue };
        for (_, entry) in entries.iter_mut() {
            if let toml::Value::Table(entry) = entry {
                let fits = |value: &toml::Value| value.as_str().is_some_and(|value| !value.contains('@'));
                entry.retain(|key, value| keys.contains(&key) && fits(value));
            }
        }
        kept.insert(part.to_owned(), toml::Value::Table(entries));
    }
    kept
}

const SOURCE_KEYS: &[&str] = &["registry", "replace-with", "git", "branch", "tag", "rev"];

fn cargo_urls(config: &toml::Table) -> Vec<String> {
    let entries = config.values().filter_map(|part| part.as_table()).flat_map(|part| part.values());
    let values = entries.filter_map(|entry| entry.as_table()).flat_map(|entry| entry.values());
    values
        .filter_map(|value| value.as_str())
        .filter(|value| value.contains("://"))
        .map(str::to_owned)
        .collect()
}

/// The registries that cargo has used have a folder each, named after the host, with the registry's own `config.json` in it.
fn cargo(home: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(home.join("registry/index")).into_iter().flatten().flatten() {
        if let Some((host, _)) = entry.file_name().to_string_lossy().rsplit_once('-') {
            found.push(host.to_owned());
        }
        let config: serde_json::Value = fs::read(entry.path().join("config.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        found.extend(["dl", "api"].iter().filter_map(|key| config[key].as_str()).map(str::to_owned));
    }
    found
}

/// `key = value` lines; others (sections, scopes) are passed over.
fn pairs(file: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('"').to_owned())).collect()
}

/// A URL or a bare host as a place; words that are neither (`off`, `direct`) are none.
fn place(text: &str) -> Option<Place> {
    let text = text.trim().trim_matches('"');
    match text.strip_prefix("sparse+").unwrap_or(text).split_once("://") {
        Some((scheme @ ("https" | "http"), rest)) => {
            let authority = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
            match scheme == "http" && !authority.contains(':') {
                true => Place::parse(&format!("{authority}:80")),
                false => Place::parse(authority),
            }
        }
        Some(_) => None,
        None => text.contains('.').then(|| Place::parse(text)).flatten(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_report_their_hosts() {
        let check = |client: Client, answer: &str, expected: &[&str]| {
            let found = reported(client, answer, &BTreeMap::new());
            assert_eq!(
                found.iter().map(|p| format!("{}:{}", p.host, p.port)).collect::<Vec<_>>(),
                expected,
                "{answer:?}"
            );
        };
        check(Client::Node, "https://registry.example.org/\n", &["registry.example.org:443"]);
        check(Client::Node, "http://plain.example.org/\n", &["plain.example.org:80"]);
        check(Client::Node, "http://plain.example.org:8081/\n", &["plain.example.org:8081"]);
        check(Client::Node, "git+ssh://a.example/", &[]);
        check(
            Client::Python,
            "https://pypi.example/\nfiles.example\n",
            &["files.example:443", "pypi.example:443"],
        );
        check(
            Client::Go,
            "https://proxy.example:8443,direct\nsum.example",
            &["proxy.example:8443", "sum.example:443"],
        );
        check(Client::Go, "off", &[]);
        check(Client::Cargo, "https://index.example/config.json\n", &["index.example:443"]);
        check(
            Client::Cargo,
            "  dl :  https://static.example/crates ,  api :  https://crates.example  \n",
            &["crates.example:443", "static.example:443"],
        );
    }

    #[test]
    fn cargo_s_hosts_are_those_of_its_registries() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".cargo/registry/index/index.example-1949cf8c6b5b557f");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), r#"{"dl":"https://static.example/crates"}"#).unwrap();
        let env = [("HOME".to_owned(), home.path().display().to_string())].into();
        let found: Vec<_> = reported(Client::Cargo, "", &env).into_iter().map(|p| p.host).collect();
        assert_eq!(found, ["index.example", "static.example"]);
    }

    #[test]
    fn the_host_s_own_registries_are_told_to_the_clients_without_logins() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::create_dir_all(home.path().join(name).parent().unwrap()).unwrap();
            fs::write(home.path().join(name), text).unwrap();
        };
        write(
            ".npmrc",
            "registry=https://npm.example/\n//npm.example/:_authToken=hidden\n@a:registry=https://b.example\n",
        );
        write(".config/pip/pip.conf", "[global]\nindex-url = https://me:hidden@pip.example/simple\n");
        write(".config/go/env", "GOPROXY=https://go.example,direct\n");
        write(
            ".cargo/config.toml",
            "[build]\nrustc-wrapper = \"x\"\n[source.crates-io]\nreplace-with = \"m\"\n[source.m]\nregistry = \"sparse+https://m.example/index/\"\n[registries.own]\nindex = \"https://own.example/\"\ntoken = \"hidden\"\n",
        );
        let env: BTreeMap<String, String> = [
            ("HOME".to_owned(), home.path().display().to_string()),
            ("PIP_EXTRA_INDEX_URL".to_owned(), "https://extra.example/simple".to_owned()),
        ]
        .into();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(settings(Client::Node, &env), [pair("npm_config_registry", "https://npm.example/")]);
        assert_eq!(
            settings(Client::Python, &env),
            [pair("PIP_EXTRA_INDEX_URL", "https://extra.example/simple")]
        );
        assert_eq!(settings(Client::Go, &env), [pair("GOPROXY", "https://go.example,direct")]);
        let config = cargo_config(&cargo_home(&env).unwrap()).to_string();
        assert!(
            config.contains("m.example") && !config.contains("hidden") && !config.contains("wrapper"),
            "{config}"
        );
        let hosts = |client| reported(client, "", &env).into_iter().map(|p| p.host).collect::<Vec<_>>();
        assert_eq!(hosts(Client::Cargo), ["m.example", "own.example"]);
        assert_eq!(hosts(Client::Node), ["npm.example"]);
        assert_eq!(hosts(Client::Go), ["go.example"]);
    }

    #[test]
    fn the_host_s_proxy_is_taken_or_named() {
        let env = |value: &str| [("HTTPS_PROXY".to_owned(), value.to_owned())].into();
        assert_eq!(upstream(&BTreeMap::new()), Ok(None));
        assert_eq!(upstream(&env("")), Ok(None));
        assert!(upstream(&env("http://proxy:3128")).unwrap().is_some());
        assert!(upstream(&env("socks5://proxy:1")).unwrap_err().contains("HTTPS_PROXY"));
    }

    #[test]
    fn the_operator_s_list_is_read() {
        let found = by_operator("a.example, b.example:8443");
        assert_eq!(found.iter().map(|place| place.port).collect::<Vec<_>>(), [443, 8443]);
        assert!(by_operator("").is_empty());
    }
}
