//! The append-only lines of one work, and of the works it goes on from. The transcript is the state: what to do next
//! is read off its end, and resuming is reloading.

use super::{
    contract::{Entry, Job, Ledger, WorkEnd},
    prompt,
    role::Role,
    view::View,
};
use crate::{
    ids::WorkId,
    limits::agent as limits,
    model::{Message, Reply, ToolCall},
    report::{Class, Report},
};

/// One work's lines.
pub(super) struct Transcript {
    /// Whose.
    pub work: WorkId,
    /// The lines as a conversation.
    pub view: View,
    /// Lines of the works before this one; never written.
    before: Vec<Entry>,
    /// Own lines.
    own: Vec<Entry>,
    /// How many own lines are stored; the rest goes with the next durable write.
    stored: usize,
    /// The highest attempt of the present step that was booked; None: the ledger has to be asked.
    attempts: Option<u32>,
}

/// What has to be done next, as the lines say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask the model.
    Ask,
    /// Run these calls of the last reply, in order.
    Run(Vec<ToolCall>),
    /// The last reply has no calls: see what it is.
    Judge(Reply),
}

impl Transcript {
    /// Loads the work, or begins it: rules and task, or the task on top of the work it continues.
    pub(super) async fn open(job: &Job, role: &Role, ledger: &dyn Ledger) -> Result<Self, Report> {
        let work = job.assignment.work.clone();
        let own = ledger.load(&work).await?;
        let stored = own.len();
        let continues = match own.first() {
            Some(Entry::Continued { work }) => Some(work.clone()),
            Some(_) => None,
            None => job.assignment.continues.clone(),
        };
        let before = match &continues {
            Some(earlier) => load_chain(earlier, ledger).await?,
            None => Vec::new(),
        };
        if stored > 0 && continues.is_some() && before.is_empty() {
            let message = format!("the transcript that {work} goes on from is gone");
            return Err(Report::new(Class::Broken, "transcript_gone", message, "run again from the start"));
        }
        let mut view = View::default();
        for (n, link) in before.iter().enumerate() {
            if n > 0 {
                view.next_work();
            }
            link.iter().for_each(|entry| view.push(entry));
        }
        view.next_work();
        own.iter().for_each(|entry| view.push(entry));
        let before: Vec<Entry> = before.into_iter().flatten().collect();
        // No lines, no attempts: the first booking is one transaction with the first lines.
        let attempts = (stored == 0).then_some(0);
        let mut transcript = Self { work, view, before, own, stored, attempts };
        if stored == 0 {
            transcript.begin(job, role, continues)?;
        }
        Ok(transcript)
    }

    fn begin(&mut self, job: &Job, role: &Role, continues: Option<WorkId>) -> Result<(), Report> {
        match continues {
            Some(work) if !self.before.is_empty() => {
                self.add(Entry::Continued { work });
                self.say(prompt::continued(job)?);
            }
            _ => {
                self.add(Entry::Said { message: Message::System { text: prompt::system()? } });
                self.say(prompt::opening(job, role)?);
            }
        }
        Ok(())
    }

    /// One more line; durable with the next write.
    pub(super) fn add(&mut self, entry: Entry) {
        if matches!(entry, Entry::Replied { .. } | Entry::Compacted { .. }) {
            self.attempts = Some(0);
        }
        self.view.push(&entry);
        self.own.push(entry);
    }

    /// One more message of ours.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.add(Entry::Said { message: Message::User { text: text.into() } });
    }

    /// Lines that are not stored yet, and the position of the first.
    pub(super) fn unsaved(&self) -> (u32, &[Entry]) {
        (self.stored as u32, &self.own[self.stored..])
    }

    /// They are stored.
    pub(super) fn saved(&mut self) {
        self.stored = self.own.len();
    }

    /// Stores what is not stored yet.
    pub(super) async fn save(&mut self, ledger: &dyn Ledger) -> Result<(), Report> {
        let (at, entries) = self.unsaved();
        if !entries.is_empty() {
            ledger.append(&self.work, at, entries).await?;
            self.saved();
        }
        Ok(())
    }

    /// The number of the call that comes next, from 1.
    pub(super) fn step(&self) -> u32 {
        let asked = |entry: &&Entry| matches!(entry, Entry::Replied { .. } | Entry::Compacted { .. });
        self.own.iter().filter(asked).count() as u32 + 1
    }

    /// The number of the next attempt at it, from 1; every attempt is booked apart, those before a crash too.
    pub(super) async fn attempt(&mut self, ledger: &dyn Ledger) -> Result<u32, Report> {
        let before = match self.attempts {
            Some(attempts) => attempts,
            None => ledger.attempts(&self.work, self.step()).await?,
        };
        self.attempts = Some(before + 1);
        Ok(before + 1)
    }

    /// How it ended, when it has.
    pub(super) fn end(&self) -> Option<&WorkEnd> {
        match self.own.last() {
            Some(Entry::Ended { end }) => Some(end),
            _ => None,
        }
    }

    /// What has to be done next.
    pub(super) fn next(&self) -> Next {
        if !self.view.open().is_empty() {
            return Next::Run(self.view.open().to_vec());
        }
        match self.own.last() {
            Some(Entry::Replied { reply, .. }) => Next::Judge(reply.clone()),
            _ => Next::Ask,
        }
    }

    /// Whether the conversation was made shorter and nothing was said since.
    pub(super) fn just_compacted(&self) -> bool {
        matches!(self.own.last(), Some(Entry::Compacted { .. }))
    }

    /// Unusable replies (no calls) at the end, the last one included.
    pub(super) fn unusable(&self) -> u32 {
        let replies = self.own.iter().rev().filter_map(|entry| match entry {
            Entry::Replied { reply, .. } => Some(reply),
            _ => None,
        });
        replies.take_while(|reply| reply.calls.is_empty()).count() as u32
    }

    /// Whether the last reply was cut off by the token limit.
    pub(super) fn cut_off(&self) -> bool {
        let last = self.own.iter().rev().find_map(|entry| match entry {
            Entry::Replied { reply, .. } => Some(reply.cut),
            _ => None,
        });
        last.unwrap_or(false)
    }

    /// Every tool call of this conversation with its stored answer, in order.
    pub(super) fn answered(&self) -> Vec<(&ToolCall, &str)> {
        let mut open: Vec<&ToolCall> = Vec::new();
        let mut pairs = Vec::new();
        for entry in self.before.iter().chain(&self.own) {
            match entry {
                Entry::Replied { reply, .. } => open = reply.calls.iter().collect(),
                Entry::ToolAnswered { call, text, .. } => {
                    pairs.extend(
                        open.iter().find(|known| known.id == *call).map(|known| (*known, text.as_str())),
                    );
                }
                _ => {}
            }
        }
        pairs
    }
}

/// The lines of a work and of those it stands on, the oldest first. A chain that is too long is cut off: it has no
/// beginning then, and the work starts anew.
async fn load_chain(last: &WorkId, ledger: &dyn Ledger) -> Result<Vec<Vec<Entry>>, Report> {
    let mut chain = Vec::new();
    let mut next = Some(last.clone());
    while let Some(work) = next.take() {
        if chain.len() == limits::CHAIN {
            return Ok(Vec::new());
        }
        let entries = ledger.load(&work).await?;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(Entry::Continued { work }) = entries.first() {
            next = Some(work.clone());
        }
        chain.push(entries);
    }
    chain.reverse();
    Ok(chain)
}
