//! Who is in a classroom, and as what. Called by the route table.
//! Never removes or demotes the tutor who made the classroom.

use serde_json::json;

use super::{
    call::{Member, Tutor},
    paths::{ClassPath, MemberPath},
    shapes::{MemberResponse, MemberRoleResponse, Role},
};
use crate::http::{
    extract::{PageResponse, Paging},
    operation::{
        Operation,
        answer::{Json, NoContent},
        argument::Call,
        body::{Body, request},
        delete, get,
        params::Path,
        patch,
    },
    problem::Problem,
};
use m4sh_store::{EventCategory::Classroom, MemberEdit};

pub(super) fn operations() -> [Operation; 3] {
    [
        get("/classrooms/{id}/members", "list_members", list_members)
            .about("Its members", "Tutors first, then by name.")
            .answers(&["A page of them."]),
        patch("/classrooms/{id}/members/{user}", "set_member_role", set_member_role)
            .about("Change a member's role", "By a tutor. The tutor who made the classroom stays its tutor.")
            .answers(&["Changed, also on live boards."])
            .example(|| json!({"role": "viewer"}))
            .audit(Classroom, "member_role_set"),
        delete("/classrooms/{id}/members/{user}", "remove_member", remove_member)
            .about("Remove a member, or leave", "")
            .answers(&["Gone; sockets close with 4403."])
            .errors(&["forbidden"])
            .audit(Classroom, "member_removed"),
    ]
}

request! {
    /// A role to give.
    struct RoleChangeRequest {
        role: Role,
    }
}

async fn list_members(
    call: Call,
    Path(path): Path<ClassPath>,
    paging: Paging,
    member: Member,
) -> Result<Json<PageResponse<MemberResponse>>, Problem> {
    let page = paging.page();
    let (count, rows) = call.services.store.members(path.id, page).await?;
    let rows = rows.into_iter().map(|row| MemberResponse::of(row, member.role)).collect();
    Ok(Json(paging.response(page, count, rows)))
}

async fn set_member_role(
    call: Call,
    Path(path): Path<MemberPath>,
    Body(RoleChangeRequest { role }): Body<RoleChangeRequest>,
    _: Tutor,
) -> Result<Json<MemberRoleResponse>, Problem> {
    done(call.services.store.set_member_role(path.id, path.user, role).await?)?;
    call.services.directory.members_changed(path.id).await;
    call.audit.data(json!({"member": path.user, "role": role.name()}));
    let display_name = call.services.people.profile(path.user).await?.map(|card| card.name.to_string());
    Ok(Json(MemberRoleResponse { display_name, role: Role(role), user_id: path.user.0 }))
}

/// A tutor removes somebody, or somebody leaves.
async fn remove_member(call: Call, Path(path): Path<MemberPath>) -> Result<NoContent, Problem> {
    if path.user == call.user {
        call.require_member(path.id).await?;
        call.audit.action("classroom_left");
    } else {
        call.require_tutor(path.id).await?;
    }
    let edit = call.services.store.remove_member(path.id, path.user).await?;
    // Told again when somebody is a member no more: the request that removed them may have died before it told.
    call.services.directory.members_changed(path.id).await;
    done(edit)?;
    call.audit.note("member", path.user.to_string());
    Ok(NoContent)
}

fn done(edit: MemberEdit) -> Result<(), Problem> {
    match edit {
        MemberEdit::Done => Ok(()),
        MemberEdit::NotAMember => Err(Problem::NotFound),
        MemberEdit::IsOwner => Err(Problem::Forbidden("The tutor who made this classroom stays its tutor.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fields::Fields;
    use m4sh_domain::access::Role;

    #[test]
    fn k4_nobody_is_made_an_owner_by_request() {
        let role_of = |body: &[u8]| RoleChangeRequest::of(Fields::parse(body)?).map(|request| request.role);
        assert_eq!(role_of(br#"{"role":"viewer"}"#), Ok(Role::Viewer));
        assert_eq!(role_of(br#"{"role":"tutor"}"#), Ok(Role::Tutor));
        for wrong in [&br#"{"role":"owner"}"#[..], br#"{"role":"admin"}"#, br#"{"role":7}"#, b"{}", b""] {
            assert_eq!(role_of(wrong).map_err(|problem| problem.status().as_u16()), Err(400));
        }
    }
}
