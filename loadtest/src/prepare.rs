//! `prepare`: makes people and classes ahead of a run, so that many runs can share them.
//! Called by hand. Never measures.

use clap::Args;

use crate::{
    arena::{Arena, ArenaArgs},
    problem::{Outcome, Problem},
};

/// `prepare`: what to make
#[derive(Args, Clone, Debug)]
pub struct PrepareArgs {
    /// The server; `--plan` is required
    #[command(flatten)]
    pub arena: ArenaArgs,
    /// Classes
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub classes: u32,
    /// Pupils: all of them join every class
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=2000))]
    pub pupils: u32,
}

/// Runs the subcommand.
///
/// # Errors
/// When there is no plan file, or the server refuses something.
pub fn main(args: &PrepareArgs) -> Outcome<()> {
    let Some(file) = &args.arena.plan else { return Err(Problem::new("prepare needs --plan FILE")) };
    let mut arena = Arena::open(&args.arena)?;
    arena.provide(args.classes as usize, args.pupils as usize)?;
    println!("{}: {} classes, {} pupils", file.display(), arena.plan.classes.len(), arena.plan.pupils.len());
    Ok(())
}
