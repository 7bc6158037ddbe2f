//! The rendering process: one order from standard input, one picture on standard output.
//! Called by `main` for `m4sh render`, before anything of the server is set up. Never talks to anybody else.

use std::process::ExitCode;

/// Draws one order and exits.
#[must_use]
pub fn run() -> ExitCode {
    todo!("signatures first")
}
