//! Class sessions: opened with a board by a tutor, read by members, ended for good. Called by the route table.
//! Never ends a room itself: it tells the directory.

use serde_json::json;
use uuid::Uuid;

use super::{
    call::{Member, Tutor},
    paths::{ClassPath, LessonPath},
    shapes::{LessonResponse, NamedRequest},
};
use crate::http::{
    Services,
    extract::{PageResponse, Paging},
    fields::Faults,
    operation::{
        Operation,
        answer::{Created, Json},
        argument::Call,
        body::{Body, Omittable, request},
        get,
        params::Path,
        patch, post,
        schemas::Name,
    },
    problem::Problem,
    solo::state,
};
use m4sh_domain::{
    access::Permission,
    ids::{BoardId, LessonId, UserId},
    json::{Object, Value},
};
use m4sh_store::{EventCategory::Classroom, NewLesson};

/// The name of a session that was given none.
const UNNAMED: &str = "Lesson";

pub(super) fn operations() -> [Operation; 5] {
    [
        get("/classrooms/{id}/sessions", "list_lessons", list_lessons)
            .about("Lessons of a classroom", "Newest first.")
            .answers(&["A page of them."]),
        post("/classrooms/{id}/sessions", "open_lesson", open_lesson)
            .about("Open a lesson", "By a tutor of the classroom.")
            .answers(&["Opened."])
            .links(|| {
                let parameters = json!({"id": "$response.body#/classroom_id", "sid": "$response.body#/id"});
                json!({
                    "read": {"operationId": "read_lesson", "parameters": parameters},
                    "end": {"operationId": "end_lesson", "parameters": parameters},
                })
            })
            .audit(Classroom, "session_opened"),
        get("/classrooms/{id}/sessions/{sid}", "read_lesson", read_lesson)
            .about("Read a lesson", "")
            .answers(&["The lesson."]),
        patch("/classrooms/{id}/sessions/{sid}", "rename_lesson", rename_lesson)
            .about("Rename a lesson", "By a tutor of the classroom.")
            .answers(&["Renamed."])
            .audit(Classroom, "session_renamed"),
        post("/classrooms/{id}/sessions/{sid}/end", "end_lesson", end_lesson)
            .about("End a lesson", "For good, by a tutor. Its sockets close with 4410; its board can still be read.")
            .answers(&["Ended. Ending it again changes nothing."])
            .errors(&["forbidden"])
            .audit(Classroom, "session_ended"),
    ]
}

request! {
    /// A lesson to open; everything may be left out.
    struct OpeningRequest {
        name: Omittable<Name>,
        /// A board of which the lesson's board begins as a copy.
        #[example(json!(null))]
        template_board_id: Option<BoardId>,
    }
}

async fn list_lessons(
    call: Call,
    Path(path): Path<ClassPath>,
    paging: Paging,
    _: Member,
) -> Result<Json<PageResponse<LessonResponse>>, Problem> {
    let page = paging.page();
    let (count, rows) = call.services.store.lessons(path.id, page).await?;
    Ok(Json(paging.response(page, count, rows.into_iter().map(Into::into).collect())))
}

async fn open_lesson(
    call: Call,
    Path(path): Path<ClassPath>,
    Body(opening): Body<OpeningRequest>,
    Tutor(class): Tutor,
) -> Result<Created<LessonResponse>, Problem> {
    if let Some(from) = opening.template_board_id {
        call.services.holds_assets(from, class.owner).await?;
    }
    let fresh = state::fresh(template(&call.services, opening.template_board_id, call.user).await?).await?;
    let new = NewLesson {
        id: LessonId(Uuid::now_v7()),
        classroom: path.id,
        name: opening.name.unwrap_or_else(|| UNNAMED.to_owned()),
        board: BoardId(Uuid::now_v7()),
        page_count: fresh.page_count,
        checkpoint: fresh.checkpoint,
    };
    let row = call.services.store.create_lesson(&new).await?.ok_or(Problem::NotFound)?;
    if let Some(from) = opening.template_board_id {
        call.services.copy_assets(from, row.board, class.owner, &fresh.state).await?;
    }
    call.audit.node(row.board.0);
    call.audit.note("session", row.id.to_string());
    Ok(Created(row.into()))
}

async fn read_lesson(call: Call, Path(path): Path<LessonPath>, _: Member) -> Result<Json<LessonResponse>, Problem> {
    let row = call.services.store.lesson(path.id, path.sid).await?.ok_or(Problem::NotFound)?;
    Ok(Json(row.into()))
}

async fn rename_lesson(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(NamedRequest { name }): Body<NamedRequest>,
    _: Tutor,
) -> Result<Json<LessonResponse>, Problem> {
    let row = call.services.store.rename_lesson(path.id, path.sid, &name).await?.ok_or(Problem::NotFound)?;
    call.audit.node(row.board.0);
    call.audit.data(json!({"session": path.sid, "name": name}));
    Ok(Json(row.into()))
}

async fn end_lesson(call: Call, Path(path): Path<LessonPath>) -> Result<Json<LessonResponse>, Problem> {
    call.may(path.id, path.sid, Permission::End).await?;
    let ended = call.services.store.end_lesson(path.id, path.sid).await?.ok_or(Problem::NotFound)?;
    // Told again when it was over already: a process that died in between may not have heard it.
    call.services.directory.session_ended(path.id, path.sid).await;
    call.audit.node(ended.session.board.0);
    call.audit.data(json!({"session": path.sid, "fresh": ended.fresh}));
    Ok(Json(ended.session.into()))
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
            state::parse(services.directory.boards().read_shared(board).await?.state).await
        }
        None => Ok(Value::Object(Object::default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fields::Fields;

    #[test]
    fn k5_an_opening_body_may_be_empty_and_a_template_must_be_an_id() {
        let read = |body: &str| OpeningRequest::of(Fields::parse(body.as_bytes())?);
        let empty = read("").unwrap();
        assert_eq!((empty.name, empty.template_board_id), (None, None));
        assert_eq!(read(r#"{"template_board_id":null}"#).unwrap().template_board_id, None);
        let id = Uuid::now_v7();
        assert_eq!(read(&format!(r#"{{"template_board_id":"{id}"}}"#)).unwrap().template_board_id, Some(BoardId(id)));
        for wrong in [r#"{"template_board_id":"x"}"#, r#"{"template_board_id":7}"#, r#"{"name":""}"#] {
            assert_eq!(read(wrong).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong}");
        }
    }
}
