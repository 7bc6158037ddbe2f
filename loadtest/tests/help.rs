//! The program's own words. Also the reason why `cargo nextest` builds the program, which scripts/test.sh runs.

use std::process::Command;

#[test]
fn each_subcommand_that_the_readme_names_explains_itself() {
    for subcommand in
        ["cursors", "ops", "rest", "idle", "stall", "soak", "join", "storm", "telemetry", "lesson", "suite"]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_m4sh-load")).args([subcommand, "--help"]).output().unwrap();
        let words = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && words.contains("Usage:"), "{subcommand}: {words}");
    }
}
