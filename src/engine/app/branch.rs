//! A run's branch, from the template of the repository (`pull_request.branch`). The literal part before the first variable, up
//! to its last `/`, is what a run may write to.

use crate::{
    ids::RunId,
    limits::{app as limits, git::BRANCH_BYTES},
    report::{Class, Report},
};

/// The branch's name. `{slug}` is left out when the title has no letter or digit; `{id}` is appended when the template lacks
/// it, so that two runs never share a branch.
pub(super) fn name(template: &str, number: u64, title: &str, run: &RunId) -> Result<String, Report> {
    let prefix = template.split('{').next().unwrap_or_default();
    if !prefix.contains('/') || prefix.starts_with('/') {
        return Err(wrong(template, "it must begin with a folder of its own, like `quantum/`"));
    }
    if template.split('/').any(str::is_empty) {
        return Err(wrong(template, "a `/` must stand between two names, like in `quantum/{id}`"));
    }
    let slug = slug(title);
    let mut name = template.replace("{number}", &number.to_string());
    name = if slug.is_empty() {
        ["-{slug}", "{slug}-", "{slug}/", "{slug}"].iter().fold(name, |name, slug| name.replace(slug, ""))
    } else {
        name.replace("{slug}", &slug)
    };
    name = if name.contains("{id}") {
        name.replace("{id}", run.short())
    } else if name.ends_with('/') {
        // the title gave no slug
        format!("{name}{}", run.short())
    } else {
        format!("{name}-{}", run.short())
    };
    if name.contains(['{', '}']) {
        return Err(wrong(template, "the variables are {number}, {slug} and {id}"));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let is_well = name.chars().all(is_plain)
        && name.len() <= BRANCH_BYTES
        && !name.contains("..")
        && name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.ends_with(".lock")
                && !part.ends_with('.')
        });
    if is_well { Ok(name) } else { Err(wrong(template, "it makes no name that git takes")) }
}

fn wrong(template: &str, why: &str) -> Report {
    let message = format!("`pull_request.branch` of .github/quantum.yml is {template:?}: {why}");
    let hint = "mend it on the default branch, or leave it out";
    Report::new(Class::Refused, "config_wrong", message, hint)
}

/// `[a-z0-9-]`, at most 40 of them.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(limits::SLUG_BYTES);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_template() {
        let run = RunId::new("abcdefghijklmnopqrstuvwxyz");
        let check = |template: &str, title: &str, expected: Option<&str>| {
            let made = name(template, 12, title, &run).ok();
            assert_eq!(made.as_deref(), expected, "{template} {title}");
        };
        let usual = "quantum/issue-{number}-{slug}-{id}";
        check(usual, "Fix the parser!", Some("quantum/issue-12-fix-the-parser-abcdef"));
        check(usual, "修复", Some("quantum/issue-12-abcdef"));
        check(
            usual,
            &"long ".repeat(20),
            Some("quantum/issue-12-long-long-long-long-long-long-long-long-abcdef"),
        );
        check("bot/{number}", "x", Some("bot/12-abcdef"));
        check("bot/{slug}/{id}", "a/../b", Some("bot/a-b/abcdef"));
        check("bot/{slug}/{id}", "修复", Some("bot/abcdef"));
        check("bot/{slug}", "修复", Some("bot/abcdef"));
        for bad in [
            "{number}",
            "x-{id}",
            "/a/{id}",
            "a/{what}-{id}",
            "a/../{id}",
            "a/.b/{id}",
            "a b/{id}",
            "refs//{id}",
            "quantum/",
            "quantum/{id}/",
            "quantum/{slug}/",
            "quantum/{slug}//{id}",
        ] {
            check(bad, "x", None);
        }
    }
}
