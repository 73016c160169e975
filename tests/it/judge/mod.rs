//! The judge: whether a request to GitHub is one that GitHub's own description of its API allows.
//!
//! `tests/data/openapi/requests.json` has the operations that we call and no others, so a call that we never meant to make
//! is a violation too. Stricter than GitHub in one thing: a body's field or a query's parameter that the description does
//! not name is one. [`words`] has what the description says in words only, and what we ask of ourselves.
//!
//! One call is none of that description: GraphQL has an address and a language of its own. There one question is ours, word for
//! word, because no call over REST tells when an issue's text was edited (`QUESTION`).
//!
//! Not judged: headers, and paths before the API's root (`/api/v3` of an Enterprise server): hand over what follows it.

mod checks;
mod path;
mod words;

use jsonschema::Validator;
use path::{Address, Part};
use serde::Deserialize;
use serde_json::Value;
use std::{cmp::Reverse, sync::LazyLock};

/// The id of the operation that this request is, e.g. `issues/create-comment`, or everything that is wrong with it.
/// `body`: the bytes as sent; none and empty are the same.
pub(crate) fn judge(
    method: &str,
    path_and_query: &str,
    body: Option<&[u8]>,
) -> Result<&'static str, Vec<String>> {
    if (method, path_and_query) == ("POST", "/graphql") && words::is_our_question(body.unwrap_or_default()) {
        return Ok("graphql");
    }
    let address = Address::parse(path_and_query)?;
    let found = OPERATIONS
        .iter()
        .filter(|operation| operation.method == method)
        .find_map(|operation| Some((operation, path::bind(&operation.parts, &address.segments)?)));
    let Some((operation, bound)) = found else {
        return Err(vec![format!("no operation among those that we call: {method} {path_and_query}")]);
    };
    let mut wrong = Vec::new();
    for (name, value) in bound {
        operation.argument("path", &name, &value, &mut wrong);
    }
    for (at, (name, value)) in address.query.iter().enumerate() {
        if address.query[..at].iter().any(|(earlier, _)| earlier == name) {
            wrong.push(format!("query `{name}`: given twice"));
        }
        operation.argument("query", name, value, &mut wrong);
    }
    for parameter in operation.parameters.iter().filter(|p| p.place == "query" && p.is_required) {
        if !address.query.iter().any(|(name, _)| *name == parameter.name) {
            wrong.push(format!("query `{}`: missing", parameter.name));
        }
    }
    operation.body(body.unwrap_or_default(), &mut wrong);
    if wrong.is_empty() { Ok(&operation.id) } else { Err(wrong) }
}

/// The most literal path first: `/issues/comments/{comment_id}` before what could take
/// `comments` for a number, `/commits/{ref}/check-runs` before `/commits/{ref}`.
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let text = include_str!("../../data/openapi/requests.json");
    let raw: Vec<Raw> = serde_json::from_str(text).unwrap();
    let mut operations: Vec<_> = raw.into_iter().map(Operation::new).collect();
    operations.sort_by_key(|operation| Reverse(operation.parts.iter().filter(|p| p.is_literal()).count()));
    operations
});

#[derive(Deserialize)]
struct Raw {
    id: String,
    method: String,
    path: String,
    parameters: Vec<RawParameter>,
    body: Option<RawBody>,
}

#[derive(Deserialize)]
struct RawParameter {
    name: String,
    place: String,
    is_required: bool,
    has_slashes: bool,
    schema: Value,
}

#[derive(Deserialize)]
struct RawBody {
    is_required: bool,
    schema: Value,
}

struct Operation {
    id: String,
    method: String,
    parts: Vec<Part>,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    rules: Vec<(&'static str, Validator)>,
}

struct Parameter {
    name: String,
    place: String,
    is_required: bool,
    /// Whether a number is meant: on the wire everything is text.
    is_integer: bool,
    validator: Validator,
}

struct Body {
    is_required: bool,
    validator: Validator,
}

impl Operation {
    fn new(raw: Raw) -> Self {
        let has_slashes = |name: &str| raw.parameters.iter().any(|p| p.name == name && p.has_slashes);
        Self {
            parts: path::parts(&raw.path, has_slashes),
            rules: words::rules(&raw.id).into_iter().map(|(why, schema)| (why, compile(&schema))).collect(),
            id: raw.id,
            method: raw.method,
            parameters: raw.parameters.into_iter().map(Parameter::new).collect(),
            body: raw
                .body
                .map(|body| Body { is_required: body.is_required, validator: compile(&body.schema) }),
        }
    }

    fn argument(&self, place: &str, name: &str, value: &str, wrong: &mut Vec<String>) {
        let Some(parameter) = self.parameters.iter().find(|p| p.place == place && p.name == name) else {
            wrong.push(format!("{place} `{name}`: {} has no such parameter", self.id));
            return;
        };
        let typed = match value.parse::<i64>() {
            Ok(number) if parameter.is_integer => Value::from(number),
            _ => Value::from(value),
        };
        wrong.extend(said(&parameter.validator, &typed).map(|why| format!("{place} `{name}`{why}")));
        wrong.extend(words::page(name, &typed));
    }

    fn body(&self, bytes: &[u8], wrong: &mut Vec<String>) {
        let Some(body) = &self.body else {
            if !bytes.is_empty() {
                wrong.push(format!("body: {} takes none", self.id));
            }
            return;
        };
        if bytes.is_empty() {
            if body.is_required {
                wrong.push("body: missing".to_owned());
            }
            return;
        }
        match serde_json::from_slice::<Value>(bytes) {
            Err(why) => wrong.push(format!("body: {why}")),
            Ok(value) => {
                wrong.extend(said(&body.validator, &value).map(|why| format!("body{why}")));
                for (words, validator) in &self.rules {
                    wrong.extend(said(validator, &value).map(|why| format!("body{why} ({words})")));
                }
            }
        }
    }
}

impl Parameter {
    fn new(raw: RawParameter) -> Self {
        Self {
            is_integer: raw.schema["type"] == "integer",
            validator: compile(&raw.schema),
            name: raw.name,
            place: raw.place,
            is_required: raw.is_required,
        }
    }
}

fn compile(schema: &Value) -> Validator {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(schema)
        .unwrap()
}

/// What is wrong and where, without the value: it may be long.
fn said<'a>(validator: &'a Validator, value: &'a Value) -> impl Iterator<Item = String> + 'a {
    validator.iter_errors(value).map(|error| format!("{}: {}", error.instance_path(), error.masked()))
}
