//! Arguments as models write them: JSON text, often not quite. [`Fields::parse`] makes the best legal object of it,
//! with bounded repairs that never invent content; a text that was cut off is refused, because half a file is worse
//! than none.

use super::view;
use crate::limits::tool::ARGUMENTS_BYTES;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// One call's arguments. Whoever takes one names it; [`Fields::leftover`] knows what nobody took.
#[derive(Debug)]
pub(super) struct Fields {
    map: Map<String, Value>,
    taken: BTreeSet<String>,
}

/// Arguments that would name another place than the workspace: never ignored, always refused.
const ELSEWHERE: [&str; 6] = ["repo", "repository", "owner", "remote", "installation", "host"];

impl Fields {
    /// Reads an object; a bare text is the argument `main`.
    pub(super) fn parse(text: &str, main: &str) -> Result<Self, String> {
        if text.len() > ARGUMENTS_BYTES {
            let (size, most) = (view::grouped(text.len() as u64), view::grouped(ARGUMENTS_BYTES as u64));
            return Err(format!(
                "the arguments have {size} bytes, at most {most} are taken; do it in smaller parts"
            ));
        }
        let value = read(text)?;
        let map = match unwrap(value) {
            Value::Object(map) => map,
            Value::Null => Map::new(),
            bare @ Value::String(_) => Map::from_iter([(main.to_owned(), bare)]),
            _ => return Err("the arguments are not a JSON object".to_owned()),
        };
        Ok(Self { map, taken: BTreeSet::new() })
    }

    /// Of a nested object.
    pub(super) fn nested(map: Map<String, Value>) -> Self {
        Self { map, taken: BTreeSet::new() }
    }

    /// The first argument of these names that is there (null is not).
    pub(super) fn value(&mut self, names: &[&str]) -> Option<Value> {
        let mut found = None;
        for name in names {
            if let Some(value) = self.map.get(*name) {
                self.taken.insert((*name).to_owned());
                if found.is_none() && !value.is_null() {
                    found = Some(value.clone());
                }
            }
        }
        found
    }

    /// Text; numbers and truth values become text, a list of texts becomes lines, an object becomes its JSON.
    pub(super) fn text(&mut self, names: &[&str]) -> Result<Option<String>, String> {
        Ok(match self.value(names) {
            None => None,
            Some(Value::String(text)) => Some(text),
            Some(Value::Array(parts)) if parts.iter().all(Value::is_string) => {
                Some(parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"))
            }
            Some(value @ (Value::Object(_) | Value::Array(_))) => {
                Some(serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?)
            }
            Some(value) => Some(value.to_string()),
        })
    }

    /// Text that must be there (it may be empty).
    pub(super) fn required(&mut self, names: &[&str]) -> Result<String, String> {
        let missing = || format!("`{}` is missing", names.first().unwrap_or(&"?"));
        self.text(names)?.ok_or_else(missing)
    }

    /// A whole number ≥ 0; text such as `"12"` or `"30s"` counts.
    pub(super) fn number(&mut self, names: &[&str]) -> Result<Option<u64>, String> {
        let Some(value) = self.value(names) else { return Ok(None) };
        let text = match &value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().trim_end_matches(['s', 'S']).trim_end().to_owned(),
            other => other.to_string(),
        };
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Some(number.round() as u64)),
            _ => Err(format!("`{}` is not a number: {}", names.first().unwrap_or(&"?"), view::line(&text))),
        }
    }

    /// Yes or no; absent is no.
    pub(super) fn flag(&mut self, names: &[&str]) -> Result<bool, String> {
        match self.value(names) {
            None => Ok(false),
            Some(Value::Bool(yes)) => Ok(yes),
            Some(other) => match other.to_string().trim_matches('"').to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" | "on" | "all" => Ok(true),
                "false" | "no" | "0" | "off" | "" => Ok(false),
                _ => Err(format!("`{}` is true or false", names.first().unwrap_or(&"?"))),
            },
        }
    }

    /// What nobody took: a note that it was ignored, or an error when it names another place.
    pub(super) fn leftover(&self) -> Result<Option<String>, String> {
        let left: Vec<&String> = self.map.keys().filter(|key| !self.taken.contains(*key)).collect();
        if let Some(key) = left.iter().find(|key| ELSEWHERE.contains(&key.as_str())) {
            return Err(format!("tools work in this workspace only; leave out `{key}`"));
        }
        let names: Vec<String> = left.iter().take(5).map(|key| format!("`{}`", view::line(key))).collect();
        Ok((!names.is_empty()).then(|| format!("ignored unknown arguments: {}", names.join(", "))))
    }
}

/// What a model wrote as JSON: the one repairer there is. None when it can't be read as meant, above all when its end is
/// missing; a text that does not begin like JSON is a text.
pub fn mend(text: &str) -> Option<Value> {
    read(text).ok()
}

/// Text → JSON: as it is, else without its wrapping, else repaired.
fn read(text: &str) -> Result<Value, String> {
    let text = without_fence(text.trim());
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let first = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if !text.starts_with(['{', '[', '"', '\'']) {
        return Ok(Value::String(text.to_owned()));
    }
    serde_json::from_str(&repair(text)).map_err(|_| match first.is_eof() {
        true => "the arguments end in the middle: the call was cut off. Make it shorter: write long files in parts".to_owned(),
        false => format!("the arguments are not JSON ({first})"),
    })
}

/// Undoes double encoding (a text that holds JSON) and a needless envelope (`{"arguments":{…}}`); at most thrice.
fn unwrap(mut value: Value) -> Value {
    const ENVELOPES: [&str; 5] = ["arguments", "args", "input", "parameters", "params"];
    for _ in 0..3 {
        value = match value {
            Value::String(text) if text.trim_start().starts_with('{') => match read(&text) {
                Ok(inner @ Value::Object(_)) => inner,
                _ => return Value::String(text),
            },
            Value::Array(mut list) if list.len() == 1 && list[0].is_object() => list.remove(0),
            Value::Object(map) if map.len() == 1 => {
                let key = map.keys().next().cloned().unwrap_or_default();
                let inside = map.get(&key).cloned().unwrap_or_default();
                let object = inside.is_object()
                    || inside.as_str().is_some_and(|text| text.trim_start().starts_with('{'));
                if !(ENVELOPES.contains(&key.as_str()) && object) {
                    return Value::Object(map);
                }
                inside
            }
            other => return other,
        };
    }
    value
}

/// Without a Markdown code fence around it.
fn without_fence(text: &str) -> &str {
    let Some(inner) = text.strip_prefix("```") else { return text };
    let inner = inner.strip_suffix("```").unwrap_or(inner);
    let label = inner.len() - inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).len();
    inner[label..].trim()
}

/// Almost-JSON → JSON, in one pass: quotes of the wrong kind, bare names, Python's constants, trailing commas, raw
/// control characters and unknown escapes in texts. Closes nothing that is open.
fn repair(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' => repair_text(c, &mut chars, &mut out),
            '}' | ']' => {
                if out.trim_end().ends_with(',') {
                    out.truncate(out.trim_end().len() - 1);
                }
                out.push(c);
            }
            c if c.is_alphabetic() || c == '_' => {
                let mut name = String::from(c);
                while let Some(next) = chars.next_if(|next| next.is_alphanumeric() || "_-.".contains(*next)) {
                    name.push(next);
                }
                let number = out.ends_with(|last: char| last.is_ascii_digit());
                match name.as_str() {
                    "true" | "True" => out.push_str("true"),
                    "false" | "False" => out.push_str("false"),
                    "null" | "None" | "undefined" => out.push_str("null"),
                    _ if number => out.push_str(&name),
                    _ => out.push_str(&Value::String(name).to_string()),
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// One quoted text, from after its opening `quote`, as a JSON string.
fn repair_text(quote: char, chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    out.push('"');
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\'') => out.push('\''),
                Some(known @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')) => {
                    out.extend(['\\', known])
                }
                Some('\n') => out.push_str("\\n"),
                // a regular expression whose backslashes nobody doubled
                Some(unknown) => out.extend(['\\', '\\', unknown]),
                None => return,
            },
            '"' if quote == '\'' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if c == quote => {
                out.push('"');
                return;
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_are_read_as_meant() {
        let check = |text: &str, expected: Value| {
            let fields = Fields::parse(text, "main").expect(text);
            assert_eq!(Value::Object(fields.map), expected, "{text}");
        };
        check("", json!({}));
        check("null", json!({}));
        check("{}", json!({}));
        check(r#"{"a":1}"#, json!({"a":1}));
        check("```json\n{\"a\":1}\n```", json!({"a":1}));
        check(r#"{"a":[1,2,],}"#, json!({"a":[1,2]}));
        check(r#"{'a':'it\'s "b"', 'c': "it's"}"#, json!({"a":"it's \"b\"","c":"it's"}));
        check(r#"{a: 'x', b_c: True, d: None, e: false}"#, json!({"a":"x","b_c":true,"d":null,"e":false}));
        check("{\"a\":\"line 1\nline\t2\"}", json!({"a":"line 1\nline\t2"}));
        check(r#"{"a":"\d+\.rs \w \"q\" \u00e9"}"#, json!({"a":"\\d+\\.rs \\w \"q\" é"}));
        check(r#""{\"a\":\"x\"}""#, json!({"a":"x"}));
        check(r#""{\"a\":\"x\",}""#, json!({"a":"x"}));
        check(r#""\"{}\"""#, json!({"main":"\"{}\""}));
        check(r#"{"arguments":{"a":1}}"#, json!({"a":1}));
        check(r#"{"input":"{\"a\":1}"}"#, json!({"a":1}));
        check(r#"{"input":"text"}"#, json!({"input":"text"}));
        check(r#"[{"a":1}]"#, json!({"a":1}));
        check("ls -la", json!({"main":"ls -la"}));
        check(r#""ls -la""#, json!({"main":"ls -la"}));
        check(r#"{"a":1e3,"b":-2.5E2,}"#, json!({"a":1e3,"b":-2.5e2}));
        check(r#"{"a":"text, with ] and } ,"}"#, json!({"a":"text, with ] and } ,"}));
    }

    #[test]
    fn what_is_cut_off_or_nonsense_is_refused() {
        let check = |text: &str, part: &str| {
            let why = Fields::parse(text, "main").expect_err(text);
            assert!(why.contains(part), "{text}: {why}");
        };
        check(r#"{"path":"a","content":"half a fi"#, "cut off");
        check(r#"{"path":"a""#, "cut off");
        check(r#"{"a" 1}"#, "not JSON");
        check("[1,2]", "not a JSON object");
        check("7", "not a JSON object");
        check(&"x".repeat(ARGUMENTS_BYTES + 1), "1,048,577 bytes");
        // deep nesting ends in an error, not in a stack overflow
        check(&"[".repeat(100_000), "");
        check(&format!("{{\"a\":{}", "{\"a\":".repeat(100_000)), "");
    }

    #[test]
    fn fields_convert_leniently_and_count_what_nobody_took() {
        let text = r#"{"n":"12","s":"30s","f":2.0,"yes":"True","no":0,"lines":["a","b"],"obj":{"k":1},"num":5,"x":null,"bad":"-1","odd":"maybe"}"#;
        let mut fields = Fields::parse(text, "main").expect("legal");
        assert_eq!(fields.number(&["n"]), Ok(Some(12)));
        assert_eq!(fields.number(&["s"]), Ok(Some(30)));
        assert_eq!(fields.number(&["f"]), Ok(Some(2)));
        assert_eq!(fields.number(&["absent"]), Ok(None));
        assert!(fields.number(&["bad"]).is_err() && fields.flag(&["odd"]).is_err());
        assert_eq!((fields.flag(&["yes"]), fields.flag(&["no"])), (Ok(true), Ok(false)));
        assert_eq!(fields.text(&["lines"]), Ok(Some("a\nb".to_owned())));
        assert_eq!(fields.text(&["obj"]), Ok(Some("{\n  \"k\": 1\n}".to_owned())));
        assert_eq!(fields.text(&["other", "num"]), Ok(Some("5".to_owned())));
        assert_eq!(fields.required(&["x"]), Err("`x` is missing".to_owned()));
        assert_eq!(fields.leftover(), Ok(None));
        let unknown = Fields::parse(r#"{"frobnicate":1}"#, "main").expect("legal").leftover();
        assert_eq!(unknown, Ok(Some("ignored unknown arguments: `frobnicate`".to_owned())));
        let elsewhere = Fields::parse(r#"{"repository":"a/b"}"#, "main").expect("legal").leftover();
        assert!(elsewhere.is_err_and(|why| why.contains("leave out `repository`")));
    }
}
