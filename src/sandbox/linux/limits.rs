//! Resource limits of every process inside. Never `RLIMIT_AS`: node's and Go's reservations are no use of memory.

use super::super::{
    Bounds,
    walls::{Missing, Wall},
};
use super::syscalls;
use crate::limits::sandbox::OPEN_FILES;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// All limits of the walls.
pub(super) fn limit(bounds: &Bounds) -> Result<(), Missing> {
    // Counted per user and namespace: other sandboxes of the same user don't count.
    set(Resource::Nproc, bounds.processes)?;
    set(Resource::Memlock, 8 << 20)?;
    set(Resource::Rtprio, 0)?;
    file_limits(bounds)
}

/// Those that make sense without walls too.
pub(crate) fn file_limits(bounds: &Bounds) -> Result<(), Missing> {
    syscalls::ignore_file_bound_signal();
    set(Resource::Core, 0)?;
    set(Resource::Fsize, bounds.file_bytes)?;
    set(Resource::Nofile, OPEN_FILES)
}

/// Lowered for good; never above what we were given.
fn set(resource: Resource, bound: u64) -> Result<(), Missing> {
    let most = getrlimit(resource).maximum.map_or(bound, |most| most.min(bound));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
        .map_err(|errno| Wall::Limits.missing("setrlimit", errno))
}
