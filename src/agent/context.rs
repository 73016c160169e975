//! Keeps the conversation inside the model's window: old tool answers are dropped first, then everything but the rules
//! and the tasks is replaced by notes. Happens between steps only, so a call is never parted from its answer.

use super::{
    Hands, Stop,
    ask::{Asked, Desk, Wanted, ask},
    contract::{Entry, WorkEnd},
    fence::{self, Keep},
    transcript::Transcript,
};
use crate::{limits::agent as limits, report::Report};

/// Bytes of one tool answer in this window: a small window is not filled by one answer.
pub(super) fn answer_bytes(window: u64) -> usize {
    let share = usize::try_from(window / 8 * limits::TOKEN_BYTES).unwrap_or(usize::MAX);
    share.clamp(limits::ELIDE_BYTES, limits::TOOL_ANSWER_BYTES)
}

/// Makes the conversation shorter when it fills the window.
pub(super) async fn fit(desk: &Desk<'_>, hands: &Hands<'_>, script: &mut Transcript) -> Result<(), Stop> {
    let window = hands.model.window();
    let most = window / 100 * limits::COMPACT_PERCENT;
    let tokens = script.view.tokens();
    if tokens <= most || script.just_compacted() {
        return Ok(());
    }
    // when the rules and the task fill it themselves, notes after every step would not help
    let least = script.view.least_tokens() + desk.specs_tokens;
    if tokens.saturating_sub(least) < window / limits::COMPACT_SHARE {
        return Ok(());
    }
    let saved = script.view.elidable(limits::ELIDE_KEPT) / limits::TOKEN_BYTES;
    if tokens.saturating_sub(saved) <= most / 3 * 2 {
        script.add(Entry::Elided { kept: limits::ELIDE_KEPT });
    } else if tokens > window || matches!(ask(desk, hands, script, Wanted::Summary).await?, Asked::TooLong(_))
    {
        let summary = summary(script, "");
        script.add(Entry::Compacted { summary });
    }
    Ok(())
}

/// The model says that it is too long: shorter without asking it, or the end when nothing is left to drop.
pub(super) fn shrink(script: &mut Transcript, refusal: Report) -> Result<(), Stop> {
    if script.just_compacted() {
        return Err(Stop::End(WorkEnd::Failed { report: refusal }));
    }
    if script.view.elidable(limits::ELIDE_KEPT) > 0 {
        script.add(Entry::Elided { kept: limits::ELIDE_KEPT });
    } else {
        let summary = summary(script, "");
        script.add(Entry::Compacted { summary });
    }
    Ok(())
}

/// The model's notes; when it wrote none, the calls so far with the first line of each answer.
pub(super) fn summary(script: &Transcript, notes: &str) -> String {
    if !notes.trim().is_empty() {
        return fence::cut(notes.trim(), limits::SUMMARY_BYTES, Keep::Start);
    }
    let mut text = String::from("Calls so far, with the first line of each answer:\n");
    for (call, answer) in script.answered() {
        let answer = fence::line(answer.lines().next().unwrap_or(""), limits::FIRST_WORDS_BYTES);
        text.push_str(&format!(
            "- {} {} → {answer}\n",
            call.name,
            fence::line(&call.arguments, limits::FIRST_WORDS_BYTES)
        ));
    }
    fence::cut(&text, limits::SUMMARY_BYTES, Keep::End)
}
