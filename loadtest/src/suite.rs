//! `suite`: starts relay and m4sh itself, in turn, on one core, drives them from the other, and prints ratios.
//! Run by `make load` and for the closing numbers. Never measures two servers at once.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Instant};

use clap::Args;
use tempfile::TempDir;

use crate::{
    arena::{Arena, ArenaArgs},
    clock::stop_asked,
    cpu, cursors, idle, ops,
    problem::{Outcome, Problem},
    report::{self, Report},
    rest,
    server::{M4sh, Server},
    stall,
    suite_plan::{Load, Part, parts},
    summary::Summary,
    telemetry,
    wire::Dialect,
};

/// `suite`: the closing numbers
#[derive(Args, Clone, Debug)]
pub struct SuiteArgs {
    /// The m4sh program
    #[arg(long)]
    pub server: PathBuf,
    /// About one minute instead of about half an hour
    #[arg(long)]
    pub short: bool,
    /// Rounds of the paired runs [default: 5, with --short 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub rounds: Option<u32>,
    /// Only runs whose name starts with this; may be repeated
    #[arg(long)]
    pub only: Vec<String>,
    /// Tick of the relay and of m4sh, in milliseconds
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub tick_ms: u64,
    /// Workers of m4sh
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: u32,
    /// Dialect of the sockets of m4sh (the relay always uses JSON)
    #[arg(long, value_enum, default_value = "json")]
    pub dialect: Dialect,
    /// A setting of m4sh, as KEY=VALUE; may be repeated
    #[arg(long)]
    pub set: Vec<String>,
    /// Also fail when a goal is missed
    #[arg(long)]
    pub strict: bool,
    /// Also write all figures to this file
    #[arg(long)]
    pub json: Option<PathBuf>,
}

struct Suite<'a> {
    args: &'a SuiteArgs,
    cores: usize,
    data: TempDir,
    secret: String,
    plan: PathBuf,
    summary: Summary,
}

/// Runs the subcommand.
///
/// # Errors
/// When a server cannot be run, a promise was broken, or, with `--strict`, a goal was missed.
pub fn main(args: &SuiteArgs) -> Outcome<()> {
    let began = Instant::now();
    let cores = cpu::cores();
    if cores < 2 {
        eprintln!("one core only: server and generator share it, so only CPU figures mean anything");
    }
    let data = tempfile::Builder::new().prefix("m4sh-load-").tempdir()?;
    // A root user's server runs its cluster as another user, who must be able to walk through this folder.
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o711))?;
    let plan = data.path().join("plan.json");
    let secret = uuid::Uuid::new_v4().to_string();
    let mut suite = Suite { args, cores, data, secret, plan, summary: Summary::default() };
    let done = suite.run();
    suite.summary.seconds = began.elapsed().as_secs_f64();
    print!("{}", suite.summary.tables());
    if let Some(file) = &args.json {
        report::write_json(file, &suite.summary.json())?;
    }
    done?;
    let missed = suite.summary.missed();
    match suite.summary.failures.len() {
        0 if missed == 0 || !args.strict => Ok(()),
        0 => Err(Problem::new(format!("{missed} goals were missed"))),
        count => Err(Problem::new(format!("{count} promises were broken (see FAILED above)"))),
    }
}

impl Suite<'_> {
    fn run(&mut self) -> Outcome<()> {
        let rounds = self.args.rounds.unwrap_or(if self.args.short { 3 } else { 5 });
        let chosen =
            |name: &str| self.args.only.is_empty() || self.args.only.iter().any(|only| name.starts_with(only.as_str()));
        let parts: Vec<Part> = parts(self.args.short, rounds).into_iter().filter(|part| chosen(part.name)).collect();
        if parts.is_empty() {
            return Err(Problem::new("--only names no run"));
        }
        self.prepare(&parts)?;
        let most = parts.iter().map(|part| part.rounds).max().unwrap_or(0);
        for round in 0..most {
            // Loads that need quiet memory first: a fresh process for each of them.
            for part in parts.iter().filter(|part| part.fresh && round < part.rounds) {
                let server = self.start(part.pinned)?;
                self.measure(&server, part, round)?;
                server.stop()?;
            }
            for pinned in [true, false] {
                let shared = |part: &&Part| !part.fresh && part.pinned == pinned && round < part.rounds;
                let shared: Vec<&Part> = parts.iter().filter(shared).collect();
                if shared.is_empty() {
                    continue;
                }
                let server = self.start(pinned)?;
                for part in shared {
                    self.relay(part, round)?;
                    self.measure(&server, part, round)?;
                }
                server.stop()?;
            }
        }
        Ok(())
    }

    /// Makes all people and classes in a process that is not measured: hashing passwords leaves its memory large.
    fn prepare(&mut self, parts: &[Part]) -> Outcome<()> {
        let classes = parts.iter().map(|part| part.load.classes()).max().unwrap_or(0);
        let pupils = parts.iter().map(|part| part.load.pupils()).max().unwrap_or(0);
        let server = self.start(false)?;
        eprintln!("preparing {classes} classes and {pupils} pupils");
        let mut arena = self.arena(&server, true)?;
        // Few pupils join all classes; the many of a large class come last and join where they are needed.
        for part in parts {
            arena.provide(part.load.classes() as usize, part.load.pupils() as usize)?;
        }
        server.stop()
    }

    fn start(&self, pinned: bool) -> Outcome<Server> {
        let how = M4sh {
            program: &self.args.server,
            data: self.data.path(),
            secret: &self.secret,
            workers: self.args.workers,
            tick: &self.args.tick_ms.to_string(),
            settings: &self.args.set,
        };
        self.on_cores(pinned, || Server::m4sh(&how))
    }

    /// Starts something that inherits our cores: the first one when `pinned`, else all; then moves to the second.
    fn on_cores<T>(&self, pinned: bool, start: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        if self.cores < 2 {
            return start();
        }
        if pinned {
            cpu::pin(0)?;
        } else {
            cpu::unpin(self.cores)?;
        }
        let started = start();
        if pinned {
            cpu::pin(1)?;
        }
        started
    }

    fn arena(&self, server: &Server, signed: bool) -> Outcome<Arena> {
        Arena::open(&ArenaArgs {
            url: server.url.clone(),
            relay: false,
            plan: Some(self.plan.clone()),
            jwt_secret: signed.then(|| self.secret.clone()),
            server_pid: Some(server.pid()),
            postgres_pid: server.postgres(),
            dialect: self.args.dialect,
            core: None,
            json: None,
        })
    }

    fn measure(&mut self, server: &Server, part: &Part, round: u32) -> Outcome<()> {
        if stop_asked() {
            return Err(Problem::new("stopped"));
        }
        let mut arena = self.arena(server, true)?;
        self.take("m4sh", part, round, |load| run(&mut arena, load))
    }

    fn relay(&mut self, part: &Part, round: u32) -> Outcome<()> {
        let Load::Cursors(_) = &part.load else { return Ok(()) };
        let relay = self.on_cores(part.pinned, || Server::relay(self.args.tick_ms))?;
        let mut arena = Arena::open(&ArenaArgs {
            url: relay.url.clone(),
            relay: true,
            plan: None,
            jwt_secret: None,
            server_pid: Some(relay.pid()),
            postgres_pid: None,
            dialect: Dialect::Json,
            core: None,
            json: None,
        })?;
        self.take("relay", part, round, |load| run(&mut arena, load))?;
        relay.stop()
    }

    fn take(
        &mut self,
        side: &'static str,
        part: &Part,
        round: u32,
        run: impl FnOnce(&Load) -> Outcome<Report>,
    ) -> Outcome<()> {
        eprintln!("{} {side}, round {} of {}", part.name, round + 1, part.rounds);
        let report = run(&part.load).map_err(|problem| Problem::new(format!("{} {side}: {problem}", part.name)))?;
        // A run that was cut short would only look like a bad server.
        if stop_asked() {
            return Err(Problem::new("stopped"));
        }
        self.summary.add(part.name, side, &report);
        Ok(())
    }
}

fn run(arena: &mut Arena, load: &Load) -> Outcome<Report> {
    match load {
        Load::Cursors(load) => cursors::run(arena, load),
        Load::Idle(load) => idle::run(arena, load),
        Load::Stall(load) => stall::run(arena, load),
        Load::Ops(load) => ops::run(arena, load),
        Load::Rest(load) => rest::run(arena, load),
        Load::Telemetry(load) => telemetry::run(arena, load),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_whose_server_cannot_start_says_so() {
        let args = SuiteArgs {
            server: PathBuf::from("/nonexistent/m4sh"),
            short: true,
            rounds: None,
            only: Vec::new(),
            tick_ms: 50,
            workers: 1,
            dialect: Dialect::Json,
            set: Vec::new(),
            strict: false,
            json: None,
        };
        assert!(main(&args).unwrap_err().to_string().contains("/nonexistent/m4sh"));
    }
}
