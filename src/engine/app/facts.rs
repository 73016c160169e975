//! What the texts about a run say that the run does not know.

use super::{
    AppHands,
    able::Lack,
    publish::{PULL, check_slot},
    status,
};
use crate::{
    engine::perform::protect,
    ids::RunId,
    limits::shown,
    report::{Hint, Report},
    run::{
        Phase, Run,
        comment::{Cost, Facts, Output, PullLink, Requester},
        markdown, reply,
    },
    store::Thread,
};

impl AppHands {
    /// What is known about a run besides the run itself, for its texts.
    pub(super) async fn facts(&self, run: &Run, thread: &Thread) -> Result<Facts, Report> {
        let costs = self.store.costs(&run.id).await.map_err(|error| error.report())?;
        let pull = self.store.remembered(&run.id, PULL).await.map_err(|error| error.report())?;
        let pull = pull.and_then(|known| {
            Some(PullLink { number: known.remote_id?, url: known.note.unwrap_or_default() })
        });
        Ok(Facts {
            repo_url: format!("{}/{}/{}", self.parts.site, thread.repo_owner, thread.repo_name),
            number: thread.number,
            requester: Requester { id: thread.requester, login: thread.requester_login.clone() },
            cost: Cost {
                usd: costs.sum.usd,
                model_calls: u64::from(costs.calls),
                input_tokens: costs.sum.input_tokens,
                output_tokens: costs.sum.output_tokens,
            },
            elapsed: run.time_at_work(self.clock.now()),
            // no page yet: a link to one would lead nowhere
            run_url: None,
            pull,
            notes: self.notes(run, thread).await?,
        })
    }

    /// The ends of what the commands of the receipt wrote.
    pub(super) async fn outputs(&self, run: &Run) -> Result<Vec<Output>, Report> {
        let mut outputs = Vec::new();
        for check in run.state.receipt.iter().flat_map(|receipt| &receipt.commands) {
            // what is gone is not shown; its hash is in the receipt
            let Ok(bytes) = self.store.kept(&check.output).await else { continue };
            let from = bytes.len().saturating_sub(shown::OUTPUT_BYTES);
            // looked at whole: a cut must not hide the beginning of a secret
            let text = match protect::looks_like(&self.parts.host_env, &bytes) {
                Some(what) => format!("[not shown: it holds what looks like {what}]"),
                None => String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned(),
            };
            outputs.push(Output { command: check.command.clone(), text });
        }
        Ok(outputs)
    }

    /// What was not possible, and people should know.
    async fn notes(&self, run: &Run, thread: &Thread) -> Result<Vec<String>, Report> {
        let known = self.store.remembered(&run.id, &check_slot(run.round)).await;
        let note = known.map_err(|error| error.report())?.and_then(|known| known.note);
        let repo_url = format!("{}/{}/{}", self.parts.site, thread.repo_owner, thread.repo_name);
        let withheld = reply::withheld(run);
        let theirs = note.iter().chain(&withheld).map(|note| markdown::defused(note, &repo_url));
        Ok(theirs.chain(self.lack().filter(|_| needs_work(run.phase())).map(Lack::told)).collect())
    }
}

/// Whether a run in this phase goes on only where work can be done.
fn needs_work(phase: Phase) -> bool {
    match phase {
        Phase::Queued | Phase::Planning | Phase::Working | Phase::Verifying => true,
        Phase::Publishing | Phase::Watching | Phase::Paused | Phase::Closed => false,
    }
}

/// Where a run's status comment is, when it is there.
pub(super) async fn status_url(
    hands: &AppHands,
    thread: &Thread,
    run: &RunId,
) -> Result<Option<String>, Report> {
    let known = hands.store.remembered_of(&status::key(run), status::STATUS).await;
    let known = known.map_err(|error| error.report())?.and_then(|known| known.remote_id);
    let (site, owner, name) = (&hands.parts.site, &thread.repo_owner, &thread.repo_name);
    let page = format!("{site}/{owner}/{name}/issues/{}#issuecomment-", thread.number);
    Ok(known.map(|id| format!("{page}{id}")))
}
