//! Who is in a classroom, and as what. Called by the route table.
//! Never removes or demotes the tutor who made the classroom.

use crate::http::to_the_end;
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{led, seen, shapes};
use crate::{
    domain::{
        access::Role,
        ids::{ClassroomId, UserId},
        rate::Scope,
    },
    http::{
        Services, events,
        extract::{ClientOrigin, Paging, Signed, SignedBody, SmallBody},
        fields::Fields,
        problem::Problem,
    },
    store::{Category, MemberEdit},
};

type Id = web::Path<(ClassroomId,)>;
type MemberId = web::Path<(ClassroomId, UserId)>;

/// `GET /classrooms/{id}/members/`: tutors first, then by name.
pub async fn list(
    services: web::Data<Services>,
    path: Id,
    Signed(who): Signed,
    paging: Paging,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    let (_, role) = seen(&services, path.0, who.user).await?;
    let page = paging.page();
    let (count, rows) = services.store.members(path.0, page).await?;
    Ok(paging.answer(page, count, rows.iter().map(|row| shapes::Member::of(row, role)).collect()))
}

/// `PATCH /classrooms/{id}/members/{user}/`: `{role: tutor|student|viewer}`, by a tutor.
pub async fn set_role(
    services: web::Data<Services>,
    path: MemberId,
    from: ClientOrigin,
    body: SignedBody<SmallBody>,
) -> Result<HttpResponse, Problem> {
    to_the_end(async move {
        let (id, member) = *path;
        let actor = body.who.user;
        services.limiter.check(Scope::ApiUser, actor)?;
        let role = role_of(&body.bytes)?;
        led(&services, id, actor).await?;
        done(services.store.set_member_role(id, member, role).await?)?;
        services.directory.members_changed(id).await;
        let data = json!({"classroom": id, "member": member, "role": role.name()});
        events::record(&services, actor, Category::Classroom, "member_role_set", from.origin, data).await;
        let card = services.people.card(member).await?;
        Ok(HttpResponse::Ok().json(json!({
            "user_id": member,
            "display_name": card.map(|card| card.name.to_string()),
            "role": role.name(),
        })))
    })
    .await
}

/// `DELETE /classrooms/{id}/members/{user}/`: a tutor removes somebody, or somebody leaves.
pub async fn remove(
    services: web::Data<Services>,
    path: MemberId,
    from: ClientOrigin,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    to_the_end(async move {
        let (id, member) = *path;
        services.limiter.check(Scope::ApiUser, who.user)?;
        if member == who.user {
            seen(&services, id, who.user).await?;
        } else {
            led(&services, id, who.user).await?;
        }
        let edit = services.store.remove_member(id, member).await?;
        // Told again when somebody is a member no more: the request that removed them may have died before it told.
        services.directory.members_changed(id).await;
        done(edit)?;
        let data = json!({"classroom": id, "member": member});
        events::record(&services, who.user, Category::Classroom, "member_removed", from.origin, data).await;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}

fn role_of(body: &[u8]) -> Result<Role, Problem> {
    let mut fields = Fields::parse(body)?;
    let name = fields.required_name("role", 16);
    let role = Role::from_name(&name).filter(|role| *role != Role::Owner).unwrap_or_else(|| {
        if !fields.has_fault("role") {
            fields.fault("role", "Choose `tutor`, `student` or `viewer`.");
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
        assert_eq!(role_of(br#"{"role":"viewer"}"#), Ok(Role::Viewer));
        assert_eq!(role_of(br#"{"role":"tutor"}"#), Ok(Role::Tutor));
        for wrong in [&br#"{"role":"owner"}"#[..], br#"{"role":"admin"}"#, br#"{"role":7}"#, b"{}", b""] {
            assert_eq!(role_of(wrong).map_err(|problem| problem.status().as_u16()), Err(400));
        }
    }
}
