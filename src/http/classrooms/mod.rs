//! Classrooms over REST: made by tutors, joined by code, read by members, unknown to strangers (contract/live.md 2).
//! Called by the route table. Never changes a live room itself: it tells the directory that something changed.

pub mod boards;
pub(super) mod call;
pub mod collect;
pub mod erasure;
pub mod groups;
pub mod hooks;
mod invite;
pub mod isolation;
pub mod members;
pub mod overview;
mod pages;
pub mod push;
pub mod rights;
pub mod rules;
pub mod sessions;
mod shapes;
pub mod talk;

use actix_web::{HttpResponse, web};
use serde_json::json;
use uuid::Uuid;

use super::{
    Services,
    audit::AuditContext,
    extract::{Paging, SignedBody, SmallBody},
    fields::{Faults, Fields},
    problem::Problem,
};
use call::Call;
pub use invite::{as_typed as invite_as_typed, code as invite_code};
use m4sh_domain::{
    access::Role,
    ids::{ClassroomId, UserId},
    rate::Scope,
};
use m4sh_store::{AccountRole, ClassroomRow, NewClassroom, StoreError};
use shapes::Classroom;

type Id = web::Path<(ClassroomId,)>;

/// Codes tried before giving up; with 31^8 of them a second try is already rare.
const CODE_TRIES: usize = 5;

/// `GET /classrooms/`: those I am in.
pub async fn list(call: Call, paging: Paging) -> Result<HttpResponse, Problem> {
    let page = paging.page();
    let (count, rows) = call.services.store.list_classrooms(call.user, page).await?;
    Ok(paging.answer(page, count, rows.iter().map(|(row, role)| Classroom::of(row, *role)).collect()))
}

/// `POST /classrooms/`: tutors only.
pub async fn create(call: Call) -> Result<HttpResponse, Problem> {
    let name = call.name()?;
    if &*call.services.must_exist(call.user).await?.role != AccountRole::Tutor.name() {
        return Err(Problem::Forbidden("Only tutors may make classrooms."));
    }
    let row = with_a_free_code(&call.services, call.user, name).await?;
    call.trail.data(json!({"classroom": row.id, "name": row.name}));
    Ok(HttpResponse::Created().json(Classroom::of(&row, Role::Tutor)))
}

async fn with_a_free_code(services: &Services, owner: UserId, name: String) -> Result<ClassroomRow, Problem> {
    let mut new = NewClassroom { id: ClassroomId(Uuid::now_v7()), owner, name, invite_code: invite::code()? };
    for _ in 1..CODE_TRIES {
        match services.store.create_classroom(&new).await {
            Err(StoreError::Conflict("group_invite_code")) => new.invite_code = invite::code()?,
            made => return Ok(made?),
        }
    }
    Ok(services.store.create_classroom(&new).await?)
}

/// `POST /classrooms/join/`: who is in it already stays what they are. Its rate is its own: a code must not be guessed.
pub async fn join(
    services: web::Data<Services>,
    trail: AuditContext,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    let user = body.who.user;
    services.limiter.check(Scope::JoinClass, user)?;
    let mut fields = Fields::parse(&body.bytes)?;
    let typed = fields.required_name("invite_code", 64);
    fields.finish()?;
    let unknown = || Problem::Invalid(Faults::one("invite_code", "No classroom has this code."));
    let code = invite::as_typed(&typed).ok_or_else(unknown)?;
    services.must_exist(user).await?;
    let joined = services.store.join_by_code(&code, user).await?.ok_or_else(unknown)?;
    if joined.fresh {
        services.directory.members_changed(joined.classroom.id).await;
    }
    trail.data(json!({"classroom": joined.classroom.id, "fresh": joined.fresh}));
    Ok(HttpResponse::Ok().json(Classroom::of(&joined.classroom, joined.role)))
}

/// `GET /classrooms/{id}/`.
pub async fn read(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let (row, role) = call.require_member(path.0).await?;
    Ok(HttpResponse::Ok().json(Classroom::of(&row, role)))
}

/// `PATCH /classrooms/{id}/`: `{name}`, by its tutors.
pub async fn rename(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let name = call.name()?;
    call.require_tutor(path.0).await?;
    if !call.services.store.rename_classroom(path.0, &name).await? {
        return Err(Problem::NotFound);
    }
    call.trail.note("name", name);
    let (row, role) = call.require_member(path.0).await?;
    Ok(HttpResponse::Ok().json(Classroom::of(&row, role)))
}

/// `DELETE /classrooms/{id}/`: by the tutor who made it; its sessions and boards go with it.
pub async fn delete(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let (row, _) = call.require_member(path.0).await?;
    if row.owner != call.user {
        return Err(Problem::Forbidden("Only the tutor who made this classroom may delete it."));
    }
    let gone = call.services.store.delete_classroom(path.0).await?.ok_or(Problem::NotFound)?;
    for board in gone.boards {
        call.services.directory.board_deleted(board).await;
    }
    for session in gone.sessions {
        call.services.directory.session_ended(path.0, session).await;
    }
    call.trail.note("name", row.name);
    Ok(HttpResponse::NoContent().finish())
}
