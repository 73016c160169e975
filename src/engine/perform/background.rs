//! Background: everything an agent is told besides its assignment, each part bounded.

use super::{Errand, Performer, aside, rooms::Room};
use crate::{
    agent::contract::Background,
    ids::{ContentHash, Sha},
    limits::engine as limits,
    report::{Hint, Report},
    run::{Assignment, Check, Reason, Receipt},
    store::StoreError,
};
use std::{fmt::Write, sync::Arc};

pub(super) async fn of(
    hands: &Performer,
    errand: &Errand<'_>,
    assignment: &Assignment,
    room: &Room,
) -> Result<Background, Report> {
    let run = errand.run;
    let instructions = run.state.snapshot.as_ref().and_then(|snapshot| snapshot.instructions.clone());
    let evidence = match &assignment.reason {
        Some(Reason::Verify { receipt }) => evidence(hands, receipt).await?,
        Some(Reason::Failed { .. } | Reason::Conflict { .. } | Reason::Answer { .. }) | None => String::new(),
    };
    Ok(Background {
        request: hands.parts.request.clone().unwrap_or_else(|| run.intent.text.clone()),
        plan: run.state.plan.clone(),
        instructions: match instructions {
            Some(hash) => Some(text(hands, &hash).await?),
            None => None,
        },
        files: files(hands, &assignment.tree).await?,
        checks: room.commands(),
        evidence,
        setup: room.note.clone(),
    })
}

/// The tree's paths, one a line, cut with the number left out.
async fn files(hands: &Performer, tree: &Sha) -> Result<String, Report> {
    let (source, tree) = (Arc::clone(&hands.parts.source), tree.clone());
    let paths = aside(move || source.paths(&tree)).await?;
    let mut list: String =
        paths.iter().take(limits::FILES_SHOWN).map(|(path, _)| format!("{path}\n")).collect();
    if paths.len() > limits::FILES_SHOWN {
        let _ = writeln!(list, "… and {} more", paths.len() - limits::FILES_SHOWN);
    }
    Ok(list)
}

/// The new failures of a receipt with the end of their output.
async fn evidence(hands: &Performer, receipt: &Receipt) -> Result<String, Report> {
    let mut text = String::new();
    for check in receipt.commands.iter().filter(|check| is_new_failure(check)) {
        let end = match hands.store.kept(&check.output).await {
            Ok(output) => last(&output, limits::EVIDENCE_BYTES),
            // A receipt without its output still says which command failed.
            Err(StoreError::Missing(_)) => String::new(),
            Err(error) => return Err(error.report()),
        };
        let how = check.exit_code.map_or("did not finish".to_owned(), |code| format!("exit code {code}"));
        let _ = writeln!(text, "$ {}\n({how})\n{end}\n", check.command);
    }
    for note in &receipt.notes {
        let _ = writeln!(text, "Note: {note}");
    }
    Ok(text)
}

fn is_new_failure(check: &Check) -> bool {
    check.exit_code != Some(0) && !check.failed_on_base
}

/// The end of an output as text, with a note on what was left out.
fn last(output: &[u8], bytes: usize) -> String {
    let cut = output.len().saturating_sub(bytes);
    let end = String::from_utf8_lossy(output.get(cut..).unwrap_or_default());
    match cut {
        0 => end.into_owned(),
        _ => format!("[{cut} bytes left out]\n{}", end.trim_start_matches(char::REPLACEMENT_CHARACTER)),
    }
}

async fn text(hands: &Performer, hash: &ContentHash) -> Result<String, Report> {
    let bytes = hands.store.kept(hash).await.map_err(|error| error.report())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_output_says_what_is_missing() {
        assert_eq!(last(b"short", 10), "short");
        assert_eq!(last("aaäöü".as_bytes(), 5), "[3 bytes left out]\nöü");
    }
}
