//! `quantum`: parse, run, exit code. A sandbox child never gets as far as that.

use std::process::ExitCode;

fn main() -> ExitCode {
    quantumlayer::cli::main()
}
