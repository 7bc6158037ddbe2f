//! Rights of those in a lesson: what somebody may do there, pens, sending out, roles. Twins of the class's frames.
//! Called by the route table. Never decides: `domain::access` judges, the directory makes it so.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    call::Member,
    paths::{LessonMemberPath, LessonPath},
    rules::{GIVEN_BY_RULES, RuleResponse},
    shapes::{MemberRoleResponse, Role},
};
use crate::{
    actors::rights::{RightsError, RightsScope},
    http::{
        fields::{Faults, Fields},
        operation::{
            Operation, answer,
            argument::Call,
            body::{Body, Field, Omittable, request},
            get,
            params::Path,
            post, put,
            reading::{MemberOrAll, RuleSeconds},
            schemas::Moment,
            signature::Schemas,
        },
        problem::Problem,
    },
};
use m4sh_domain::{
    access::{ChangeDenied, ChangeTarget, EffectiveRights, PenLocks, Permission, Permissions, RightsChange},
    ids::{ClassroomId, LessonId, UserId},
    json::Value,
};
use m4sh_store::{EventCategory::Classroom, LessonAccess};

pub(super) fn operations() -> [Operation; 6] {
    [
        get("/classrooms/{id}/sessions/{sid}/members/{user}/rights", "read_rights", read_rights)
            .about("A member's rights in a lesson", "One's own, or anybody's for those who lead or assist.")
            .answers(&["What they are and may do on its shared board."])
            .errors(&["forbidden"]),
        put("/classrooms/{id}/sessions/{sid}/members/{user}/rights", "set_rights", set_rights)
            .about(
                "Set a member's rights in a lesson",
                "Flags need `can_manage`, `locked` needs `can_lock`. All of it is made, or nothing.",
            )
            .answers(&["They hold, also on live boards."])
            .example(|| json!({"can_clear": true, "locked": false, "seconds": 120}))
            .errors(&["forbidden"])
            .audit(Classroom, "rights_set"),
        get("/classrooms/{id}/sessions/{sid}/lock", "read_locks", read_locks)
            .about("Whose pens are taken", "")
            .answers(&["The pens of the lesson."]),
        post("/classrooms/{id}/sessions/{sid}/lock", "lock_pens", lock_pens)
            .about(
                "Take pens, or give them back",
                "Needs `can_lock`. For all without an end it is the last word about each pen; with an end it stands beside it.",
            )
            .answers(&["The pens of the lesson."])
            .errors(&["forbidden"])
            .audit(Classroom, "pens_locked"),
        post("/classrooms/{id}/sessions/{sid}/kick", "send_out", send_out)
            .about(
                "Send somebody out of a lesson, or let them in again",
                "Needs `can_kick`. Their sockets close with 4403, and its boards are not there for them.",
            )
            .answers(&["So it is."])
            .errors(&["forbidden"])
            .audit(Classroom, "member_sent_out"),
        post("/classrooms/{id}/sessions/{sid}/role", "change_role", change_role)
            .about(
                "Change a member's role from within a lesson",
                "Needs `can_manage`, and holds in the whole classroom. Nobody changes their own.",
            )
            .answers(&["Changed, also on live boards."])
            .example(|| json!({"user": "0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40", "role": "student"}))
            .errors(&["forbidden"])
            .audit(Classroom, "member_role_set"),
    ]
}

/// Permissions by name.
pub(super) struct Flags(Permissions);

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let flags: BTreeMap<_, _> = Permission::ALL.iter().map(|flag| (flag.name(), self.0.has(*flag))).collect();
        flags.serialize(serializer)
    }
}

impl utoipa::PartialSchema for Flags {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let flag = || utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::Boolean);
        let object = utoipa::openapi::ObjectBuilder::new().description(Some("The twelve flags."));
        let add = |object: utoipa::openapi::ObjectBuilder, permission: &Permission| {
            object.property(permission.name(), flag()).required(permission.name())
        };
        utoipa::openapi::RefOr::T(Permission::ALL.iter().fold(object, add).into())
    }
}

impl ToSchema for Flags {}

/// What somebody is and may do in a lesson.
#[derive(Serialize, ToSchema)]
struct RightsResponse {
    can: Flags,
    /// Whether their pen was taken.
    locked: bool,
    role: Role,
    /// Those that are about them, in no order.
    rules: Vec<RuleResponse>,
    /// Whether they were sent out of the lesson.
    sent_out: bool,
    /// When a rule that counts ends.
    #[schema(required = true)]
    until: Option<Moment>,
    user_id: Uuid,
}

request! {
    /// Rights to set: each flag that is named, `null` for what the role gives.
    struct RightsChangeRequest {
        /// For so long; afterwards holds what held before.
        seconds: Option<RuleSeconds>,
        flags: PermissionChanges,
        /// Takes the pen or gives it back.
        locked: Omittable<bool>,
    }
    check |fields| {
        if flags.as_ref().is_none_or(Vec::is_empty) && locked.flatten().is_none() {
            fields.fault("non_field_errors", "Name a flag or `locked`.");
        }
    }
}

/// Permissions that a body names, each given, taken or left to the role.
struct PermissionChanges;

impl Field for PermissionChanges {
    type Value = Vec<(Permission, Option<bool>)>;
    const IS_REQUIRED: bool = false;

    fn read(fields: &mut Fields, _: &'static str) -> Option<Self::Value> {
        let mut changes = Vec::new();
        for flag in Permission::ALL {
            match fields.any(flag.name()) {
                None => {}
                Some(Value::Null) => changes.push((flag, None)),
                Some(Value::Bool(allowed)) => changes.push((flag, Some(allowed))),
                Some(_) => fields.fault(flag.name(), "Must be a boolean or null."),
            }
        }
        Some(changes)
    }

    fn schema(_: &mut Schemas) -> Json {
        json!({"type": ["boolean", "null"]})
    }

    fn describe(schemas: &mut Schemas, body: &mut Json, _: &str, _: &str, _: Option<Json>) {
        // The others follow from a role alone.
        for flag in GIVEN_BY_RULES {
            body["properties"][flag.name()] = Self::schema(schemas);
        }
    }
}

request! {
    /// A pen to take or to give back.
    struct LockRequest {
        /// A member's id, or `all`.
        user: MemberOrAll,
        locked: bool,
        /// For so long; afterwards holds what held before.
        seconds: Option<RuleSeconds>,
    }
}

/// Whose pens are taken.
#[derive(Serialize, ToSchema)]
struct LocksResponse {
    /// Whether from everybody of whom `users` says nothing else.
    all: bool,
    /// When that ends by itself.
    #[schema(required = true)]
    until: Option<Moment>,
    users: Vec<LockOfOneResponse>,
}

/// What is said about one pen.
#[derive(Serialize, ToSchema)]
struct LockOfOneResponse {
    locked: bool,
    /// When that ends by itself.
    #[schema(required = true)]
    until: Option<Moment>,
    user_id: Uuid,
}

impl From<PenLocks> for LocksResponse {
    fn from(locks: PenLocks) -> Self {
        let users = locks.users.into_iter().map(|(user, (locked, until))| LockOfOneResponse {
            locked,
            until: until.map(Moment),
            user_id: user.0,
        });
        Self { all: locks.all, until: locks.until.map(Moment), users: users.collect() }
    }
}

request! {
    /// Somebody to send out.
    struct SendingOutRequest {
        user: UserId,
        /// `false` lets them in again.
        on: Omittable<bool>,
    }
}

/// Somebody who was sent out, or let in again.
#[derive(Serialize, ToSchema)]
struct SentOutResponse {
    on: bool,
    user_id: Uuid,
}

request! {
    /// A member's role to be.
    struct RoleOfRequest {
        user: UserId,
        role: Role,
    }
}

async fn read_rights(
    call: Call,
    Path(path): Path<LessonMemberPath>,
    Member { role, .. }: Member,
) -> Result<answer::Json<RightsResponse>, Problem> {
    if path.user != call.user && !role.sees_all() {
        return Err(Problem::Forbidden("Others' rights are shown to those who lead or assist."));
    }
    Ok(answer::Json(effective(&call.lesson(path.id, path.sid).await?, path.user)?))
}

async fn set_rights(
    call: Call,
    Path(LessonMemberPath { id, sid, user }): Path<LessonMemberPath>,
    Body(RightsChangeRequest { seconds, flags, locked }): Body<RightsChangeRequest>,
    _: Member,
) -> Result<answer::Json<RightsResponse>, Problem> {
    let whom = ChangeTarget::One(user);
    let flags = (!flags.is_empty()).then_some(RightsChange::Permissions { whom, flags, session: true, seconds });
    let lock = locked.map(|locked| RightsChange::Lock { whom, locked, session: true, seconds });
    let changes: Vec<RightsChange> = flags.into_iter().chain(lock).collect();
    if !call.lesson(id, sid).await?.rights.members.contains_key(&user) {
        return Err(Problem::NotFound);
    }
    call.change(id, sid, &changes).await?;
    call.audit.data(json!({"session": sid, "member": user}));
    Ok(answer::Json(effective(&call.lesson(id, sid).await?, user)?))
}

async fn read_locks(
    call: Call,
    Path(path): Path<LessonPath>,
    _: Member,
) -> Result<answer::Json<LocksResponse>, Problem> {
    Ok(answer::Json(call.lesson(path.id, path.sid).await?.rights.locks(Timestamp::now()).into()))
}

async fn lock_pens(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(LockRequest { user: whom, locked, seconds }): Body<LockRequest>,
    member: Member,
) -> Result<answer::Json<LocksResponse>, Problem> {
    call.change(path.id, path.sid, &[RightsChange::Lock { whom, locked, session: true, seconds }]).await?;
    call.audit.data(json!({"session": path.sid, "member": whom.user(), "locked": locked}));
    read_locks(call, Path(path), member).await
}

async fn send_out(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(SendingOutRequest { user, on }): Body<SendingOutRequest>,
    _: Member,
) -> Result<answer::Json<SentOutResponse>, Problem> {
    let on = on.unwrap_or(true);
    call.change(path.id, path.sid, &[RightsChange::Kick { user, on }]).await?;
    call.audit.data(json!({"session": path.sid, "member": user, "on": on}));
    Ok(answer::Json(SentOutResponse { on, user_id: user.0 }))
}

async fn change_role(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(RoleOfRequest { user, role }): Body<RoleOfRequest>,
    _: Member,
) -> Result<answer::Json<MemberRoleResponse>, Problem> {
    call.change(path.id, path.sid, &[RightsChange::Role { user, role }]).await?;
    call.audit.data(json!({"session": path.sid, "member": user, "role": role.name()}));
    let display_name = call.services.people.profile(user).await?.map(|card| card.name.to_string());
    Ok(answer::Json(MemberRoleResponse { display_name, role: Role(role), user_id: user.0 }))
}

/// What somebody may do on the lesson's shared board, and the rules that are about them.
fn effective(access: &LessonAccess, member: UserId) -> Result<RightsResponse, Problem> {
    let role = *access.rights.members.get(&member).ok_or(Problem::NotFound)?;
    let found = access.rights.effective(member, Timestamp::now());
    let out = EffectiveRights { role, can: Permissions::NONE, locked: false, until: None };
    let EffectiveRights { can, locked, until, .. } = found.unwrap_or(out);
    let about = |who: Option<UserId>| who.map_or(!role.sees_all(), |who| who == member);
    let rules = access.rights.rules.iter().filter(|rule| about(rule.who)).map(RuleResponse::of).collect();
    Ok(RightsResponse {
        can: Flags(can),
        locked,
        role: Role(role),
        rules,
        sent_out: found.is_none(),
        until: until.map(Moment),
        user_id: member.0,
    })
}

impl Call {
    /// Judges changes in a lesson by what holds now and makes them.
    pub(crate) async fn change(
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

#[cfg(test)]
mod tests {
    use super::*;
    use m4sh_domain::access::{Rights, Role};

    #[test]
    fn p15_a_body_about_rights_names_its_faults() {
        request! {
            /// The fields of all bodies about rights.
            struct AllRightsFields {
                user: MemberOrAll,
                seconds: Option<RuleSeconds>,
                flags: PermissionChanges,
            }
        }
        let read = |body: &str| {
            let read = AllRightsFields::of(Fields::parse(body.as_bytes()).unwrap())?;
            Ok::<_, Problem>((read.user, read.seconds, read.flags))
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
        assert!(!effective(&access(&rights), member).unwrap().sent_out);
        assert_eq!(effective(&access(&rights), UserId(uuid::Uuid::nil())).err(), Some(Problem::NotFound));
        let out = RightsChange::Kick { user: member, on: true };
        for edit in out.rule_edits(Timestamp::now()) {
            if let m4sh_domain::access::RuleEdit::Set(rule) = edit {
                std::sync::Arc::make_mut(&mut rights.rules).push(rule);
            }
        }
        assert!(rights.effective(member, Timestamp::now()).is_none());
        assert!(effective(&access(&rights), member).unwrap().sent_out);
    }
}
