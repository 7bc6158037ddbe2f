//! Hiding pupils' work from one another and revealing it, over REST: for those who may lock pens on the lesson's board.
//! Called by the route table. Never touches a board or a room itself: it tells the directory.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::paths::LessonPath;
use crate::http::{
    operation::{
        Operation,
        answer::Json,
        argument::Call,
        body::{Body, request},
        params::Path,
        post,
        schemas::RevealedUsers,
    },
    problem::Problem,
};
use m4sh_domain::access::AccessCause;
use m4sh_domain::{access::Permission, ids::BoardId};
use m4sh_store::EventCategory::Classroom;

pub(super) fn operations() -> [Operation; 2] {
    [
        post("/classrooms/{id}/sessions/{sid}/isolate", "isolate_lesson", isolate_lesson)
            .about(
                "Hide pupils' work from one another",
                "For those with `can_lock`. From now on what a pupil adds to the lesson's board is seen by themselves and those \
                 who lead,\nand pupils change nothing else; what those who lead add is seen by all and changed by no pupil. \
                 Switched off, new work is\neverybody's again, and what was hidden stays so until it is revealed.",
            )
            .answers(&["The board does so."])
            .errors(&["forbidden"])
            .audit(Classroom, "work_isolated"),
        post("/classrooms/{id}/sessions/{sid}/reveal", "reveal_work", reveal_work)
            .about(
                "Reveal hidden work",
                "For those with `can_lock`: some pupils' or everybody's, as one revision of the board.",
            )
            .answers(&["Revealed and committed."])
            .errors(&["forbidden"])
            .audit(Classroom, "work_revealed"),
    ]
}

request! {
    /// Whether work is hidden.
    struct SwitchRequest {
        #[example(json!(false))]
        on: bool,
    }
}

/// A lesson on whose board work is hidden, or not.
#[derive(Serialize, ToSchema)]
struct IsolatedResponse {
    #[schema(example = false)]
    isolated: bool,
    session_id: Uuid,
}

request! {
    /// Work to reveal.
    struct WishRequest {
        users: RevealedUsers,
    }
}

/// Work that is everybody's now.
#[derive(Serialize, ToSchema)]
struct ShownResponse {
    /// The board's revision that revealed it; the newest one when there was nothing to reveal.
    #[schema(minimum = 0)]
    rev: u64,
    session_id: Uuid,
    users: RevealedUsers,
}

/// Answered when the board does so.
async fn isolate_lesson(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(SwitchRequest { on }): Body<SwitchRequest>,
) -> Result<Json<IsolatedResponse>, Problem> {
    let board = lockable_board(&call, &path).await?;
    if !call.services.store.set_isolated(path.id, path.sid, on).await? {
        return Err(Problem::NotFound);
    }
    call.services.directory.session_changed(path.id, path.sid, AccessCause::Isolated).await;
    call.audit.node(board.0);
    call.audit.data(json!({"session": path.sid, "on": on}));
    Ok(Json(IsolatedResponse { isolated: on, session_id: path.sid.0 }))
}

/// Answered when it is committed.
async fn reveal_work(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(WishRequest { users }): Body<WishRequest>,
) -> Result<Json<ShownResponse>, Problem> {
    let board = lockable_board(&call, &path).await?;
    let rev = call.services.directory.reveal_in_class(path.lesson(), call.user, users.clone()).await?;
    let users = RevealedUsers(users);
    call.audit.node(board.0);
    call.audit.data(json!({"session": path.sid, "users": users, "rev": rev.0}));
    Ok(Json(ShownResponse { rev: rev.0, session_id: path.sid.0, users }))
}

/// The lesson's board, if the caller may lock pens there.
async fn lockable_board(call: &Call, path: &LessonPath) -> Result<BoardId, Problem> {
    call.require_member(path.id).await?;
    let row = call.services.store.lesson(path.id, path.sid).await?.ok_or(Problem::NotFound)?;
    let may = call.services.rights(row.board, call.user).await?.has(Permission::Lock);
    may.then_some(row.board).ok_or(Problem::Forbidden("Only who may lock pens in this lesson may do this."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fields::Fields;
    use m4sh_domain::classroom::PupilSelection;

    #[test]
    fn i8_bodies_are_read_whole_or_refused_by_field() {
        let fields = |body: &str| Fields::parse(body.as_bytes()).unwrap();
        let switch = |fields| SwitchRequest::of(fields).map(|request| request.on);
        let whose = |fields| WishRequest::of(fields).map(|request| request.users);
        assert!(switch(fields(r#"{"on":true}"#)).unwrap() && !switch(fields(r#"{"on":false}"#)).unwrap());
        assert_eq!(whose(fields(r#"{"users":"all"}"#)).unwrap(), PupilSelection::All);
        for wrong in ["{}", r#"{"on":1}"#, r#"{"on":null}"#] {
            assert_eq!(switch(fields(wrong)).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong}");
        }
        for wrong in ["{}", r#"{"users":[]}"#, r#"{"users":["x"]}"#, r#"{"users":"some"}"#] {
            assert_eq!(whose(fields(wrong)).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong}");
        }
        const { assert!(m4sh_domain::limits::REVEALED_NAMES == 50, "the words above name the bound") };
    }
}
