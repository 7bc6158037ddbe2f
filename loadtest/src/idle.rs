//! `idle`: connections that say hello and nothing more. What does one cost to make and to keep?
//! Called by hand and by the suite. Never sends anything but pongs.

use std::{path::Path, thread, time::Duration};

use clap::Args;

use crate::{
    arena::{Arena, ArenaArgs},
    client::{Driver, Seat, Sockets},
    clock::{Clock, micros_of, stop_asked},
    problem::{Outcome, Problem},
    report::Report,
    wire::Hello,
};

/// How long joins may travel before memory is read.
const SETTLE: u64 = 2_000_000;

/// `idle`: the load
#[derive(Args, Clone, Debug)]
pub struct IdleArgs {
    /// The server
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// The load
    #[command(flatten)]
    pub load: IdleLoad,
}

/// The shape of an idle load.
#[derive(Args, Clone, Debug)]
pub struct IdleLoad {
    /// Connections
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=25_000))]
    pub connections: u32,
    /// Classes, over which they are distributed [default: one for 30]
    #[arg(long)]
    pub classes: Option<u32>,
    /// Pupils of each class; more connections than pupils are second tabs
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub pupils: u32,
    /// Seconds that they stay open
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
}

struct Silent {
    messages: u64,
}

impl Driver for Silent {
    fn message(&mut self, _sockets: &mut Sockets, _id: usize, _payload: &[u8], _now: u64) {
        self.messages += 1;
    }
}

/// Runs the subcommand.
///
/// # Errors
/// When it cannot run, or a promise was broken.
pub fn main(args: &IdleArgs) -> Outcome<()> {
    run(&mut Arena::open(&args.arena)?, &args.load)?.finish(args.arena.json.as_deref().map(Path::new))
}

/// Runs the load and reports.
///
/// # Errors
/// When people, classes or sockets cannot be had.
pub fn run(arena: &mut Arena, load: &IdleLoad) -> Outcome<Report> {
    let (count, pupils) = (load.connections as usize, load.pupils as usize);
    let classes = load.classes.map_or(count.div_ceil(30), |classes| classes as usize).max(1);
    if !(0.1..=600.0).contains(&load.seconds) {
        return Err(Problem::new("seconds must be 0.1 to 600"));
    }
    arena.provide(classes, pupils)?;
    let tokens = (0..pupils).map(|pupil| arena.pupil_token(pupil)).collect::<Outcome<Vec<_>>>()?;
    let seat = |number: usize| Seat {
        path: arena.plan.classes[number % classes].path(),
        token: tokens[(number / classes) % pupils].clone(),
        dialect: arena.dialect,
        receive_buffer: None,
        hello: Hello::default(),
    };
    let seats: Vec<Seat> = (0..count).map(seat).collect();
    let clock = Clock::start();
    let mut sockets = Sockets::new(&arena.target, clock)?;
    let mut silent = Silent { messages: 0 };
    let before = arena.watched.now()?;
    let connecting = sockets.connect(seats, &mut silent)?;
    let connected = arena.watched.now()?;
    hold(&mut sockets, &mut silent, clock, SETTLE)?;
    let (first, told) = (arena.watched.now()?, silent.messages);
    hold(&mut sockets, &mut silent, clock, micros_of(load.seconds))?;
    let last = arena.watched.now()?;
    let closes = sockets.closes.clone();
    let bytes = sockets.bytes_in;
    sockets.end();
    thread::sleep(Duration::from_millis(1500));
    let after = arena.watched.now()?;

    let mut report =
        Report::new(format!("idle: {}, {count} connections in {classes} classes, {:?}", arena.name(), arena.dialect));
    report.add("connects_per_second", count as f64 / connecting, "/s");
    if let Some(used) = connected.server_seconds(&before) {
        report.add("server_us_per_connect", used * 1e6 / count as f64, "us CPU");
    }
    if let (Some(base), Some(held), Some(left)) = (before.server, last.server, after.server) {
        report.add("base_rss", base.rss_kib as f64 / 1024.0, "MiB");
        report.add("kib_per_connection", held.rss_kib.saturating_sub(base.rss_kib) as f64 / count as f64, "KiB");
        report.add("rss_after_leaving", left.rss_kib as f64 / 1024.0, "MiB");
    }
    report.add("greeting_bytes_each", bytes as f64 / count as f64, "bytes");
    report.add("messages_while_idle", (silent.messages - told) as f64, "");
    report.add_cpu(&first, &last, load.seconds, 0, "");
    report.add_closes(&closes);
    Ok(report)
}

fn hold(sockets: &mut Sockets, silent: &mut Silent, clock: Clock, micros: u64) -> Outcome<()> {
    let until = clock.micros() + micros;
    while clock.micros() < until && !stop_asked() {
        sockets.turn(Duration::from_millis(50), silent)?;
    }
    Ok(())
}
