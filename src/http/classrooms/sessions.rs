//! Class sessions: opened with a board by a tutor, read by members, ended for good. Called by the route table.
//! Never ends a room itself: it tells the directory.

use crate::http::to_the_end;
use actix_web::{HttpResponse, web};
use serde_json::json;
use uuid::Uuid;

use super::{led, name_of, seen, shapes};
use crate::{
    domain::{
        ids::{BoardId, ClassroomId, SessionId, UserId},
        json::{Object, Value},
        rate::Scope,
    },
    http::{
        Services, events,
        extract::{ClientOrigin, Paging, Signed, SignedBody, SmallBody},
        fields::Fields,
        problem::Problem,
        solo::state,
    },
    limits::NAME_CHARS,
    store::{Category, NewSession},
};

type Id = web::Path<(ClassroomId,)>;
type LessonId = web::Path<(ClassroomId, SessionId)>;

/// The name of a session that was given none.
const UNNAMED: &str = "Lesson";

/// `GET /classrooms/{id}/sessions/`: newest first.
pub async fn list(
    services: web::Data<Services>,
    path: Id,
    Signed(who): Signed,
    paging: Paging,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    seen(&services, path.0, who.user).await?;
    let page = paging.page();
    let (count, rows) = services.store.sessions(path.0, page).await?;
    Ok(paging.answer(page, count, rows.iter().map(shapes::Session::from).collect()))
}

/// `POST /classrooms/{id}/sessions/`: `{name?, template_board_id?}`, by a tutor.
pub async fn open(
    services: web::Data<Services>,
    path: Id,
    from: ClientOrigin,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    let actor = body.who.user;
    services.limiter.check(Scope::ApiUser, actor)?;
    let wanted = Opening::read(&body.bytes)?;
    led(&services, path.0, actor).await?;
    let fresh = state::fresh(template(&services, wanted.template, actor).await?).await?;
    let new = NewSession {
        id: SessionId(Uuid::now_v7()),
        classroom: path.0,
        name: wanted.name,
        board: BoardId(Uuid::now_v7()),
        page_count: fresh.page_count,
        checkpoint: fresh.checkpoint,
    };
    let row = services.store.create_session(new).await?.ok_or(Problem::NotFound)?;
    let data = json!({"classroom": path.0, "session": row.id, "board": row.board});
    events::record(&services, actor, Category::Classroom, "session_opened", from.origin, data).await;
    Ok(HttpResponse::Created().json(shapes::Session::from(&row)))
}

/// `GET /classrooms/{id}/sessions/{sid}/`.
pub async fn read(services: web::Data<Services>, path: LessonId, Signed(who): Signed) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    services.limiter.check(Scope::ApiUser, who.user)?;
    seen(&services, id, who.user).await?;
    let row = services.store.session(id, session).await?.ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok().json(shapes::Session::from(&row)))
}

/// `PATCH /classrooms/{id}/sessions/{sid}/`: `{name}`, by a tutor.
pub async fn rename(
    services: web::Data<Services>,
    path: LessonId,
    from: ClientOrigin,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let actor = body.who.user;
    services.limiter.check(Scope::ApiUser, actor)?;
    let name = name_of(&body.bytes)?;
    led(&services, id, actor).await?;
    let row = services.store.rename_session(id, session, &name).await?.ok_or(Problem::NotFound)?;
    let data = json!({"classroom": id, "session": session, "name": name});
    events::record(&services, actor, Category::Classroom, "session_renamed", from.origin, data).await;
    Ok(HttpResponse::Ok().json(shapes::Session::from(&row)))
}

/// `POST /classrooms/{id}/sessions/{sid}/end/`: for good, by a tutor; ending it again changes nothing.
pub async fn end(
    services: web::Data<Services>,
    path: LessonId,
    from: ClientOrigin,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    to_the_end(async move {
        let (id, session) = *path;
        services.limiter.check(Scope::ApiUser, who.user)?;
        led(&services, id, who.user).await?;
        let ended = services.store.end_session(id, session).await?.ok_or(Problem::NotFound)?;
        // Told again when it was over already: a process that died in between may not have heard it.
        services.directory.session_ended(id, session).await;
        if ended.fresh {
            let data = json!({"classroom": id, "session": session});
            events::record(&services, who.user, Category::Classroom, "session_ended", from.origin, data).await;
        }
        Ok(HttpResponse::Ok().json(shapes::Session::from(&ended.session)))
    })
    .await
}

/// The first state of a session's board: a copy of a board that the tutor may read, or nothing yet.
async fn template(services: &Services, board: Option<BoardId>, tutor: UserId) -> Result<Value, Problem> {
    match board {
        Some(board) => state::parse(services.directory.read(board, tutor).await?.state).await,
        None => Ok(Value::Object(Object::default())),
    }
}

/// What an opening body asks for.
struct Opening {
    name: String,
    template: Option<BoardId>,
}

impl Opening {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
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
        let read = |body: &str| Opening::read(body.as_bytes());
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
