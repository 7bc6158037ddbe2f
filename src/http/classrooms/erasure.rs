//! One person's work taken out of a class for good: asked for by a tutor, done by a job, looked at while it goes on.
//! Called by the route table (SPEC Q9). Never erases who leads the class, and never says what was erased.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::Call;
use crate::{
    http::{problem::Problem, times},
    jobs::{
        JobHandler, JobRow, NewJob,
        erase::{EraseParams, ErasePersonJob},
    },
};
use m4sh_domain::ids::{ClassroomId, UserId};

/// How far it is.
#[derive(Serialize)]
struct Shown<'a> {
    id: Uuid,
    status: &'static str,
    progress: u8,
    error: Option<&'a str>,
    result: Option<&'a Value>,
    created_at: String,
    finished_at: Option<String>,
}

impl<'a> From<&'a JobRow> for Shown<'a> {
    fn from(row: &'a JobRow) -> Self {
        Self {
            id: row.id,
            status: row.status.name(),
            progress: row.progress,
            error: row.error.as_deref(),
            result: row.result.as_ref(),
            created_at: times::utc_field(row.created_at),
            finished_at: row.finished_at.map(times::utc_field),
        }
    }
}

/// `POST /classrooms/{id}/members/{user}/erase/`: also for somebody who is no member any more.
pub async fn ask(call: Call, path: web::Path<(ClassroomId, UserId)>) -> Result<HttpResponse, Problem> {
    let (classroom, user) = *path;
    let class = call.require_tutor(classroom).await?;
    call.services.people.profile(user).await?.ok_or(Problem::NotFound)?;
    let member = call.services.store.classroom(classroom, user).await?;
    if user == class.owner || member.is_some_and(|(_, role)| role.leads()) {
        return Err(Problem::Forbidden("The work of who leads this class is the class's own."));
    }
    let params = EraseParams { account: user, board: None, classroom: Some(classroom) };
    let job = NewJob {
        id: Uuid::now_v7(),
        kind: ErasePersonJob::KIND,
        account: Some(call.user),
        node: None,
        key: None,
        fingerprint: None,
        params: serde_json::to_value(params).map_err(|error| Problem::Internal(error.to_string()))?,
        expires_at: None,
    };
    let row = call.services.jobs.enqueue(job).await?.into_row();
    call.audit.data(json!({"member": user, "job": row.id}));
    Ok(HttpResponse::Accepted().json(Shown::from(&row)))
}

/// `GET /classrooms/{id}/erasures/{job}/`: by any tutor of the class.
pub async fn look(call: Call, path: web::Path<(ClassroomId, Uuid)>) -> Result<HttpResponse, Problem> {
    let (classroom, job) = *path;
    call.require_tutor(classroom).await?;
    let row = call.services.store.job(job).await?.filter(|row| row.kind == ErasePersonJob::KIND);
    let row = row.ok_or(Problem::NotFound)?;
    let params: Option<EraseParams> = serde_json::from_value(row.params.clone()).ok();
    if params.and_then(|params| params.classroom) != Some(classroom) {
        return Err(Problem::NotFound);
    }
    Ok(HttpResponse::Ok().json(Shown::from(&row)))
}
