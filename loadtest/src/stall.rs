//! `stall`: some readers of a class stop reading while the others draw. Does the server's memory stay flat, do the others
//! notice, and with which code do the stalled find themselves closed? Called by hand and by the suite.

use std::{path::Path, time::Duration};

use clap::Args;

use crate::{
    arena::{Arena, ArenaArgs},
    client::{Seat, Sockets},
    clock::{Clock, micros_of, stop_asked},
    cursors::{Pace, settle},
    problem::{Outcome, Problem},
    report::Report,
    watch::{Place, Watch},
    wire::{self, Hello},
};

/// How long the stalled may take to read what waited for them.
const WAKING: u64 = 5_000_000;

/// `stall`: the load
#[derive(Args, Clone, Debug)]
pub struct StallArgs {
    /// The server
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// The load
    #[command(flatten)]
    pub load: StallLoad,
}

/// The shape of a stall.
#[derive(Args, Clone, Debug)]
pub struct StallLoad {
    /// Pupils of the class
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(3..=1000))]
    pub pupils: u32,
    /// How many of them stop reading
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=900))]
    pub stalled: u32,
    /// Cursors a second of each of the others
    #[arg(long, default_value_t = 20.0)]
    pub hz: f64,
    /// Strokes a second of all others together
    #[arg(long, default_value_t = 50.0)]
    pub strokes: f64,
    /// Seconds before the stall, for comparison
    #[arg(long, default_value_t = 5.0)]
    pub calm: f64,
    /// Seconds of the stall
    #[arg(long, default_value_t = 30.0)]
    pub seconds: f64,
    /// Receive buffer of the stalled sockets, in bytes
    #[arg(long, default_value_t = 8192)]
    pub receive_buffer: u32,
}

/// Runs the subcommand.
///
/// # Errors
/// When it cannot run, or a promise was broken.
pub fn main(args: &StallArgs) -> Outcome<()> {
    run(&mut Arena::open(&args.arena)?, &args.load)?.finish(args.arena.json.as_deref().map(Path::new))
}

struct Class<'a> {
    sockets: Sockets,
    watch: Watch,
    clock: Clock,
    cursors: Pace,
    strokes: Option<Pace>,
    drawn: u64,
    first: usize,
    text: Vec<u8>,
    arena: &'a Arena,
}

impl Class<'_> {
    /// The others draw for `seconds`; the server's memory once a second, in MiB.
    fn draw(&mut self, seconds: f64) -> Outcome<Vec<f64>> {
        let start = self.clock.micros();
        let end = start + micros_of(seconds);
        let mut memory = Vec::new();
        while self.clock.micros() < end && !stop_asked() {
            while self.cursors.due().is_some() {
                let pen = self.first + self.cursors.turn();
                let (x, y) = self.watch.move_pen(pen, self.clock.micros());
                wire::cursor(self.sockets.dialect(pen), &mut self.text, x, y);
                self.sockets.send(pen, &self.text);
            }
            while let Some(pace) = self.strokes.as_mut().filter(|pace| pace.due().is_some()) {
                let pen = self.first + pace.turn();
                let name = format!("stall-{start}-{}", self.drawn);
                let op = wire::stroke_op(&name, self.drawn * 31, None);
                self.drawn += 1;
                let batch = wire::batch(self.sockets.dialect(pen), &name, &op);
                self.sockets.send(pen, &batch);
            }
            if self.clock.micros() >= start + memory.len() as u64 * 1_000_000
                && let Some(server) = self.arena.watched.now()?.server
            {
                memory.push(server.rss_kib as f64 / 1024.0);
            }
            self.sockets.turn(self.cursors.wait(), &mut self.watch)?;
        }
        Ok(memory)
    }
}

/// Runs the load and reports.
///
/// # Errors
/// When people, the class or sockets cannot be had.
pub fn run(arena: &mut Arena, load: &StallLoad) -> Outcome<Report> {
    let (pupils, stalled) = (load.pupils as usize, load.stalled as usize);
    let pens = pupils.saturating_sub(stalled);
    let bounded = (0.1..=300.0).contains(&load.seconds) && (0.1..=300.0).contains(&load.calm);
    if pens < 2 || !bounded || !(0.1..=200.0).contains(&load.hz) || !(0.0..=5000.0).contains(&load.strokes) {
        return Err(Problem::new(
            "at least two must not stall; seconds at most 300, hz at most 200, strokes at most 5000",
        ));
    }
    let class = arena.fresh_class(pupils)?;
    let tokens = (0..pupils).map(|pupil| arena.pupil_token(pupil)).collect::<Outcome<Vec<_>>>()?;
    let seat = |(slot, token): (usize, &String)| Seat {
        path: class.path(),
        token: token.clone(),
        dialect: arena.dialect,
        receive_buffer: (slot < stalled).then_some(load.receive_buffer as usize),
        hello: Hello::default(),
    };
    let seats: Vec<Seat> = tokens.iter().enumerate().map(seat).collect();
    let places: Vec<Place> = (0..pupils).map(|slot| Place { room: 0, slot }).collect();
    let clock = Clock::start();
    let mut watch = Watch::new(places, &arena.plan.pupils[..pupils])?;
    let mut sockets = Sockets::new(&arena.target, clock)?;
    sockets.connect(seats, &mut watch)?;
    settle(&mut sockets, &mut watch, 500)?;
    (0..stalled).for_each(|id| watch.excuse(id));
    let cursors = Pace::new(clock, load.hz, pens);
    let strokes = (load.strokes > 0.0).then(|| Pace::new(clock, load.strokes / pens as f64, pens));
    let text = Vec::with_capacity(128);
    let mut class = Class { sockets, watch, clock, cursors, strokes, drawn: 0, first: stalled, text, arena };

    class.draw(0.5)?;
    class.watch.begin();
    class.draw(load.calm)?;
    let calm = class.watch.latency().clone();
    class.watch.forget_latency();
    (0..stalled).for_each(|id| class.sockets.pause(id));
    let (began, first) = (clock.micros(), arena.watched.now()?);
    let memory = class.draw(load.seconds)?;
    let last = arena.watched.now()?;
    class.watch.end();
    let during = class.watch.latency().clone();
    let lefts = class.watch.lefts(stalled);
    let closed_before = class.watch.closes().len();
    for id in 0..stalled {
        class.sockets.resume(id, &mut class.watch);
    }
    let until = clock.micros() + WAKING;
    while clock.micros() < until && class.watch.closes().len() < closed_before + stalled && !stop_asked() {
        class.sockets.turn(Duration::from_millis(20), &mut class.watch)?;
    }

    let mut report = Report::new(format!(
        "stall: {}, {stalled} of {pupils} stop reading for {} s, the others draw {} cursors and {} strokes a second",
        arena.name(),
        load.seconds,
        load.hz * pens as f64,
        load.strokes
    ));
    report.add_latency("calm", &calm);
    report.add_latency("stall", &during);
    let ratio = during.value_at_quantile(0.99) as f64 / calm.value_at_quantile(0.99).max(1) as f64;
    report.add("p99_ratio", ratio, "stall / calm");
    for (second, mib) in memory.iter().enumerate().filter(|(second, _)| second.is_multiple_of(5)) {
        report.add(format!("rss_at_{second}_s"), *mib, "MiB");
    }
    let dropped: Vec<f64> = lefts.iter().map(|at| at.saturating_sub(began) as f64 / 1e6).collect();
    // Later growth is what was drawn, not what waits for anybody.
    let held = if dropped.len() < stalled { memory.len() } else { dropped.last().map_or(0, |last| *last as usize + 2) };
    if let (Some(first), Some(most)) = (memory.first(), memory.iter().take(held).copied().reduce(f64::max)) {
        report.add("kib_per_stalled", (most - first) * 1024.0 / stalled as f64, "KiB at most");
    }
    report.add("strokes_sent", class.drawn as f64, "batches");
    report.add("stalled_left_roster", dropped.len() as f64, "of the stalled");
    if let (Some(first), Some(last)) = (dropped.first(), dropped.last()) {
        report.add("first_left_after", *first, "s");
        report.add("last_left_after", *last, "s");
    }
    report.add("brought_back", class.watch.brought_back() as f64, "readers that fell behind");
    for code in class.watch.close_codes(0..stalled) {
        report.add(format!("stalled_closed_{}", code.0), code.1 as f64, "sockets");
    }
    let others = class.watch.close_codes(stalled..pupils);
    report.add("others_closed", others.values().sum::<u64>() as f64, "sockets");
    for (code, count) in others {
        report.failures.push(format!("{count} readers that did not stall were closed with {code}"));
    }
    class.watch.judge(&mut report);
    report.add_cpu(&first, &last, load.seconds, class.watch.delivered_meanwhile(), "s per million deliveries");
    class.sockets.end();
    Ok(report)
}
