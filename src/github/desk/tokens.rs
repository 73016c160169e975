//! A desk's tokens: made when they are needed, taken back when the work is done.

use super::{Desk, Inner};
use crate::{
    github::{GitHubError, Need, token::Token},
    ids::Secret,
};
use std::sync::{Arc, Mutex};

impl Desk {
    /// Takes all tokens back. The desk can be used again; it makes new ones then. One that is never told lets them lapse
    /// within the hour.
    pub async fn done(&self) -> Result<(), GitHubError> {
        let mut result = Ok(());
        for token in &self.0.tokens {
            let token = token.lock().await.take();
            // one that has lapsed needs no revoking
            if let Some(token) = token.filter(|token| token.is_fresh(self.now())) {
                result = result.and(self.0.github.revoke(self.0.installation, &token.secret).await);
            }
        }
        result
    }

    /// The same desk anew, which keeps only the token for reading; [`Desk::done`] on this one takes the others back. None: it
    /// has none for reading, so there is nothing to keep. Nobody else may be at work with it.
    pub fn for_reading(&self) -> Option<Self> {
        let mut held = self.0.tokens[Need::Read as usize].try_lock().ok()?;
        let token = held.take_if(|token| token.is_fresh(self.now()))?;
        let (github, place) = (self.0.github.clone(), Mutex::new(self.place().clone()));
        let mut tokens: [tokio::sync::Mutex<Option<Token>>; Need::ALL.len()] = Default::default();
        *tokens[Need::Read as usize].get_mut() = Some(token);
        Some(Self(Arc::new(Inner { github, installation: self.0.installation, place, tokens })))
    }

    pub(super) async fn token(&self, need: Need) -> Result<Secret, GitHubError> {
        let mut held = self.0.tokens[need as usize].lock().await;
        if let Some(token) = held.as_ref().filter(|token| token.is_fresh(self.now())) {
            return Ok(token.secret.clone());
        }
        let minted = self.0.github.mint(self.0.installation, self.repo().id, need).await?;
        if let Some(repo) = &minted.repository {
            self.learn(repo);
        }
        let secret = minted.token.secret.clone();
        *held = Some(minted.token);
        Ok(secret)
    }

    /// Forgets a token that was not taken, unless it was replaced meanwhile.
    pub(super) async fn drop_token(&self, need: Need, bad: &Secret) {
        let mut held = self.0.tokens[need as usize].lock().await;
        if held.as_ref().is_some_and(|token| token.secret == *bad) {
            *held = None;
        }
    }
}
