//! SHOW: one file per subcommand. Data on stdout, everything else on stderr.

use std::process::ExitCode;

/// The program.
pub fn main() -> ExitCode {
    if let Some(code) = crate::sandbox::child(crate::tool::serve) {
        return code;
    }
    ExitCode::SUCCESS
}
