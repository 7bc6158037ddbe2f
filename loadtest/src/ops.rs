//! `ops`: pens that draw over sockets, with so many batches under way each; accepted and saved latency, and proof that
//! every batch happened exactly once in one dense order. Called by hand and by the suite. Never moves cursors.

use std::{path::Path, time::Duration};

use clap::Args;
use serde_json::json;

use crate::{
    arena::{Arena, ArenaArgs},
    client::{Seat, Sockets},
    clock::{Clock, micros_of, stop_asked},
    cursors::Pace,
    ledger::{Ledger, Spot},
    plan::new_board,
    problem::{Outcome, Problem},
    report::Report,
    wire::Hello,
};

/// How long after the last batch everything must be saved.
const DRAIN: u64 = 15_000_000;

/// `ops`: the load
#[derive(Args, Clone, Debug)]
pub struct OpsArgs {
    /// The server
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// The load
    #[command(flatten)]
    pub load: OpsLoad,
}

/// The shape of a drawing load.
#[derive(Args, Clone, Debug)]
pub struct OpsLoad {
    /// Sockets that draw
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub writers: u32,
    /// Boards they draw on, at most as many as writers
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub boards: u32,
    /// All writers are pupils on the board of one class
    #[arg(long)]
    pub hot: bool,
    /// Sockets on each board that only read
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=500))]
    pub watchers: u32,
    /// Strokes a second of each writer, whatever is pending; 0: as fast as they are accepted
    #[arg(long, default_value_t = 0.0)]
    pub hz: f64,
    /// Pending batches of each writer
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub inflight: u32,
    /// Strokes of a writer on its board: a batch beyond that also removes the oldest
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub keep: u32,
    /// One of so many batches is sent twice; 0: never
    #[arg(long, default_value_t = 100)]
    pub resend_every: u32,
    /// Accounts that own the boards
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub owners: u32,
    /// Measured seconds
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Seconds of load before measuring
    #[arg(long, default_value_t = 1.0)]
    pub warmup: f64,
}

/// Runs the subcommand.
///
/// # Errors
/// When it cannot run, or a promise was broken.
pub fn main(args: &OpsArgs) -> Outcome<()> {
    run(&mut Arena::open(&args.arena)?, &args.load)?.finish(args.arena.json.as_deref().map(Path::new))
}

/// A board, the token that reads it back, and the tokens of those who draw on it.
struct Easel {
    path: String,
    id: uuid::Uuid,
    owner: String,
    pens: Vec<String>,
}

/// Runs the load and reports.
///
/// # Errors
/// When people, boards or sockets cannot be had.
pub fn run(arena: &mut Arena, load: &OpsLoad) -> Outcome<Report> {
    if !(0.0..=200.0).contains(&load.hz) {
        return Err(Problem::new("hz must be 0 to 200"));
    }
    if !(0.1..=600.0).contains(&load.seconds) || !(0.0..=600.0).contains(&load.warmup) {
        return Err(Problem::new("seconds must be 0.1 to 600"));
    }
    let easels = easels(arena, load)?;
    let (mut seats, mut spots) = (Vec::new(), Vec::new());
    for (board, easel) in easels.iter().enumerate() {
        let watchers = (0..load.watchers).map(|_| (&easel.owner, false));
        for (token, draws) in easel.pens.iter().map(|token| (token, true)).chain(watchers) {
            let (path, token) = (easel.path.clone(), token.clone());
            seats.push(Seat { path, token, dialect: arena.dialect, receive_buffer: None, hello: Hello::default() });
            spots.push(Spot { board, draws });
        }
    }
    let clock = Clock::start();
    let mut ledger = Ledger::new(spots, easels.len(), load.keep, load.resend_every)?;
    let mut sockets = Sockets::new(&arena.target, clock)?;
    sockets.connect(seats, &mut ledger)?;

    let measured = clock.micros() + micros_of(load.warmup);
    let end = measured + micros_of(load.seconds);
    let mut pace = (load.hz > 0.0).then(|| Pace::new(clock, load.hz, load.writers as usize));
    let pens: Vec<usize> = ledger.pens().collect();
    match pace {
        Some(_) => ledger.start_paced(),
        None => ledger.start(&mut sockets, load.inflight, clock.micros()),
    }
    let mut first = arena.watched.now()?;
    let mut last = first;
    while clock.micros() < end && !stop_asked() {
        if let Some(pace) = &mut pace {
            while pace.due().is_some() {
                ledger.draw(&mut sockets, pens[pace.turn()], clock.micros());
            }
        }
        sockets.turn(pace.as_ref().map_or(Duration::from_millis(5), Pace::wait), &mut ledger)?;
        ledger.wake(&mut sockets, clock.micros());
        if !ledger.measuring() && clock.micros() >= measured {
            first = arena.watched.now()?;
            ledger.begin();
        }
    }
    if ledger.measuring() {
        last = arena.watched.now()?;
    }
    ledger.end();
    let drained = clock.micros() + DRAIN;
    while !ledger.settled() && clock.micros() < drained && !stop_asked() {
        sockets.turn(Duration::from_millis(10), &mut ledger)?;
    }
    let closes = sockets.closes.clone();
    sockets.end();

    let place = if load.hot { "one class's board".to_owned() } else { format!("{} boards", easels.len()) };
    let mut report = Report::new(format!(
        "ops: {}, {} writers on {place}, {} under way each, {} watchers a board, {:?}",
        arena.name(),
        load.writers,
        load.inflight,
        load.watchers,
        arena.dialect
    ));
    ledger.report(&mut report, load.seconds);
    report.add_cpu(&first, &last, load.seconds, ledger.accepted(), "s per million batches");
    for (board, easel) in easels.iter().enumerate() {
        let path = format!("/api/v1/solo/sessions/{}/", easel.id);
        let answer = arena.http.expect(200, "GET", &path, &easel.owner, None)?;
        ledger.check_board(board, &answer.body, &mut report);
    }
    report.add_closes(&closes);
    Ok(report)
}

fn easels(arena: &mut Arena, load: &OpsLoad) -> Outcome<Vec<Easel>> {
    let writers = load.writers as usize;
    if load.hot {
        let class = arena.fresh_class(writers)?;
        let (path, id, owner) = (class.path(), class.board, arena.tutor_token()?);
        let pens = (0..writers).map(|pupil| arena.pupil_token(pupil)).collect::<Outcome<_>>()?;
        return Ok(vec![Easel { path, id, owner, pens }]);
    }
    let (boards, owners) = (writers.min(load.boards as usize), load.owners as usize);
    arena.provide(0, owners)?;
    let easel = |board: usize| {
        let owner = arena.pupil_token(board % owners)?;
        let (id, _) = new_board(&mut arena.http, &owner, &json!({}))?;
        let pens = (board..writers).step_by(boards).map(|_| owner.clone()).collect();
        Ok(Easel { path: format!("/ws/board/{id}/"), id, owner, pens })
    };
    (0..boards).map(easel).collect()
}
