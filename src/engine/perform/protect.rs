//! What may not leave: a change that touches a protected path, or carries a secret or a link that leads out, is refused
//! as a whole, whatever a repository or a model says.

use super::{Errand, Performer, aside, outgoing, snapshot};
use crate::{
    config::repo::{PROTECTED, PROTECTED_ON_GITHUB},
    ids::Sha,
    report::{Class, Report},
};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::{collections::BTreeMap, sync::Arc};

/// Whether what was changed between two trees may be changed; the inner error names what may not.
pub(in crate::engine) async fn check(
    hands: &Performer,
    errand: &Errand<'_>,
    old: &Sha,
    new: &Sha,
) -> Result<Result<(), Report>, Report> {
    let rules = snapshot::rules(hands, errand.run).await?;
    let set = match patterns(errand.run.rules.watch, &rules.protect) {
        Ok(set) => set,
        Err(report) => return Ok(Err(report)),
    };
    let (source, old, new) = (Arc::clone(&hands.parts.source), old.clone(), new.clone());
    let trees = (old.clone(), new.clone());
    let changes = aside(move || source.changes(&trees.0, &trees.1)).await?;
    let touched: Vec<_> =
        changes.iter().map(|change| change.path.as_str()).filter(|path| set.is_match(path)).collect();
    if !touched.is_empty() {
        let shown: Vec<_> = touched.iter().take(SHOWN).copied().collect();
        let message = format!("the change touches {} protected: {}", paths(touched.len()), shown.join(", "));
        let hint = "leave these files as they are; a person changes them";
        return Ok(Err(Report::new(Class::Refused, "protected_path", message, hint)));
    }
    let (source, known) = (Arc::clone(&hands.parts.source), secrets(&hands.parts.host_env));
    let refused = aside(move || {
        let mut refused = Vec::new();
        source.new_files(&old, &new, &mut |file| {
            let why = outgoing::refusal(&file, &known);
            refused.extend(why.map(|why| format!("{} {why}", file.shown())));
        })?;
        Ok::<_, crate::git::GitError>(refused)
    });
    let refused = refused.await?;
    if refused.is_empty() {
        return Ok(Ok(()));
    }
    let shown: Vec<_> = refused.iter().take(SHOWN).map(String::as_str).collect();
    let message = format!("the change can't leave: {}", shown.join("; "));
    let hint = "take it out of the change: read a secret from the environment, let a link stay inside the repository";
    Ok(Err(Report::new(Class::Refused, "unsafe_change", message, hint)))
}

/// Whether a commit's message may leave.
pub(in crate::engine) fn message(hands: &Performer, text: &str) -> Result<(), Report> {
    match looks_like(&hands.parts.host_env, text.as_bytes()) {
        None => Ok(()),
        Some(what) => {
            let message = format!("the commit's message holds what looks like {what}");
            let hint = "ask again, and say that secrets have no place in a summary";
            Err(Report::new(Class::Refused, "unsafe_change", message, hint))
        }
    }
}

/// What bytes look like that must not be shown to everybody, on a host with this environment; None: they may.
pub(in crate::engine) fn looks_like(
    host_env: &BTreeMap<String, String>,
    bytes: &[u8],
) -> Option<&'static str> {
    outgoing::secret(bytes, b"", &secrets(host_env)).map(|(what, _)| what)
}

/// Values of this host that are secrets by their variable's name.
fn secrets(host_env: &BTreeMap<String, String>) -> Vec<Vec<u8>> {
    let names = |name: &str| {
        let name = name.to_ascii_uppercase();
        ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD"].iter().any(|end| name.ends_with(end))
    };
    let env = host_env.iter().filter(|(name, _)| names(name));
    env.map(|(_, value)| value.clone().into_bytes()).collect()
}

/// Offenders that are named; the rest are more of the same.
const SHOWN: usize = 5;

fn paths(count: usize) -> String {
    if count == 1 { "a path that is".to_owned() } else { format!("{count} paths that are") }
}

/// `is_pushed`: what changes is pushed to GitHub, and not only kept in a person's own clone.
fn patterns(is_pushed: bool, own: &[String]) -> Result<GlobSet, Report> {
    let mut set = GlobSetBuilder::new();
    let pushed = PROTECTED_ON_GITHUB.iter().filter(|_| is_pushed);
    for pattern in PROTECTED.iter().chain(pushed).copied().chain(own.iter().map(String::as_str)) {
        let glob = GlobBuilder::new(pattern).literal_separator(true).case_insensitive(true).build();
        set.add(glob.map_err(|cause| wrong(&cause.to_string()))?);
    }
    set.build().map_err(|cause| wrong(&cause.to_string()))
}

fn wrong(cause: &str) -> Report {
    let message = format!("`protect` of .github/quantum.yml: {cause}");
    Report::new(Class::Refused, "config_wrong", message, "mend the pattern on the default branch")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_protected_is_found_at_any_depth() {
        let own = ["migrations/**".to_owned()];
        let (here, pushed) = (patterns(false, &own).unwrap(), patterns(true, &own).unwrap());
        let check = |path: &str, expected: (bool, bool)| {
            assert_eq!((here.is_match(path), pushed.is_match(path)), expected, "{path}");
        };
        check(".github/workflows/ci.yml", (true, true));
        check(".GitHub/quantum.yml", (true, true));
        check("migrations/0001.sql", (true, true));
        check("vendor/.gitmodules", (true, true));
        check(".gitattributes", (false, true));
        check("src/.gitIgnore", (false, true));
        check(".gitlab-ci.yml", (false, true));
        check(".githooks/pre-commit", (false, true));
        check("src/lib.rs", (false, false));
        check("src/digit.git", (false, false));
        check("docs/migrations.md", (false, false));
        assert!(patterns(false, &["[".to_owned()]).is_err());
    }
}
