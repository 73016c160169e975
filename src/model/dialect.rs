//! What one server does not take, learned from its refusals: a parameter, tools, a length. A refused question costs
//! nothing, so it is asked again at once in the words that this server knows; each thing is learned once.

use super::wire::Refusal;
use crate::limits::{agent::OUTPUT_SHARE, model as limits};
use std::sync::{Mutex, PoisonError};

/// How a server wants to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// `max_tokens` instead of `max_completion_tokens`.
    pub(super) old_limit: bool,
    /// No `stream_options`.
    pub(super) no_usage: bool,
    /// No streaming.
    pub(super) whole: bool,
    /// No tools: they are described and called in words.
    pub(super) prose: bool,
    /// Most tokens of an answer.
    pub(super) output_tokens: u32,
    /// Tokens of a question and its answer.
    pub(super) window: u64,
}

/// The dialect as far as it is known, shared by all questions.
#[derive(Debug)]
pub(super) struct Learned(Mutex<Dialect>);

impl Learned {
    /// OpenAI's own way, with this window.
    pub(super) fn new(window: u64) -> Self {
        Self(Mutex::new(Dialect {
            old_limit: false,
            no_usage: false,
            whole: false,
            prose: false,
            output_tokens: u32::MAX,
            window,
        }))
    }

    pub(super) fn now(&self) -> Dialect {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from the refusal of a question that was asked as `asked` for so many tokens. True: asking again makes sense.
    pub(super) fn learn(&self, refusal: &Refusal, asked: Dialect, output_tokens: u32) -> bool {
        let Some(better) = better(refusal, asked, output_tokens) else { return false };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Dialect { window: better.window.min(known.window), ..better };
        // a question that is too long in itself is not helped by a shorter answer
        let fits = refusal.prompt_tokens().is_none_or(|tokens| tokens < better.window);
        !refusal.is_too_long() || (fits && better.most(output_tokens) < asked.most(output_tokens))
    }
}

impl Dialect {
    /// The most tokens to ask for.
    pub(super) fn most(&self, wanted: u32) -> u32 {
        let share = u32::try_from(self.window / OUTPUT_SHARE).unwrap_or(u32::MAX).max(1);
        wanted.min(self.output_tokens).min(share)
    }
}

/// The way of asking that this refusal suggests, when it suggests one that was not taken yet.
fn better(refusal: &Refusal, asked: Dialect, output_tokens: u32) -> Option<Dialect> {
    let says = |words: &[&str]| words.iter().any(|word| refusal.says(word));
    if refusal.is_too_long() {
        let window = refusal.window().filter(|window| *window < asked.window)?;
        return Some(Dialect { window, ..asked });
    }
    let limit = if asked.old_limit { "max_tokens" } else { "max_completion_tokens" };
    match refusal.status {
        400 | 422 => {}
        // servers whose template knows no tools say so as if it were their own failure, or as if nobody were there
        404 | 500 | 501 if !asked.prose && says(&["tool use", "tools", "tool_choice"]) => {
            return Some(Dialect { prose: true, ..asked });
        }
        _ => return None,
    }
    if says(&["max_tokens", "max_completion_tokens"]) {
        let most = refusal.number_below(asked.most(output_tokens)).filter(|_| says(&TOO_MANY));
        if let Some(output_tokens) = most {
            return Some(Dialect { output_tokens, ..asked });
        }
        if says(&[limit]) && !asked.old_limit {
            return Some(Dialect { old_limit: true, ..asked });
        }
    }
    if !asked.no_usage && says(&["stream_options", "include_usage"]) {
        return Some(Dialect { no_usage: true, ..asked });
    }
    if !asked.whole && says(&["stream"]) {
        return Some(Dialect { whole: true, ..asked });
    }
    if !asked.prose && says(&["tool", "function call"]) {
        return Some(Dialect { prose: true, ..asked });
    }
    None
}

/// How servers say that more tokens were asked for than they give.
const TOO_MANY: [&str; 6] = ["at most", "too large", "less than", "maximum", "exceed", "must be"];

/// A window smaller than this is a number that means something else.
pub(super) fn is_window(tokens: u64) -> bool {
    (limits::WINDOW_LEAST..=limits::TOKENS_MOST).contains(&tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What is learned from a server's words, as the changed fields.
    fn check(status: u16, error: serde_json::Value, expected: &str) {
        let learned = Learned::new(128_000);
        let before = learned.now();
        let refusal = Refusal::read(status, None, &json!({ "error": error }).to_string());
        let again = learned.learn(&refusal, before, 16_384);
        let after = learned.now();
        let mut told = Vec::new();
        for (name, yes) in [
            ("old_limit", after.old_limit),
            ("no_usage", after.no_usage),
            ("whole", after.whole),
            ("prose", after.prose),
            ("again", again),
        ] {
            told.extend(yes.then(|| name.to_owned()));
        }
        if after.output_tokens != before.output_tokens {
            told.push(format!("output {}", after.output_tokens));
        }
        if after.window != before.window {
            told.push(format!("window {}", after.window));
        }
        assert_eq!(told.join(", "), expected, "{error}");
    }

    #[test]
    fn servers_say_what_they_do_not_take() {
        let said = |message: &str| json!({ "message": message });
        check(
            400,
            said(
                "Unsupported parameter: 'max_completion_tokens' is not supported with this model. Use 'max_tokens' instead.",
            ),
            "old_limit, again",
        );
        check(
            400,
            said(
                "max_tokens is too large: 16384. This model supports at most 4096 completion tokens, whereas you provided 16384.",
            ),
            "again, output 4096",
        );
        check(400, said("Unrecognized request argument supplied: stream_options"), "no_usage, again");
        check(
            400,
            json!({"message": "Your organization must be verified to stream this model.", "param": "stream"}),
            "whole, again",
        );
        check(400, json!("registry.ollama.ai/library/gemma:2b does not support tools"), "prose, again");
        check(
            400,
            said("\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"),
            "prose, again",
        );
        check(500, said("tools param requires --jinja flag"), "prose, again");
        check(404, said("No endpoints found that support tool use"), "prose, again");
        check(
            400,
            said(
                "This model's maximum context length is 4096 tokens. However, you requested 20000 tokens (3616 in the messages, 16384 in the completion).",
            ),
            "again, window 4096",
        );
        check(
            400,
            json!({"type": "exceed_context_size_error", "n_prompt_tokens": 6024, "n_ctx": 4096,
                "message": "the request exceeds the available context size, try increasing it"}),
            "window 4096",
        );
        for (status, message) in
            [(400, "no such thing"), (401, "tools"), (429, "max_tokens"), (500, "oops"), (404, "no model")]
        {
            check(status, said(message), "");
        }
    }

    #[test]
    fn nothing_is_learned_twice() {
        let learned = Learned::new(128_000);
        let refusal =
            Refusal::read(400, None, r#"{"error":"max_completion_tokens, stream_options, tools: no"}"#);
        let mut asked = 0;
        while learned.learn(&refusal, learned.now(), 16_384) {
            asked += 1;
        }
        assert_eq!(asked, 4, "{:?}", learned.now());
    }
}
