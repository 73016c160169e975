//! Verify: the repository's own checks on exactly the tree that will be committed: a fresh checkout in a fresh sandbox.

use super::{Errand, Performer, rooms, workspace::Workspace};
use crate::{
    ids::Sha,
    report::Report,
    run::{Event, Receipt},
};

pub(super) async fn verify(
    hands: &Performer,
    errand: &Errand<'_>,
    round: u32,
    tree: &Sha,
) -> Result<Option<Event>, Report> {
    let parts = &hands.parts;
    let name = format!("verify/{round}");
    let place = (parts.data.as_path(), &errand.run.id, name.as_str());
    let workspace = Workspace::check_out(&parts.source, place, tree, parts.sandbox.owner()).await?;
    let room = rooms::furnish(hands, errand, workspace.folder(), tree).await;
    workspace.remove().await;
    let receipt = Receipt { commands: Vec::new(), notes: vec![room?.note] };
    Ok(Some(Event::Unverified { round, why: "no command is known that checks this".to_owned(), receipt }))
}
