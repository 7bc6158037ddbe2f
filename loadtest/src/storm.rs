//! `storm`: every connection breaks at one moment, with strokes under way, and comes back. How long until all are back,
//! and proof that no operation was lost or happened twice. Called by hand and by the suite. Never sleeps.

use std::{collections::HashMap, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    arena::{Arena, ArenaArgs},
    client::{Driver, Seat, Sockets},
    clock::{Clock, micros_of, stop_asked},
    problem::{Outcome, Problem},
    report::Report,
    wire::{self, Dialect, Hello},
};

/// How long after the storm everything must be saved.
const DRAIN: u64 = 30_000_000;

/// `storm`: the load
#[derive(Args, Clone, Debug)]
pub struct StormArgs {
    /// The server
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// The load
    #[command(flatten)]
    pub load: StormLoad,
}

/// The shape of a storm.
#[derive(Args, Clone, Debug)]
pub struct StormLoad {
    /// Classes
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub classes: u32,
    /// Pupils in each class, one socket each
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=300))]
    pub pupils: u32,
    /// One of so many pupils draws
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=300))]
    pub one_in: u32,
    /// Seconds of drawing before the storm, and after it
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// Storms in a row
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub storms: u32,
}

/// Runs the subcommand.
///
/// # Errors
/// When it cannot run, or a promise was broken.
pub fn main(args: &StormArgs) -> Outcome<()> {
    run(&mut Arena::open(&args.arena)?, &args.load)?.finish(args.arena.json.as_deref())
}

/// A tab: where it is, what it knows, what it keeps until it is saved.
struct Tab {
    board: usize,
    client: Uuid,
    position: Option<(u64, u64)>,
    draws: bool,
    sent: u64,
    /// Number and revision of batches that are not known to be saved.
    kept: Vec<(u64, Option<u64>)>,
}

#[derive(Default)]
struct Storm {
    tabs: Vec<Tab>,
    /// By socket: its tab; `None` once it was cut.
    sockets: Vec<Option<usize>>,
    gaps: u64,
    snapshots: u64,
    resumed: u64,
    refused: HashMap<String, u64>,
}

impl Storm {
    fn follow(&mut self, tab: usize, rev: u64) {
        let Some((_, at)) = &mut self.tabs[tab].position else { return };
        // An answer to a repeat tells an older revision again.
        if rev <= *at {
            return;
        }
        self.gaps += u64::from(rev != *at + 1);
        *at = rev;
    }

    fn all_saved(&self) -> bool {
        self.tabs.iter().all(|tab| tab.kept.is_empty())
    }
}

fn name(tab: usize, number: u64) -> String {
    format!("s{tab}-{number}")
}

impl Driver for Storm {
    fn message(&mut self, _: &mut Sockets, id: usize, payload: &[u8], _: u64) {
        let Some(tab) = self.sockets[id] else { return };
        let Some(told) = wire::told(Dialect::Json, payload) else { return };
        match (&*told.t, told.rev) {
            ("ops", Some(rev)) => self.follow(tab, rev),
            ("accepted", Some(rev)) => {
                let number = told.id.as_deref().and_then(|id| id.split_once('-')?.1.parse::<u64>().ok());
                if let Some(kept) = self.tabs[tab].kept.iter_mut().find(|(own, _)| Some(*own) == number) {
                    kept.1 = Some(rev);
                }
                self.follow(tab, rev);
            }
            ("saved", Some(rev)) => self.tabs[tab].kept.retain(|(_, at)| at.is_none_or(|at| at > rev)),
            // What was left out for a reader that fell behind.
            ("tail" | "snapshot", Some(rev)) => {
                if let Some((_, at)) = &mut self.tabs[tab].position {
                    *at = rev;
                }
                let saved = told.saved.unwrap_or(0);
                self.tabs[tab].kept.retain(|(_, at)| at.is_none_or(|at| at > saved));
            }
            ("refused", _) => {
                let code = told.code.map_or_else(String::new, |code| code.to_string());
                *self.refused.entry(code).or_default() += 1;
            }
            _ => {}
        }
    }

    fn welcome(&mut self, _: &mut Sockets, id: usize, payload: &[u8]) {
        let Some(tab) = self.sockets[id] else { return };
        let frame: Value = serde_json::from_slice(payload).unwrap_or_default();
        let (epoch, rev) = (frame["epoch"].as_u64().unwrap_or(0), frame["rev"].as_u64().unwrap_or(0));
        if frame["resumed"] == true {
            self.resumed += 1;
            for missed in frame["ops"].as_array().into_iter().flatten() {
                self.follow(tab, missed["rev"].as_u64().unwrap_or(0));
            }
            self.gaps += u64::from(self.tabs[tab].position != Some((epoch, rev)));
        } else {
            self.snapshots += 1;
        }
        self.tabs[tab].position = Some((epoch, rev));
    }

    fn closed(&mut self, id: usize, _: u16, _: u64) {
        self.sockets[id] = None;
    }
}

/// Runs the load and reports.
///
/// # Errors
/// When people, classes or sockets cannot be had.
pub fn run(arena: &mut Arena, load: &StormLoad) -> Outcome<Report> {
    if !(0.1..=600.0).contains(&load.seconds) {
        return Err(Problem::new("seconds must be 0.1 to 600"));
    }
    let (classes, pupils) = (load.classes as usize, load.pupils as usize);
    arena.provide(0, pupils)?;
    let rooms: Vec<_> = (0..classes).map(|_| arena.fresh_class(pupils)).collect::<Outcome<_>>()?;
    let tokens: Vec<_> = (0..pupils).map(|pupil| arena.pupil_token(pupil)).collect::<Outcome<_>>()?;
    let mut storm = Storm::default();
    for board in 0..classes {
        for pupil in 0..pupils {
            let draws = (pupil as u32).is_multiple_of(load.one_in);
            let (client, kept) = (Uuid::new_v4(), Vec::new());
            storm.tabs.push(Tab { board, client, position: None, draws, sent: 0, kept });
        }
    }
    let clock = Clock::start();
    let mut sockets = Sockets::new(&arena.target, clock)?;
    let seats = |storm: &Storm| {
        let seat = |(number, tab): (usize, &Tab)| Seat {
            path: rooms[tab.board].path(),
            token: tokens[number % pupils].clone(),
            dialect: Dialect::Json,
            receive_buffer: None,
            hello: Hello { client: Some(tab.client), resume: tab.position, watch: false },
        };
        storm.tabs.iter().enumerate().map(seat).collect::<Vec<_>>()
    };
    let come = |storm: &mut Storm, sockets: &mut Sockets| {
        let count = storm.tabs.len();
        storm.sockets.extend((0..count).map(Some));
        let seats = seats(storm);
        sockets.connect(seats, storm)
    };
    come(&mut storm, &mut sockets)?;
    let mut report =
        Report::new(format!("storm: {} sockets in {classes} classes, {:?}", classes * pupils, load.storms));
    let (before, began) = (arena.watched.now()?, clock.micros());
    for number in 0..load.storms {
        draw(&mut storm, &mut sockets, clock, load.seconds)?;
        let from = clock.micros();
        for (socket, tab) in storm.sockets.iter_mut().enumerate() {
            if tab.take().is_some() {
                sockets.cut(socket);
            }
        }
        come(&mut storm, &mut sockets)?;
        report.add(format!("storm_{}_back_after", number + 1), (clock.micros() - from) as f64 / 1e6, "s");
        resend(&mut storm, &mut sockets);
    }
    draw(&mut storm, &mut sockets, clock, load.seconds)?;
    let drained = clock.micros() + DRAIN;
    while !storm.all_saved() && clock.micros() < drained && !stop_asked() {
        sockets.turn(Duration::from_millis(10), &mut storm)?;
    }
    let (after, seconds) = (arena.watched.now()?, (clock.micros() - began) as f64 / 1e6);
    let unsaved: usize = storm.tabs.iter().map(|tab| tab.kept.len()).sum();
    report.add("batches", storm.tabs.iter().map(|tab| tab.sent).sum::<u64>() as f64, "");
    report.add("resumed", storm.resumed as f64, "welcomes");
    report.add("snapshots", storm.snapshots as f64, "welcomes");
    report.add_cpu(&before, &after, seconds, 0, "");
    report.forbid(unsaved as u64, "batches were never told saved");
    report.forbid(storm.gaps, "revisions were missing or doubled");
    for (code, count) in &storm.refused {
        report.failures.push(format!("{count} batches were refused: {code}"));
    }
    let closes = sockets.closes.clone();
    sockets.end();
    report.add_closes(&closes);
    check(arena, &rooms, &storm, &mut report)?;
    Ok(report)
}

/// Those who draw send ten strokes a second each.
fn draw(storm: &mut Storm, sockets: &mut Sockets, clock: Clock, seconds: f64) -> Outcome<()> {
    let (began, mut round) = (clock.micros(), 0);
    while clock.micros() < began + micros_of(seconds) && !stop_asked() {
        if clock.micros() - began >= round * 100_000 {
            round += 1;
            for socket in 0..storm.sockets.len() {
                let Some(tab) = storm.sockets[socket].filter(|tab| storm.tabs[*tab].draws) else { continue };
                let number = storm.tabs[tab].sent;
                storm.tabs[tab].sent += 1;
                storm.tabs[tab].kept.push((number, None));
                send(sockets, socket, tab, number);
            }
        }
        sockets.turn(Duration::from_millis(5), storm)?;
    }
    Ok(())
}

fn send(sockets: &mut Sockets, socket: usize, tab: usize, number: u64) {
    let name = name(tab, number);
    let ops = wire::stroke_op(&name, number * 31 + tab as u64, None);
    sockets.send(socket, &wire::batch(Dialect::Json, &name, &ops));
}

fn resend(storm: &mut Storm, sockets: &mut Sockets) {
    for socket in 0..storm.sockets.len() {
        let Some(tab) = storm.sockets[socket] else { continue };
        for (number, _) in storm.tabs[tab].kept.clone() {
            send(sockets, socket, tab, number);
        }
    }
}

/// Each stroke is on its board once, and nothing else is.
fn check(arena: &mut Arena, rooms: &[crate::plan::Class], storm: &Storm, report: &mut Report) -> Outcome<()> {
    let token = arena.tutor_token()?;
    let (mut missing, mut doubled) = (0, 0);
    for (board, room) in rooms.iter().enumerate() {
        let path = format!("/api/v1/solo/sessions/{}/", room.board);
        let state = arena.http.expect(200, "GET", &path, &token, Some(&json!({})))?.body;
        let mut found: HashMap<&str, u64> = HashMap::new();
        for page in state["state"]["pages"].as_array().into_iter().flatten() {
            for stroke in page["strokes"].as_array().into_iter().flatten() {
                *found.entry(stroke["id"].as_str().unwrap_or_default()).or_default() += 1;
            }
        }
        for (tab, own) in storm.tabs.iter().enumerate().filter(|(_, tab)| tab.board == board) {
            missing += (0..own.sent).filter(|number| !found.contains_key(&*name(tab, *number))).count() as u64;
        }
        doubled += found.values().filter(|count| **count > 1).count() as u64;
    }
    report.forbid(missing, "strokes are missing");
    report.forbid(doubled, "strokes are there twice");
    Ok(())
}
