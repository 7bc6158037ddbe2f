//! `join`: how long somebody waits who joins a large board, and whether those who are there notice.
//! Called by hand. Never measures its own reading of the state: a welcome counts when its last byte is there.

use std::time::Duration;

use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::{
    arena::{Arena, ArenaArgs},
    client::{Driver, Seat, Sockets},
    clock::{Clock, stop_asked},
    problem::{Outcome, Problem},
    report::{Report, histogram},
    wire::{self, Dialect, Hello},
};

/// How often those who are there ask for a pong, in microseconds.
const PING_EVERY: u64 = 2_000;

/// `join`: the load
#[derive(Args, Clone, Debug)]
pub struct JoinArgs {
    /// The server
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// Items on the board
    #[arg(long, default_value_t = 30_000, value_parser = clap::value_parser!(u32).range(1..=40_000))]
    pub items: u32,
    /// Pupils at the board before
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=300))]
    pub present: u32,
    /// Joins, one after another
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=300))]
    pub joins: u32,
}

struct Present {
    clock: Clock,
    /// Sockets from here on are joiners: their frames do not count.
    present: usize,
    pongs: Histogram<u64>,
    welcome: u64,
    bytes: usize,
}

impl Driver for Present {
    fn message(&mut self, _: &mut Sockets, id: usize, payload: &[u8], now: u64) {
        if id >= self.present {
            return;
        }
        let Ok(frame) = serde_json::from_slice::<Value>(payload) else { return };
        if let (Some("pong"), Some(sent)) = (frame["t"].as_str(), frame["n"].as_u64()) {
            self.pongs.saturating_record(now.saturating_sub(sent).max(1));
        }
    }

    fn welcome(&mut self, _: &mut Sockets, _: usize, payload: &[u8]) {
        self.welcome = self.clock.micros();
        self.bytes = payload.len();
    }
}

/// Runs the subcommand.
///
/// # Errors
/// When it cannot run, or a promise was broken.
pub fn main(args: &JoinArgs) -> Outcome<()> {
    let mut arena = Arena::open(&args.arena)?;
    run(&mut arena, args)?.finish(args.arena.json.as_deref())
}

fn run(arena: &mut Arena, args: &JoinArgs) -> Outcome<Report> {
    let present = args.present as usize;
    let class = arena.fresh_class(present)?;
    let tutor = arena.tutor_token()?;
    let strokes: Vec<Value> = (0..args.items)
        .map(|number| {
            let op = wire::stroke_op(&format!("item-{number}"), u64::from(number) * 31, None);
            serde_json::from_str::<Value>(&op).map(|op| op["value"].clone())
        })
        .collect::<Result<_, _>>()?;
    let state = json!({"activePageId": "page-1", "pages": [{"id": "page-1", "strokes": strokes, "assets": []}]});
    let path = format!("/api/v1/solo/sessions/{}/", class.board);
    arena.http.expect(200, "PATCH", &path, &tutor, Some(&json!({"state": state})))?;

    let clock = Clock::start();
    let mut there = Present { clock, present, pongs: histogram()?, welcome: 0, bytes: 0 };
    let mut sockets = Sockets::new(&arena.target, clock)?;
    let seat = |token: String| Seat {
        path: class.path(),
        token,
        dialect: Dialect::Json,
        receive_buffer: None,
        hello: Hello::default(),
    };
    let mut seats = Vec::new();
    for pupil in 0..present {
        seats.push(seat(arena.pupil_token(pupil)?));
    }
    sockets.connect(seats, &mut there)?;
    there.pongs.reset();
    // Those who are there talk for a while without anybody coming: what silence looks like.
    let mut quiet = histogram()?;
    ping(&mut sockets, &mut there, clock, 1_000_000)?;
    std::mem::swap(&mut quiet, &mut there.pongs);

    let before = arena.watched.now()?;
    let (mut joins, began) = (histogram()?, clock.micros());
    for _ in 0..args.joins {
        if stop_asked() {
            return Err(Problem::new("stopped"));
        }
        let from = clock.micros();
        sockets.connect(vec![seat(tutor.clone())], &mut there)?;
        joins.saturating_record((there.welcome - from).max(1));
        ping(&mut sockets, &mut there, clock, 50_000)?;
    }
    let (after, seconds) = (arena.watched.now()?, (clock.micros() - began) as f64 / 1e6);
    let closes = sockets.closes.clone();
    sockets.end();

    let mut report = Report::new(format!("join: a board of {} items, {present} people there", args.items));
    report.add("welcome_bytes", there.bytes as f64, "bytes");
    report.add_latency("join", &joins);
    if let Some(used) = after.server_seconds(&before) {
        report.add("server_ms_per_join", used * 1e3 / f64::from(args.joins), "ms of CPU, pings included");
    }
    report.add_latency("pong_meanwhile", &there.pongs);
    report.add_latency("pong_in_silence", &quiet);
    report.add_cpu(&before, &after, seconds, 0, "");
    report.add_closes(&closes);
    Ok(report)
}

/// One after the other of those who are there asks for a pong, for so many microseconds.
fn ping(sockets: &mut Sockets, there: &mut Present, clock: Clock, micros: u64) -> Outcome<()> {
    let (began, mut asked) = (clock.micros(), 0);
    while clock.micros() < began + micros {
        if clock.micros() - began >= asked * PING_EVERY {
            let socket = usize::try_from(asked).unwrap_or(0) % there.present;
            sockets.send(socket, format!(r#"{{"t":"ping","n":{}}}"#, clock.micros()).as_bytes());
            asked += 1;
        }
        sockets.turn(Duration::from_millis(1), there)?;
    }
    Ok(())
}
