//! Landlock: the second wall for files, signals and abstract sockets. It holds even where the private root has a hole:
//! a file of the host's root has no rule above it.
//!
//! Deliberately not here: rules for TCP ports. They know no addresses, and the namespace's loopback is all there is.

use super::super::walls::{Missing, Wall};
use super::syscalls;
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use std::path::PathBuf;

/// The least that is enough: Linux 6.7.
const LEAST: u32 = 4;

pub(super) fn available() -> Result<u32, Missing> {
    let abi = syscalls::landlock_abi().map_err(|errno| Wall::Landlock.missing("version", errno))?;
    if abi < LEAST {
        let step = format!("ABI {abi}, and at least {LEAST} is needed");
        return Err(Wall::Landlock.faulty(step));
    }
    Ok(abi)
}

/// Restricts this process and all it will start; gives the ABI.
pub(super) fn restrict(writable: &[PathBuf]) -> Result<u32, Missing> {
    let abi = available()?;
    let failed = |error: String| Wall::Landlock.faulty(error);
    let status = rules(abi, writable).map_err(|error| failed(error.to_string()))?;
    if status == RulesetStatus::FullyEnforced {
        Ok(abi)
    } else {
        Err(failed("not enforced in full".to_owned()))
    }
}

#[derive(Debug, thiserror::Error)]
enum RuleError {
    #[error(transparent)]
    Ruleset(#[from] RulesetError),
    #[error(transparent)]
    Path(#[from] landlock::PathFdError),
}

fn rules(abi: u32, writable: &[PathBuf]) -> Result<RulesetStatus, RuleError> {
    let all = AccessFs::from_all(ABI::V4);
    let devices: BitFlags<AccessFs> = if abi >= 5 { AccessFs::IoctlDev.into() } else { BitFlags::EMPTY };
    let ruleset =
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(all | devices)?;
    let ruleset = if abi >= 6 { ruleset.scope(Scope::from_all(ABI::V6))? } else { ruleset };
    let mut ruleset = ruleset.create()?;
    let read = AccessFs::from_read(ABI::V4);
    let open = make_bitflags!(AccessFs::{ReadFile | WriteFile | Truncate});
    let write = all & !make_bitflags!(AccessFs::{MakeChar | MakeBlock});
    ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new("/")?, read))?;
    ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new("/dev")?, open | devices))?;
    ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new("/proc")?, open))?;
    for path in writable {
        ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new(path)?, write))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}
