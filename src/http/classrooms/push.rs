//! The tutor's page on every pupil's board, and back: asked for over REST, done as a job, one batch for each board under the
//! push's own key. Called by the route table and the runner. A crash in the middle is gone on with, never begun again.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    call::Tutor,
    pages,
    paths::{LessonPath, PushPath},
};
use crate::{
    actors::board::ApplyOps,
    actors::{
        directory::Directory,
        messages::{BoardError, Precondition, Save},
    },
    board_history,
    http::{
        Services,
        operation::{
            Operation,
            answer::{Accepted, Json},
            argument::Call,
            body::{Body, Omittable, request},
            get,
            params::Path,
            post,
            reading::PageId,
            schemas::All,
        },
        problem::Problem,
    },
    jobs::{JobError, JobHandler, JobOutput, JobRow, NewJob, Progress},
};
use m4sh_domain::limits::PUSHES_AT_ONCE;
use m4sh_domain::{
    access::Visibility,
    board::Op,
    ids::{BoardId, LessonId, Rev, UserId},
    json::{Bounds, Object, Value},
};
use m4sh_store::{EventCategory::Classroom, Store};

/// What the job needs to know.
#[derive(Serialize, Deserialize, Clone)]
struct Params {
    session: LessonId,
    by: UserId,
    from: BoardId,
    rev: u64,
    page: String,
    targets: Vec<BoardId>,
    /// The push that is taken back; `None`: it is made.
    undoes: Option<Uuid>,
}

pub(super) fn operations() -> [Operation; 3] {
    [
        post("/classrooms/{id}/sessions/{sid}/push", "push_page", push_page)
            .about(
                "Push a page to pupils' boards",
                "By a tutor. A job: one batch for each board, exactly once, also when the server dies in the middle.",
            )
            .answers(&["Asked for."])
            .audit(Classroom, "page_pushed"),
        get("/classrooms/{id}/sessions/{sid}/pushes/{push}", "read_push", read_push)
            .about("How far a push is", "")
            .answers(&["So far."]),
        post("/classrooms/{id}/sessions/{sid}/pushes/{push}/undo", "undo_push", undo_push)
            .about(
                "Take a push back",
                "From every board, but for what pupils have worked on since. Taking back twice is taking back once.",
            )
            .answers(&["Asked for."])
            .audit(Classroom, "push_undone"),
    ]
}

request! {
    /// A page for pupils' boards.
    struct PushingRequest {
        to: All,
        /// The page; the open one when not told.
        #[example(json!("page-1"))]
        page: Omittable<PageId>,
        /// The board that it is on; the lesson's shared one when not told.
        #[example(json!(null))]
        from_board: Option<BoardId>,
    }
}

/// A push that was asked for.
#[derive(Serialize, ToSchema)]
struct PushAskedResponse {
    #[schema(value_type = u64, example = 2)]
    boards: usize,
    push: Uuid,
    #[schema(example = "pending")]
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    undoes: Option<Uuid>,
}

/// How far a push is.
#[derive(Serialize, ToSchema)]
struct PushStateResponse {
    #[schema(value_type = u64, example = 2)]
    boards: usize,
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
    /// Percent.
    #[schema(example = 100)]
    progress: u8,
    push: Uuid,
    /// `{boards: [{board, rev, error?}]}` once it is done.
    #[schema(required = true, value_type = Option<Object>, example = json!(null))]
    result: Option<serde_json::Value>,
    /// `pending`, `processing`, `completed` or `failed`.
    #[schema(example = "completed")]
    status: &'static str,
    #[schema(required = true, example = json!(null))]
    undoes: Option<Uuid>,
}

async fn push_page(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(PushingRequest { to, page, from_board }): Body<PushingRequest>,
    _: Tutor,
) -> Result<Accepted<PushAskedResponse>, Problem> {
    let row = call.open_lesson(path.lesson()).await?;
    let from = from_board.unwrap_or(row.board);
    // What a tutor may read, and as it is by now: the push is of one revision, however long it takes.
    let view = call.services.directory.boards().read(from, call.user).await?;
    let state = parsed(&view.state)?;
    let found = pages::find(&state, page.as_deref()).ok_or(Problem::NotFound)?;
    let page = found.get("id").and_then(|id| id.as_str()).ok_or(Problem::NotFound)?.to_owned();
    let boards = call.services.store.pupil_boards(path.sid).await?;
    let chosen = boards.iter().filter(|(_, pupil)| to.as_ref().is_none_or(|to| to.contains(pupil)));
    let targets: Vec<BoardId> = chosen.map(|(board, _)| *board).collect();
    let boards = targets.len();
    let params = Params { session: path.sid, by: call.user, from, rev: view.rev.0, page, targets, undoes: None };
    let push = call.services.ask_for_push(&params).await?;
    call.audit.data(json!({"session": path.sid, "push": push, "boards": boards}));
    let frame = json!({"t": "pushed", "push": push, "page": params.page, "boards": boards});
    call.services.directory.broadcast_in_class(path.lesson(), frame);
    Ok(Accepted(PushAskedResponse { boards, push, status: "pending", undoes: None }))
}

async fn read_push(call: Call, Path(path): Path<PushPath>, _: Tutor) -> Result<Json<PushStateResponse>, Problem> {
    let (row, params) = call.services.push_of(path.sid, path.push).await?;
    Ok(Json(PushStateResponse {
        boards: params.targets.len(),
        error: row.error,
        progress: row.progress,
        push: path.push,
        result: row.result,
        status: row.status.name(),
        undoes: params.undoes,
    }))
}

async fn undo_push(call: Call, Path(path): Path<PushPath>, _: Tutor) -> Result<Accepted<PushAskedResponse>, Problem> {
    let (row, params) = call.services.push_of(path.sid, path.push).await?;
    if params.undoes.is_some() || !row.status.is_final() {
        return Err(Problem::Forbidden("Only a push that is done can be taken back."));
    }
    let undo = Params { by: call.user, undoes: Some(path.push), ..params };
    let push = call.services.ask_for_push(&undo).await?;
    call.audit.data(json!({"session": path.sid, "push": path.push, "undo": push}));
    Ok(Accepted(PushAskedResponse { boards: undo.targets.len(), push, status: "pending", undoes: undo.undoes }))
}

impl Services {
    async fn ask_for_push(&self, params: &Params) -> Result<Uuid, Problem> {
        let id = Uuid::now_v7();
        let params = serde_json::to_value(params).map_err(|error| Problem::Internal(error.to_string()))?;
        // Taking back twice is taking back once.
        let key = params["undoes"].as_str().map(|undone| format!("undo/{undone}"));
        let (kind, account, node) = (PagePushJob::KIND, None, None);
        let asked = self
            .jobs
            .enqueue(NewJob { id, kind, account, node, key, fingerprint: None, params, expires_at: None })
            .await?;
        Ok(asked.into_row().id)
    }

    async fn push_of(&self, session: LessonId, push: Uuid) -> Result<(JobRow, Params), Problem> {
        let row = self.store.job(push).await?.filter(|row| row.kind == PagePushJob::KIND).ok_or(Problem::NotFound)?;
        let params: Params = serde_json::from_value(row.params.clone()).map_err(|_| Problem::NotFound)?;
        if params.session == session { Ok((row, params)) } else { Err(Problem::NotFound) }
    }
}

/// The work: boards one after the other, a few at a time.
pub struct PagePushJob {
    /// Where boards are awake.
    pub directory: Directory,
    /// Where the page is read.
    pub store: Store,
}

impl JobHandler for PagePushJob {
    const KIND: &'static str = "push";
    // A class waits for its page: whoever takes over after a crash does so soon.
    const LEASE: Duration = Duration::from_secs(8);

    async fn run(&self, job: &JobRow, progress: &Progress) -> Result<JobOutput, JobError> {
        let params: Params =
            serde_json::from_value(job.params.clone()).map_err(|error| JobError::Fail(error.to_string()))?;
        let again = |error: &dyn std::fmt::Display| JobError::Retry(error.to_string());
        let past =
            board_history::document_at(&self.store, params.from, Some(Rev(params.rev))).await.map_err(|e| again(&e))?;
        let past = past.ok_or_else(|| JobError::Fail("the board is gone".to_owned()))?;
        let mut text = Vec::new();
        // What some pupils draw apart is not for the others' boards.
        past.document.visible_to(Visibility::Public).write_state(&mut text);
        let state = parsed(&text).map_err(|_| JobError::Fail("the board cannot be read".to_owned()))?;
        let page =
            pages::find(&state, Some(&params.page)).ok_or_else(|| JobError::Fail("the page is gone".to_owned()))?;
        // The same id in each attempt, so that a board that has the page already answers as it did.
        let id = page_id(params.undoes.unwrap_or(job.id));
        let (all, mut done) = (params.targets.len().max(1), 0);
        let works = params.targets.iter().map(|board| {
            let (params, id) = (&params, &id);
            async move {
                let done = match params.undoes {
                    None => self.give(*board, params.by, job.id, pages::copy(page, id, None)).await,
                    Some(push) => self.take(*board, params.by, push, page, id).await,
                };
                (*board, done)
            }
        });
        let mut works = stream::iter(works.collect::<Vec<_>>()).buffer_unordered(PUSHES_AT_ONCE);
        let mut rows = Vec::new();
        while let Some((board, outcome)) = works.next().await {
            done += 1;
            progress.set(u8::try_from(done * 100 / all).unwrap_or(100));
            match outcome {
                Ok(rev) => rows.push(json!({"board": board, "rev": rev.map(|rev| rev.0)})),
                Err(BoardError::Unavailable { .. }) => {
                    return Err(JobError::Retry("a board cannot save right now".to_owned()));
                }
                Err(error) => rows.push(json!({"board": board, "rev": null, "error": error.to_string()})),
            }
        }
        Ok(JobOutput { deposited: None, result: json!({"boards": rows}) })
    }
}

impl PagePushJob {
    async fn give(&self, board: BoardId, by: UserId, push: Uuid, op: Op) -> Result<Option<Rev>, BoardError> {
        let save = Save::new(by, Precondition::Any, Some(format!("push:{push}").into()), ApplyOps(vec![op]));
        self.directory.boards().save(board, save).await.map(|saved| Some(saved.rev))
    }

    async fn take(
        &self,
        board: BoardId,
        by: UserId,
        push: Uuid,
        given: &Object,
        id: &str,
    ) -> Result<Option<Rev>, BoardError> {
        // A pupil may draw between the look and the removal; then it is looked again.
        for _ in 0..8 {
            let view = self.directory.boards().read(board, by).await?;
            let Ok(state) = parsed(&view.state) else { return Ok(None) };
            let ops = pages::take_back(&state, given, id);
            if ops.is_empty() {
                return Ok(None);
            }
            let key = Some(format!("push-undo:{push}").into());
            match self
                .directory
                .boards()
                .save(board, Save::new(by, Precondition::IfMatch(Some(view.rev)), key, ApplyOps(ops)))
                .await
            {
                Err(BoardError::PreconditionFailed { .. }) => {}
                saved => return saved.map(|saved| Some(saved.rev)),
            }
        }
        Err(BoardError::Unavailable { retry_after: Duration::from_secs(1) })
    }
}

fn page_id(push: Uuid) -> String {
    format!("push-{}", push.simple())
}

/// Our own canonical bytes as a value; their bounds were applied when they came in.
pub(super) fn parsed(state: &[u8]) -> Result<Value, Problem> {
    let bounds = Bounds { depth: usize::MAX, nodes: usize::MAX };
    Value::parse(state, bounds).map_err(|error| Problem::Internal(error.to_string()))
}
