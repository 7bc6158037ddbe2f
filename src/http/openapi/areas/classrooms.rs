//! Classrooms and who is in them.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::{
    super::{
        params::Paging,
        words::{Moment, Name},
    },
    Page,
};
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const CLASSROOMS: &str = "Classrooms";

#[derive(OpenApi)]
#[openapi(
    paths(
        list_classrooms, create_classroom, join_classroom, read_classroom, rename_classroom, delete_classroom, list_members,
        set_member_role, remove_member,
    ),
    tags((name = CLASSROOMS, description = "Made by tutors, joined by code, unknown to strangers.")),
)]
pub struct Api;

/// A name.
#[derive(ToSchema)]
pub struct Named {
    name: Name,
}

/// An invitation.
#[derive(ToSchema)]
struct Invitation {
    /// Eight characters, in any case, with spaces or dashes.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[A-Za-z2-9 -]*[A-Za-z2-9][A-Za-z2-9 -]*$",
        example = "ABCD-2345"
    )]
    invite_code: String,
}

/// A classroom as one of its members sees it.
#[derive(ToSchema)]
struct Classroom {
    id: Uuid,
    #[schema(example = "7-B Geometry")]
    name: String,
    /// `null` for those who may not invite.
    #[schema(required = true, example = "ABCD2345")]
    invite_code: Option<String>,
    role: Role,
    #[schema(minimum = 1, example = 24)]
    member_count: u64,
    owner_id: Uuid,
    created_at: Moment,
}

/// What somebody is in a classroom.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Role {
    Tutor,
    Assistant,
    Student,
    Viewer,
}

/// A role to give.
#[derive(ToSchema)]
struct RoleChange {
    role: Role,
}

/// A member as a classmate or a tutor sees them.
#[derive(ToSchema)]
struct Member {
    user_id: Uuid,
    #[schema(example = "Anna Kovalenko")]
    display_name: String,
    #[schema(example = "Anna")]
    first_name: String,
    #[schema(example = "Kovalenko")]
    last_name: String,
    /// `null` for classmates.
    #[schema(required = true, example = "anna@school.example")]
    email: Option<String>,
    role: Role,
    joined_at: Moment,
}

/// A member's new role.
#[derive(ToSchema)]
pub struct MemberRole {
    user_id: Uuid,
    #[schema(required = true, example = "Anna Kovalenko")]
    display_name: Option<String>,
    role: Role,
}

/// My classrooms
#[utoipa::path(
    get, path = "/api/v1/classrooms/", tag = CLASSROOMS,
    params(Paging),
    responses((status = 200, description = "A page of them.", body = Page<Classroom>)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn list_classrooms() {}

/// Make a classroom
///
/// Tutors only.
#[utoipa::path(
    post, path = "/api/v1/classrooms/", tag = CLASSROOMS,
    request_body = Named,
    responses((
        status = 201, description = "Made.", body = Classroom,
        links(
            ("read" = (operation_id = "read_classroom", parameters(("id" = "$response.body#/id")))),
            ("delete" = (operation_id = "delete_classroom", parameters(("id" = "$response.body#/id")))),
        ),
    )),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn create_classroom() {}

/// Join a classroom by its code
///
/// Who is in it already stays what they are.
#[utoipa::path(
    post, path = "/api/v1/classrooms/join/", tag = CLASSROOMS,
    request_body = Invitation,
    responses((status = 200, description = "Joined.", body = Classroom)),
    extensions(("x-m4sh-rate" = json!(Scope::JoinClass.name())), ("x-m4sh-body-limit" = json!(SMALL_BODY))),
)]
fn join_classroom() {}

/// Read a classroom
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/", tag = CLASSROOMS,
    params(("id" = Uuid, Path, description = "The classroom.")),
    responses((status = 200, description = "The classroom.", body = Classroom)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn read_classroom() {}

/// Rename a classroom
///
/// Its tutors only.
#[utoipa::path(
    patch, path = "/api/v1/classrooms/{id}/", tag = CLASSROOMS,
    params(("id" = Uuid, Path, description = "The classroom.")),
    request_body = Named,
    responses((status = 200, description = "Renamed.", body = Classroom)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn rename_classroom() {}

/// Delete a classroom
///
/// By the tutor who made it. Its sessions and boards go with it.
#[utoipa::path(
    delete, path = "/api/v1/classrooms/{id}/", tag = CLASSROOMS,
    params(("id" = Uuid, Path, description = "The classroom.")),
    responses((status = 204, description = "Gone.")),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn delete_classroom() {}

/// Its members
///
/// Tutors first, then by name.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/members/", tag = CLASSROOMS,
    params(("id" = Uuid, Path, description = "The classroom."), Paging),
    responses((status = 200, description = "A page of them.", body = Page<Member>)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn list_members() {}

/// Change a member's role
///
/// By a tutor. The tutor who made the classroom stays its tutor.
#[utoipa::path(
    patch, path = "/api/v1/classrooms/{id}/members/{user}/", tag = CLASSROOMS,
    params(("id" = Uuid, Path, description = "The classroom."), ("user" = Uuid, Path, description = "The member.")),
    request_body(content = RoleChange, example = json!({"role": "viewer"})),
    responses((status = 200, description = "Changed, also on live boards.", body = MemberRole)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn set_member_role() {}

/// Remove a member, or leave
#[utoipa::path(
    delete, path = "/api/v1/classrooms/{id}/members/{user}/", tag = CLASSROOMS,
    params(("id" = Uuid, Path, description = "The classroom."), ("user" = Uuid, Path, description = "The member.")),
    responses((status = 204, description = "Gone; sockets close with 4403.")),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn remove_member() {}
