//! Rights of those in a lesson: what somebody may do there, pens, sending out, roles. Twins of the class's frames.
//! Called by the route table. Never decides: `domain::access` judges, the directory makes it so.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use serde_json::json;

use super::{
    call::Call,
    rules::{Shown, Wish},
};
use crate::{
    actors::rights::{RightsError, RightsScope},
    http::{
        fields::{Faults, Fields},
        problem::Problem,
        times,
    },
};
use m4sh_domain::{
    access::{ChangeDenied, ChangeTarget, EffectiveRights, PenLocks, Permission, Permissions, RightsChange},
    ids::{ClassroomId, LessonId, UserId},
};
use m4sh_store::LessonAccess;

type LessonPath = web::Path<(ClassroomId, LessonId)>;
type MemberId = web::Path<(ClassroomId, LessonId, UserId)>;

/// `GET …/sessions/{sid}/members/{user}/rights/`: of oneself, or of anybody by those who see all.
pub async fn read(call: Call, path: MemberId) -> Result<HttpResponse, Problem> {
    let (id, session, member) = *path;
    let (_, role) = call.require_member(id).await?;
    if member != call.user && !role.sees_all() {
        return Err(Problem::Forbidden("Others' rights are shown to those who lead or assist."));
    }
    effective(&call.lesson(id, session).await?, member)
}

/// `PUT …/sessions/{sid}/members/{user}/rights/`: `{can_draw: true|false|null, …, locked?, seconds?}`, all or nothing.
pub async fn set(call: Call, path: MemberId) -> Result<HttpResponse, Problem> {
    let (id, session, member) = *path;
    let mut fields = call.fields()?;
    let seconds = fields.seconds();
    let flags = fields.flags();
    let locked = fields.flag("locked");
    if flags.is_empty() && locked.is_none() {
        fields.fault("non_field_errors", "Name a flag or `locked`.");
    }
    fields.finish()?;
    let whom = ChangeTarget::One(member);
    let flags = (!flags.is_empty()).then_some(RightsChange::Flags { whom, flags, session: true, seconds });
    let lock = locked.map(|locked| RightsChange::Lock { whom, locked, session: true, seconds });
    let changes: Vec<RightsChange> = flags.into_iter().chain(lock).collect();
    call.require_member(id).await?;
    if !call.lesson(id, session).await?.rights.members.contains_key(&member) {
        return Err(Problem::NotFound);
    }
    call.change(id, session, &changes).await?;
    call.trail.data(json!({"session": session, "member": member}));
    effective(&call.lesson(id, session).await?, member)
}

/// `GET …/sessions/{sid}/lock/`: whose pens are taken.
pub async fn locks(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    call.require_member(id).await?;
    pens(&call.lesson(id, session).await?.rights.locks(Timestamp::now()))
}

/// `POST …/sessions/{sid}/lock/`: `{user|"all", locked, seconds?}`.
pub async fn lock(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let mut fields = call.fields()?;
    let (whom, locked, seconds) = (fields.whom(), fields.required_flag("locked"), fields.seconds());
    fields.finish()?;
    call.require_member(id).await?;
    call.change(id, session, &[RightsChange::Lock { whom, locked, session: true, seconds }]).await?;
    call.trail.data(json!({"session": session, "member": whom.user(), "locked": locked}));
    pens(&call.lesson(id, session).await?.rights.locks(Timestamp::now()))
}

/// `POST …/sessions/{sid}/kick/`: `{user, on?}`: sends somebody out of the lesson, or lets them in again.
pub async fn kick(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let mut fields = call.fields()?;
    let (user, on) = (fields.member(), fields.flag("on").unwrap_or(true));
    fields.finish()?;
    call.require_member(id).await?;
    call.change(id, session, &[RightsChange::Kick { user, on }]).await?;
    call.trail.data(json!({"session": session, "member": user, "on": on}));
    Ok(HttpResponse::Ok().json(json!({"user_id": user, "on": on})))
}

/// `POST …/sessions/{sid}/role/`: `{user, role}`, in the whole class.
pub async fn role(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let mut fields = call.fields()?;
    let user = fields.member();
    let role = super::members::role_of(fields)?;
    call.require_member(id).await?;
    call.change(id, session, &[RightsChange::Role { user, role }]).await?;
    call.trail.data(json!({"session": session, "member": user, "role": role.name()}));
    let card = call.services.people.profile(user).await?;
    let name = card.map(|card| card.name.to_string());
    Ok(HttpResponse::Ok().json(json!({"user_id": user, "display_name": name, "role": role.name()})))
}

fn pens(locks: &PenLocks) -> Result<HttpResponse, Problem> {
    let user = |(user, (locked, until)): (&UserId, &(bool, Option<Timestamp>))| json!({"user_id": user, "locked": locked, "until": until.map(times::utc_field)});
    let users: Vec<_> = locks.users.iter().map(user).collect();
    Ok(HttpResponse::Ok().json(json!({"all": locks.all, "until": locks.until.map(times::utc_field), "users": users})))
}

/// What somebody may do on the lesson's shared board, and the rules that are about them.
fn effective(access: &LessonAccess, member: UserId) -> Result<HttpResponse, Problem> {
    let role = *access.rights.members.get(&member).ok_or(Problem::NotFound)?;
    let now = Timestamp::now();
    let found = access.rights.effective(member, now);
    let out = EffectiveRights { role, can: Permissions::NONE, locked: false, until: None };
    let EffectiveRights { can, locked, until, .. } = found.unwrap_or(out);
    let about = |who: Option<UserId>| who.map_or(!role.sees_all(), |who| who == member);
    let rules: Vec<Shown> = access.rights.rules.iter().filter(|rule| about(rule.who)).map(Shown::of).collect();
    Ok(HttpResponse::Ok().json(json!({
        "user_id": member,
        "role": role.name(),
        "can": can,
        "locked": locked,
        "until": until.map(times::utc_field),
        "sent_out": found.is_none(),
        "rules": rules,
    })))
}

impl Call {
    /// A lesson with the rights in it.
    pub(super) async fn lesson(&self, id: ClassroomId, session: LessonId) -> Result<LessonAccess, Problem> {
        self.services.store.lesson_access(id, session).await?.ok_or(Problem::NotFound)
    }

    /// Passes for members who have a flag in a lesson.
    pub(super) async fn may(&self, id: ClassroomId, session: LessonId, flag: Permission) -> Result<(), Problem> {
        self.require_member(id).await?;
        let standing = self.lesson(id, session).await?.rights.effective(self.user, Timestamp::now());
        let may = standing.is_some_and(|standing| standing.can.has(flag));
        may.then_some(()).ok_or(Problem::Forbidden("Only a tutor of this classroom may do this."))
    }

    /// Judges changes in a lesson by what holds now and makes them.
    pub(in crate::http) async fn change(
        &self,
        id: ClassroomId,
        session: LessonId,
        changes: &[RightsChange],
    ) -> Result<(), Problem> {
        let (rights, now) = (self.lesson(id, session).await?.rights, Timestamp::now());
        changes.iter().try_for_each(|change| change.authorize(self.user, &rights, now)).map_err(denied)?;
        let place = RightsScope { classroom: id, session: Some(session) };
        Ok(self.services.directory.change_rights(place, self.user, changes, now).await?)
    }
}

/// Who is named in the body is a field of it.
pub(super) fn denied(denied: ChangeDenied) -> Problem {
    match denied {
        ChangeDenied::NotAMember => Problem::Invalid(Faults::one("user", denied.detail())),
        ChangeDenied::Needs(_)
        | ChangeDenied::Above
        | ChangeDenied::Yourself
        | ChangeDenied::Ceiling(_)
        | ChangeDenied::OwnerStays => Problem::Forbidden(denied.detail()),
    }
}

impl From<RightsError> for Problem {
    fn from(not: RightsError) -> Self {
        match not {
            RightsError::Denied(why) => denied(why),
            RightsError::NotFound => Self::NotFound,
            RightsError::Store(error) => error.into(),
        }
    }
}

/// A member that must be named.
impl Fields {
    pub(super) fn member(&mut self) -> UserId {
        let named = self.required_name("user", 64);
        named.parse().unwrap_or_else(|_| {
            if !self.has_fault("user") {
                self.fault("user", "Must be a valid UUID.");
            }
            UserId(uuid::Uuid::nil())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::access::{Rights, Role};

    #[test]
    fn p15_a_body_about_rights_names_its_faults() {
        let read = |body: &str| {
            let mut fields = Fields::parse(body.as_bytes()).unwrap();
            let read = (fields.whom(), fields.seconds(), fields.flags());
            fields.finish().map(|()| read)
        };
        let user = "018f3e2a-7b1c-7000-8000-000000000001";
        let (whom, seconds, flags) = read(&format!(r#"{{"user":"{user}","seconds":120.0,"can_draw":null}}"#)).unwrap();
        assert_eq!((whom, seconds), (ChangeTarget::One(user.parse().unwrap()), Some(120)));
        assert_eq!(flags, [(Permission::Draw, None)]);
        assert_eq!(read(r#"{"user":"all"}"#).unwrap().0, ChangeTarget::Everybody);
        for wrong in [
            "{}",
            r#"{"user":7}"#,
            r#"{"user":"everybody"}"#,
            r#"{"user":"all","seconds":0}"#,
            r#"{"user":"all","seconds":86401}"#,
            r#"{"user":"all","can_draw":"yes"}"#,
        ] {
            assert_eq!(read(wrong).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong}");
        }
    }

    #[test]
    fn p11_whoever_was_sent_out_is_shown_with_nothing_left() {
        let member = UserId(uuid::Uuid::from_u128(1));
        let mut rights =
            Rights { live: true, members: std::sync::Arc::new([(member, Role::Student)].into()), ..Rights::default() };
        let board = m4sh_domain::ids::BoardId(uuid::Uuid::from_u128(2));
        let access = |rights: &Rights| LessonAccess {
            board,
            isolated: false,
            rights: rights.clone(),
            makes_boards: None,
            others: vec![],
        };
        assert_eq!(effective(&access(&rights), member).unwrap().status(), 200);
        assert_eq!(effective(&access(&rights), UserId(uuid::Uuid::nil())).err(), Some(Problem::NotFound));
        let out = RightsChange::Kick { user: member, on: true };
        for edit in out.rule_edits(Timestamp::now()) {
            if let m4sh_domain::access::RuleEdit::Set(rule) = edit {
                std::sync::Arc::make_mut(&mut rights.rules).push(rule);
            }
        }
        assert!(rights.effective(member, Timestamp::now()).is_none());
        assert_eq!(effective(&access(&rights), member).unwrap().status(), 200);
    }
}
