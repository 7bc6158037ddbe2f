//! Who is in a classroom, and as what. Called by the route table.
//! Never removes or demotes the tutor who made the classroom.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{call::Call, shapes};
use crate::http::{extract::Paging, fields::Fields, problem::Problem};
use m4sh_domain::{
    access::Role,
    ids::{ClassroomId, UserId},
};
use m4sh_store::MemberEdit;

type Id = web::Path<(ClassroomId,)>;
type MemberId = web::Path<(ClassroomId, UserId)>;

/// `GET /classrooms/{id}/members/`: tutors first, then by name.
pub async fn list(call: Call, path: Id, paging: Paging) -> Result<HttpResponse, Problem> {
    let (_, role) = call.require_member(path.0).await?;
    let page = paging.page();
    let (count, rows) = call.services.store.members(path.0, page).await?;
    Ok(paging.answer(page, count, rows.iter().map(|row| shapes::Member::of(row, role)).collect()))
}

/// `PATCH /classrooms/{id}/members/{user}/`: `{role: tutor|assistant|student|viewer}`, by a tutor.
pub async fn set_role(call: Call, path: MemberId) -> Result<HttpResponse, Problem> {
    let (id, member) = *path;
    let role = role_of(call.fields()?)?;
    call.require_tutor(id).await?;
    done(call.services.store.set_member_role(id, member, role).await?)?;
    call.services.directory.members_changed(id).await;
    call.trail.data(json!({"member": member, "role": role.name()}));
    let card = call.services.people.profile(member).await?;
    Ok(HttpResponse::Ok().json(json!({
        "user_id": member,
        "display_name": card.map(|card| card.name.to_string()),
        "role": role.name(),
    })))
}

/// `DELETE /classrooms/{id}/members/{user}/`: a tutor removes somebody, or somebody leaves.
pub async fn remove(call: Call, path: MemberId) -> Result<HttpResponse, Problem> {
    let (id, member) = *path;
    if member == call.user {
        call.require_member(id).await?;
        call.trail.action("classroom_left");
    } else {
        call.require_tutor(id).await?;
    }
    let edit = call.services.store.remove_member(id, member).await?;
    // Told again when somebody is a member no more: the request that removed them may have died before it told.
    call.services.directory.members_changed(id).await;
    done(edit)?;
    call.trail.note("member", member.to_string());
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn role_of(mut fields: Fields) -> Result<Role, Problem> {
    let name = fields.required_name("role", 16);
    let role = Role::from_name(&name).filter(|role| *role != Role::Owner).unwrap_or_else(|| {
        if !fields.has_fault("role") {
            fields.fault("role", "Choose `tutor`, `assistant`, `student` or `viewer`.");
        }
        Role::Viewer
    });
    fields.finish()?;
    Ok(role)
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

    #[test]
    fn k4_nobody_is_made_an_owner_by_request() {
        let role_of = |body: &[u8]| role_of(Fields::parse(body)?);
        assert_eq!(role_of(br#"{"role":"viewer"}"#), Ok(Role::Viewer));
        assert_eq!(role_of(br#"{"role":"tutor"}"#), Ok(Role::Tutor));
        for wrong in [&br#"{"role":"owner"}"#[..], br#"{"role":"admin"}"#, br#"{"role":7}"#, b"{}", b""] {
            assert_eq!(role_of(wrong).map_err(|problem| problem.status().as_u16()), Err(400));
        }
    }
}
