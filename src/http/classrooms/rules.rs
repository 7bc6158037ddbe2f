//! Rules about rights, listed, made and taken away: of a class, and of one lesson of it. Called by the route table.
//! Never decides: `domain::access` judges, the directory makes it so.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    paths::{ClassPath, ClassRulePath, LessonPath, LessonRulePath},
    rights::denied,
};
use crate::{
    actors::rights::RightsScope,
    http::{
        extract::{PageResponse, Paging},
        fields::Fields,
        operation::{
            Operation,
            answer::{Created, Json, NoContent},
            argument::Call,
            body::{Body, Field, request},
            delete, get,
            names::names,
            params::{Param, Path},
            post,
            reading::{MemberOrAll, RuleSeconds},
            schemas::Moment,
            signature::{Schemas, Signature},
        },
        problem::Problem,
    },
};
use m4sh_domain::access::{ChangeTarget, Permission, Rights, RightsChange, Rule, RuleEdit, RuleSubject, StoredRule};
use m4sh_store::EventCategory::Classroom;

pub(super) fn operations() -> [Operation; 6] {
    [
        get("/classrooms/{id}/rules", "list_class_rules", list_class_rules)
            .about("Rules of a classroom", "Those that hold in every lesson of it, for those who lead or assist.")
            .answers(&["A page of them."])
            .errors(&["forbidden"]),
        post("/classrooms/{id}/rules", "make_class_rule", make_class_rule)
            .about(
                "Make a rule for a classroom",
                "It replaces one about the same. Flags need `can_manage`, the pen `can_lock`. What leads a class and what shares \
                 a board\nfollows from a role alone: no rule gives it to a pupil.",
            )
            .answers(&["It holds, also on live boards."])
            .errors(&["forbidden"])
            .audit(Classroom, "rule_made"),
        delete("/classrooms/{id}/rules/{user}/{what}", "remove_class_rule", remove_class_rule)
            .about("Take a classroom's rule away", "With an end or without one.")
            .answers(&["It holds no longer."])
            .errors(&["forbidden"])
            .audit(Classroom, "rule_removed"),
        get("/classrooms/{id}/sessions/{sid}/rules", "list_lesson_rules", list_lesson_rules)
            .about("Rules of a lesson", "Its own and its classroom's, for those who lead or assist.")
            .answers(&["A page of them."])
            .errors(&["forbidden"]),
        post("/classrooms/{id}/sessions/{sid}/rules", "make_lesson_rule", make_lesson_rule)
            .about("Make a rule for a lesson", "As for a classroom; a lesson's rule goes before its classroom's.")
            .answers(&["It holds, also on live boards."])
            .errors(&["forbidden"])
            .audit(Classroom, "rule_made"),
        delete("/classrooms/{id}/sessions/{sid}/rules/{user}/{what}", "remove_lesson_rule", remove_lesson_rule)
            .about(
                "Take a lesson's rule away",
                "With an end or without one. Taking `enter` away lets somebody in again.",
            )
            .answers(&["It holds no longer."])
            .errors(&["forbidden"])
            .audit(Classroom, "rule_removed"),
    ]
}

names! {
    /// What a rule is about.
    pub(super) RuleSubjectName(RuleSubject) as "RuleSubject" = subjects();
}

/// Permissions that rules can give to somebody of whatever role.
pub(super) const GIVEN_BY_RULES: [Permission; 7] = [
    Permission::Export,
    Permission::Draw,
    Permission::Erase,
    Permission::AddPage,
    Permission::DeletePage,
    Permission::Clear,
    Permission::Upload,
];

fn subjects() -> Vec<RuleSubject> {
    Permission::ALL.into_iter().map(RuleSubject::Permission).chain([RuleSubject::Pen, RuleSubject::Enter]).collect()
}

impl Param for RuleSubjectName {
    fn parse(text: &str) -> Result<Self, std::borrow::Cow<'static, str>> {
        RuleSubject::from_name(text).map(Self).ok_or_else(|| "No such rule.".into())
    }

    fn schema(signature: &mut Signature) -> serde_json::Value {
        signature.schemas.of::<Self>()
    }
}

/// What a new rule is about. Somebody is sent out by name, not by a rule that may be for all or for a class.
struct NewRuleSubject;

impl Field for NewRuleSubject {
    type Value = RuleSubject;

    fn read(fields: &mut Fields, name: &'static str) -> Option<RuleSubject> {
        let subject = RuleSubject::from_name(&fields.needed_name(name, 32)?);
        let subject = subject.filter(|subject| *subject != RuleSubject::Enter);
        subject.or_else(|| fields.wrong(name, "Choose one of the twelve flags or `pen`."))
    }

    fn schema(_: &mut Schemas) -> serde_json::Value {
        let names: Vec<_> = GIVEN_BY_RULES.iter().map(|flag| flag.name()).chain(["pen"]).collect();
        json!({"type": "string", "enum": names})
    }
}

/// Where a rule holds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RuleScope {
    Class,
    Session,
}

request! {
    /// A rule to make.
    struct NewRuleRequest {
        /// A member's id, or `all` for everybody who neither leads nor assists.
        user: MemberOrAll,
        allowed: bool,
        /// For so long; afterwards holds what held before.
        seconds: Option<RuleSeconds>,
        /// What may be said by a rule.
        what: NewRuleSubject,
    }
}

/// A rule, as it concerns somebody.
#[derive(Serialize, ToSchema)]
pub(super) struct RuleResponse {
    allowed: bool,
    scope: RuleScope,
    /// When it ends by itself.
    #[schema(required = true)]
    until: Option<Moment>,
    /// `null`: everybody who neither leads nor assists.
    #[schema(required = true)]
    user_id: Option<Uuid>,
    what: RuleSubjectName,
}

impl RuleResponse {
    pub(super) fn of(rule: &Rule) -> Self {
        Self {
            allowed: rule.allowed,
            scope: if rule.session { RuleScope::Session } else { RuleScope::Class },
            until: rule.until.map(Moment),
            user_id: rule.who.map(|user| user.0),
            what: RuleSubjectName(rule.subject),
        }
    }
}

/// A rule with its maker.
#[derive(Serialize, ToSchema)]
struct KeptRuleResponse {
    scope: RuleScope,
    /// `null`: everybody who neither leads nor assists.
    #[schema(required = true)]
    user_id: Option<Uuid>,
    what: RuleSubjectName,
    allowed: bool,
    /// When it ends by itself.
    #[schema(required = true)]
    until: Option<Moment>,
    made_by: Uuid,
    made_at: Moment,
}

impl KeptRuleResponse {
    fn of(stored: &StoredRule) -> Self {
        let RuleResponse { allowed, scope, until, user_id, what } = RuleResponse::of(&stored.rule);
        Self { scope, user_id, what, allowed, until, made_by: stored.by.0, made_at: Moment(stored.at) }
    }
}

async fn list_class_rules(
    call: Call,
    Path(path): Path<ClassPath>,
    paging: Paging,
) -> Result<Json<PageResponse<KeptRuleResponse>>, Problem> {
    list(&call, RightsScope { classroom: path.id, session: None }, &paging).await
}

async fn list_lesson_rules(
    call: Call,
    Path(path): Path<LessonPath>,
    paging: Paging,
) -> Result<Json<PageResponse<KeptRuleResponse>>, Problem> {
    list(&call, RightsScope { classroom: path.id, session: Some(path.sid) }, &paging).await
}

async fn make_class_rule(
    call: Call,
    Path(path): Path<ClassPath>,
    Body(rule): Body<NewRuleRequest>,
) -> Result<Created<KeptRuleResponse>, Problem> {
    make(&call, RightsScope { classroom: path.id, session: None }, rule).await
}

async fn make_lesson_rule(
    call: Call,
    Path(path): Path<LessonPath>,
    Body(rule): Body<NewRuleRequest>,
) -> Result<Created<KeptRuleResponse>, Problem> {
    make(&call, RightsScope { classroom: path.id, session: Some(path.sid) }, rule).await
}

async fn remove_class_rule(call: Call, Path(path): Path<ClassRulePath>) -> Result<NoContent, Problem> {
    remove(&call, RightsScope { classroom: path.id, session: None }, &path.user, path.what.0).await
}

async fn remove_lesson_rule(call: Call, Path(path): Path<LessonRulePath>) -> Result<NoContent, Problem> {
    remove(&call, RightsScope { classroom: path.id, session: Some(path.sid) }, &path.user, path.what.0).await
}

async fn list(call: &Call, at: RightsScope, paging: &Paging) -> Result<Json<PageResponse<KeptRuleResponse>>, Problem> {
    let (_, role) = call.require_member(at.classroom).await?;
    if !role.sees_all() {
        return Err(Problem::Forbidden("Rules are shown to those who lead or assist."));
    }
    if let Some(session) = at.session {
        call.lesson(at.classroom, session).await?;
    }
    let page = paging.page();
    let (count, rules) = call.services.store.rules(at.classroom, at.session, page).await?;
    Ok(Json(paging.response(page, count, rules.iter().map(KeptRuleResponse::of).collect())))
}

async fn make(
    call: &Call,
    at: RightsScope,
    NewRuleRequest { user: whom, allowed, seconds, what }: NewRuleRequest,
) -> Result<Created<KeptRuleResponse>, Problem> {
    let session = at.session.is_some();
    let change = match what {
        RuleSubject::Permission(flag) => {
            RightsChange::Permissions { whom, flags: vec![(flag, Some(allowed))], session, seconds }
        }
        RuleSubject::Pen | RuleSubject::Enter => RightsChange::Lock { whom, locked: !allowed, session, seconds },
    };
    let now = Timestamp::now();
    change.authorize(call.user, &call.rights_at(at).await?, now).map_err(denied)?;
    call.services.directory.change_rights(at, call.user, std::slice::from_ref(&change), now).await?;
    let set = change.rule_edits(now).into_iter().rev().find_map(|edit| match edit {
        RuleEdit::Set(rule) => Some(rule),
        RuleEdit::Clear { .. } | RuleEdit::ClearAll { .. } => None,
    });
    let rule = set.ok_or_else(|| Problem::Internal("a rule that sets nothing".to_owned()))?;
    call.audit.data(json!({"session": at.session, "member": whom.user(), "what": what.name(), "allowed": allowed}));
    Ok(Created(KeptRuleResponse::of(&StoredRule { rule, by: call.user, at: now })))
}

async fn remove(call: &Call, at: RightsScope, user: &str, what: RuleSubject) -> Result<NoContent, Problem> {
    let whom = match user {
        "all" => ChangeTarget::Everybody,
        id => ChangeTarget::One(id.parse().map_err(|_| Problem::NotFound)?),
    };
    let session = at.session.is_some();
    let change = match (what, whom) {
        (RuleSubject::Permission(flag), _) => {
            RightsChange::Permissions { whom, flags: vec![(flag, None)], session, seconds: None }
        }
        (RuleSubject::Pen, _) => RightsChange::Lock { whom, locked: false, session, seconds: None },
        (RuleSubject::Enter, ChangeTarget::One(user)) => RightsChange::Kick { user, on: false },
        (RuleSubject::Enter, ChangeTarget::Everybody) => return Err(Problem::NotFound),
    };
    let rights = call.rights_at(at).await?;
    if whom.user().is_some_and(|user| !rights.members.contains_key(&user)) {
        return Err(Problem::NotFound);
    }
    change.authorize(call.user, &rights, Timestamp::now()).map_err(denied)?;
    let clear = RuleEdit::Clear { session, who: whom.user(), what };
    if call.services.directory.clear_rule(at, call.user, clear).await? == 0 {
        return Err(Problem::NotFound);
    }
    call.audit.data(json!({"session": at.session, "member": whom.user(), "what": what.name()}));
    Ok(NoContent)
}

impl Call {
    /// The rights in a lesson, or in a class as a whole, to its members.
    async fn rights_at(&self, at: RightsScope) -> Result<Rights, Problem> {
        self.require_member(at.classroom).await?;
        match at.session {
            Some(session) => Ok(self.lesson(at.classroom, session).await?.rights),
            None => self.services.store.class_rights(at.classroom).await?.ok_or(Problem::NotFound),
        }
    }
}
