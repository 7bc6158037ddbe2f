//! m4sh-load: measures an m4sh server on this machine, and the bare relay that it is compared with.
//! Started by people and by `make load`. Never leaves loopback, never runs unbounded, ends what it started.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "figures of a run of minutes"
)]

mod arena;
mod client;
mod clock;
mod cpu;
mod cursors;
mod frame;
mod handshake;
mod http;
mod idle;
mod join;
mod ledger;
mod lesson;
mod ops;
mod plan;
mod prepare;
mod problem;
mod relay;
mod report;
mod rest;
mod savers;
mod server;
mod soak;
mod stall;
mod storm;
mod suite;
mod suite_plan;
mod summary;
mod telemetry;
mod tellers;
mod ticks;
mod token;
mod watch;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "m4sh-load", version, about = "Measures an m4sh server on this machine")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The baseline: an epoll relay with one shared frame per room and tick
    Relay(relay::RelayArgs),
    /// Cursors in classes: deliveries, latency, CPU per delivery
    Cursors(cursors::CursorsArgs),
    /// Strokes over sockets: accepted, saved, exactly once
    Ops(ops::OpsArgs),
    /// Diff saves over REST with If-Match
    Rest(rest::RestArgs),
    /// Idle connections: memory and CPU of each
    Idle(idle::IdleArgs),
    /// Readers that stop reading while others draw
    Stall(stall::StallArgs),
    /// Hours of a lesson, compressed: memory and latency over time
    Soak(soak::SoakArgs),
    /// Joining a large board, and the effect on the others
    Join(join::JoinArgs),
    /// Every connection breaks at once and reconnects
    Storm(storm::StormArgs),
    /// Client reports while others save
    Telemetry(telemetry::TelemetryArgs),
    /// A scripted lesson: each participant must see everything once and nothing hidden
    Lesson(lesson::LessonArgs),
    /// Create people and classes, and store them in a plan file
    Prepare(prepare::PrepareArgs),
    /// Every run, on servers that it starts itself
    Suite(suite::SuiteArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = clock::watch_signals().and_then(|()| match &cli.command {
        Command::Relay(args) => relay::run(args),
        Command::Cursors(args) => cursors::main(args),
        Command::Ops(args) => ops::main(args),
        Command::Rest(args) => rest::main(args),
        Command::Idle(args) => idle::main(args),
        Command::Stall(args) => stall::main(args),
        Command::Soak(args) => soak::main(args),
        Command::Join(args) => join::main(args),
        Command::Storm(args) => storm::main(args),
        Command::Telemetry(args) => telemetry::main(args),
        Command::Lesson(args) => lesson::main(args),
        Command::Prepare(args) => prepare::main(args),
        Command::Suite(args) => suite::main(args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("m4sh-load: {problem}");
            ExitCode::FAILURE
        }
    }
}
