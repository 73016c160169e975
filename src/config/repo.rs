//! `.github/quantum.yml` as written → what a run goes by. Read from the base commit only. Unknown keys are errors with
//! line and suggestion; keys of features that are not built yet parse, and are reported as not in effect.

use super::{ConfigError, closest};
use crate::{ids::Usd, limits::config as limits, run::ApprovePlan, sandbox::egress::Place};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, num::NonZeroU32, path::Path};

/// Where the file is in a repository.
pub const PATH: &str = ".github/quantum.yml";
/// Where it is not, though people put it there.
pub const MISNAMED: &str = ".github/quantum.yaml";

/// The file as written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "QuantumLayer repository configuration")]
struct Raw {
    /// Commands that check a change; default: detected from the repository.
    #[serde(default)]
    verify: Option<Vec<String>>,
    /// Commands that run before the agent, with the network of the operator's allow-list.
    #[serde(default)]
    setup: Option<Vec<String>>,
    /// Wait for a person before working: true, false or `auto` (confidence below 0.7 or more than 5 tasks).
    #[serde(default)]
    approve_plan: Option<RawApprove>,
    #[serde(default)]
    pull_request: Option<RawPullRequest>,
    #[serde(default)]
    budget: Option<RawBudget>,
    #[serde(default)]
    fix: Option<RawFix>,
    #[serde(default)]
    models: Option<RawModels>,
    /// Paths a change must not touch; a match refuses the whole change.
    #[serde(default)]
    protect: Option<Vec<String>>,
    #[serde(default)]
    network: Option<RawNetwork>,
    #[serde(default)]
    agents: Option<BTreeMap<String, RawAgent>>,
    #[serde(default)]
    roles: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    deploy: Option<BTreeMap<String, RawDeploy>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected true, false or auto")]
enum RawApprove {
    Always(bool),
    Auto(Auto),
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Auto {
    Auto,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawPullRequest {
    draft: Option<bool>,
    branch: Option<String>,
    labels: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawBudget {
    usd: Option<f64>,
    minutes: Option<NonZeroU32>,
    steps: Option<NonZeroU32>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawFix {
    max_attempts: Option<u32>,
    on_red_checks: Option<bool>,
    on_review: Option<RawOnReview>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected changes_requested, comments or off")]
#[expect(dead_code, reason = "parsed so that a typo is found; used when runs answer reviews")]
enum RawOnReview {
    Switch(bool),
    Kind(OnReview),
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OnReview {
    ChangesRequested,
    Comments,
    Off,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed so that a typo is found; used when several models are")]
struct RawModels {
    default: Option<String>,
    fast: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawNetwork {
    allow: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed so that a typo is found; used when a repository's own agents are")]
struct RawAgent {
    enabled: Option<bool>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed so that a typo is found; used when deploys are")]
struct RawDeploy {
    workflow: Option<String>,
    inputs: Option<BTreeMap<String, String>>,
    health: Option<String>,
    requires: Option<Vec<String>>,
    approvers: Option<u32>,
    rollback: Option<Auto>,
}

/// What a run goes by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RepoRules {
    /// The repository's own checks; None: detect.
    pub verify: Option<Vec<String>>,
    /// The repository's own setup; None: detect.
    pub setup: Option<Vec<String>>,
    /// When a person must approve the plan.
    pub approve_plan: Option<ApprovePlan>,
    /// Money; the smaller of this and the operator's counts.
    pub usd: Option<Usd>,
    /// Minutes, likewise.
    pub minutes: Option<u32>,
    /// Model calls, likewise.
    pub steps: Option<u32>,
    /// Fixer rounds.
    pub fix_attempts: Option<u32>,
    /// Patterns of paths that a change must not touch, on top of [`PROTECTED`].
    pub protect: Vec<String>,
    /// Hosts that setup may reach, out of the operator's.
    pub allow: Vec<String>,
    /// How pull requests are opened (the App only).
    pub pull: PullRules,
    /// Keys of features that are not built yet.
    pub not_in_effect: Vec<String>,
}

/// How pull requests are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRules {
    /// As drafts.
    pub draft: bool,
    /// The branch's name, with `{number}`, `{slug}` and `{id}`.
    pub branch: String,
    /// Labels that it gets.
    pub labels: Vec<String>,
}

impl Default for PullRules {
    fn default() -> Self {
        let branch = "quantum/issue-{number}-{slug}-{id}".to_owned();
        Self { draft: true, branch, labels: vec!["quantum".to_owned()] }
    }
}

/// Parses the file. `Wrong` names the line and, for a key that nobody knows, the one that was probably meant.
pub fn parse(bytes: &[u8]) -> Result<RepoRules, ConfigError> {
    if bytes.len() > limits::REPO_FILE_BYTES {
        return Err(too_large());
    }
    let text = super::utf8(bytes).map_err(|line| wrong(line, "not UTF-8".to_owned()))?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(RepoRules::default());
    }
    let raw: Option<Raw> = serde_saphyr::from_str(text).map_err(|error| explain(error.without_snippet()))?;
    let raw = raw.unwrap_or_default();
    check(text, &raw)?;
    Ok(resolve(raw))
}

/// What the file is when it is larger than anybody writes.
pub fn too_large() -> ConfigError {
    wrong(1, format!("the file is larger than {} KiB", limits::REPO_FILE_BYTES / 1024))
}

/// What it is when something else than a file is there: a link or a folder must not pass for no rules at all.
pub fn not_a_file() -> ConfigError {
    wrong(1, "it is a link or a folder, not a file".to_owned())
}

fn wrong(line: usize, message: String) -> ConfigError {
    ConfigError::Wrong { path: Path::new(PATH).to_owned(), line, message }
}

/// The parser's error in the file's terms, with the key that was probably meant.
fn explain(error: &serde_saphyr::Error) -> ConfigError {
    use serde_saphyr::Error;
    let line = error.location().map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
    let message = match error {
        Error::SerdeUnknownField { field, expected, .. } => match closest(field, expected.iter().copied()) {
            Some(near) => format!("unknown key {field:?}; did you mean `{near}`?"),
            None => format!("unknown key {field:?}; the keys here are {}", expected.join(", ")),
        },
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("{variant:?} is none of {}", expected.join(", "))
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("{key:?} stands here twice"),
        Error::DuplicateMappingKey { key: None, .. } => "a key stands here twice".to_owned(),
        Error::MultipleDocuments { .. } => "a second document begins here; write one".to_owned(),
        Error::Unexpected { expected: "sequence start", .. } => {
            "a list is expected here, like [\"one\", \"two\"]".to_owned()
        }
        Error::Unexpected { expected: "mapping start", .. } => {
            "keys and values are expected here, like `key: value`".to_owned()
        }
        Error::InvalidScalar { ty: "u32", .. } | Error::SerdeInvalidValue { .. } => {
            "a whole number above 0 is expected here".to_owned()
        }
        other => {
            let text = other.render_with_formatter(&serde_saphyr::UserMessageFormatter);
            let text = text.lines().next().unwrap_or_default();
            // the line is said already
            text.rsplit_once(" at line ").map_or(text, |(text, _)| text).to_owned()
        }
    };
    wrong(line, message)
}

/// What is well-formed and can't be used all the same.
fn check(text: &str, raw: &Raw) -> Result<(), ConfigError> {
    let at = |word: &str| text.lines().position(|line| line.contains(word)).map_or(1, |at| at + 1);
    for (key, commands) in [("verify", &raw.verify), ("setup", &raw.setup)] {
        let mut commands = commands.iter().flatten();
        if commands.clone().count() > limits::COMMANDS || commands.any(|command| command.trim().is_empty()) {
            let most = limits::COMMANDS;
            return Err(wrong(at(key), format!("`{key}` takes at most {most} commands, none of them empty")));
        }
    }
    let usd = raw.budget.as_ref().and_then(|budget| budget.usd);
    if let Some(usd) = usd.filter(|usd| !usd.is_finite() || *usd < 0.0) {
        return Err(wrong(at("usd"), format!("`budget.usd` is {usd}: not an amount in dollars, like 0.50")));
    }
    for pattern in raw.protect.iter().flatten() {
        if let Err(cause) = globset::Glob::new(pattern) {
            return Err(wrong(at(pattern).max(at("protect")), format!("`protect`: {cause}")));
        }
    }
    let mut hosts = raw.network.iter().flat_map(|network| network.allow.iter().flatten());
    match hosts.find(|host| Place::parse(host).is_none()) {
        Some(host) => {
            Err(wrong(at(host), format!("`network.allow`: {host:?} is not of the form host[:port]")))
        }
        None => Ok(()),
    }
}

fn resolve(raw: Raw) -> RepoRules {
    let budget = raw.budget.as_ref();
    let fix = raw.fix.as_ref();
    let later = [
        ("fix.on_red_checks", fix.is_some_and(|fix| fix.on_red_checks.is_some())),
        ("fix.on_review", fix.is_some_and(|fix| fix.on_review.is_some())),
        ("models", raw.models.is_some()),
        ("agents", raw.agents.is_some()),
        ("roles", raw.roles.is_some()),
        ("deploy", raw.deploy.is_some()),
    ];
    RepoRules {
        usd: budget.and_then(|budget| budget.usd).map(Usd::from_dollars),
        minutes: budget.and_then(|budget| budget.minutes).map(NonZeroU32::get),
        steps: budget.and_then(|budget| budget.steps).map(NonZeroU32::get),
        fix_attempts: fix.and_then(|fix| fix.max_attempts).map(|n| n.min(limits::FIX_ATTEMPTS_MOST)),
        not_in_effect: later.iter().filter(|(_, there)| *there).map(|(key, _)| (*key).to_owned()).collect(),
        verify: raw.verify,
        setup: raw.setup,
        approve_plan: raw.approve_plan.map(|approve| match approve {
            RawApprove::Always(true) => ApprovePlan::Always,
            RawApprove::Always(false) => ApprovePlan::Never,
            RawApprove::Auto(Auto::Auto) => ApprovePlan::Auto,
        }),
        protect: raw.protect.unwrap_or_default(),
        pull: pull(raw.pull_request),
        allow: raw.network.and_then(|network| network.allow).unwrap_or_default(),
    }
}

fn pull(raw: Option<RawPullRequest>) -> PullRules {
    let usual = PullRules::default();
    let Some(raw) = raw else { return usual };
    PullRules {
        draft: raw.draft.unwrap_or(usual.draft),
        branch: raw.branch.unwrap_or(usual.branch),
        labels: raw.labels.unwrap_or(usual.labels),
    }
}

/// Paths that no change may touch, whatever a repository says; judged on the final tree. What is
/// pushed to GitHub is held to more.
pub const PROTECTED: &[&str] = &[".github", ".github/**", "**/.gitmodules"];

/// The same where changes are pushed: what git and its hosts go by (attributes that hide a file from a review, ignored files,
/// hooks, other hosts' pipelines).
pub const PROTECTED_ON_GITHUB: &[&str] = &["**/.git*", "**/.git*/**"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_docs_parses() {
        let rules = parse(include_bytes!("../../docs/quantum.example.yml")).unwrap();
        assert_eq!(rules.verify, Some(vec!["cargo test".to_owned()]));
        assert_eq!(rules.approve_plan, Some(ApprovePlan::Never));
        assert_eq!((rules.usd, rules.minutes, rules.steps), (Some(Usd(2_000_000)), Some(30), Some(60)));
        let later = ["fix.on_red_checks", "fix.on_review", "models", "agents", "roles", "deploy"];
        assert_eq!(rules.not_in_effect, later);
        assert_eq!(rules.pull, PullRules::default());
    }

    #[test]
    fn mistakes_name_the_line_and_the_key() {
        let check = |text: &str, line: usize, expected: &str| {
            let said = parse(text.as_bytes()).unwrap_err().to_string();
            let place = format!(".github/quantum.yml, line {line}: ");
            assert!(said.starts_with(&place) && said.contains(expected), "{text:?} says {said:?}");
        };
        check("verify: [a]\nverfy: [b]\n", 2, "did you mean `verify`?");
        check("\nVerify: [b]\n", 2, "did you mean `verify`?");
        check("x: 1\n", 1, "the keys here are verify, setup");
        check("budget:\n  usd: 1\n  minuts: 3\n", 3, "did you mean `minutes`?");
        check("verify: [a]\nbudget: { usd: 1, minuts: 3 }\n", 2, "did you mean `minutes`?");
        check("deploy:\n  production:\n    requirs: [approved]\n", 3, "did you mean `requires`?");
        check("verify: [", 1, "");
        check("a\n", 1, "key: value");
        check("verify: [a]\nsetup: cargo fetch\n", 2, "a list is expected");
        check("setup: [a]\nverify: ['']", 2, "none of them empty");
        check("approve_plan: sometimes\n", 1, "expected true, false or auto");
        check("fix:\n  on_review: maybe\n", 2, "expected changes_requested, comments or off");
        check("deploy: { staging: { rollback: always } }", 1, "\"always\" is none of auto");
        check("\nbudget: { usd: -1 }", 2, "budget.usd");
        check("budget:\n  usd: .nan", 2, "budget.usd");
        check("budget:\n  steps: 0", 2, "a whole number above 0");
        check("budget:\n  minutes: -3", 2, "a whole number above 0");
        check("verify: [a]\nsetup: [b]\nverify: [c]\n", 3, "twice");
        check("agents: { a: { enabled: true }, a: { enabled: false } }", 1, "twice");
        check("verify: [a]\n---\nverify: [b]\n", 3, "second document");
        check("verify: [a]\nprotect:\n  - \"a[\"\n", 3, "protect");
        check("network:\n  allow: [\"http://x/y\"]\n", 2, "host[:port]");
        check(&"# x\n".repeat(100_000), 1, "larger than");
        let said = parse(b"# a\n# caf\xe9\n").unwrap_err().to_string();
        assert!(said.contains("line 2: not UTF-8"), "{said}");
    }

    #[test]
    fn what_is_made_to_be_large_is_refused() {
        let mut bomb =
            "agents: &a { x: { enabled: true } }\nroles:\n  b: &b [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (old, new) in ('b'..'i').zip('c'..) {
            let aliases = vec![format!("*{old}"); 9].join(", ");
            bomb.push_str(&format!("  {new}: &{new} [{aliases}]\n"));
        }
        let deep = |open: &str| format!("verify: {}", open.repeat(20_000));
        for text in [bomb, deep("["), deep("{a: "), deep("- "), "verify: &v [*v]".to_owned()] {
            assert!(parse(text.as_bytes()).is_err(), "{:.60}", text);
        }
        assert!(parse(b"verify: &v [x]\nsetup: *v\n").is_ok(), "an honest alias");
    }

    #[test]
    fn nothing_is_no_rules() {
        for nothing in ["", "# only a comment\n", "---\n", "null\n", "verify:\n", "\u{feff}"] {
            assert_eq!(parse(nothing.as_bytes()).unwrap(), RepoRules::default(), "{nothing:?}");
        }
        assert_eq!(parse(b"verify: []").unwrap().verify, Some(vec![]));
        assert_eq!(parse(b"approve_plan: auto").unwrap().approve_plan, Some(ApprovePlan::Auto));
        assert_eq!(parse(b"\xef\xbb\xbfsetup: [a]\r\n").unwrap().setup, Some(vec!["a".to_owned()]));
        assert_eq!(parse(b"fix: { max_attempts: 999 }").unwrap().fix_attempts, Some(10));
    }

    #[test]
    fn the_schema_that_ships_is_this_one() {
        let made = serde_json::to_string_pretty(&schemars::schema_for!(Raw)).unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/quantum.schema.json");
        let shipped = std::fs::read_to_string(path).unwrap_or_default();
        if shipped != made {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/target/quantum.schema.json"), &made)
                .unwrap();
        }
        assert!(shipped == made, "docs/quantum.schema.json is old: copy target/quantum.schema.json over it");
    }
}
