//! Rooms: what the sandbox of a work or a check sees, and which commands check the repository. (seam)

use super::{Errand, Performer};
use crate::{
    ids::Sha,
    report::Report,
    sandbox::{Bounds, Policy},
};
use std::{path::Path, time::Duration};

/// A sandbox's furniture.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// What it sees and may use.
    pub(super) policy: Policy,
    /// The commands that check the repository.
    pub(super) commands: Vec<String>,
    /// Links in the workspace that setup made; they are no change.
    pub(super) links: Vec<String>,
    /// What the setup did or could not do, one line.
    pub(super) note: String,
}

pub(super) async fn furnish(
    hands: &Performer,
    errand: &Errand<'_>,
    workspace: &Path,
    tree: &Sha,
) -> Result<Room, Report> {
    let _ = (hands, errand, tree);
    let bounds = Bounds {
        memory_bytes: 4 << 30,
        processes: 1024,
        file_bytes: 4 << 30,
        tmp_bytes: 1 << 30,
        life: Duration::from_secs(3600),
    };
    let policy = Policy {
        workspace: workspace.to_owned(),
        read: Vec::new(),
        write: Vec::new(),
        env: Vec::new(),
        egress: None,
        bounds,
    };
    Ok(Room { policy, commands: Vec::new(), links: Vec::new(), note: String::new() })
}
