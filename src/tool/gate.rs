//! The gate: is the tool known, and may this role call it? Everything else about a call is the tool's own business.

use super::{TABLE, Tool};

/// The variant under which `tools` allow the tool `name`: `submit:plan` allows `submit` as `plan`, `submit` as ``.
pub(super) fn variant<'a>(tools: &[&'a str], name: &str) -> Option<&'a str> {
    tools.iter().find_map(|allowed| {
        let (base, variant) = allowed.split_once(':').unwrap_or((allowed, ""));
        (base == name).then_some(variant)
    })
}

/// The tool a model means and the variant it may use, or what to tell the model.
pub(super) fn admit<'a>(called: &str, allowed: &[&'a str]) -> Result<(&'static Tool, &'a str), String> {
    let name = plain(called);
    let names: Vec<&str> =
        TABLE.iter().map(|tool| tool.name).filter(|name| variant(allowed, name).is_some()).collect();
    let list = names.join(", ");
    let Some(tool) = TABLE.iter().find(|tool| tool.name == name) else {
        let shown = super::view::line(called);
        return Err(match closest(&name).filter(|close| names.contains(close)) {
            Some(close) => format!("there is no tool `{shown}`; did you mean `{close}`? Your tools: {list}"),
            None => format!("there is no tool `{shown}`. Your tools: {list}"),
        });
    };
    match variant(allowed, tool.name) {
        Some(variant) => Ok((tool, variant)),
        None => Err(format!("the tool `{}` is not yours in this role. Your tools: {list}", tool.name)),
    }
}

/// Some providers' templates wrap names: `functions.shell`, `Shell`, `shell()`.
fn plain(called: &str) -> String {
    let name = called.trim().trim_end_matches("()");
    let name = name.rsplit(['.', ':', '/']).next().unwrap_or(name);
    name.to_ascii_lowercase()
}

fn closest(name: &str) -> Option<&'static str> {
    let known = TABLE.iter().find(|tool| tool.also.contains(&name));
    let alike = || {
        let score = |tool: &&&Tool| (strsim::jaro_winkler(tool.name, name) * 1000.0) as u32;
        TABLE.iter().max_by_key(score).filter(|tool| score(tool) > 750)
    };
    known.or_else(alike).map(|tool| tool.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_answered_with_the_closest_and_the_list() {
        let check = |called: &str, allowed: &[&str], expected: Result<&str, &str>| {
            let found = admit(called, allowed).map(|(tool, variant)| format!("{}:{variant}", tool.name));
            match expected {
                Ok(name) => assert_eq!(found.as_deref(), Ok(name), "{called}"),
                Err(part) => {
                    assert!(found.as_ref().is_err_and(|why| why.contains(part)), "{called}: {found:?}")
                }
            }
        };
        let all = &["shell", "read", "edit", "write", "search", "submit:plan"];
        check("shell", all, Ok("shell:"));
        check(" functions.Shell() ", all, Ok("shell:"));
        check("submit", all, Ok("submit:plan"));
        check("bash", all, Err("did you mean `shell`? Your tools: shell, read, edit, write, search, submit"));
        check("serach", all, Err("did you mean `search`"));
        check("launch_rockets", all, Err("there is no tool `launch_rockets`. Your tools"));
        check("shell", &["read"], Err("not yours in this role. Your tools: read"));
        check("bash", &["read"], Err("there is no tool `bash`. Your tools: read"));
        check("", all, Err("there is no tool"));
        check("shell\u{1b}[31m\nx", all, Err("there is no tool"));
    }
}
