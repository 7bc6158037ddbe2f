//! Boards of a lesson besides the shared one: made for each pupil in one call, listed for those who lead, found by their
//! pupil. Called by the route table. Never touches a document.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    call::{Member, Tutor},
    groups::GroupResponse,
    overview::BoardKind,
    paths::LessonPath,
};
use crate::http::{
    extract::{PageResponse, Paging},
    operation::{
        Operation,
        answer::{Created, Json},
        argument::Call,
        body::{Body, Omittable, request},
        get,
        params::Path,
        post,
        reading::RevField,
        schemas::Everybody,
    },
    problem::Problem,
};
use m4sh_domain::access::AccessCause;
use m4sh_domain::limits::FEED_BOARDS;
use m4sh_domain::{
    access::Role,
    ids::{BoardId, ClassroomId, LessonId, UserId},
};
use m4sh_store::{EventCategory::Classroom, LessonBoard, LessonRow, LessonStatus};

pub(super) fn operations() -> [Operation; 3] {
    [
        post("/classrooms/{id}/sessions/{sid}/boards", "give_boards", give_boards)
            .about("Give each pupil a board", "By a tutor. Whoever has one keeps it.")
            .answers(&["Made."])
            .errors(&["quota_exceeded"])
            .audit(Classroom, "boards_given"),
        get("/classrooms/{id}/sessions/{sid}/boards", "list_lesson_boards", list_lesson_boards)
            .about("All boards of a lesson", "The shared one first; for those who lead or assist.")
            .answers(&["A page of them."])
            .errors(&["forbidden"]),
        get("/classrooms/{id}/sessions/{sid}/boards/mine", "my_lesson_boards", my_lesson_boards)
            .about("My boards in a lesson", "")
            .answers(&["They."]),
    ]
}

request! {
    /// For whom boards are made.
    struct GivingRequest {
        /// `everybody` holds for those who come later, too.
        pupils as "for": Everybody,
        /// A board of which each begins as a copy.
        #[example(json!(null))]
        template_board_id: Option<BoardId>,
        /// The template's revision; its newest committed one when not told.
        #[example(json!(0))]
        template_rev: Omittable<RevField>,
    }
}

/// Boards that were made; whoever had one already is not among them.
#[derive(Serialize, ToSchema)]
struct GivenResponse {
    boards: Vec<GivenBoardResponse>,
    #[schema(value_type = u64, example = 2)]
    made: usize,
    session_id: Uuid,
}

#[derive(Serialize, ToSchema)]
struct GivenBoardResponse {
    board: Uuid,
    user: Uuid,
}

/// A board of a lesson.
#[derive(Serialize, ToSchema)]
struct LessonBoardCardResponse {
    board: Uuid,
    /// `shared`, `pupil` or `group`.
    #[schema(value_type = String, example = "pupil")]
    kind: BoardKind,
    #[schema(example = "Bohdan Shevchuk – Right triangles")]
    name: String,
    #[schema(example = 1)]
    pages: u32,
    #[schema(example = 0)]
    rev: u64,
    #[schema(required = true)]
    user: Option<Uuid>,
}

impl From<LessonBoard> for LessonBoardCardResponse {
    fn from(row: LessonBoard) -> Self {
        let (kind, user) = BoardKind::of(&row.whose);
        Self { board: row.board.0, kind, name: row.name, pages: row.page_count, rev: row.rev.0, user }
    }
}

#[derive(Serialize, ToSchema)]
struct BoardIdResponse {
    board: Uuid,
}

/// The boards that the asker has to do with.
#[derive(Serialize, ToSchema)]
struct MyBoardsResponse {
    #[schema(required = true, example = json!(null))]
    group: Option<GroupResponse>,
    #[schema(required = true, example = json!(null))]
    mine: Option<BoardIdResponse>,
    shared: BoardIdResponse,
}

async fn give_boards(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(GivingRequest { pupils, template_board_id: template, template_rev }): Body<GivingRequest>,
    _: Tutor,
) -> Result<Created<GivenResponse>, Problem> {
    let lesson = path.lesson();
    call.open_lesson(lesson).await?;
    if let Some(template) = template {
        call.services.rights(template, call.user).await?;
    }
    let directory = &call.services.directory;
    let blank = directory.blank(template, template_rev).await?;
    if pupils.is_none() && !call.services.store.keep_making_boards(lesson, true, template).await? {
        return Err(Problem::NotFound);
    }
    let made = directory.provide_boards(lesson, pupils.as_deref(), blank).await?;
    if let Some(template) = template {
        let owner = call.services.store.classroom(path.id, call.user).await?.ok_or(Problem::NotFound)?.0.owner;
        for (board, _) in &made {
            call.services.copy_shown_assets(template, *board, owner).await?;
        }
    }
    directory.session_changed(path.id, path.sid, AccessCause::Boards).await;
    call.audit.data(json!({"session": path.sid, "made": made.len()}));
    let boards = made.iter().map(|(board, pupil)| GivenBoardResponse { board: board.0, user: pupil.0 }).collect();
    Ok(Created(GivenResponse { boards, made: made.len(), session_id: path.sid.0 }))
}

async fn list_lesson_boards(
    call: Call,
    Path(path): Path<LessonPath>,
    paging: Paging,
    Member { role, .. }: Member,
) -> Result<Json<PageResponse<LessonBoardCardResponse>>, Problem> {
    if !role.sees_all() {
        return Err(Problem::Forbidden("Only those who lead or assist see every board of a lesson."));
    }
    call.services.store.lesson(path.id, path.sid).await?.ok_or(Problem::NotFound)?;
    let boards = call.services.store.lesson_boards(path.sid, FEED_BOARDS + 1).await?;
    let (page, count) = (paging.page(), boards.len() as u64);
    let rows = boards.into_iter().skip(page.offset as usize).take(page.limit as usize).map(Into::into).collect();
    Ok(Json(paging.response(page, count, rows)))
}

/// A pupil who has no board yet, where every pupil has one, gets it now.
async fn my_lesson_boards(
    call: Call,
    Path(path): Path<LessonPath>,
    _: Member,
) -> Result<Json<MyBoardsResponse>, Problem> {
    let (lesson, store) = (path.lesson(), &call.services.store);
    let row = store.lesson(path.id, path.sid).await?.ok_or(Problem::NotFound)?;
    let access = store.lesson_access(path.id, path.sid).await?.ok_or(Problem::NotFound)?;
    let mut board = store.pupil_board(path.sid, call.user).await?;
    let is_pupil = access.rights.members.get(&call.user) == Some(&Role::Student);
    if let Some(template) = access.makes_boards.filter(|_| board.is_none() && is_pupil && access.rights.live) {
        let blank = call.services.directory.blank(template, None).await?;
        call.services.directory.provide_boards(lesson, Some(&[call.user]), blank).await?;
        call.services.directory.session_changed(path.id, path.sid, AccessCause::Boards).await;
        board = store.pupil_board(path.sid, call.user).await?;
    }
    let teams = store.teams(path.sid).await?;
    let group = teams.into_iter().find(|team| team.members.contains(&call.user)).map(Into::into);
    let mine = board.map(|board| BoardIdResponse { board: board.0 });
    Ok(Json(MyBoardsResponse { group, mine, shared: BoardIdResponse { board: row.board.0 } }))
}

impl Call {
    /// A lesson that goes on.
    pub(super) async fn open_lesson(&self, (id, session): (ClassroomId, LessonId)) -> Result<LessonRow, Problem> {
        let row = self.services.store.lesson(id, session).await?.ok_or(Problem::NotFound)?;
        match row.status {
            LessonStatus::Active => Ok(row),
            LessonStatus::Ended => Err(Problem::Forbidden("This lesson has ended.")),
        }
    }
}

impl crate::http::Services {
    /// Gives a board made from a template the pictures that its state refers to, at the cost of the class's owner.
    pub(super) async fn copy_shown_assets(&self, from: BoardId, to: BoardId, owner: UserId) -> Result<(), Problem> {
        if self.store.assets_size(from).await? == 0 {
            return Ok(());
        }
        let Some(past) = crate::board_history::document_at(&self.store, to, None).await.map_err(Problem::from)? else {
            return Ok(());
        };
        let mut state = Vec::new();
        past.document.write_state(&mut state);
        self.copy_assets(from, to, owner, &state.into()).await
    }
}
