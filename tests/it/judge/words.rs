//! What no schema of the description says: what GitHub says in words, and what we ask of ourselves.

use crate::world::routes_graphql::QUESTION;
use serde_json::{Value, json};

/// Whether these bytes ask that, of one repository and one number.
pub(super) fn is_our_question(body: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    let of = &body["variables"];
    let (owner, name, number) = (of["owner"].as_str(), of["name"].as_str(), of["number"].as_u64());
    body == json!({"query": QUESTION, "variables": {"owner": owner, "name": name, "number": number}})
        && owner.is_some()
        && name.is_some()
        && number.is_some()
}

/// Why, and a schema that says no more than the rule.
pub(super) type Rule = (&'static str, Value);

/// The rules for an operation's body.
pub(super) fn rules(operation: &str) -> Vec<Rule> {
    match operation {
        "issues/create-comment" | "issues/update-comment" => vec![properties(
            "GitHub: a comment has 1 to 65,536 characters",
            json!({"body": {"minLength": 1, "maxLength": 65_536}}),
        )],
        "issues/create-label" => vec![properties(
            "GitHub: a colour is six hex digits without `#`, a description up to 100 characters, a name up to 50",
            json!({
                "color": {"pattern": "^[0-9a-fA-F]{6}$"},
                "description": {"maxLength": 100},
                "name": {"minLength": 1, "maxLength": 50},
            }),
        )],
        "pulls/create" => pull(),
        "checks/create" | "checks/update" => vec![check()],
        "git/create-blob" => {
            vec![properties("GitHub: utf-8 or base64", json!({"encoding": {"enum": ["utf-8", "base64"]}}))]
        }
        "git/create-tree" => tree(),
        "git/create-commit" => vec![properties(
            "ours: GitHub signs only what names no author and no committer",
            json!({"author": false, "committer": false, "signature": false}),
        )],
        "git/create-ref" => vec![
            properties("GitHub: a full name", json!({"ref": {"pattern": "^refs/[^/]+/."}})),
            properties("ours: branches only", json!({"ref": {"pattern": "^refs/heads/"}})),
        ],
        "git/update-ref" => vec![properties("ours: never by force", json!({"force": {"const": false}}))],
        "apps/create-installation-access-token" => vec![token()],
        _ => Vec::new(),
    }
}

fn properties(why: &'static str, properties: Value) -> Rule {
    (why, json!({"properties": properties}))
}

fn pull() -> Vec<Rule> {
    vec![
        (
            "GitHub: a title, or an issue to take it from",
            json!({"anyOf": [{"required": ["title"]}, {"required": ["issue"]}]}),
        ),
        properties(
            "GitHub: a title has 1 to 256 characters, a body up to 65,536",
            json!({"title": {"minLength": 1, "maxLength": 256}, "body": {"maxLength": 65_536}}),
        ),
        properties("ours: no branch of a fork", json!({"head": {"pattern": "^[^:]+$"}, "head_repo": false})),
    ]
}

fn check() -> Rule {
    let annotation = json!({
        "message": {"maxLength": 65_536},
        "raw_details": {"maxLength": 65_536},
        "title": {"maxLength": 255},
    });
    let schema = json!({
        "dependentRequired": {"completed_at": ["conclusion"]},
        "properties": {
            "conclusion": {"not": {"const": "stale"}},
            "output": {"properties": {"annotations": {"items": {"properties": annotation}}}},
        },
    });
    ("GitHub: what a check run may hold", schema)
}

fn tree() -> Vec<Rule> {
    let entry = json!({
        "required": ["path", "mode"],
        "oneOf": [{"required": ["sha"]}, {"required": ["content"]}],
        "properties": {"path": {"pattern": "^[^/]"}},
    });
    let no_submodule = json!({"properties": {"mode": {"not": {"const": "160000"}}}});
    vec![
        properties(
            "GitHub: an entry has a path and a mode, and either a SHA or its content",
            json!({"tree": {"minItems": 1, "items": entry}}),
        ),
        properties("ours: no submodules", json!({"tree": {"items": no_submodule}})),
    ]
}

fn token() -> Rule {
    let permissions = json!({
        "minProperties": 1,
        "properties": {"administration": false, "secrets": false, "workflows": false},
    });
    let schema = json!({
        "required": ["repository_ids", "permissions"],
        "properties": {
            "repositories": false,
            "repository_ids": {"minItems": 1, "maxItems": 1},
            "permissions": permissions,
        },
    });
    ("ours: a token is for one repository, by id, and for named permissions", schema)
}

/// GitHub says it in words: pages are of up to 100, and counted from 1.
pub(super) fn page(name: &str, value: &Value) -> Option<String> {
    let is_among =
        |bounds: std::ops::RangeInclusive<i64>| value.as_i64().is_some_and(|n| bounds.contains(&n));
    let is_wrong = match name {
        "per_page" => !is_among(1..=100),
        "page" => !is_among(1..=i64::MAX),
        _ => false,
    };
    is_wrong.then(|| format!("query `{name}`: {value} (GitHub: pages are of up to 100, and counted from 1)"))
}
