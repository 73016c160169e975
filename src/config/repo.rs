//! `.github/quantum.yml` as written → what a run goes by. Read from the base commit only. Unknown keys are errors with
//! line and suggestion; keys of features that are not built yet parse, and are reported as not in effect.

use super::{ConfigError, closest};
use crate::{ids::Usd, limits::config as limits, run::ApprovePlan};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// Where the file is in a repository.
pub const PATH: &str = ".github/quantum.yml";

/// The file as written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "QuantumLayer repository configuration")]
pub struct Raw {
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
#[serde(untagged)]
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
#[expect(dead_code, reason = "parsed so that a typo is found; used when the App is there")]
struct RawPullRequest {
    draft: Option<bool>,
    branch: Option<String>,
    labels: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawBudget {
    usd: Option<f64>,
    minutes: Option<u32>,
    steps: Option<u32>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "parsed so that a typo is found; used when the App is there")]
struct RawFix {
    max_attempts: Option<u32>,
    on_red_checks: Option<bool>,
    on_review: Option<RawOnReview>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "parsed so that a typo is found; used when the App is there")]
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
    /// Keys of features that are not built yet.
    pub not_in_effect: Vec<String>,
}

/// Parses the file. `Wrong` names the line and, for a key that nobody knows, the one that was probably meant.
pub fn parse(text: &str) -> Result<RepoRules, ConfigError> {
    let wrong =
        |line: usize, message: String| ConfigError::Wrong { path: Path::new(PATH).to_owned(), line, message };
    if text.len() > limits::REPO_FILE_BYTES {
        return Err(wrong(1, format!("the file is larger than {} KiB", limits::REPO_FILE_BYTES / 1024)));
    }
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(RepoRules::default());
    }
    let raw: Raw = serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
        wrong(line, explain(text, line, &error.without_snippet().to_string()))
    })?;
    for (key, commands) in [("verify", &raw.verify), ("setup", &raw.setup)] {
        let commands = commands.iter().flatten();
        if commands.clone().any(|command| command.trim().is_empty()) || commands.count() > limits::COMMANDS {
            let line = text.lines().position(|line| line.starts_with(key)).map_or(1, |at| at + 1);
            return Err(wrong(
                line,
                format!("`{key}` takes 1 to {} commands, none of them empty", limits::COMMANDS),
            ));
        }
    }
    resolve(raw)
}

/// The parser's words, and the key that was probably meant.
fn explain(text: &str, line: usize, message: &str) -> String {
    let key = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let key = key.trim_start_matches([' ', '-', '{']).split(':').next().unwrap_or_default().trim();
    let first = message.lines().next().unwrap_or_default();
    match closest(key, KEYS.iter().copied().filter(|known| *known != key)) {
        Some(near) if !KEYS.contains(&key) => format!("{first}; did you mean `{near}`?"),
        _ => first.to_owned(),
    }
}

const KEYS: &[&str] = &[
    "verify",
    "setup",
    "approve_plan",
    "pull_request",
    "budget",
    "fix",
    "models",
    "protect",
    "network",
    "agents",
    "roles",
    "deploy",
    "draft",
    "branch",
    "labels",
    "usd",
    "minutes",
    "steps",
    "max_attempts",
    "on_red_checks",
    "on_review",
    "default",
    "fast",
    "allow",
    "enabled",
    "workflow",
    "inputs",
    "health",
    "requires",
    "approvers",
    "rollback",
];

fn resolve(raw: Raw) -> Result<RepoRules, ConfigError> {
    let budget = raw.budget.as_ref();
    let usd = budget.and_then(|budget| budget.usd);
    if usd.is_some_and(|usd| !usd.is_finite() || usd < 0.0) {
        let value = usd.unwrap_or_default().to_string();
        return Err(ConfigError::Value {
            name: "budget.usd",
            value,
            why: "not an amount in dollars".to_owned(),
        });
    }
    let later = [
        ("pull_request", raw.pull_request.is_some()),
        ("models", raw.models.is_some()),
        ("agents", raw.agents.is_some()),
        ("roles", raw.roles.is_some()),
        ("deploy", raw.deploy.is_some()),
    ];
    Ok(RepoRules {
        verify: raw.verify,
        setup: raw.setup,
        approve_plan: raw.approve_plan.map(|approve| match approve {
            RawApprove::Always(true) => ApprovePlan::Always,
            RawApprove::Always(false) => ApprovePlan::Never,
            RawApprove::Auto(Auto::Auto) => ApprovePlan::Auto,
        }),
        usd: usd.map(Usd::from_dollars),
        minutes: budget.and_then(|budget| budget.minutes),
        steps: budget.and_then(|budget| budget.steps),
        fix_attempts: raw.fix.and_then(|fix| fix.max_attempts).map(|n| n.min(limits::FIX_ATTEMPTS_MOST)),
        protect: raw.protect.unwrap_or_default(),
        allow: raw.network.and_then(|network| network.allow).unwrap_or_default(),
        not_in_effect: later.iter().filter(|(_, there)| *there).map(|(key, _)| (*key).to_owned()).collect(),
    })
}

/// Paths that no change may touch, whatever a repository says (security rule R11); judged on the final tree. What is
/// pushed to GitHub is held to more.
pub const PROTECTED: &[&str] = &[".github/**", "**/.gitmodules"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_docs_parses() {
        let rules = parse(include_str!("../../docs/quantum.example.yml")).unwrap();
        assert_eq!(rules.verify, Some(vec!["cargo test".to_owned()]));
        assert_eq!(rules.approve_plan, Some(ApprovePlan::Never));
        assert_eq!((rules.usd, rules.minutes, rules.steps), (Some(Usd(2_000_000)), Some(30), Some(60)));
        assert_eq!(rules.not_in_effect, ["pull_request", "models", "agents", "roles", "deploy"]);
    }

    #[test]
    fn mistakes_name_the_line_and_the_key() {
        let check = |text: &str, expected: &str| {
            let said = parse(text).unwrap_err().to_string();
            assert!(said.contains(expected), "{text:?} says {said:?}, not {expected:?}");
        };
        check("verify: [a]\nverfy: [b]\n", "line 2");
        check("verfy: [b]\n", "did you mean `verify`?");
        check("budget:\n  usd: 1\n  minuts: 3\n", "did you mean `minutes`?");
        check("verify: [", "line 1");
        check("verify: ['']", "none of them empty");
        check("budget: { usd: -1 }", "budget.usd");
        check(&"# x\n".repeat(100_000), "larger than");
        check("a: &a [x]\nb: &b [*a, *a]\n", "a");
    }

    #[test]
    fn nothing_is_no_rules() {
        assert_eq!(parse("").unwrap(), RepoRules::default());
        assert_eq!(parse("# only a comment\n").unwrap(), RepoRules::default());
        assert_eq!(parse("approve_plan: auto").unwrap().approve_plan, Some(ApprovePlan::Auto));
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
