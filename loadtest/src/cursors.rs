//! `cursors`: classes full of moving pens. Each cursor carries its time in x and its number in y, so that every receiver
//! measures the way from the pen to itself. Called by hand and by the suite. Never draws.

use std::{path::Path, time::Duration};

use clap::Args;

use crate::{
    arena::{Arena, ArenaArgs},
    client::{Seat, Sockets},
    clock::{Clock, micros_of, stop_asked},
    problem::{Outcome, Problem},
    report::{Report, histogram},
    watch::{Place, Watch},
    wire::{self, Hello},
};

/// How long after the last cursor everything must have arrived.
const DRAIN: u64 = 2_000_000;

/// `cursors`: the load
#[derive(Args, Clone, Debug)]
pub struct CursorsArgs {
    /// The server
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// The load
    #[command(flatten)]
    pub load: CursorLoad,
}

/// The shape of a cursor load.
#[derive(Args, Clone, Debug)]
pub struct CursorLoad {
    /// Classes, each with its own session
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub classes: u32,
    /// Pupils in each class
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(2..=2000))]
    pub pupils: u32,
    /// How many of them move their cursor [default: all]
    #[arg(long)]
    pub active: Option<u32>,
    /// Cursors a second of each of them
    #[arg(long, default_value_t = 20.0)]
    pub hz: f64,
    /// Measured seconds
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Seconds of load before measuring
    #[arg(long, default_value_t = 1.5)]
    pub warmup: f64,
}

/// Runs the subcommand.
///
/// # Errors
/// When it cannot run, or a promise was broken.
pub fn main(args: &CursorsArgs) -> Outcome<()> {
    run(&mut Arena::open(&args.arena)?, &args.load)?.finish(args.arena.json.as_deref().map(Path::new))
}

/// Runs the load and reports.
///
/// # Errors
/// When people, classes or sockets cannot be had.
pub fn run(arena: &mut Arena, load: &CursorLoad) -> Outcome<Report> {
    let (classes, pupils) = (load.classes as usize, load.pupils as usize);
    if !(0.1..=200.0).contains(&load.hz)
        || !(0.1..=600.0).contains(&load.seconds)
        || !(0.0..=600.0).contains(&load.warmup)
    {
        return Err(Problem::new("hz must be 0.1 to 200, seconds at most 600"));
    }
    arena.provide(classes, pupils)?;
    let (seats, places) = seats(arena, classes, pupils)?;
    let clock = Clock::start();
    let mut watch = Watch::new(places, &arena.plan.pupils[..pupils])?;
    let mut sockets = Sockets::new(&arena.target, clock)?;
    let before = arena.watched.now()?;
    let connecting = sockets.connect(seats, &mut watch)?;
    settle(&mut sockets, &mut watch, 300)?;
    let connected = arena.watched.now()?;

    let pens = pens(classes, pupils, load.active.map_or(pupils, |active| active as usize));
    let mut pace = Pace::new(clock, load.hz, pens.len());
    let mut lag = histogram()?;
    let mut text = Vec::with_capacity(128);
    let measured = clock.micros() + micros_of(load.warmup);
    let end = measured + micros_of(load.seconds);
    let (mut first, mut last) = (connected, connected);
    while clock.micros() < end && !stop_asked() {
        while let Some(late) = pace.due() {
            let pen = pens[pace.turn()];
            let (x, y) = watch.move_pen(pen, clock.micros());
            wire::cursor(sockets.dialect(pen), &mut text, x, y);
            sockets.send(pen, &text);
            if watch.measuring() {
                lag.saturating_record(late.max(1));
            }
        }
        if !watch.measuring() && clock.micros() >= measured {
            first = arena.watched.now()?;
            watch.begin();
        }
        sockets.turn(pace.wait(), &mut watch)?;
    }
    if watch.measuring() {
        last = arena.watched.now()?;
        watch.end();
    }
    let drained = clock.micros() + DRAIN;
    while watch.missing() > 0 && clock.micros() < drained && !stop_asked() {
        sockets.turn(Duration::from_millis(10), &mut watch)?;
    }
    let closes = sockets.closes.clone();
    sockets.end();

    let active = load.active.unwrap_or(load.pupils);
    let mut report = Report::new(format!(
        "cursors: {}, {classes} x {pupils} ({active} moving) at {} Hz, {:?}",
        arena.name(),
        load.hz,
        arena.dialect
    ));
    let sockets_count = (classes * pupils) as f64;
    report.add("connects_per_second", sockets_count / connecting, "/s");
    if let Some(used) = connected.server_seconds(&before) {
        report.add("server_us_per_connect", used * 1e6 / sockets_count, "us CPU");
    }
    if let (Some(then), Some(now)) = (before.server, last.server) {
        let grown = now.rss_kib.saturating_sub(then.rss_kib) as f64;
        report.add("kib_per_connection", grown / sockets_count, "KiB");
    }
    watch.report(&mut report, load.seconds);
    report.add_cpu(&first, &last, load.seconds, watch.delivered_meanwhile(), "s per million deliveries");
    report.add("generator_lag_p99", lag.value_at_quantile(0.99) as f64 / 1e3, "ms");
    report.add_closes(&closes);
    Ok(report)
}

/// All seats, class by class, and where each sits.
fn seats(arena: &mut Arena, classes: usize, pupils: usize) -> Outcome<(Vec<Seat>, Vec<Place>)> {
    let tokens = (0..pupils).map(|pupil| arena.pupil_token(pupil)).collect::<Outcome<Vec<_>>>()?;
    let mut seats = Vec::with_capacity(classes * pupils);
    let mut places = Vec::with_capacity(classes * pupils);
    for (room, class) in arena.plan.classes.iter().take(classes).enumerate() {
        for (slot, token) in tokens.iter().enumerate() {
            let (path, token) = (class.path(), token.clone());
            seats.push(Seat { path, token, dialect: arena.dialect, receive_buffer: None, hello: Hello::default() });
            places.push(Place { room, slot });
        }
    }
    Ok((seats, places))
}

/// The moving pens, one of each class after the other, so that no class moves in one burst.
fn pens(classes: usize, pupils: usize, active: usize) -> Vec<usize> {
    let active = active.clamp(1, pupils);
    (0..active).flat_map(|slot| (0..classes).map(move |class| class * pupils + slot)).collect()
}

/// Lets joins and rosters pass before anything is measured.
pub fn settle(sockets: &mut Sockets, watch: &mut Watch, millis: u64) -> Outcome<()> {
    for _ in 0..millis / 10 {
        sockets.turn(Duration::from_millis(10), watch)?;
    }
    Ok(())
}

/// Who sends when: all pens in turn, evenly over the period.
pub struct Pace {
    clock: Clock,
    start: u64,
    gap: f64,
    pens: usize,
    count: u64,
}

impl Pace {
    /// `pens` pens at `hz` each, from now on.
    pub fn new(clock: Clock, hz: f64, pens: usize) -> Self {
        Self { clock, start: clock.micros(), gap: 1e6 / hz / pens as f64, pens, count: 0 }
    }

    fn next(&self) -> u64 {
        self.start + (self.count as f64 * self.gap) as u64
    }

    /// How late (microseconds) the next one is, when its time has come.
    pub fn due(&self) -> Option<u64> {
        self.clock.micros().checked_sub(self.next())
    }

    /// Whose turn it is; moves on.
    pub fn turn(&mut self) -> usize {
        self.count += 1;
        usize::try_from((self.count - 1) % self.pens as u64).unwrap_or(0)
    }

    /// How long until the next one.
    pub fn wait(&self) -> Duration {
        Duration::from_micros(self.next().saturating_sub(self.clock.micros()).min(5_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_time_are_of_different_classes() {
        assert_eq!(pens(2, 3, 3), [0, 3, 1, 4, 2, 5]);
        assert_eq!(pens(2, 3, 1), [0, 3]);
        assert_eq!(pens(1, 3, 99), [0, 1, 2]);
    }

    #[test]
    fn a_pace_gives_every_pen_its_turn_once_a_period() {
        let mut pace = Pace::new(Clock::start(), 1000.0, 5);
        let turns: Vec<_> = (0..10).map(|_| pace.turn()).collect();
        assert_eq!(turns, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
        assert_eq!(pace.next() - pace.start, 2000, "ten turns of five pens at 1 kHz are two periods");
    }
}
