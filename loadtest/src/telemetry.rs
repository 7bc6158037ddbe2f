//! `telemetry`: savers at a steady pace, while clients tell of themselves in every other stretch. Does a flood of
//! telemetry, board metrics and beacons touch what saving takes? Called by hand and by the suite. Every stretch has the
//! same savers, so the ratio is of one run.

use std::{path::Path, time::Duration};

use clap::Args;
use serde_json::json;

use crate::{
    arena::{Arena, ArenaArgs},
    clock::{Clock, micros_of, stop_asked},
    plan::new_board,
    problem::{Outcome, Problem},
    report::{Report, histogram},
    savers::{Board, Savers},
    tellers::Tellers,
};

/// `telemetry`: the load
#[derive(Args, Clone, Debug)]
pub struct TelemetryArgs {
    /// The server
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// The load
    #[command(flatten)]
    pub load: TelemetryLoad,
}

/// The shape of the load.
#[derive(Args, Clone, Debug)]
pub struct TelemetryLoad {
    /// Reports a second, in total
    #[arg(long, default_value_t = 10_000.0)]
    pub rate: f64,
    /// Connections that report
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub connections: u32,
    /// Connections that save, with one pending save each
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub writers: u32,
    /// Saves a second of each writer
    #[arg(long, default_value_t = 10.0)]
    pub hz: f64,
    /// Seconds of each interval
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Pairs of intervals, without and with reports
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub pairs: u32,
}

/// Runs the subcommand.
///
/// # Errors
/// When it cannot run, or a promise was broken.
pub fn main(args: &TelemetryArgs) -> Outcome<()> {
    run(&mut Arena::open(&args.arena)?, &args.load)?.finish(args.arena.json.as_deref().map(Path::new))
}

/// One request of each kind: a beacon, a metric, and an event of somebody and of nobody.
fn requests(host: &str, token: &str, board: uuid::Uuid) -> Vec<Vec<u8>> {
    let metric = json!({
        "session_id": board, "version": "load", "extra_draws_during_save": 1, "main_thread_block_ms": 4.5,
        "input_latency_ms": 8.25, "save_rtt_ms": 31.5, "overlay_copy_ms": 0.5,
    });
    let saved = json!({"version": "load", "endpoint": "diff", "status": 200, "save_rtt_ms": 31.5});
    let event = json!({"event": "solo_save", "session_id": board, "payload": saved});
    let beacon = json!({"heartbeat": true, "client_ts": 1_700_000_000_000_u64, "version": "load"});
    let signed = format!("Authorization: Bearer {token}\r\n");
    let telling = |path: &str, bearer: &str, body: serde_json::Value| {
        let body = body.to_string();
        format!(
            "POST /api/v1/{path} HTTP/1.1\r\nHost: {host}\r\n{bearer}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    vec![
        telling(&format!("solo/sessions/{board}/beacon/"), &signed, beacon),
        telling("logs/board-metrics/", &signed, metric),
        telling("logs/telemetry/", &signed, event.clone()),
        telling("logs/telemetry/", "", event),
    ]
}

/// Runs the load and reports.
///
/// # Errors
/// When people or boards cannot be had, or the server stops speaking HTTP.
pub fn run(arena: &mut Arena, load: &TelemetryLoad) -> Outcome<Report> {
    let is_bounded = (0.1..=300.0).contains(&load.seconds) && (0.1..=1000.0).contains(&load.hz);
    if !is_bounded || !(1.0..=1_000_000.0).contains(&load.rate) {
        return Err(Problem::new("seconds must be 0.1 to 300, hz 0.1 to 1000, the rate 1 to 1000000"));
    }
    let writers = load.writers as usize;
    arena.provide(0, writers)?;
    let state = json!({"activePageId": "last", "pages": [{"id": "last", "strokes": [], "assets": []}]});
    let (mut boards, mut said) = (Vec::with_capacity(writers), Vec::new());
    for number in 0..writers {
        let token = arena.pupil_token(number)?;
        let (id, etag) = new_board(&mut arena.http, &token, &state)?;
        said.extend(requests(&arena.target.host, &token, id));
        boards.push(Board::new(&arena.target.host, id, token, etag));
    }
    let clock = Clock::start();
    let mut savers = Savers::new(&arena.target, clock, boards, writers)?;
    savers.pace(micros_of(1.0 / load.hz));
    let tellers = Tellers::start(&arena.target, said, load.connections as usize, load.rate)?;
    let (mut calm, mut told) = (histogram()?, histogram()?);
    let (mut accepted, mut told_seconds) = (0, 0.0);
    let mut used = None;
    for stretch in 0..load.pairs * 2 {
        let talking = stretch % 2 == 1;
        tellers.talk(talking);
        // The first moments belong to the change itself.
        turn_until(&mut savers, clock, clock.micros() + 300_000)?;
        let (began, before, first) = (clock.micros(), tellers.accepted(), arena.watched.now()?);
        savers.begin();
        turn_until(&mut savers, clock, began + micros_of(load.seconds))?;
        let last = arena.watched.now()?;
        let latency = savers.take()?;
        if talking {
            accepted += tellers.accepted() - before;
            told_seconds += (clock.micros() - began) as f64 / 1e6;
            told.add(latency)?;
            used = Some((first, last));
        } else {
            calm.add(latency)?;
        }
    }
    tellers.talk(false);
    savers.end(clock.micros() + 10_000_000)?;
    let others = tellers.end()?;

    let mut report = Report::new(format!(
        "telemetry: {}, {} a second wanted over {} connections, {writers} writers at {} Hz",
        arena.name(),
        load.rate,
        load.connections,
        load.hz
    ));
    report.add("accepted", accepted as f64 / told_seconds.max(0.001), "requests/s");
    report.add_latency("calm", &calm);
    report.add_latency("told", &told);
    for (name, quantile) in [("p50_ratio", 0.5), ("p99_ratio", 0.99)] {
        let (told, calm) = (told.value_at_quantile(quantile), calm.value_at_quantile(quantile));
        report.add(name, told as f64 / calm.max(1) as f64, "told / calm");
    }
    report.add("saves", (calm.len() + told.len()) as f64, "saves");
    if let Some((first, last)) = used {
        report.add_cpu(&first, &last, load.seconds, (accepted / u64::from(load.pairs)).max(1), "s per million told");
    }
    savers.judge(&mut report);
    for (status, count) in others {
        report.failures.push(format!("{count} of what was told was answered {status}"));
    }
    Ok(report)
}

fn turn_until(savers: &mut Savers, clock: Clock, end: u64) -> Outcome<()> {
    while clock.micros() < end && !stop_asked() {
        savers.turn(Duration::from_millis(1))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_json_of_the_length_it_says() {
        let requests = requests("h:1", "t", uuid::Uuid::nil());
        assert_eq!(requests.len(), 4);
        for request in requests {
            let text = String::from_utf8(request).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
            assert!(serde_json::from_str::<serde_json::Value>(body).unwrap().is_object());
        }
    }
}
