//! Boards of a lesson besides the shared one: made for each pupil in one call, listed for those who lead, found by their
//! pupil. Called by the route table. Never touches a document.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::call::Call;
use crate::http::{
    extract::Paging,
    fields::{Fields, whole},
    problem::Problem,
};
use m4sh_domain::limits::FEED_BOARDS;
use m4sh_domain::{
    access::{BoardAssignment, Role},
    ids::{BoardId, ClassroomId, LessonId, Rev, UserId},
    json::Value,
};
use m4sh_store::{LessonBoard, LessonRow, LessonStatus};

/// A lesson of a class, in a path.
pub(super) type LessonPath = web::Path<(ClassroomId, LessonId)>;

/// `POST /classrooms/{id}/sessions/{sid}/boards/`: `{for: "everybody" | [user], template_board_id?, template_rev?}`, by a tutor.
/// `everybody` holds for those who come later, too.
pub async fn make(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let lesson = *path;
    let wanted = Wanted::read(call.fields()?)?;
    call.require_tutor(lesson.0).await?;
    call.open_lesson(lesson).await?;
    if let Some(template) = wanted.template {
        call.services.rights(template, call.user).await?;
    }
    let directory = &call.services.directory;
    let blank = directory.blank(wanted.template, wanted.rev).await?;
    if wanted.pupils.is_none() && !call.services.store.keep_making_boards(lesson, true, wanted.template).await? {
        return Err(Problem::NotFound);
    }
    let made = directory.provide_boards(lesson, wanted.pupils.as_deref(), blank).await?;
    if let Some(template) = wanted.template {
        let owner = call.services.store.classroom(lesson.0, call.user).await?.ok_or(Problem::NotFound)?.0.owner;
        for (board, _) in &made {
            call.services.copy_shown_assets(template, *board, owner).await?;
        }
    }
    directory.session_changed(lesson.0, lesson.1, "boards").await;
    call.trail.data(json!({"session": lesson.1, "made": made.len()}));
    let boards: Vec<_> = made.iter().map(|(board, pupil)| json!({"board": board, "user": pupil})).collect();
    Ok(HttpResponse::Created().json(json!({"session_id": lesson.1, "made": made.len(), "boards": boards})))
}

/// `GET /classrooms/{id}/sessions/{sid}/boards/`: all of them, the shared one first; for those who lead or assist.
pub async fn list(call: Call, path: LessonPath, paging: Paging) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let (_, role) = call.require_member(id).await?;
    if !role.sees_all() {
        return Err(Problem::Forbidden("Only those who lead or assist see every board of a lesson."));
    }
    call.services.store.lesson(id, session).await?.ok_or(Problem::NotFound)?;
    let boards = call.services.store.lesson_boards(session, FEED_BOARDS + 1).await?;
    let page = paging.page();
    let shown = boards.iter().skip(page.offset as usize).take(page.limit as usize).map(shown).collect();
    Ok(paging.answer(page, boards.len() as u64, shown))
}

/// `GET /classrooms/{id}/sessions/{sid}/boards/mine/`: the shared board and what is one's own. A pupil who has none yet, where
/// every pupil has one, gets it now.
pub async fn mine(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let lesson = *path;
    call.require_member(lesson.0).await?;
    let row = call.services.store.lesson(lesson.0, lesson.1).await?.ok_or(Problem::NotFound)?;
    let access = call.services.store.lesson_access(lesson.0, lesson.1).await?.ok_or(Problem::NotFound)?;
    let mut board = call.services.store.pupil_board(lesson.1, call.user).await?;
    let is_pupil = access.rights.members.get(&call.user) == Some(&Role::Student);
    if let Some(template) = access.makes_boards.filter(|_| board.is_none() && is_pupil && access.rights.live) {
        let blank = call.services.directory.blank(template, None).await?;
        call.services.directory.provide_boards(lesson, Some(&[call.user]), blank).await?;
        call.services.directory.session_changed(lesson.0, lesson.1, "boards").await;
        board = call.services.store.pupil_board(lesson.1, call.user).await?;
    }
    let teams = call.services.store.teams(lesson.1).await?;
    let team = teams.iter().find(|team| team.members.contains(&call.user));
    let group =
        team.map(|team| json!({"team": team.team, "name": team.name, "board": team.board, "users": team.members}));
    let mine = board.map(|board| json!({"board": board}));
    Ok(HttpResponse::Ok().json(json!({"shared": {"board": row.board}, "mine": mine, "group": group})))
}

fn shown(row: &LessonBoard) -> serde_json::Value {
    let (kind, user) = match &row.whose {
        BoardAssignment::Everybody => ("shared", None),
        BoardAssignment::Pupil(pupil) => ("pupil", Some(pupil)),
        BoardAssignment::Group(_) => ("group", None),
    };
    json!({"board": row.board, "kind": kind, "user": user, "name": row.name, "rev": row.rev.0, "pages": row.page_count})
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

impl super::Services {
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

/// What `POST …/boards/` asks for.
struct Wanted {
    pupils: Option<Vec<UserId>>,
    template: Option<BoardId>,
    rev: Option<Rev>,
}

impl Wanted {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let whom = fields.required_value("for");
        let pupils = whom.and_then(|whom| {
            let pupils = people(&whom, "everybody");
            if pupils.is_none() {
                fields.fault("for", "Must be \"everybody\" or a list of 1 to 300 ids.");
            }
            pupils
        });
        let template = board(&mut fields, "template_board_id");
        let rev = fields.value("template_rev").and_then(|rev| {
            let number = whole(&rev).filter(|rev| i64::try_from(*rev).is_ok());
            if number.is_none() {
                fields.fault("template_rev", "A valid integer is required.");
            }
            number.map(Rev)
        });
        fields.finish()?;
        Ok(Self { pupils: pupils.flatten(), template, rev })
    }
}

/// A word for all of them (`Some(None)`), or a list of 1 to 300 people; `None` for anything else.
pub(super) fn people(value: &Value, all: &str) -> Option<Option<Vec<UserId>>> {
    match value {
        Value::String(word) => (word == all).then_some(None),
        Value::Array(ids) if !ids.is_empty() && ids.len() <= FEED_BOARDS => {
            ids.iter().map(|id| id.as_str()?.parse().ok()).collect::<Option<Vec<UserId>>>().map(Some)
        }
        _ => None,
    }
}

/// A board's id that may be missing or `null`.
pub(super) fn board(fields: &mut Fields, field: &'static str) -> Option<BoardId> {
    let text = fields.nullable_text(field, 64).flatten()?;
    let id = text.parse().ok();
    if id.is_none() {
        fields.fault(field, "Must be a valid UUID.");
    }
    id
}
