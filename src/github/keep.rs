//! Answers that are kept, so that asking again costs nothing when nothing has changed: GitHub answers 304 to an ETag it
//! knows, which does not count towards the hourly limit.

use crate::limits::github as limits;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Who asked, and what.
type Key = (Option<u64>, String);

/// A kept answer.
#[derive(Clone, Debug)]
pub(super) struct KeptAnswer {
    pub(super) etag: String,
    /// The query of the next page: an unchanged answer may not name it again.
    pub(super) next: Option<String>,
    pub(super) body: Arc<[u8]>,
}

/// The answers of one GitHub: the questions come round and round, so whatever was not asked for longest goes first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    answers: HashMap<Key, (u64, KeptAnswer)>,
    /// By when they were asked for last.
    order: BTreeMap<u64, Key>,
    uses: u64,
    bytes: usize,
}

impl Kept {
    /// What is kept for this question.
    pub(super) fn find(&mut self, account: Option<u64>, url: &str) -> Option<KeptAnswer> {
        let key = (account, url.to_owned());
        let (used, answer) = self.answers.get_mut(&key)?;
        self.uses += 1;
        self.order.remove(used);
        *used = self.uses;
        self.order.insert(self.uses, key);
        Some(answer.clone())
    }

    /// Keeps an answer in place of the older one.
    pub(super) fn keep(&mut self, account: Option<u64>, url: &str, answer: KeptAnswer) {
        let key = (account, url.to_owned());
        self.forget(&key);
        if answer.body.len() > limits::KEPT_BYTES {
            return;
        }
        self.uses += 1;
        self.bytes += answer.body.len();
        self.order.insert(self.uses, key.clone());
        self.answers.insert(key, (self.uses, answer));
        while self.answers.len() > limits::KEPT_ANSWERS || self.bytes > limits::KEPT_BYTES_ALL {
            let Some(oldest) = self.order.first_key_value().map(|(_, key)| key.clone()) else { return };
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, key: &Key) {
        if let Some((used, answer)) = self.answers.remove(key) {
            self.order.remove(&used);
            self.bytes -= answer.body.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(etag: &str, bytes: usize) -> KeptAnswer {
        KeptAnswer { etag: etag.to_owned(), next: None, body: vec![0; bytes].into() }
    }

    fn etag(kept: &mut Kept, account: u64, url: &str) -> Option<String> {
        kept.find(Some(account), url).map(|answer| answer.etag)
    }

    #[test]
    fn what_was_not_asked_for_longest_and_the_large_are_not_kept() {
        let mut kept = Kept::default();
        for n in 0..limits::KEPT_ANSWERS {
            kept.keep(Some(1), &n.to_string(), answer("a", 1));
        }
        kept.keep(Some(1), "1", answer("b", 2));
        assert_eq!(etag(&mut kept, 1, "0").as_deref(), Some("a"));
        for n in 0..10 {
            kept.keep(Some(2), &n.to_string(), answer("c", 1));
        }
        kept.keep(Some(1), "large", answer("d", limits::KEPT_BYTES + 1));
        let found = ["0", "1", "2", "11", "12", "large"].map(|url| etag(&mut kept, 1, url));
        assert_eq!(found.map(|etag| etag.unwrap_or_default()), ["a", "b", "", "", "a", ""]);
        assert_eq!(etag(&mut kept, 2, "12"), None, "another account's answers are its own");
        assert_eq!((kept.answers.len(), kept.order.len()), (limits::KEPT_ANSWERS, limits::KEPT_ANSWERS));
        assert_eq!(kept.bytes, limits::KEPT_ANSWERS + 1);
    }

    #[test]
    fn all_answers_together_have_a_bound() {
        let mut kept = Kept::default();
        let all = limits::KEPT_BYTES_ALL / limits::KEPT_BYTES;
        for n in 0..=all {
            kept.keep(None, &n.to_string(), answer("a", limits::KEPT_BYTES));
        }
        assert_eq!((kept.answers.len(), kept.bytes), (all, limits::KEPT_BYTES_ALL));
        // a question that has a new answer, too large to keep, has none
        kept.keep(None, "5", answer("b", limits::KEPT_BYTES + 1));
        assert!(kept.find(None, "5").is_none() && kept.find(None, "0").is_none());
    }
}
