//! What host and child say to each other before the tools: the policy in, the state of the walls out, and the exit codes.

use super::{Kind, Policy, walls::Missing};
use serde::{Deserialize, Serialize};

/// The child's first argument: with it, `main` is a sandbox's child and nothing else.
pub(super) const MARKER: &str = "sandbox-child";

/// What the child is to build; the host's only frame before the tools.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Launch {
    pub(super) kind: Kind,
    pub(super) policy: Policy,
    /// Whether the child adds up the tree's memory itself, because no cgroup does.
    pub(super) watch_memory: bool,
}

/// The child's only frame before the tools.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "hello", rename_all = "snake_case")]
pub(super) enum Hello {
    /// Every wall stands and the tools are served. `landlock` is the kernel's Landlock ABI (0 without walls).
    Ready { landlock: u32 },
    /// Walls that can't be built, in the order they were tried.
    Missing { walls: Vec<Missing> },
    /// Something else: a folder of the policy that can't be opened.
    Failed { what: String },
}

/// Why the child could not build what it was told.
#[derive(Debug)]
pub(super) enum Trouble {
    Walls(Vec<Missing>),
    Other(String),
}

impl From<Missing> for Trouble {
    fn from(missing: Missing) -> Self {
        Self::Walls(vec![missing])
    }
}

impl From<Trouble> for Hello {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Walls(walls) => Self::Missing { walls },
            Trouble::Other(what) => Self::Failed { what },
        }
    }
}

/// How the child's first process ends. The numbers are apart from what shells and Rust's runtime use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The host hung up, or the tools were served to the end.
    Served,
    /// It never got to serve; the reason was said in [`Hello`], or there was nobody to say it to.
    NotStarted,
    /// The wall-clock bound.
    Life,
    /// The memory bound.
    Memory,
    /// The disk bound.
    Disk,
    /// The toolbox itself ended: a command killed it, or it is broken.
    Toolbox,
}

impl End {
    const ALL: [(Self, u8); 6] = [
        (Self::Served, 0),
        (Self::NotStarted, 80),
        (Self::Life, 81),
        (Self::Memory, 82),
        (Self::Toolbox, 83),
        (Self::Disk, 84),
    ];

    pub(super) fn code(self) -> u8 {
        Self::ALL.iter().find(|(end, _)| *end == self).map_or(1, |(_, code)| *code)
    }

    pub(super) fn of(code: i32) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| i32::from(*known) == code).map(|(end, _)| *end)
    }
}
