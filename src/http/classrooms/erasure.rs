//! One person's work taken out of a class for good: asked for by a tutor, done by a job, looked at while it goes on.
//! Called by the route table (SPEC Q9). Never erases who leads the class, and never says what was erased.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    call::Tutor,
    paths::{ErasurePath, MemberErasurePath},
};
use crate::{
    http::{
        operation::{
            Operation,
            answer::{Accepted, Json},
            argument::Call,
            get,
            params::Path,
            post,
            schemas::Moment,
        },
        problem::Problem,
    },
    jobs::{
        JobHandler, JobRow, NewJob,
        erase::{EraseParams, ErasePersonJob},
    },
};
use m4sh_domain::rate::Scope;
use m4sh_store::EventCategory::Classroom;

/// They stand in the section about the past.
pub fn operations() -> [Operation; 2] {
    [
        post("/classrooms/{id}/members/{user}/erase", "erase_member", erase_member)
            .about(
                "Erase a member's work",
                "From all lessons of the class, for good: strokes, texts, pictures, talk, and their name in the history. \
                 Done by a job.",
            )
            .answers(&["Asked for."])
            .rate(Scope::ApiUser)
            .audit(Classroom, "erasure_requested"),
        get("/classrooms/{id}/erasures/{job}", "read_erasure", read_erasure)
            .about("How far an erasure is", "")
            .answers(&["So far."])
            .rate(Scope::ApiUser),
    ]
}

/// An erasure.
#[derive(Serialize, ToSchema)]
struct ErasureResponse {
    id: Uuid,
    /// `pending`, `processing`, `completed` or `failed`.
    #[schema(value_type = String, example = "pending")]
    status: &'static str,
    /// Percent.
    #[schema(minimum = 0, maximum = 100, example = 0)]
    progress: u8,
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
    /// How much was taken out.
    #[schema(required = true, example = json!(null))]
    result: Option<Value>,
    created_at: Moment,
    #[schema(required = true, example = json!(null))]
    finished_at: Option<Moment>,
}

impl From<JobRow> for ErasureResponse {
    fn from(row: JobRow) -> Self {
        Self {
            id: row.id,
            status: row.status.name(),
            progress: row.progress,
            error: row.error,
            result: row.result,
            created_at: Moment(row.created_at),
            finished_at: row.finished_at.map(Moment),
        }
    }
}

/// Also of somebody who is no member any more.
async fn erase_member(
    call: Call,
    Path(path): Path<MemberErasurePath>,
    Tutor(class): Tutor,
) -> Result<Accepted<ErasureResponse>, Problem> {
    let (classroom, user) = (path.id, path.user);
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
    Ok(Accepted(row.into()))
}

/// By any tutor of the class.
async fn read_erasure(call: Call, Path(path): Path<ErasurePath>, _: Tutor) -> Result<Json<ErasureResponse>, Problem> {
    let row = call.services.store.job(path.job).await?.filter(|row| row.kind == ErasePersonJob::KIND);
    let row = row.ok_or(Problem::NotFound)?;
    let params: Option<EraseParams> = serde_json::from_value(row.params.clone()).ok();
    if params.and_then(|params| params.classroom) != Some(path.id) {
        return Err(Problem::NotFound);
    }
    Ok(Json(row.into()))
}
