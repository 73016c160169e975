//! `a,b,…`: a chain of models. The next one is asked when one is unavailable (no connection, key refused, no such model)
//! or keeps failing; never because of a bad request or of money. A question goes to one model only, so that what was
//! reserved for it is that model's price; who is asked next is decided between questions. There is no way back: the
//! prompt cache of the model that works is worth more than a first choice that may work again.

use super::{Model, ModelError, Price, Question, Reply};
use crate::limits::model as limits;
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};

/// Models in the order in which they are asked.
pub(super) struct Fallback {
    name: String,
    chain: Vec<Arc<dyn Model>>,
    standing: Mutex<Standing>,
}

#[derive(Clone, Copy, Default)]
struct Standing {
    /// Who is asked.
    at: usize,
    /// Failures of it in a row.
    failures: u32,
}

impl Fallback {
    pub(super) fn new(name: &str, chain: Vec<Arc<dyn Model>>) -> Self {
        Self { name: name.to_owned(), chain, standing: Mutex::default() }
    }

    fn standing(&self) -> Standing {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a question to `asked` ended; gives the model that is next when that changed.
    fn note(&self, asked: usize, error: Option<&ModelError>) -> Option<&Arc<dyn Model>> {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if standing.at != asked {
            // another work's question moved on meanwhile
            let fails = error.is_some_and(|error| !matches!(fault(error), Fault::Ours));
            return self.chain.get(standing.at).filter(|_| fails);
        }
        let Some(error) = error else {
            standing.failures = 0;
            return None;
        };
        standing.failures += match fault(error) {
            Fault::Theirs => limits::CHAIN_FAILURES,
            Fault::Passing => 1,
            Fault::Ours => 0,
        };
        let next = self.chain.get(asked + 1).filter(|_| standing.failures >= limits::CHAIN_FAILURES)?;
        *standing = Standing { at: asked + 1, failures: 0 };
        Some(next)
    }
}

/// Whose fault a failure is.
enum Fault {
    /// This model can't be had.
    Theirs,
    /// It may work in a moment.
    Passing,
    /// Another model would refuse the question too.
    Ours,
}

fn fault(error: &ModelError) -> Fault {
    match error {
        ModelError::Network { sent: false, .. } => Fault::Theirs,
        // 402 and 429: an account without money
        ModelError::Refused { status: 401 | 402 | 403 | 404 | 429, .. } => Fault::Theirs,
        ModelError::Busy { .. } | ModelError::Network { .. } | ModelError::Nonsense { .. } => Fault::Passing,
        ModelError::Refused { .. } | ModelError::TooLong { .. } | ModelError::ScriptOver { .. } => {
            Fault::Ours
        }
    }
}

/// The error of the model that was given up: whoever retries asks the next one, without the old one's waiting time.
fn given_up(error: ModelError, next: &str) -> ModelError {
    let then = |text: &str| format!("{text}; {next} is asked from now on");
    match error {
        ModelError::Refused { model, status, message, .. } => {
            ModelError::Network { model, cause: then(&format!("{status} {message}")), sent: false }
        }
        ModelError::Busy { model, status, message, .. } => {
            ModelError::Busy { model, status, message: then(&message), after: None }
        }
        ModelError::Network { model, cause, sent } => {
            ModelError::Network { model, cause: then(&cause), sent }
        }
        ModelError::Nonsense { model, cause, usage } => {
            ModelError::Nonsense { model, cause: then(&cause), usage }
        }
        other @ (ModelError::TooLong { .. } | ModelError::ScriptOver { .. }) => other,
    }
}

#[async_trait]
impl Model for Fallback {
    fn name(&self) -> &str {
        &self.name
    }
    fn asked(&self) -> &str {
        self.chain.get(self.standing().at).map_or(&self.name, |model| model.asked())
    }
    fn price(&self) -> Option<Price> {
        self.chain.get(self.standing().at).and_then(|model| model.price())
    }
    /// The smallest: a conversation must fit whoever is asked next.
    fn window(&self) -> u64 {
        self.chain.iter().map(|model| model.window()).min().unwrap_or(limits::WINDOW)
    }
    async fn ask(
        &self,
        question: &Question<'_>,
        watch: &(dyn for<'t> Fn(&'t str) + Send + Sync),
    ) -> Result<Reply, ModelError> {
        let asked = self.standing().at;
        let Some(model) = self.chain.get(asked) else {
            let (model, cause) = (self.name.clone(), "the chain is empty".to_owned());
            return Err(ModelError::Network { model, cause, sent: false });
        };
        let answer = model.ask(question, watch).await;
        match (self.note(asked, answer.as_ref().err()), answer) {
            (Some(next), Err(error)) => Err(given_up(error, next.name())),
            (_, answer) => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::TaskId,
        model::{Asker, scripted::Scripted},
    };

    fn chain(scripts: &[&str]) -> Fallback {
        let open = |(at, lines): (usize, &&str)| {
            Arc::new(Scripted::parse(&format!("scripted/{at}"), lines).unwrap()) as Arc<dyn Model>
        };
        Fallback::new("chain", scripts.iter().enumerate().map(open).collect())
    }

    /// Asks until there is an answer; gives it after the errors on the way.
    async fn told(chain: &Fallback, most: usize) -> Vec<String> {
        let task = TaskId::new("t");
        let mut told = Vec::new();
        for _ in 0..most {
            let asker = Asker { role: "coder", task: &task, step: 1 };
            let question = Question { asker, messages: &[], tools: &[], max_output_tokens: 1 };
            match chain.ask(&question, &|_| {}).await {
                Ok(reply) => {
                    told.push(reply.text);
                    break;
                }
                Err(error) => told.push(error.to_string()),
            }
        }
        told
    }

    fn error(status: u16, times: usize) -> String {
        format!("{{\"error\":{{\"status\":{status},\"message\":\"no\"}}}}\n").repeat(times)
    }

    #[tokio::test]
    async fn the_next_is_asked_when_one_is_unavailable_or_keeps_failing() {
        let good = "{\"text\":\"good\"}\n";
        for status in [401, 403, 404] {
            let chain = chain(&[&error(status, 1), good]);
            assert_eq!(chain.asked(), "scripted/0");
            let told = told(&chain, 9).await;
            assert_eq!(chain.asked(), "scripted/1");
            assert_eq!(told.len(), 2, "{told:?}");
            assert!(
                told[0].ends_with("no; scripted/1 is asked from now on") && told[1] == "good",
                "{told:?}"
            );
        }
        let busy = told(&chain(&[&error(503, 9), good]), 9).await;
        assert_eq!((busy.len(), busy[2].as_str()), (3, "good"), "twice, then the next: {busy:?}");
        let once = format!("{}{good}", error(503, 1));
        assert_eq!(told(&chain(&[&once, ""]), 9).await[1], "good", "one failure is no reason");
        let all = told(&chain(&[&error(401, 1), &error(401, 1)]), 2).await;
        assert_eq!(all[1], "scripted/1 refused: 401 no", "the last one's refusal stands");
    }

    #[tokio::test]
    async fn a_bad_request_is_everybody_s() {
        let good = "{\"text\":\"good\"}\n";
        assert_eq!(told(&chain(&[&error(400, 1), good]), 1).await, ["scripted/0 refused: 400 no"]);
        let over = told(&chain(&["", good]), 3).await;
        assert!(over.len() == 3 && over[2].contains("no answer left"), "{over:?}");
    }
}
