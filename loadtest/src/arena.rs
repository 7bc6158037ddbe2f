//! What every measuring subcommand is told: the server, the plan, the watched processes, where results go.
//! Built once from the arguments. Never measures.

use std::path::PathBuf;

use clap::Args;

use crate::{
    cpu::{self, Watched},
    http::{Http, Target},
    plan::{Class, Plan, Tokens},
    problem::{Outcome, Problem},
    wire::Dialect,
};

/// The arguments that all measuring subcommands share.
#[derive(Args, Clone, Debug)]
pub struct ArenaArgs {
    /// The server, on loopback
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "M4SH_URL")]
    pub url: String,
    /// The server is the yardstick relay: invent people instead of registering them
    #[arg(long)]
    pub relay: bool,
    /// Keep people and classes in this file, and reuse them
    #[arg(long)]
    pub plan: Option<PathBuf>,
    /// Sign tokens with the server's secret instead of logging in
    #[arg(long, env = "M4SH_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,
    /// Measure this process
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// Measure this process with its descendants as PostgreSQL
    #[arg(long)]
    pub postgres_pid: Option<u32>,
    /// The dialect of the sockets
    #[arg(long, value_enum, default_value = "json")]
    pub dialect: Dialect,
    /// Pin the generator to this core
    #[arg(long)]
    pub core: Option<usize>,
    /// Write the report here, too
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// The place of a run.
pub struct Arena {
    /// Where the server listens.
    pub target: Target,
    /// People and classes.
    pub plan: Plan,
    /// Their tokens.
    pub tokens: Tokens,
    /// The watched processes.
    pub watched: Watched,
    /// The dialect of the sockets.
    pub dialect: Dialect,
    /// A client for preparing and checking.
    pub http: Http,
    relay: bool,
    file: Option<PathBuf>,
}

impl Arena {
    /// Pins the generator, when told to, and reads the plan.
    ///
    /// # Errors
    /// When an argument does not hold.
    pub fn open(args: &ArenaArgs) -> Outcome<Self> {
        if let Some(core) = args.core {
            cpu::pin(core)?;
        }
        if args.relay && args.dialect != Dialect::Json {
            return Err(Problem::new("the relay speaks JSON only"));
        }
        cpu::raise_descriptors();
        let target = Target::parse(&args.url)?;
        Ok(Self {
            http: Http::new(&target),
            target,
            plan: Plan::load(args.plan.as_deref())?,
            tokens: Tokens::new(args.jwt_secret.clone().or_else(|| args.relay.then(|| "relay".to_owned()))),
            watched: Watched { server: args.server_pid, postgres: args.postgres_pid },
            dialect: args.dialect,
            relay: args.relay,
            file: args.plan.clone(),
        })
    }

    /// Makes sure that so many classes and pupils exist.
    ///
    /// # Errors
    /// When the server refuses to make them.
    pub fn provide(&mut self, classes: usize, pupils: usize) -> Outcome<()> {
        if self.relay {
            self.plan = Plan::invented(classes, pupils);
            return Ok(());
        }
        let made = self.plan.provide(&mut self.http, &mut self.tokens, classes, pupils);
        // What was made before a refusal is worth keeping, too.
        self.plan.save(self.file.as_deref())?;
        made
    }

    /// A class that only this run draws in, joined by the first `pupils`.
    ///
    /// # Errors
    /// When the server refuses to make it.
    pub fn fresh_class(&mut self, pupils: usize) -> Outcome<Class> {
        self.provide(0, pupils)?;
        if self.relay {
            return Err(Problem::new("the relay knows no strokes"));
        }
        self.plan.fresh_class(&mut self.http, &mut self.tokens, pupils)
    }

    /// A token of pupil `number`.
    ///
    /// # Errors
    /// When the login is refused.
    pub fn pupil_token(&mut self, number: usize) -> Outcome<String> {
        self.tokens.of(&mut self.http, &self.plan.pupils[number], "student")
    }

    /// A token of the tutor.
    ///
    /// # Errors
    /// When there is no tutor yet, or its login is refused.
    pub fn tutor_token(&mut self) -> Outcome<String> {
        let tutor = self.plan.tutor.as_ref().ok_or_else(|| Problem::new("the plan has no tutor"))?;
        self.tokens.of(&mut self.http, tutor, "tutor")
    }

    /// What is measured, for headings.
    pub fn name(&self) -> &'static str {
        if self.relay { "relay" } else { "m4sh" }
    }
}
