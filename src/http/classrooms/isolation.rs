//! Hiding pupils' work from one another and revealing it, over REST: for those who may lock pens on the lesson's board.
//! Called by the route table. Never touches a board or a room itself: it tells the directory.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::call::Call;
use crate::http::{fields::Fields, problem::Problem};
use m4sh_domain::access::Permission;
use m4sh_domain::{
    classroom::PupilSelection,
    ids::{BoardId, ClassroomId, LessonId},
    json::Value,
};

type LessonPath = web::Path<(ClassroomId, LessonId)>;

/// `POST /classrooms/{id}/sessions/{sid}/isolate/`: `{on}`. Answered when the board does so.
pub async fn isolate(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let on = switch(call.fields()?)?;
    let board = call.kept_in_order(id, session).await?;
    if !call.services.store.set_isolated(id, session, on).await? {
        return Err(Problem::NotFound);
    }
    call.services.directory.session_changed(id, session, "isolated").await;
    call.trail.node(board.0);
    call.trail.data(json!({"session": session, "on": on}));
    Ok(HttpResponse::Ok().json(json!({"session_id": session, "isolated": on})))
}

/// `POST /classrooms/{id}/sessions/{sid}/reveal/`: `{users: [id] | "all"}`. Answered when it is committed.
pub async fn reveal(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let whose = whose(call.fields()?)?;
    let board = call.kept_in_order(id, session).await?;
    let rev = call.services.directory.reveal_in_class((id, session), call.user, whose.clone()).await?;
    let users = match whose {
        PupilSelection::All => json!("all"),
        PupilSelection::Only(users) => json!(users),
    };
    call.trail.node(board.0);
    call.trail.data(json!({"session": session, "users": users, "rev": rev.0}));
    Ok(HttpResponse::Ok().json(json!({"session_id": session, "users": users, "rev": rev.0})))
}

impl Call {
    /// The lesson's board, if the caller may lock pens there.
    async fn kept_in_order(&self, id: ClassroomId, session: LessonId) -> Result<BoardId, Problem> {
        self.require_member(id).await?;
        let row = self.services.store.lesson(id, session).await?.ok_or(Problem::NotFound)?;
        let may = self.services.rights(row.board, self.user).await?.has(Permission::Lock);
        may.then_some(row.board).ok_or(Problem::Forbidden("Only who may lock pens in this lesson may do this."))
    }
}

fn switch(mut fields: Fields) -> Result<bool, Problem> {
    let on = fields.required_value("on").and_then(|on| match on {
        Value::Bool(on) => Some(on),
        _ => {
            fields.fault("on", "Must be a valid boolean.");
            None
        }
    });
    fields.finish()?;
    Ok(on.unwrap_or_default())
}

fn whose(mut fields: Fields) -> Result<PupilSelection, Problem> {
    let whose = fields.required_value("users").and_then(|users| {
        let whose = PupilSelection::parse(&users);
        if whose.is_none() {
            fields.fault("users", "Must be \"all\" or a list of 1 to 50 ids.");
        }
        whose
    });
    fields.finish()?;
    // Whoever has no value had a fault.
    Ok(whose.unwrap_or(PupilSelection::Only(Vec::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i8_bodies_are_read_whole_or_refused_by_field() {
        let fields = |body: &str| Fields::parse(body.as_bytes()).unwrap();
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
