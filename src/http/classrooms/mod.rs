//! Classrooms over REST: made by tutors, joined by code, read by members, unknown to strangers (contract/live.md 2).
//! Called by the route table. Never changes a live room itself: it tells the directory that something changed.

mod invite;
pub mod members;
pub mod sessions;
mod shapes;

use crate::http::to_the_end;
use actix_web::{HttpResponse, web};
use serde_json::json;
use uuid::Uuid;

use super::{
    Services, events,
    extract::{ClientOrigin, Paging, Signed, SignedBody, SmallBody},
    fields::{Faults, Fields},
    problem::Problem,
};
use crate::{
    domain::{
        access::Role,
        ids::{ClassroomId, UserId},
        rate::Scope,
    },
    limits::NAME_CHARS,
    store::{AccountRole, Category, ClassroomRow, NewClassroom, StoreError},
};
pub use invite::code as invite_code;
use shapes::Classroom;

type Id = web::Path<(ClassroomId,)>;

/// Codes tried before giving up; with 31^8 of them a second try is already rare.
const CODE_TRIES: usize = 5;

/// `GET /classrooms/`: those I am in.
pub async fn list(services: web::Data<Services>, Signed(who): Signed, paging: Paging) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    let page = paging.page();
    let (count, rows) = services.store.list_classrooms(who.user, page).await?;
    Ok(paging.answer(page, count, rows.iter().map(|(row, role)| Classroom::of(row, *role)).collect()))
}

/// `POST /classrooms/`: tutors only.
pub async fn create(
    services: web::Data<Services>,
    from: ClientOrigin,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    let owner = body.who.user;
    services.limiter.check(Scope::ApiUser, owner)?;
    let name = name_of(&body.bytes)?;
    if &*services.must_exist(owner).await?.role != AccountRole::Tutor.name() {
        return Err(Problem::Forbidden("Only tutors may make classrooms."));
    }
    let row = with_a_free_code(&services, owner, name).await?;
    let data = json!({"classroom": row.id, "name": row.name});
    events::record(&services, owner, Category::Classroom, "classroom_created", from.origin, data).await;
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

/// `POST /classrooms/join/`: who is in it already stays what they are.
pub async fn join(
    services: web::Data<Services>,
    from: ClientOrigin,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    to_the_end(async move {
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
            let data = json!({"classroom": joined.classroom.id});
            events::record(&services, user, Category::Classroom, "classroom_joined", from.origin, data).await;
        }
        Ok(HttpResponse::Ok().json(Classroom::of(&joined.classroom, joined.role)))
    })
    .await
}

/// `GET /classrooms/{id}/`.
pub async fn read(services: web::Data<Services>, path: Id, Signed(who): Signed) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    let (row, role) = seen(&services, path.0, who.user).await?;
    Ok(HttpResponse::Ok().json(Classroom::of(&row, role)))
}

/// `PATCH /classrooms/{id}/`: `{name}`, by its tutors.
pub async fn rename(
    services: web::Data<Services>,
    path: Id,
    from: ClientOrigin,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    let user = body.who.user;
    services.limiter.check(Scope::ApiUser, user)?;
    let name = name_of(&body.bytes)?;
    led(&services, path.0, user).await?;
    if !services.store.rename_classroom(path.0, &name).await? {
        return Err(Problem::NotFound);
    }
    let data = json!({"classroom": path.0, "name": name});
    events::record(&services, user, Category::Classroom, "classroom_renamed", from.origin, data).await;
    let (row, role) = seen(&services, path.0, user).await?;
    Ok(HttpResponse::Ok().json(Classroom::of(&row, role)))
}

/// `DELETE /classrooms/{id}/`: by the tutor who made it; its sessions and boards go with it.
pub async fn delete(
    services: web::Data<Services>,
    path: Id,
    from: ClientOrigin,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    to_the_end(async move {
        services.limiter.check(Scope::ApiUser, who.user)?;
        let (row, _) = seen(&services, path.0, who.user).await?;
        if row.owner != who.user {
            return Err(Problem::Forbidden("Only the tutor who made this classroom may delete it."));
        }
        let gone = services.store.delete_classroom(path.0).await?.ok_or(Problem::NotFound)?;
        for board in gone.boards {
            services.directory.board_deleted(board).await;
        }
        for session in gone.sessions {
            services.directory.session_ended(path.0, session).await;
        }
        let data = json!({"classroom": path.0, "name": row.name});
        events::record(&services, who.user, Category::Classroom, "classroom_deleted", from.origin, data).await;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}

fn name_of(body: &[u8]) -> Result<String, Problem> {
    let mut fields = Fields::parse(body)?;
    let name = fields.required_name("name", NAME_CHARS);
    fields.finish()?;
    Ok(name)
}

/// The classroom, if the viewer is in it; a stranger learns nothing.
async fn seen(services: &Services, id: ClassroomId, viewer: UserId) -> Result<(ClassroomRow, Role), Problem> {
    services.store.classroom(id, viewer).await?.ok_or(Problem::NotFound)
}

/// The classroom, if the viewer leads it; a member who does not is told so.
async fn led(services: &Services, id: ClassroomId, viewer: UserId) -> Result<ClassroomRow, Problem> {
    let (row, role) = seen(services, id, viewer).await?;
    if role.leads() { Ok(row) } else { Err(Problem::Forbidden("Only a tutor of this classroom may do this.")) }
}
