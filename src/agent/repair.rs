//! What models write instead of a proper tool call, made one: calls embedded in text, broken JSON, names and ids that a
//! provider would refuse when it sees them again. Bounded and deterministic; what can't be read stays as it is.

use crate::{
    limits::{agent as limits, tool::ARGUMENTS_BYTES},
    model::{Reply, ToolCall, ToolSpec},
    tool,
};
use serde_json::Value;
use std::collections::HashSet;

/// Pairs of marks that models put around a tool call in text.
const MARKS: &[(&str, &str)] =
    &[("<tool_call>", "</tool_call>"), ("<function_call>", "</function_call>"), ("[TOOL_CALLS]", "\n\n")];

/// The reply as it goes into the transcript: embedded calls are calls, ids are unique (`taken` are others'), names and
/// arguments legal where that can be had.
pub(super) fn tidy(mut reply: Reply, step: u32, specs: &[ToolSpec], taken: &HashSet<String>) -> Reply {
    bound(&mut reply);
    reply.text = without_thoughts(&reply.text);
    if reply.calls.is_empty() && !reply.cut {
        let (calls, text) = embedded(&reply.text, specs);
        if !calls.is_empty() {
            (reply.calls, reply.text) = (calls, text);
        }
    }
    let mut taken = taken.clone();
    for (n, call) in reply.calls.iter_mut().enumerate() {
        call.name = legal_name(&call.name);
        // Untouched when it is legal already: the model sees its own bytes again. What was cut off is not completed.
        if !reply.cut && !is_object(&call.arguments) {
            let legal = tool::mend(&call.arguments).and_then(arguments);
            call.arguments = legal.unwrap_or_else(|| std::mem::take(&mut call.arguments));
        }
        if !legal_id(&call.id) || taken.contains(&call.id) {
            let ids =
                (0_u32..).map(|k| if k == 0 { format!("c{step}-{n}") } else { format!("c{step}-{n}-{k}") });
            call.id = ids.into_iter().find(|id| !taken.contains(id)).unwrap_or_default();
        }
        taken.insert(call.id.clone());
    }
    reply
}

/// Whether this is a JSON object, as arguments have to be.
pub(super) fn is_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, Value>>(text).is_ok()
}

/// Whether a text without a call looks like an attempt at one: the model is told how to do it right.
pub(super) fn looks_like_call(text: &str) -> bool {
    let text = text.trim();
    let object = text.starts_with('{') || text.starts_with("```json\n{") || text.starts_with("[{");
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    MARKS.iter().any(|(mark, _)| text.contains(mark))
        || text.contains("<function=")
        || (object && has(&["\"name\"", "\"tool\""]) && has(&["\"arguments\"", "\"parameters\""]))
}

/// A reply is bounded whatever its adapter lets through; what is over a bound counts as cut off.
fn bound(reply: &mut Reply) {
    let mut cut = reply.calls.len() > limits::CALLS_KEPT;
    reply.calls.truncate(limits::CALLS_KEPT);
    let arguments = reply.calls.iter_mut().map(|call| &mut call.arguments);
    for (text, most) in
        arguments.map(|text| (text, ARGUMENTS_BYTES)).chain([(&mut reply.text, limits::REPLY_BYTES)])
    {
        if text.len() > most {
            text.truncate(text.floor_char_boundary(most));
            cut = true;
        }
    }
    reply.cut |= cut;
}

/// Models without a field for it put their thinking in front of the answer.
fn without_thoughts(text: &str) -> String {
    let Some(rest) = text.trim_start().strip_prefix("<think>") else { return text.to_owned() };
    rest.split_once("</think>").map_or_else(String::new, |(_, answer)| answer.trim_start().to_owned())
}

/// The calls in a text, and the text without them.
fn embedded(text: &str, specs: &[ToolSpec]) -> (Vec<ToolCall>, String) {
    for (open, close) in MARKS {
        if let Some((before, rest)) = text.split_once(open) {
            let parts = rest.split(open).map(|part| part.split(close).next().unwrap_or(part));
            let calls: Vec<_> = parts.flat_map(|part| calls_in(part, None)).collect();
            return (calls, before.trim().to_owned());
        }
    }
    if let Some((before, _)) = text.split_once("<function=") {
        return (xml_call(text).into_iter().collect(), before.trim().to_owned());
    }
    let whole = text.trim();
    if whole.starts_with('{') || whole.starts_with('[') {
        return (calls_in(whole, None), String::new());
    }
    // A block of code in prose counts only when it names a tool that there is: it may be part of an answer.
    let mut parts = text.split("```");
    let before = parts.next().unwrap_or("").trim().to_owned();
    let blocks =
        parts.step_by(2).map(|block| block.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
    (blocks.flat_map(|block| calls_in(block, Some(specs))).collect(), before)
}

/// `<function=NAME>` with a JSON object or `<parameter=KEY>VALUE</parameter>` inside.
fn xml_call(text: &str) -> Option<ToolCall> {
    let (name, body) = text.split_once("<function=")?.1.split_once('>')?;
    let body = body.split("</function>").next()?;
    let mut fields = serde_json::Map::new();
    for part in body.split("<parameter=").skip(1) {
        let (key, value) = part.split_once('>')?;
        let value = value.split("</parameter>").next()?;
        let value = value.strip_prefix('\n').unwrap_or(value);
        let value = value.strip_suffix('\n').unwrap_or(value);
        fields.insert(key.to_owned(), Value::String(value.to_owned()));
    }
    let given = if fields.is_empty() { tool::mend(body)? } else { Value::Object(fields) };
    Some(ToolCall { id: String::new(), name: name.trim().to_owned(), arguments: arguments(given)? })
}

fn calls_in(text: &str, known: Option<&[ToolSpec]>) -> Vec<ToolCall> {
    if text.contains("<function=") {
        return xml_call(text).into_iter().collect();
    }
    let values = match envelope(text) {
        Some(Value::Array(values)) => values,
        Some(Value::Object(mut fields)) => match fields.remove("tool_calls") {
            Some(Value::Array(values)) => values,
            _ => vec![Value::Object(fields)],
        },
        _ => return Vec::new(),
    };
    let named = |call: &ToolCall| known.is_none_or(|specs| specs.iter().any(|spec| spec.name == call.name));
    values.into_iter().filter_map(call_of).filter(named).collect()
}

/// What stands around a call's arguments may lack its last bracket, and words may follow it; the arguments are whole. Where
/// a quote follows, a text in them may have ended early, and half a call is worse than none.
fn envelope(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Some(value) = tool::mend(text).filter(|value| value.is_object() || value.is_array()) {
        return Some(value);
    }
    if text.ends_with(['}', ']'])
        && let Some(value) = ["}", "]"].iter().find_map(|last| tool::mend(&format!("{text}{last}")))
    {
        return Some(value);
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let first = values.next()?.ok()?;
    let rest = text.get(values.byte_offset()..).unwrap_or_default();
    (!rest.contains('"')).then_some(first)
}

/// The shapes that models use for a call.
fn call_of(value: Value) -> Option<ToolCall> {
    let Value::Object(mut fields) = value else { return None };
    if let Some(inner @ Value::Object(_)) = fields.remove("function") {
        return call_of(inner);
    }
    let name =
        ["name", "tool", "tool_name"].iter().find_map(|key| fields.get(*key)?.as_str().map(str::to_owned))?;
    let given = ["arguments", "parameters", "args", "input"].iter().find_map(|key| fields.remove(*key))?;
    Some(ToolCall { id: String::new(), name, arguments: arguments(given)? })
}

/// An object as JSON text; an object in a string counts, nothing at all is an empty object.
fn arguments(value: Value) -> Option<String> {
    match value {
        Value::Object(_) => Some(value.to_string()),
        Value::String(text) => tool::mend(&text).filter(Value::is_object).map(|value| value.to_string()),
        Value::Null => Some("{}".to_owned()),
        _ => None,
    }
}

/// Providers refuse a conversation that holds other names.
fn legal_name(name: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let name: String = name.trim().chars().take(limits::CALL_ID_BYTES).map(legal).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

fn legal_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= limits::CALL_ID_BYTES
        && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs() -> Vec<ToolSpec> {
        let spec =
            |name: &str| ToolSpec { name: name.into(), description: String::new(), parameters: Value::Null };
        vec![spec("shell"), spec("write")]
    }

    /// Text in, calls out as `name arguments`, and what is left of the text.
    fn check(text: &str, calls: &[&str], left: &str) {
        let reply = tidy(Reply { text: text.into(), ..Reply::default() }, 3, &specs(), &HashSet::new());
        let got: Vec<_> = reply.calls.iter().map(|c| format!("{} {}", c.name, c.arguments)).collect();
        assert_eq!(
            (got.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), reply.text.as_str()),
            (calls, left),
            "{text}"
        );
    }

    #[test]
    fn calls_in_text_become_calls() {
        let ls = r#"shell {"command":"ls"}"#;
        check("Just words.", &[], "Just words.");
        check("<think>hm</think>\nDone.", &[], "Done.");
        check("<think>for ever", &[], "");
        check(r#"{"name": "shell", "arguments": {"command": "ls"}}"#, &[ls], "");
        check(r#"{"tool": "shell", "parameters": {"command": "ls"}}"#, &[ls], "");
        check(r#"[{"name":"shell","arguments":"{\"command\":\"ls\"}"}]"#, &[ls], "");
        check(
            r#"{"tool_calls":[{"type":"function","function":{"name":"shell","arguments":{"command":"ls"}}}]}"#,
            &[ls],
            "",
        );
        check(
            "Look:\n```json\n{\"name\":\"shell\",\"arguments\":{\"command\":\"ls\"}}\n```\n",
            &[ls],
            "Look:",
        );
        check(
            "Look:\n```json\n{\"name\":\"left-pad\",\"arguments\":{}}\n```",
            &[],
            "Look:\n```json\n{\"name\":\"left-pad\",\"arguments\":{}}\n```",
        );
        check(
            "I go.<tool_call>\n{\"name\":\"shell\",\"arguments\":{\"command\":\"ls\"}}\n</tool_call><tool_call>{\"name\":\"write\",\"arguments\":{\"path\":\"a\"}}",
            &[ls, r#"write {"path":"a"}"#],
            "I go.",
        );
        check(
            "<tool_call><function=shell>\n<parameter=command>\nls\n</parameter></function></tool_call>",
            &[ls],
            "",
        );
        check("<function=shell>{\"command\":\"ls\"}</function>", &[ls], "");
        check("[TOOL_CALLS][{\"name\":\"shell\",\"arguments\":{\"command\":\"ls\"}}]", &[ls], "");
        check("{\"name\":\"shell\",\"arguments\":{\"command\":\"ls\",}", &[ls], "");
        check(
            "{\"name\":\"shell\",\"arguments\":{\"command\":\"ls",
            &[],
            "{\"name\":\"shell\",\"arguments\":{\"command\":\"ls",
        );
        check("{\"answer\": 42}", &[], "{\"answer\": 42}");
        check("{\"name\":\"shell\",\"arguments\":{\"command\":\"ls\"}}\nI wait.", &[ls], "");
        check("[{'name':'shell','arguments':{'command':'ls'}}", &[ls], "");
        // a bracket or a quote is missing inside the arguments: more may be missing than that
        for half in [
            "{\"name\":\"write\",\"arguments\":{\"path\":\"a\",\"text\":\"x\"",
            "{\"name\":\"write\",\"arguments\":{\"path\":\"a\",\"text\":\"f(\"}}\")\"}}",
        ] {
            check(half, &[], half);
        }
    }

    #[test]
    fn broken_calls_are_made_legal_where_that_is_safe() {
        let call = |id: &str, name: &str, arguments: &str| ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
        };
        let calls = vec![
            call("a", "write", "{\"text\":\"x\ny\"}"),
            call("a", "shell now!", ""),
            call("", "", "{\"text\":\"cut off"),
            call("b", "shell", "{ \"command\" : \"ls\" }"),
            call("taken", "shell", "\"{}\""),
            call("d", "write", "{\"path\":\"a\",\"text\":\"x\""),
            call("e", "write", "{\"path\":\"a\",\"text\":\"f(\"}\")\"}"),
            call("f", "shell", "{'command': 'ls',}"),
        ];
        let taken = HashSet::from(["taken".to_owned(), "c3-2".to_owned()]);
        let got = tidy(Reply { calls, ..Reply::default() }, 3, &specs(), &taken).calls;
        let expected = vec![
            call("a", "write", "{\"text\":\"x\\ny\"}"),
            call("c3-1", "shell_now_", "{}"),
            call("c3-2-1", "unnamed", "{\"text\":\"cut off"),
            call("b", "shell", "{ \"command\" : \"ls\" }"),
            call("c3-4", "shell", "{}"),
            call("d", "write", "{\"path\":\"a\",\"text\":\"x\""),
            call("e", "write", "{\"path\":\"a\",\"text\":\"f(\"}\")\"}"),
            call("f", "shell", "{\"command\":\"ls\"}"),
        ];
        assert_eq!(got, expected);
    }

    #[test]
    fn attempts_are_told_from_words() {
        for (text, expected) in [
            ("{\"name\":\"shell\",\"arguments\":{\"command\":\"ls", true),
            ("<tool_call>oops", true),
            ("Call `submit` with \"name\" and \"arguments\".", false),
            ("All done.", false),
        ] {
            assert_eq!(looks_like_call(text), expected, "{text}");
        }
    }
}
