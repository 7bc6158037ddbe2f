//! `rest`: writers that save diffs over kept connections, each with the last `ETag` of boards that it owns.
//! Called by hand and by the suite. Never has two requests under way on one connection, as a browser's autosave.

use std::{collections::BTreeMap, path::Path, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use crate::{
    arena::{Arena, ArenaArgs},
    clock::{Clock, micros_of, stop_asked},
    plan::new_board,
    problem::{Outcome, Problem},
    report::Report,
    savers::{Board, Savers},
    wire,
};

/// Boards read back after a run.
const CHECKED: usize = 20;

/// `rest`: the load
#[derive(Args, Clone, Debug)]
pub struct RestArgs {
    /// The server
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// The load
    #[command(flatten)]
    pub load: RestLoad,
}

/// The shape of a saving load.
#[derive(Args, Clone, Debug)]
pub struct RestLoad {
    /// Connections, each with one pending save
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub writers: u32,
    /// Boards, divided among the writers; at least one each
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub boards: u32,
    /// Accounts that own the boards
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub owners: u32,
    /// Bytes of each board before the first save
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub state_bytes: u32,
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
pub fn main(args: &RestArgs) -> Outcome<()> {
    run(&mut Arena::open(&args.arena)?, &args.load)?.finish(args.arena.json.as_deref().map(Path::new))
}

/// A state of about `bytes` bytes on its first page, and an empty last page that is drawn on.
fn filled(bytes: u32) -> (Value, u64) {
    let (mut strokes, mut size) = (Vec::new(), 150);
    while size < bytes {
        let op = wire::stroke_op(&format!("old-{}", strokes.len()), strokes.len() as u64 * 31, None);
        // The op's text is ours; were it no JSON, the server would refuse the board.
        let mut op: Value = serde_json::from_str(&op).unwrap_or_default();
        let stroke = op["value"].take();
        size += u32::try_from(stroke.to_string().len() + 1).unwrap_or(u32::MAX);
        strokes.push(stroke);
    }
    let count = strokes.len() as u64;
    let pages = json!([{"id": "first", "strokes": strokes, "assets": []}, {"id": "last", "strokes": [], "assets": []}]);
    (json!({"activePageId": "last", "pages": pages}), count)
}

/// Runs the load and reports.
///
/// # Errors
/// When people or boards cannot be had, or the server stops speaking HTTP.
pub fn run(arena: &mut Arena, load: &RestLoad) -> Outcome<Report> {
    if !(0.1..=600.0).contains(&load.seconds) || !(0.0..=600.0).contains(&load.warmup) {
        return Err(Problem::new("seconds must be 0.1 to 600"));
    }
    let (writers, owners) = (load.writers as usize, load.owners as usize);
    let boards = writers.max(load.boards as usize);
    arena.provide(0, owners)?;
    let (state, strokes) = filled(load.state_bytes);
    let mut easels = Vec::with_capacity(boards);
    for number in 0..boards {
        let token = arena.pupil_token(number % owners)?;
        let (id, etag) = new_board(&mut arena.http, &token, &state)?;
        easels.push(Board::new(&arena.target.host, id, token, etag));
    }

    let clock = Clock::start();
    let mut savers = Savers::new(&arena.target, clock, easels, writers)?;
    let measured = clock.micros() + micros_of(load.warmup);
    let end = measured + micros_of(load.seconds);
    let mut first = arena.watched.now()?;
    let mut last = first;
    while clock.micros() < end && !stop_asked() {
        savers.turn(Duration::from_millis(5))?;
        if !savers.measuring() && clock.micros() >= measured {
            first = arena.watched.now()?;
            savers.begin();
        }
    }
    if savers.measuring() {
        last = arena.watched.now()?;
    }
    savers.end(clock.micros() + 10_000_000)?;

    let mut report = Report::new(format!(
        "rest: {}, {writers} writers over {boards} boards of {} bytes",
        arena.name(),
        load.state_bytes
    ));
    savers.report(&mut report, load.seconds);
    if let Some(used) = last.server_seconds(&first) {
        report.add("server_us_per_save", used * 1e6 / savers.saved().max(1) as f64, "us CPU");
    }
    report.add_cpu(&first, &last, load.seconds, savers.saved(), "s per million saves");
    let mut statuses = BTreeMap::new();
    for board in savers.boards().take(CHECKED) {
        let answer = arena.http.call("GET", &board.path(), board.token(), None)?;
        *statuses.entry(answer.status).or_insert(0_u64) += 1;
        let pages = answer.body["state"]["pages"].as_array().into_iter().flatten();
        let found: usize = pages.map(|page| page["strokes"].as_array().map_or(0, Vec::len)).sum();
        if (answer.body["rev"].as_u64(), found as u64) != (Some(board.rev()), board.saved() + strokes) {
            report.failures.push(format!(
                "a board holds {found} strokes at rev {}, not {} at {}",
                answer.body["rev"],
                board.saved() + strokes,
                board.rev()
            ));
        }
        if answer.etag.as_deref() != Some(&format!("W/\"rev:{}\"", board.rev())) {
            report.failures.push(format!("the ETag of a board at rev {} is {:?}", board.rev(), answer.etag));
        }
    }
    report.add("boards_read_back", *statuses.get(&200).unwrap_or(&0) as f64, "boards");
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_state_has_about_the_wanted_size_and_an_empty_last_page() {
        for bytes in [1_024, 200_000, 2_000_000] {
            let (state, strokes) = filled(bytes);
            let size = u32::try_from(state.to_string().len()).unwrap();
            assert!(size.abs_diff(bytes) < 400, "{size} for {bytes}");
            assert_eq!(state["pages"][0]["strokes"].as_array().unwrap().len() as u64, strokes);
            assert_eq!(state["pages"][1]["strokes"], json!([]));
        }
    }
}
