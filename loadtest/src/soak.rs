//! `soak`: a lesson of hours, compressed: the same strokes as fast as they are taken, and memory and latency slice by slice.
//! Called by hand. Never lets the board grow: each pupil keeps its last strokes, as a class does that turns pages.

use std::time::Duration;

use clap::Args;

use crate::{
    arena::{Arena, ArenaArgs},
    client::{Seat, Sockets},
    clock::{Clock, micros_of, stop_asked},
    ledger::{Ledger, Spot},
    problem::{Outcome, Problem},
    report::Report,
    wire::Hello,
};

/// Slices that the run is cut into.
const SLICES: u32 = 12;
/// Strokes a second of a pupil at work, for saying how long a lesson it was.
const PACE: f64 = 0.5;
/// How long after the last batch everything must be saved.
const DRAIN: u64 = 15_000_000;

/// `soak`: the load
#[derive(Args, Clone, Debug)]
pub struct SoakArgs {
    /// The server
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// Pupils
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(2..=300))]
    pub pupils: u32,
    /// Pending batches of each pupil
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub inflight: u32,
    /// Strokes of each pupil on the board
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub keep: u32,
    /// Total strokes: 30 pupils draw 108,000 in two hours
    #[arg(long, default_value_t = 108_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub strokes: u64,
}

/// Runs the subcommand.
///
/// # Errors
/// When it cannot run, or a promise was broken.
pub fn main(args: &SoakArgs) -> Outcome<()> {
    let mut arena = Arena::open(&args.arena)?;
    run(&mut arena, args)?.finish(args.arena.json.as_deref())
}

fn run(arena: &mut Arena, args: &SoakArgs) -> Outcome<Report> {
    let pupils = args.pupils as usize;
    let class = arena.fresh_class(pupils)?;
    let (mut seats, mut spots) = (Vec::new(), Vec::new());
    for pupil in 0..pupils {
        let (path, token, dialect) = (class.path(), arena.pupil_token(pupil)?, arena.dialect);
        seats.push(Seat { path, token, dialect, receive_buffer: None, hello: Hello::default() });
        spots.push(Spot { board: 0, draws: true });
    }
    let clock = Clock::start();
    let mut ledger = Ledger::new(spots, 1, args.keep, 0)?;
    let mut sockets = Sockets::new(&arena.target, clock)?;
    sockets.connect(seats, &mut ledger)?;
    let hours = args.strokes as f64 / f64::from(args.pupils) / PACE / 3600.0;
    let mut report =
        Report::new(format!("soak: {pupils} pupils, {} strokes: a lesson of {hours:.1} hours", args.strokes));

    ledger.start(&mut sockets, args.inflight, clock.micros());
    let (before, began) = (arena.watched.now()?, clock.micros());
    ledger.begin();
    let mut slices = Vec::new();
    for slice in 1..=SLICES {
        let goal = args.strokes * u64::from(slice) / u64::from(SLICES);
        let limit = clock.micros() + micros_of(300.0);
        while ledger.accepted() < goal && !stop_asked() {
            sockets.turn(Duration::from_millis(5), &mut ledger)?;
            ledger.wake(&mut sockets, clock.micros());
            if clock.micros() > limit {
                return Err(Problem::new("a slice of the lesson took more than five minutes"));
            }
        }
        let rss = arena.watched.now()?.server.map_or(0, |server| server.rss_kib);
        let (p50, p99) = ledger.take_seen();
        println!("  slice {slice:>2}: rss {:>7.1} MiB, seen p50 {p50:>7.2} ms, p99 {p99:>7.2} ms", rss as f64 / 1024.0);
        slices.push((rss as f64, p99));
    }
    let (after, seconds) = (arena.watched.now()?, (clock.micros() - began) as f64 / 1e6);
    let done = ledger.accepted();
    ledger.end();
    let drained = clock.micros() + DRAIN;
    while !ledger.settled() && clock.micros() < drained {
        sockets.turn(Duration::from_millis(10), &mut ledger)?;
    }
    let closes = sockets.closes.clone();
    sockets.end();

    // The first slices fill caches and history, which are bounded; from the third on nothing may grow.
    let third = |from: usize, of: fn(&(f64, f64)) -> f64| slices[from..from + 3].iter().map(of).sum::<f64>() / 3.0;
    let change = |of: fn(&(f64, f64)) -> f64| (third(9, of) / third(3, of).max(1e-9) - 1.0) * 100.0;
    report.add("memory_change", change(|slice| slice.0), "% from slices 4-6 to 10-12");
    report.add("p99_change", change(|slice| slice.1), "% from slices 4-6 to 10-12");
    ledger.report(&mut report, seconds);
    report.add_cpu(&before, &after, seconds, done, "s per million batches");
    report.add_closes(&closes);
    Ok(report)
}
