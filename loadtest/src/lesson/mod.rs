//! `lesson`: a scripted lesson with a tutor and thirty pupils, from entering to its end, with a report of what each saw.
//! Called by hand and by `make test` in a short form. Fails when anything is missing, doubled, out of order or leaked.

mod acts;
mod board;
mod class;
mod stage;
mod verdict;

use std::path::PathBuf;

use clap::Args;
use uuid::Uuid;

use crate::{
    arena::{Arena, ArenaArgs},
    problem::{Outcome, Problem},
    server::{M4sh, Server},
};

use stage::Stage;

/// `lesson`: how long and how many
#[derive(Args, Clone, Debug)]
pub struct LessonArgs {
    /// The server; `--url` is not needed with `--server`
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// Start this m4sh program for the lesson, and kill it in the middle
    #[arg(long)]
    pub server: Option<PathBuf>,
    /// Pupils
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(3..=300))]
    pub pupils: u32,
    /// Seconds of drawing in each act
    #[arg(long, default_value_t = 4.0)]
    pub seconds: f64,
    /// The tutor does not watch the boards, to measure the cost of watching
    #[arg(long)]
    pub blind: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When it cannot run, or a promise was broken.
pub fn main(args: &LessonArgs) -> Outcome<()> {
    if !(0.5..=600.0).contains(&args.seconds) {
        return Err(Problem::new("seconds must be 0.5 to 600"));
    }
    let Some(program) = &args.server else {
        let mut arena = Arena::open(&args.arena)?;
        return play(&mut arena, args, None)?.finish(args.arena.json.as_deref());
    };
    // Its address must outlive the kill, since everybody comes back to it.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let (data, secret) = (tempfile::tempdir()?, Uuid::new_v4().simple().to_string());
    let settings = [format!("M4SH_BIND=127.0.0.1:{port}")];
    let how = M4sh { program, data: data.path(), secret: &secret, workers: 2, tick: "auto", settings: &settings };
    let server = Server::m4sh(&how)?;
    let arena = ArenaArgs {
        url: server.url.clone(),
        jwt_secret: Some(secret.clone()),
        server_pid: Some(server.pid()),
        postgres_pid: server.postgres(),
        ..args.arena.clone()
    };
    let again = |server: Server| {
        server.kill()?;
        Server::m4sh(&how)
    };
    let mut held = Some(server);
    let mut restart = || {
        let server = held.take().ok_or_else(|| Problem::new("there is no server to kill"))?;
        held = Some(again(server)?);
        Ok(())
    };
    let report = play(&mut Arena::open(&arena)?, args, Some(&mut restart))?;
    report.finish(args.arena.json.as_deref())?;
    held.map_or(Ok(()), Server::stop)
}

/// Kills the server and starts it again.
type Restart<'a> = &'a mut dyn FnMut() -> Outcome<()>;

fn play(arena: &mut Arena, args: &LessonArgs, restart: Option<Restart<'_>>) -> Outcome<crate::report::Report> {
    let mut stage = Stage::set(arena, args.pupils as usize)?;
    stage.blind = args.blind;
    acts::play(&mut stage, args.seconds, restart)?;
    verdict::of(stage)
}
