//! Classrooms over REST: made by tutors, joined by code, read by members, unknown to strangers (SPEC K).
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
mod paths;
pub mod push;
pub mod rights;
pub mod rules;
pub mod sessions;
pub(super) mod shapes;
pub mod talk;

use serde_json::json;
use uuid::Uuid;

use super::{
    Services,
    extract::{PageResponse, Paging},
    fields::Faults,
    operation::{
        Area,
        answer::{Created, Json, NoContent},
        argument::Call,
        body::{Body, request},
        delete, get,
        params::Path,
        patch, post,
        reading::TypedInviteCode,
    },
    problem::Problem,
};
use call::{Member, Tutor};
pub use invite::{as_typed as invite_as_typed, code as invite_code};
use m4sh_domain::{
    access::Role,
    ids::{ClassroomId, UserId},
    rate::Scope,
};
use m4sh_store::{AccountRole, ClassroomRow, EventCategory, NewClassroom, StoreError};
use paths::ClassPath;
pub use paths::LessonPath;
use shapes::{ClassroomResponse, NamedRequest};

/// Classrooms, lessons and what is in them.
pub fn areas() -> Vec<Area> {
    let operations = [
        get("/classrooms", "list_classrooms", list_classrooms).about("My classrooms", "").answers(&["A page of them."]),
        post("/classrooms", "create_classroom", create_classroom)
            .about("Make a classroom", "Tutors only.")
            .answers(&["Made."])
            .errors(&["forbidden"])
            .links(|| {
                let parameters = json!({"id": "$response.body#/id"});
                json!({
                    "read": {"operationId": "read_classroom", "parameters": parameters},
                    "delete": {"operationId": "delete_classroom", "parameters": parameters},
                })
            })
            .audit(EventCategory::Classroom, "classroom_created"),
        post("/classrooms/join", "join_classroom", join_classroom)
            .about("Join a classroom by its code", "Who is in it already stays what they are.")
            .answers(&["Joined."])
            .rate(Scope::JoinClass)
            .audit(EventCategory::Classroom, "classroom_joined"),
        get("/classrooms/{id}", "read_classroom", read_classroom)
            .about("Read a classroom", "")
            .answers(&["The classroom."]),
        patch("/classrooms/{id}", "rename_classroom", rename_classroom)
            .about("Rename a classroom", "Its tutors only.")
            .answers(&["Renamed."])
            .audit(EventCategory::Classroom, "classroom_renamed"),
        delete("/classrooms/{id}", "delete_classroom", delete_classroom)
            .about("Delete a classroom", "By the tutor who made it. Its sessions and boards go with it.")
            .answers(&["Gone."])
            .errors(&["forbidden"])
            .audit(EventCategory::Classroom, "classroom_deleted"),
    ];
    let classrooms = operations.into_iter().chain(members::operations()).collect::<Vec<_>>();
    let lessons = sessions::operations().into_iter().chain(overview::operations());
    let lessons = lessons.chain(isolation::operations()).collect::<Vec<_>>();
    let boards = boards::operations().into_iter().chain(push::operations()).chain(collect::operations());
    let boards = boards.chain(groups::operations()).collect::<Vec<_>>();
    let rights = rules::operations().into_iter().chain(rights::operations()).collect::<Vec<_>>();
    vec![
        Area::new("Classrooms", "Made by tutors, joined by code, unknown to strangers.", classrooms)
            .rate(Scope::ApiUser),
        Area::new("Lessons", "A lesson has a board, which its members read and save by the board's id.", lessons)
            .rate(Scope::ApiUser),
        Area::new(
            "Boards of a lesson",
            "A board for each pupil, known to the tutor and to nobody else; pages to and from them; groups.",
            boards,
        )
        .rate(Scope::ApiUser),
        Area::new(
            "Rights",
            "A role gives flags, rules change them: for everybody or for one, for a class or a lesson, for ever or for a time. \
             Changes are felt at once on sockets.",
            rights,
        )
        .rate(Scope::ApiUser),
        talk::area(),
        hooks::area(),
    ]
}

request! {
    /// An invitation.
    struct InvitationRequest {
        /// Eight characters, in any case, with spaces or dashes.
        invite_code: TypedInviteCode,
    }
}

/// Codes tried before giving up; with 31^8 of them a second try is already rare.
const CODE_TRIES: usize = 5;

async fn list_classrooms(call: Call, paging: Paging) -> Result<Json<PageResponse<ClassroomResponse>>, Problem> {
    let page = paging.page();
    let (count, rows) = call.services.store.list_classrooms(call.user, page).await?;
    let rows = rows.into_iter().map(|(row, role)| ClassroomResponse::of(row, role)).collect();
    Ok(Json(paging.response(page, count, rows)))
}

async fn create_classroom(
    call: Call,
    Body(NamedRequest { name }): Body<NamedRequest>,
) -> Result<Created<ClassroomResponse>, Problem> {
    if &*call.services.must_exist(call.user).await?.role != AccountRole::Tutor.name() {
        return Err(Problem::Forbidden("Only tutors may make classrooms."));
    }
    let row = with_a_free_code(&call.services, call.user, name).await?;
    call.audit.data(json!({"classroom": row.id, "name": row.name}));
    Ok(Created(ClassroomResponse::of(row, Role::Tutor)))
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

/// Who is in it already stays what they are. Its rate is its own: a code must not be guessed.
async fn join_classroom(
    call: Call,
    Body(InvitationRequest { invite_code }): Body<InvitationRequest>,
) -> Result<Json<ClassroomResponse>, Problem> {
    let unknown = || Problem::Invalid(Faults::one("invite_code", "No classroom has this code."));
    let code = invite::as_typed(&invite_code).ok_or_else(unknown)?;
    call.services.must_exist(call.user).await?;
    let joined = call.services.store.join_by_code(&code, call.user).await?.ok_or_else(unknown)?;
    if joined.fresh {
        call.services.directory.members_changed(joined.classroom.id).await;
    }
    call.audit.data(json!({"classroom": joined.classroom.id, "fresh": joined.fresh}));
    Ok(Json(ClassroomResponse::of(joined.classroom, joined.role)))
}

async fn read_classroom(
    _: Call,
    _: Path<ClassPath>,
    Member { class, role }: Member,
) -> Result<Json<ClassroomResponse>, Problem> {
    Ok(Json(ClassroomResponse::of(class, role)))
}

async fn rename_classroom(
    call: Call,
    Path(path): Path<ClassPath>,
    Body(NamedRequest { name }): Body<NamedRequest>,
    _: Tutor,
) -> Result<Json<ClassroomResponse>, Problem> {
    if !call.services.store.rename_classroom(path.id, &name).await? {
        return Err(Problem::NotFound);
    }
    call.audit.note("name", name);
    let (row, role) = call.require_member(path.id).await?;
    Ok(Json(ClassroomResponse::of(row, role)))
}

/// By the tutor who made it; its sessions and boards go with it.
async fn delete_classroom(
    call: Call,
    Path(path): Path<ClassPath>,
    Member { class, .. }: Member,
) -> Result<NoContent, Problem> {
    if class.owner != call.user {
        return Err(Problem::Forbidden("Only the tutor who made this classroom may delete it."));
    }
    let gone = call.services.store.delete_classroom(path.id).await?.ok_or(Problem::NotFound)?;
    for board in gone.boards {
        call.services.directory.boards().close_deleted(board).await;
    }
    for session in gone.sessions {
        call.services.directory.session_ended(path.id, session).await;
    }
    call.audit.note("name", class.name);
    Ok(NoContent)
}
