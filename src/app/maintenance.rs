//! The kinds of jobs of this process, and `m4sh job`.
//! Called by `app`. Never runs a job itself.

use serde_json::Value;

use super::StartError;
use crate::config::Settings;
use crate::jobs::{
    JobHandler, JobStatus, Jobs, RenderContext, Runner, erase::ErasePersonJob, export::ExportJob, scheduled_tasks,
    thumbnail::ThumbnailJob,
};
use crate::objects::ObjectService;
use m4sh_domain::limits;
use m4sh_render::Renderer;
use m4sh_store::Store;

/// The runner with every kind of job and the schedule.
///
/// # Errors
/// When the path of this program is unknown.
pub(super) fn runner(
    settings: &Settings,
    store: &Store,
    vault: &ObjectService,
    jobs: Jobs,
) -> Result<Runner, StartError> {
    // Drawing runs in a child process of this program (ADR 0016).
    let renderer = Renderer::new(std::env::current_exe()?, limits::RENDERS_AT_ONCE);
    let studio = RenderContext { store: store.clone(), blobs: vault.blobs().clone(), renderer };
    Ok(Runner::new(store.clone(), vault.clone(), jobs)
        .with_schedule(settings.maintenance)
        .with(ErasePersonJob { store: store.clone() })
        .with(ExportJob { studio: studio.clone(), vault: vault.clone() })
        .with(ThumbnailJob { studio, vault: vault.clone() }))
}

/// Prints the schedule.
pub(super) fn list() {
    for (name, when, about) in scheduled_tasks::listing() {
        println!("{name:<24} {:<22} {about}", when.to_string());
    }
    let about = "takes a person's work out: {\"account\": …, \"classroom\" or \"board\": …}";
    println!("{:<24} {:<22} {about}", ErasePersonJob::KIND, "when asked for");
}

/// Runs one scheduled job and prints its result, or its error; `false` when it failed.
pub(super) async fn run_now(
    settings: &Settings,
    store: Store,
    vault: ObjectService,
    name: &str,
    params: Option<&str>,
) -> Result<bool, StartError> {
    if name != ErasePersonJob::KIND && !scheduled_tasks::listing().any(|(known, ..)| known == name) {
        return Err(format!("there is no job `{name}`; `m4sh job` lists them").into());
    }
    let params: Value = serde_json::from_str(params.unwrap_or("{}"))?;
    if !params.is_object() {
        return Err("a job's parameters are a JSON object".into());
    }
    let runner = runner(settings, &store, &vault, Jobs::new(store.clone()))?;
    let done = runner.run_now(name, params).await?.ok_or("the job's row is gone")?;
    match done.status {
        JobStatus::Completed => println!("{}", done.result.unwrap_or_default()),
        JobStatus::Failed => eprintln!("m4sh: {name}: {}", done.error.unwrap_or_default()),
        JobStatus::Pending | JobStatus::Processing => eprintln!("m4sh: {name}: another process is still at it"),
    }
    Ok(done.status == JobStatus::Completed)
}
