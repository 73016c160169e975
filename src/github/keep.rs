//! Answers that are kept, so that asking again costs nothing when nothing has changed: GitHub answers 304 to an ETag it
//! knows, which does not count towards the hourly limit.

use crate::limits::github as limits;
use std::{
    collections::{HashMap, VecDeque},
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

/// The answers of one GitHub.
#[derive(Debug, Default)]
pub(super) struct Kept {
    answers: HashMap<Key, KeptAnswer>,
    order: VecDeque<Key>,
}

impl Kept {
    /// What is kept for this question.
    pub(super) fn find(&self, account: Option<u64>, url: &str) -> Option<KeptAnswer> {
        self.answers.get(&(account, url.to_owned())).cloned()
    }

    /// Keeps an answer in place of the older one.
    pub(super) fn keep(&mut self, account: Option<u64>, url: &str, answer: KeptAnswer) {
        if answer.body.len() > limits::KEPT_BYTES {
            return;
        }
        let key = (account, url.to_owned());
        if self.answers.insert(key.clone(), answer).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > limits::KEPT_ANSWERS {
            if let Some(oldest) = self.order.pop_front() {
                self.answers.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_and_the_large_are_not_kept() {
        let answer =
            |etag: &str, bytes| KeptAnswer { etag: etag.to_owned(), next: None, body: vec![0; bytes].into() };
        let mut kept = Kept::default();
        for n in 0..limits::KEPT_ANSWERS + 10 {
            kept.keep(Some(1), &n.to_string(), answer("a", 1));
        }
        kept.keep(Some(1), "20", answer("b", 1));
        kept.keep(Some(1), "large", answer("c", limits::KEPT_BYTES + 1));
        let etag = |account, url: &str| kept.find(Some(account), url).map(|answer| answer.etag);
        assert_eq!((kept.answers.len(), kept.order.len()), (limits::KEPT_ANSWERS, limits::KEPT_ANSWERS));
        assert_eq!((etag(1, "9"), etag(1, "10")), (None, Some("a".to_owned())));
        assert_eq!((etag(1, "20"), etag(1, "large")), (Some("b".to_owned()), None));
        assert_eq!(etag(2, "20"), None, "another account's answers are its own");
    }
}
