//! Rights in a classroom and in its lessons.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::{
    super::{params::Paging, words::Moment},
    Page,
};
use crate::http::classrooms::shapes::{MemberRoleResponse as MemberRole, Role};
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const RIGHTS: &str = "Rights";

#[derive(OpenApi)]
#[openapi(
    paths(
        list_class_rules, make_class_rule, remove_class_rule, list_lesson_rules, make_lesson_rule, remove_lesson_rule,
        read_rights, set_rights, read_locks, lock_pens, send_out, change_role,
    ),
    tags((name = RIGHTS, description = "A role gives flags, rules change them: for everybody or for one, for a class or a \
        lesson, for ever or for a time. Changes are felt at once on sockets.")),
)]
pub struct Api;

/// What a rule is about.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum RuleSubject {
    CanDraw,
    CanErase,
    CanAddPage,
    CanDeletePage,
    CanClear,
    CanExport,
    CanShare,
    CanLock,
    CanKick,
    CanEnd,
    CanUpload,
    CanManage,
    /// Drawing, erasing, pages, clearing and uploading together.
    Pen,
    /// Being in the lesson.
    Enter,
}

/// Where a rule holds.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum RuleScope {
    Class,
    Session,
}

/// A rule to make.
#[derive(ToSchema)]
struct NewRule {
    /// A member's id, or `all` for everybody who neither leads nor assists.
    #[schema(
        max_length = 64,
        pattern = r"^(all|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$",
        example = "all"
    )]
    user: String,
    #[schema(inline)]
    what: NewRuleSubject,
    allowed: bool,
    /// For so long; afterwards holds what held before.
    #[schema(required = false, minimum = 1, maximum = 86400, example = 120)]
    seconds: Option<u32>,
}

/// What may be said by a rule.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum NewRuleSubject {
    CanExport,
    CanDraw,
    CanErase,
    CanAddPage,
    CanDeletePage,
    CanClear,
    CanUpload,
    Pen,
}

/// A rule, as it concerns somebody.
#[derive(ToSchema)]
struct Rule {
    scope: RuleScope,
    /// `null`: everybody who neither leads nor assists.
    #[schema(required = true)]
    user_id: Option<Uuid>,
    what: RuleSubject,
    allowed: bool,
    /// When it ends by itself.
    #[schema(required = true)]
    until: Option<Moment>,
}

/// A rule with its maker.
#[derive(ToSchema)]
struct KeptRule {
    scope: RuleScope,
    /// `null`: everybody who neither leads nor assists.
    #[schema(required = true)]
    user_id: Option<Uuid>,
    what: RuleSubject,
    allowed: bool,
    /// When it ends by itself.
    #[schema(required = true)]
    until: Option<Moment>,
    made_by: Uuid,
    made_at: Moment,
}

/// The twelve flags.
#[derive(ToSchema)]
#[allow(clippy::struct_excessive_bools, reason = "the contract's flags, one by one")]
struct Flags {
    can_draw: bool,
    can_erase: bool,
    can_add_page: bool,
    can_delete_page: bool,
    can_clear: bool,
    can_export: bool,
    can_share: bool,
    can_lock: bool,
    can_kick: bool,
    can_end: bool,
    can_upload: bool,
    can_manage: bool,
}

/// What somebody is and may do in a lesson.
#[derive(ToSchema)]
struct Rights {
    user_id: Uuid,
    role: Role,
    can: Flags,
    /// Whether their pen was taken.
    locked: bool,
    /// When a rule that counts ends.
    #[schema(required = true)]
    until: Option<Moment>,
    /// Whether they were sent out of the lesson.
    sent_out: bool,
    /// Those that are about them, in no order.
    rules: Vec<Rule>,
}

/// Rights to set: each flag that is named, `null` for what the role gives.
#[derive(ToSchema)]
struct RightsChange {
    #[schema(required = false)]
    can_draw: Option<bool>,
    #[schema(required = false)]
    can_erase: Option<bool>,
    #[schema(required = false)]
    can_add_page: Option<bool>,
    #[schema(required = false)]
    can_delete_page: Option<bool>,
    #[schema(required = false)]
    can_clear: Option<bool>,
    #[schema(required = false)]
    can_export: Option<bool>,
    #[schema(required = false)]
    can_upload: Option<bool>,
    /// Takes the pen or gives it back.
    #[schema(required = false)]
    locked: bool,
    /// For so long; afterwards holds what held before.
    #[schema(required = false, minimum = 1, maximum = 86400, example = 120)]
    seconds: Option<u32>,
}

/// A pen to take or to give back.
#[derive(ToSchema)]
struct Lock {
    /// A member's id, or `all`.
    #[schema(
        max_length = 64,
        pattern = r"^(all|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$",
        example = "all"
    )]
    user: String,
    locked: bool,
    /// For so long; afterwards holds what held before.
    #[schema(required = false, minimum = 1, maximum = 86400, example = 120)]
    seconds: Option<u32>,
}

/// Whose pens are taken.
#[derive(ToSchema)]
struct Locks {
    /// Whether from everybody of whom `users` says nothing else.
    all: bool,
    /// When that ends by itself.
    #[schema(required = true)]
    until: Option<Moment>,
    users: Vec<LockOfOne>,
}

/// What is said about one pen.
#[derive(ToSchema)]
struct LockOfOne {
    user_id: Uuid,
    locked: bool,
    /// When that ends by itself.
    #[schema(required = true)]
    until: Option<Moment>,
}

/// Somebody to send out.
#[derive(ToSchema)]
struct SendingOut {
    user: Uuid,
    /// `false` lets them in again.
    #[schema(required = false, default = true)]
    on: bool,
}

/// Somebody who was sent out, or let in again.
#[derive(ToSchema)]
struct SentOut {
    user_id: Uuid,
    on: bool,
}

/// A member's role to be.
#[derive(ToSchema)]
struct RoleOf {
    user: Uuid,
    role: Role,
}

/// Rules of a classroom
///
/// Those that hold in every lesson of it, for those who lead or assist.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/rules/", tag = RIGHTS,
    params(("id" = Uuid, Path, description = "The classroom."), Paging),
    responses((status = 200, description = "A page of them.", body = Page<KeptRule>)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn list_class_rules() {}

/// Make a rule for a classroom
///
/// It replaces one about the same. Flags need `can_manage`, the pen `can_lock`. What leads a class and what shares a board
/// follows from a role alone: no rule gives it to a pupil.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/rules/", tag = RIGHTS,
    params(("id" = Uuid, Path, description = "The classroom.")),
    request_body = NewRule,
    responses((status = 201, description = "It holds, also on live boards.", body = KeptRule)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn make_class_rule() {}

/// Take a classroom's rule away
///
/// With an end or without one.
#[utoipa::path(
    delete, path = "/api/v1/classrooms/{id}/rules/{user}/{what}/", tag = RIGHTS,
    params(
        ("id" = Uuid, Path, description = "The classroom."),
        ("user" = String, Path, description = "A member's id, or `all`."),
        ("what" = RuleSubject, Path, description = "What the rule is about."),
    ),
    responses((status = 204, description = "It holds no longer.")),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn remove_class_rule() {}

/// Rules of a lesson
///
/// Its own and its classroom's, for those who lead or assist.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/rules/", tag = RIGHTS,
    params(
        ("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."), Paging,
    ),
    responses((status = 200, description = "A page of them.", body = Page<KeptRule>)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn list_lesson_rules() {}

/// Make a rule for a lesson
///
/// As for a classroom; a lesson's rule goes before its classroom's.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/rules/", tag = RIGHTS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = NewRule,
    responses((status = 201, description = "It holds, also on live boards.", body = KeptRule)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn make_lesson_rule() {}

/// Take a lesson's rule away
///
/// With an end or without one. Taking `enter` away lets somebody in again.
#[utoipa::path(
    delete, path = "/api/v1/classrooms/{id}/sessions/{sid}/rules/{user}/{what}/", tag = RIGHTS,
    params(
        ("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."),
        ("user" = String, Path, description = "A member's id, or `all`."),
        ("what" = RuleSubject, Path, description = "What the rule is about."),
    ),
    responses((status = 204, description = "It holds no longer.")),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn remove_lesson_rule() {}

/// A member's rights in a lesson
///
/// One's own, or anybody's for those who lead or assist.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/members/{user}/rights/", tag = RIGHTS,
    params(
        ("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."),
        ("user" = Uuid, Path, description = "The member."),
    ),
    responses((status = 200, description = "What they are and may do on its shared board.", body = Rights)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn read_rights() {}

/// Set a member's rights in a lesson
///
/// Flags need `can_manage`, `locked` needs `can_lock`. All of it is made, or nothing.
#[utoipa::path(
    put, path = "/api/v1/classrooms/{id}/sessions/{sid}/members/{user}/rights/", tag = RIGHTS,
    params(
        ("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."),
        ("user" = Uuid, Path, description = "The member."),
    ),
    request_body(content = RightsChange, example = json!({"can_clear": true, "locked": false, "seconds": 120})),
    responses((status = 200, description = "They hold, also on live boards.", body = Rights)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn set_rights() {}

/// Whose pens are taken
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/lock/", tag = RIGHTS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "The pens of the lesson.", body = Locks)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn read_locks() {}

/// Take pens, or give them back
///
/// Needs `can_lock`. For all without an end it is the last word about each pen; with an end it stands beside it.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/lock/", tag = RIGHTS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = Lock,
    responses((status = 200, description = "The pens of the lesson.", body = Locks)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn lock_pens() {}

/// Send somebody out of a lesson, or let them in again
///
/// Needs `can_kick`. Their sockets close with 4403, and its boards are not there for them.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/kick/", tag = RIGHTS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = SendingOut,
    responses((status = 200, description = "So it is.", body = SentOut)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn send_out() {}

/// Change a member's role from within a lesson
///
/// Needs `can_manage`, and holds in the whole classroom. Nobody changes their own.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/role/", tag = RIGHTS,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body(content = RoleOf, example = json!({"user": "0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40", "role": "student"})),
    responses((status = 200, description = "Changed, also on live boards.", body = MemberRole)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn change_role() {}
