//! This test binary again as another process, and the tests that are only such a process's work: started by nobody they
//! have nothing to do, and pass.

use std::process::Command;

const NAME: &str = "QUANTUM_TEST_CHILD";

/// This program, to do the work of the test with this path alone.
#[expect(clippy::disallowed_methods, reason = "what is to be killed or confined is a process of its own")]
pub(crate) fn command(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(NAME, test);
    command
}

/// Whether this process was started for that.
#[expect(clippy::disallowed_methods, reason = "a test's own sign, not a setting of the program")]
pub(crate) fn is(test: &str) -> bool {
    std::env::var_os(NAME).is_some_and(|name| name == test)
}

/// A shell with mounts of its own. Its script ends with [`NO_MOUNT`] where it may not mount.
#[expect(clippy::disallowed_methods, reason = "a disk of its own")]
pub(crate) fn shell_that_mounts(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command
}

pub(crate) const NO_MOUNT: i32 = 77;

/// Whether this machine gave it none, and says so.
pub(crate) fn is_refused(exit: Option<i32>, stderr: &str) -> bool {
    let is_refused = exit == Some(NO_MOUNT) || stderr.starts_with("unshare: ");
    if is_refused {
        eprintln!("skipped: this machine allows no mount namespace: {}", stderr.trim());
    }
    is_refused
}
