//! What the suite runs, and the goals that its figures are held against.
//! Read by `suite` and `summary`. Never runs anything.

use crate::{
    cursors::CursorLoad, idle::IdleLoad, ops::OpsLoad, rest::RestLoad, stall::StallLoad, telemetry::TelemetryLoad,
};

/// One load.
#[derive(Clone, Debug)]
pub enum Load {
    /// Moving pens; the relay runs it, too.
    Cursors(CursorLoad),
    /// Idle connections.
    Idle(IdleLoad),
    /// Readers that stop reading.
    Stall(StallLoad),
    /// Strokes over sockets.
    Ops(OpsLoad),
    /// Saves over REST.
    Rest(RestLoad),
    /// Saves while clients tell of themselves.
    Telemetry(TelemetryLoad),
}

impl Load {
    /// Classes that it needs.
    pub fn classes(&self) -> u32 {
        match self {
            Self::Cursors(load) => load.classes,
            Self::Idle(load) => load.classes.unwrap_or(load.connections.div_ceil(30)),
            // What is drawn in a class is drawn in a fresh one.
            Self::Stall(_) | Self::Ops(_) | Self::Rest(_) | Self::Telemetry(_) => 0,
        }
    }

    /// Pupils that it needs, in each of its classes.
    pub fn pupils(&self) -> u32 {
        match self {
            Self::Cursors(load) => load.pupils,
            Self::Idle(load) => load.pupils,
            Self::Stall(load) => load.pupils,
            Self::Ops(load) if load.hot => load.writers,
            Self::Ops(load) => load.owners,
            Self::Rest(load) => load.owners,
            Self::Telemetry(load) => load.writers,
        }
    }
}

/// One run of the suite.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name, stable: scripts read it.
    pub name: &'static str,
    /// How often it runs.
    pub rounds: u32,
    /// Server on one core, generator on the other; else all of them (and PostgreSQL) share the machine.
    pub pinned: bool,
    /// In a process of its own.
    pub fresh: bool,
    /// The load.
    pub load: Load,
}

fn pens(classes: u32, pupils: u32, active: Option<u32>, seconds: f64) -> Load {
    Load::Cursors(CursorLoad { classes, pupils, active, hz: 20.0, seconds, warmup: 1.0 })
}

fn silent(connections: u32) -> Load {
    Load::Idle(IdleLoad { connections, classes: Some(connections.div_ceil(100)), pupils: 30, seconds: 2.0 })
}

fn saves(writers: u32, boards: u32, state_bytes: u32, seconds: f64) -> Load {
    Load::Rest(RestLoad { writers, boards, owners: 8, state_bytes, seconds, warmup: 1.0 })
}

fn strokes(writers: u32, boards: u32, hot: bool, inflight: u32, seconds: f64) -> Load {
    Load::Ops(OpsLoad {
        hz: 0.0,
        writers,
        boards,
        hot,
        watchers: 0,
        inflight,
        keep: 400,
        resend_every: 100,
        owners: 8,
        seconds,
        warmup: 1.0,
    })
}

fn stalled(seconds: f64) -> Load {
    let receive_buffer = 8192;
    Load::Stall(StallLoad { pupils: 60, stalled: 10, hz: 20.0, strokes: 50.0, calm: 3.0, seconds, receive_buffer })
}

fn told(seconds: f64) -> Load {
    Load::Telemetry(TelemetryLoad { rate: 10_500.0, connections: 128, writers: 16, hz: 10.0, seconds, pairs: 3 })
}

/// The runs of a suite, in order.
pub fn parts(short: bool, rounds: u32) -> Vec<Part> {
    let few = if short { 1 } else { rounds.min(3) };
    let paired = |name, load| Part { name, rounds, pinned: true, fresh: false, load };
    let alone = |name, load| Part { name, rounds: few, pinned: true, fresh: true, load };
    let durable = |name, load| Part { name, rounds: few, pinned: false, fresh: false, load };
    if short {
        return vec![
            paired("s2", pens(20, 30, None, 2.0)),
            alone("idle", silent(1000)),
            durable("ops", strokes(64, 64, false, 16, 2.0)),
            durable("rest", saves(64, 200, 0, 2.0)),
            durable("rest_one", saves(1, 1, 0, 1.0)),
        ];
    }
    vec![
        paired("s1", pens(1, 30, None, 3.0)),
        paired("s2", pens(20, 30, None, 3.0)),
        paired("s2x", pens(100, 30, None, 3.0)),
        paired("s3", pens(1, 300, Some(30), 3.0)),
        alone("idle", silent(2000)),
        alone("idle_10000", silent(10_000)),
        alone("stall", stalled(30.0)),
        durable("ops", strokes(64, 64, false, 16, 3.0)),
        durable("ops_calm", strokes(64, 64, false, 1, 3.0)),
        durable("ops_hot", strokes(30, 1, true, 2, 3.0)),
        durable("rest", saves(64, 200, 0, 3.0)),
        durable("rest_one", saves(1, 1, 0, 3.0)),
        durable("rest_1kb", saves(1, 4, 1_024, 3.0)),
        durable("rest_2mb", saves(1, 4, 2_000_000, 3.0)),
        durable("telemetry", told(3.0)),
    ]
}

/// A bound that a figure's median shall keep.
pub struct Goal {
    /// The run.
    pub part: &'static str,
    /// The figure; `ratio` is m4sh's CPU per delivery over the relay's in the same round.
    pub figure: &'static str,
    /// The bound.
    pub bound: f64,
    /// The figure must be at least the bound instead of at most.
    pub at_least: bool,
}

const fn most(part: &'static str, figure: &'static str, bound: f64) -> Goal {
    Goal { part, figure, bound, at_least: false }
}

const fn least(part: &'static str, figure: &'static str, bound: f64) -> Goal {
    Goal { part, figure, bound, at_least: true }
}

/// The first goals; those of a run that did not take place are left out.
pub const GOALS: [Goal; 22] = [
    most("s2", "ratio", 2.0),
    most("s2x", "ratio", 2.0),
    most("s2", "latency_p99", 55.0),
    most("s2x", "latency_p99", 60.0),
    most("s2x", "server_cpu", 90.0),
    most("s2", "kib_per_connection", 30.0),
    most("idle", "base_rss", 30.0),
    most("idle", "kib_per_connection", 20.0),
    most("idle_10000", "kib_per_connection", 20.0),
    most("idle", "server_us_per_connect", 120.0),
    least("idle", "connects_per_second", 5_000.0),
    most("stall", "kib_per_stalled", 256.0),
    most("stall", "p99_ratio", 1.2),
    most("stall", "last_left_after", 15.0),
    most("ops_calm", "accepted_p99", 5.0),
    least("ops", "saved", 30_000.0),
    least("rest", "saved", 20_000.0),
    most("rest", "saved_p50", 3.0),
    most("rest_one", "saved_p50", 0.6),
    most("rest_2mb", "cost_against_1kb", 1.5),
    least("telemetry", "accepted", 10_000.0),
    most("telemetry", "p50_ratio", 1.5),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goal_belongs_to_a_run_of_the_full_suite() {
        let names: Vec<_> = parts(false, 5).iter().map(|part| part.name).collect();
        for goal in &GOALS {
            assert!(names.contains(&goal.part), "{}", goal.part);
        }
    }

    #[test]
    fn only_cursor_runs_are_paired_and_every_name_is_once() {
        for short in [true, false] {
            let parts = parts(short, 4);
            for part in &parts {
                assert!(parts.iter().filter(|other| other.name == part.name).count() == 1, "{}", part.name);
                assert_eq!(matches!(part.load, Load::Cursors(_)), part.rounds == 4, "{}", part.name);
            }
        }
    }
}
