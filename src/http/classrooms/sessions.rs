//! Class sessions: opened with a board by a tutor, read by members, ended for good. Called by the route table.
//! Never ends a room itself: it tells the directory.

use actix_web::{HttpResponse, web};
use serde_json::json;
use uuid::Uuid;

use super::{call::Call, shapes};
use crate::http::{
    Services,
    extract::Paging,
    fields::{Faults, Fields},
    problem::Problem,
    solo::state,
};
use m4sh_domain::limits::NAME_CHARS;
use m4sh_domain::{
    access::Permission,
    ids::{BoardId, ClassroomId, LessonId, UserId},
    json::{Object, Value},
};
use m4sh_store::NewLesson;

type Id = web::Path<(ClassroomId,)>;
type LessonPath = web::Path<(ClassroomId, LessonId)>;

/// The name of a session that was given none.
const UNNAMED: &str = "Lesson";

/// `GET /classrooms/{id}/sessions/`: newest first.
pub async fn list(call: Call, path: Id, paging: Paging) -> Result<HttpResponse, Problem> {
    call.require_member(path.0).await?;
    let page = paging.page();
    let (count, rows) = call.services.store.lessons(path.0, page).await?;
    Ok(paging.answer(page, count, rows.iter().map(shapes::Session::from).collect()))
}

/// `POST /classrooms/{id}/sessions/`: `{name?, template_board_id?}`, by a tutor.
pub async fn open(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let wanted = Opening::read(call.fields()?)?;
    let class = call.require_tutor(path.0).await?;
    if let Some(from) = wanted.template {
        call.services.holds_assets(from, class.owner).await?;
    }
    let fresh = state::fresh(template(&call.services, wanted.template, call.user).await?).await?;
    let new = NewLesson {
        id: LessonId(Uuid::now_v7()),
        classroom: path.0,
        name: wanted.name,
        board: BoardId(Uuid::now_v7()),
        page_count: fresh.page_count,
        checkpoint: fresh.checkpoint,
        plan: None,
    };
    let state = fresh.state;
    let row = call.services.store.create_lesson(new).await?.ok_or(Problem::NotFound)?;
    if let Some(from) = wanted.template {
        call.services.copy_assets(from, row.board, class.owner, &state).await?;
    }
    call.trail.node(row.board.0);
    call.trail.note("session", row.id.to_string());
    Ok(HttpResponse::Created().json(shapes::Session::from(&row)))
}

/// `GET /classrooms/{id}/sessions/{sid}/`.
pub async fn read(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    call.require_member(id).await?;
    let row = call.services.store.lesson(id, session).await?.ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok().json(shapes::Session::from(&row)))
}

/// `PATCH /classrooms/{id}/sessions/{sid}/`: `{name}`, by a tutor.
pub async fn rename(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let name = call.name()?;
    call.require_tutor(id).await?;
    let row = call.services.store.rename_lesson(id, session, &name).await?.ok_or(Problem::NotFound)?;
    call.trail.node(row.board.0);
    call.trail.data(json!({"session": session, "name": name}));
    Ok(HttpResponse::Ok().json(shapes::Session::from(&row)))
}

/// `POST /classrooms/{id}/sessions/{sid}/end/`: for good, by a tutor; ending it again changes nothing.
pub async fn end(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    call.may(id, session, Permission::End).await?;
    let ended = call.services.store.end_lesson(id, session).await?.ok_or(Problem::NotFound)?;
    // Told again when it was over already: a process that died in between may not have heard it.
    call.services.directory.session_ended(id, session).await;
    call.trail.node(ended.session.board.0);
    call.trail.data(json!({"session": session, "fresh": ended.fresh}));
    Ok(HttpResponse::Ok().json(shapes::Session::from(&ended.session)))
}

/// The first state of a session's board: a copy of a board that the tutor may read, or nothing yet.
async fn template(services: &Services, board: Option<BoardId>, tutor: UserId) -> Result<Value, Problem> {
    match board {
        Some(board) => {
            let unknown = || Faults::one("template_board_id", "There is no such board.");
            services.standing(board, tutor).await.map_err(|problem| match problem {
                Problem::NotFound => Problem::Invalid(unknown()),
                other => other,
            })?;
            // Another class is given nothing that is hidden in the one that it came from.
            state::parse(services.directory.read_shared(board).await?.state).await
        }
        None => Ok(Value::Object(Object::default())),
    }
}

/// What an opening body asks for.
struct Opening {
    name: String,
    template: Option<BoardId>,
}

impl Opening {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let name = fields.name("name", NAME_CHARS).unwrap_or_else(|| UNNAMED.to_owned());
        let template = fields.nullable_text("template_board_id", 64).flatten().and_then(|text| {
            let id = text.parse().ok();
            if id.is_none() {
                fields.fault("template_board_id", "Must be a valid UUID.");
            }
            id
        });
        fields.finish()?;
        Ok(Self { name, template })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k5_an_opening_body_may_be_empty_and_a_template_must_be_an_id() {
        let read = |body: &str| Opening::read(Fields::parse(body.as_bytes())?);
        let empty = read("").unwrap();
        assert_eq!((&*empty.name, empty.template), (UNNAMED, None));
        assert_eq!(read(r#"{"template_board_id":null}"#).unwrap().template, None);
        let id = Uuid::now_v7();
        assert_eq!(read(&format!(r#"{{"template_board_id":"{id}"}}"#)).unwrap().template, Some(BoardId(id)));
        for wrong in [r#"{"template_board_id":"x"}"#, r#"{"template_board_id":7}"#, r#"{"name":""}"#] {
            assert_eq!(read(wrong).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong}");
        }
    }
}
