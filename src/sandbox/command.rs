//! What every command gets between fork and exec, inside: a Landlock domain of its own, so that it can't signal the
//! toolbox that runs it (the same uid) or wait for what runs beside it.

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, Scope,
};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Walls a command off from the toolbox that is about to start it. Where the kernel has no signal scope (Landlock ABI
/// below 6) or nothing may be restricted, nothing happens: then a command that kills the toolbox ends its own work.
#[expect(unsafe_code, reason = "a domain is entered by the process that becomes the command, after fork")]
pub fn wall_off(command: &mut Command) {
    let Ok(ruleset) = signals() else { return };
    let mut ruleset = Some(ruleset);
    // SAFETY: between fork and exec this makes two system calls on a descriptor made before; it neither allocates nor locks.
    unsafe {
        command.pre_exec(move || match ruleset.take() {
            None => Ok(()),
            Some(ruleset) => {
                ruleset.restrict_self().map(drop).map_err(|_| io::ErrorKind::PermissionDenied.into())
            }
        });
    }
}

fn signals() -> Result<RulesetCreated, landlock::RulesetError> {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    // Every domain forbids to move a file to another folder unless it allows that: the outer one decides.
    let ruleset = ruleset.scope(Scope::from_all(ABI::V6))?.handle_access(AccessFs::Refer)?.create()?;
    match PathFd::new("/") {
        Ok(root) => ruleset.add_rule(PathBeneath::new(root, AccessFs::Refer)),
        Err(_) => Ok(ruleset),
    }
}
