//! The text that a run begins with. A delivery has that of the moment in which the command was said. Where a command was found
//! by reading, it is asked for, and nothing begins with a text that somebody changed after it: whoever opened an issue may change
//! it at any time, and would speak in the name of whoever may write.

use super::{
    App,
    commands::Heard,
    desk::Trouble,
    hearing::{Came, Next},
};
use crate::{
    github::GitHubError,
    intent::{
        notice::Comment,
        policy::{Decision, Standing},
        reply::Reply,
    },
};

impl App {
    /// Decides about a comment as things stand, and does what was decided.
    pub(super) async fn decide_and_follow(
        &self,
        heard: &Heard<'_>,
        standing: Standing,
    ) -> Result<Next, Trouble> {
        let decision = self.decide(heard, standing).await?;
        let is_about_text = matches!(decision, Decision::Start(_) | Decision::Say(Reply::NothingAsked));
        match heard.came {
            Came::Read if is_about_text => self.follow_as_written(heard, standing).await,
            Came::Read | Came::Delivered => self.follow(heard, decision, standing.permission).await,
        }
    }

    /// The same, with what its thread said when it was said.
    async fn follow_as_written(&self, heard: &Heard<'_>, standing: Standing) -> Result<Next, Trouble> {
        let (number, said_at) = (heard.comment.number, heard.comment.created);
        let written = match heard.desk.written(number).await {
            Ok(written) => written,
            Err(GitHubError::Missing { .. }) => return Err(Trouble::Gone(format!("issue #{number}"))),
            Err(error) => return Err(error.into()),
        };
        // GitHub's times are whole seconds: which of two in the same one was first, nobody can tell
        if written.changed.is_some_and(|at| at >= said_at) {
            tracing::info!(comment = heard.comment.id, number, "the issue was changed after the command");
            return heard.refuse(&Reply::TextChanged, standing.permission).await;
        }
        let comment = Comment { title: written.title, thread_body: written.body, ..heard.comment.clone() };
        let heard = Heard { comment: &comment, said: heard.said.clone(), ..*heard };
        let decision = self.decide(&heard, standing).await?;
        self.follow(&heard, decision, standing.permission).await
    }
}
