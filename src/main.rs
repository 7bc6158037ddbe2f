//! The binary: settings, telemetry, then the one thing that was asked for. It says which part stopped, and why.

use std::process::ExitCode;

use clap::Parser as _;
use m4sh::app;
use m4sh::config::{Cli, Command};
use m4sh::telemetry::Telemetry;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("m4sh: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let cli = Cli::parse();
    if cli.renders() {
        return Ok(m4sh_render::child::run());
    }
    let (command, settings) = cli.resolve(std::env::vars())?;
    m4sh::tls::install_provider();
    let telemetry = Telemetry::start(&settings)?;
    let metrics = telemetry.metrics();
    let outcome = actix_rt::System::new().block_on(async {
        match command {
            Command::Serve => app::serve(settings, metrics).await.map(|()| ExitCode::SUCCESS),
            Command::Migrate => app::migrate(settings).await.map(|()| ExitCode::SUCCESS),
            Command::Render => Ok(m4sh_render::child::run()),
            Command::Verify => app::verify(settings).await.map(code),
            Command::Budgets { js } => {
                app::budgets(&settings.rates, js);
                Ok(ExitCode::SUCCESS)
            }
            Command::Job { name, params } => app::job(settings, name, params).await.map(code),
        }
    });
    telemetry.stop();
    outcome
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
