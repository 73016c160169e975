//! A transcript as the conversation a model is shown. A pure function of the lines: between two compactions the
//! messages only grow, byte for byte, so that a provider's prompt cache holds.

use super::{
    contract::Entry,
    fence::{self, Keep},
    repair,
};
use crate::{
    limits::agent as limits,
    model::{Message, Reply, ToolCall},
};
use std::collections::HashSet;

/// The conversation so far.
#[derive(Debug, Default)]
pub(super) struct View {
    /// What the model is shown.
    pub messages: Vec<Message>,
    /// Bytes of it, roughly as they go over the wire.
    pub bytes: u64,
    /// Ids of tool calls that are taken.
    pub ids: HashSet<String>,
    /// What we said before the model's first answer of each work: the rules and the tasks. Never dropped.
    tasks: Vec<Message>,
    /// The model has answered in this work.
    answered: bool,
    /// Calls of the last reply that have no answer yet, in order.
    open: Vec<ToolCall>,
    /// Tokens of the last question and its answer as the provider counted them, and our bytes at that point.
    counted: Option<(u64, u64)>,
}

impl View {
    /// The conversation after one more line.
    pub(super) fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::Continued { .. } | Entry::Ended { .. } => {}
            Entry::Said { message } => {
                if !self.answered {
                    self.tasks.push(message.clone());
                }
                self.add(message.clone());
            }
            Entry::Replied { reply, .. } => self.replied(reply),
            Entry::ToolAnswered { call, text, .. } => {
                self.open.retain(|open| open.id != *call);
                self.add(Message::Tool { call: call.clone(), text: text.clone() });
            }
            Entry::Elided { kept } => self.elide(*kept),
            Entry::Compacted { summary } => self.compact(summary),
        }
    }

    /// The work that was shown so far is over; the next line belongs to another one. Open calls are closed.
    pub(super) fn next_work(&mut self) {
        for call in std::mem::take(&mut self.open) {
            self.add(Message::Tool { call: call.id, text: "[not run: the work ended here]".to_owned() });
        }
        self.answered = false;
    }

    /// Calls that wait for an answer, in order.
    pub(super) fn open(&self) -> &[ToolCall] {
        &self.open
    }

    /// Estimated tokens of the conversation: the provider's last count and what came on top.
    pub(super) fn tokens(&self) -> u64 {
        match self.counted {
            Some((tokens, at)) if self.bytes >= at => tokens + (self.bytes - at) / limits::TOKEN_BYTES,
            _ => self.bytes / limits::TOKEN_BYTES,
        }
    }

    /// Estimated tokens of what is never dropped.
    pub(super) fn least_tokens(&self) -> u64 {
        self.tasks.iter().map(size).sum::<u64>() / limits::TOKEN_BYTES
    }

    fn replied(&mut self, reply: &Reply) {
        self.answered = true;
        self.open.clone_from(&reply.calls);
        self.ids.extend(reply.calls.iter().map(|call| call.id.clone()));
        // An assistant message without text and calls is illegal on the wire.
        let text = if reply.text.is_empty() && reply.calls.is_empty() { "(no answer)" } else { &reply.text };
        self.add(Message::Assistant {
            text: text.to_owned(),
            calls: reply.calls.iter().map(shown).collect(),
        });
        let tokens = reply.usage.input_tokens + reply.usage.output_tokens;
        self.counted = (tokens > 0).then_some((tokens, self.bytes));
    }

    /// Two user messages in a row are one: some models insist on turns.
    fn add(&mut self, message: Message) {
        self.bytes += size(&message);
        match (self.messages.last_mut(), message) {
            (Some(Message::User { text: last }), Message::User { text }) => {
                last.push_str("\n\n");
                last.push_str(&text);
            }
            (_, message) => self.messages.push(message),
        }
    }

    fn elide(&mut self, kept: u32) {
        let stubs = self.droppable(kept);
        for (at, stub) in stubs {
            if let Some(Message::Tool { text, .. }) = self.messages.get_mut(at) {
                *text = stub;
            }
        }
        self.recount();
    }

    /// Bytes that dropping old tool answers would save.
    pub(super) fn elidable(&self, kept: u32) -> u64 {
        let saved =
            |(at, stub): &(usize, String)| size(&self.messages[*at]).saturating_sub(stub.len() as u64);
        self.droppable(kept).iter().map(saved).sum()
    }

    fn droppable(&self, kept: u32) -> Vec<(usize, String)> {
        let answers = self.messages.iter().enumerate().rev().filter_map(|(at, message)| match message {
            Message::Tool { call, text } => Some((at, call, text)),
            _ => None,
        });
        let old = answers.skip(kept as usize).filter(|(_, _, text)| text.len() > limits::ELIDE_BYTES);
        old.map(|(at, call, text)| {
            (at, format!("[output of {} dropped, {} bytes]", self.tool(call), text.len()))
        })
        .collect()
    }

    fn tool(&self, id: &str) -> &str {
        let calls = self.messages.iter().filter_map(|message| match message {
            Message::Assistant { calls, .. } => Some(calls),
            _ => None,
        });
        calls.flatten().find(|call| call.id == id).map_or("a tool", |call| &call.name)
    }

    fn compact(&mut self, summary: &str) {
        self.messages.clear();
        for message in self.tasks.clone() {
            self.add(message);
        }
        let text = format!(
            "# The work so far\n\nThe conversation was too long and is replaced by these notes. The files are as you left them.\n\n{summary}\n\nGo on."
        );
        self.add(Message::User { text });
        self.open.clear();
        self.recount();
    }

    fn recount(&mut self) {
        self.bytes = self.messages.iter().map(size).sum();
        self.counted = None;
    }
}

/// Servers refuse a conversation with arguments that are not an object; the model sees what it wrote all the same.
fn shown(call: &ToolCall) -> ToolCall {
    let mut call = call.clone();
    if !repair::is_object(&call.arguments) {
        let wrote = fence::cut(&call.arguments, limits::ELIDE_BYTES, Keep::Start);
        call.arguments = serde_json::json!({ "malformed": wrote }).to_string();
    }
    call
}

/// Bytes of a message as it goes over the wire, roughly.
fn size(message: &Message) -> u64 {
    let text = match message {
        Message::System { text } | Message::User { text } => text.len(),
        Message::Tool { call, text } => call.len() + text.len(),
        Message::Assistant { text, calls } => {
            text.len()
                + calls.iter().map(|c| c.id.len() + c.name.len() + c.arguments.len() + 40).sum::<usize>()
        }
    };
    text as u64 + 24
}
