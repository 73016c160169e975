//! Which hosts setup may reach when the operator names none: what the package clients of this host say they use. No
//! host name is built in here, and nothing of the repository counts.

use super::steps::Client;
use crate::sandbox::egress::{Place, Rules};
use std::{collections::BTreeMap, fs, path::Path};

/// The operator's list. An entry that can't be parsed is an error: a list with a typo must not become shorter silently.
pub fn by_operator(list: &str) -> Result<Rules, String> {
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let allow = entries.map(|entry| Place::parse(entry).ok_or_else(|| entry.to_owned()));
    Ok(Rules { allow: allow.collect::<Result<_, _>>()?, by_operator: true, upstream: None })
}

/// A question for a client, to be run without a network; it prints URLs or host names.
pub fn question(client: Client) -> Option<&'static str> {
    match client {
        Client::Node => Some("npm config get registry"),
        Client::Python => Some(
            "python3 -c 'from pip._internal.models.index import PyPI as p; print(p.url); print(p.file_storage_domain)'; pip config get global.index-url",
        ),
        Client::Go => Some("go env GOPROXY; go env GOSUMDB"),
        Client::Cargo | Client::Any => None,
    }
}

/// What clients say, and what this host's own files and environment say about them.
pub fn reported(client: Client, answer: &str, env: &BTreeMap<String, String>) -> Vec<Place> {
    let mut texts: Vec<String> = answer.split([',', '|', '\n', ' ']).map(str::to_owned).collect();
    let names: &[&str] = match client {
        Client::Node => &["npm_config_registry", "NPM_CONFIG_REGISTRY", "YARN_REGISTRY"],
        Client::Python => &["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"],
        Client::Go => &["GOPROXY", "GOSUMDB"],
        Client::Cargo | Client::Any => &[],
    };
    texts.extend(
        names
            .iter()
            .filter_map(|name| env.get(*name))
            .flat_map(|value| value.split([',', '|', ' ']))
            .map(str::to_owned),
    );
    if let Some(home) = env.get("HOME").map(Path::new) {
        match client {
            Client::Cargo => {
                texts.extend(cargo(env.get("CARGO_HOME").map_or(home.join(".cargo"), Into::into).as_path()))
            }
            Client::Node => texts.extend(values(&home.join(".npmrc"), "registry")),
            Client::Python => {
                for file in
                    [home.join(".config/pip/pip.conf"), home.join(".pip/pip.conf"), "/etc/pip.conf".into()]
                {
                    texts.extend(values(&file, "index-url"));
                }
            }
            Client::Go | Client::Any => {}
        }
    }
    let mut places: Vec<Place> = texts.iter().filter_map(|text| place(text)).collect();
    places.sort();
    places.dedup();
    places
}

/// cargo has no command that says so: the registries it has used have a folder each, named after the host, with the
/// registry's own `config.json` in it.
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

/// The values of `key = value` lines.
fn values(file: &Path, key: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .filter(|(name, _)| name.trim() == key || name.trim().ends_with(&format!(":{key}")))
        .map(|(_, value)| value.trim().to_owned())
        .collect()
}

/// A URL or a bare host as a place; words that are neither (`off`, `direct`) are none.
fn place(text: &str) -> Option<Place> {
    let text = text.trim().trim_matches('"');
    match text.strip_prefix("sparse+").unwrap_or(text).split_once("://") {
        Some(("https", rest)) => {
            let authority = rest.split(['/', '?', '#']).next()?;
            Place::parse(authority.rsplit('@').next()?)
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
        check(Client::Node, "http://plain.example.org/\n", &[]);
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
    fn the_operator_s_list_is_strict() {
        assert_eq!(by_operator("a.example, b.example:8443").unwrap().allow.len(), 2);
        assert_eq!(by_operator("a.example,*.b.example").unwrap_err(), "*.b.example");
        assert!(by_operator("").unwrap().allow.is_empty());
    }
}
