//! Rules about rights, listed, made and taken away: of a class, and of one lesson of it. Called by the route table.
//! Never decides: `domain::access` judges, the directory makes it so.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{call::Call, rights::denied};
use crate::{
    actors::rights::RightsScope,
    http::{
        extract::Paging,
        fields::{Fields, whole},
        problem::Problem,
        times,
    },
};
use m4sh_domain::limits::RULE_SECONDS;
use m4sh_domain::{
    access::{ChangeTarget, Permission, Rights, RightsChange, Rule, RuleEdit, RuleSubject, StoredRule},
    ids::{ClassroomId, LessonId, UserId},
    json::Value,
};

type Id = web::Path<(ClassroomId,)>;
type LessonPath = web::Path<(ClassroomId, LessonId)>;
type RuleId = web::Path<(ClassroomId, String, String)>;
type LessonRuleId = web::Path<(ClassroomId, LessonId, String, String)>;

/// `GET /classrooms/{id}/rules/`: those that hold in every lesson, to those who lead or assist.
pub async fn of_class(call: Call, path: Id, paging: Paging) -> Result<HttpResponse, Problem> {
    list(&call, RightsScope { classroom: path.0, session: None }, &paging).await
}

/// `GET …/sessions/{sid}/rules/`: the lesson's own and its class's.
pub async fn of_lesson(call: Call, path: LessonPath, paging: Paging) -> Result<HttpResponse, Problem> {
    let (classroom, session) = *path;
    list(&call, RightsScope { classroom, session: Some(session) }, &paging).await
}

/// `POST /classrooms/{id}/rules/`: `{user|"all", what, allowed, seconds?}`.
pub async fn make_in_class(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    make(&call, RightsScope { classroom: path.0, session: None }).await
}

/// `POST …/sessions/{sid}/rules/`.
pub async fn make_in_lesson(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (classroom, session) = *path;
    make(&call, RightsScope { classroom, session: Some(session) }).await
}

/// `DELETE /classrooms/{id}/rules/{user|all}/{what}/`: with an end or without.
pub async fn clear_in_class(call: Call, path: RuleId) -> Result<HttpResponse, Problem> {
    let (classroom, user, what) = path.into_inner();
    clear(&call, RightsScope { classroom, session: None }, &user, &what).await
}

/// `DELETE …/sessions/{sid}/rules/{user|all}/{what}/`.
pub async fn clear_in_lesson(call: Call, path: LessonRuleId) -> Result<HttpResponse, Problem> {
    let (classroom, session, user, what) = path.into_inner();
    clear(&call, RightsScope { classroom, session: Some(session) }, &user, &what).await
}

async fn list(call: &Call, at: RightsScope, paging: &Paging) -> Result<HttpResponse, Problem> {
    let (_, role) = call.require_member(at.classroom).await?;
    if !role.sees_all() {
        return Err(Problem::Forbidden("Rules are shown to those who lead or assist."));
    }
    if let Some(session) = at.session {
        call.lesson(at.classroom, session).await?;
    }
    let page = paging.page();
    let (count, held) = call.services.store.rules(at.classroom, at.session, page).await?;
    Ok(paging.answer(page, count, held.iter().map(Kept::of).collect()))
}

async fn make(call: &Call, at: RightsScope) -> Result<HttpResponse, Problem> {
    let mut fields = call.fields()?;
    let (whom, allowed, seconds) = (fields.whom(), fields.required_flag("allowed"), fields.seconds());
    let what = fields.required_name("what", 32);
    let session = at.session.is_some();
    let change = match RuleSubject::from_name(&what) {
        Some(RuleSubject::Flag(flag)) => {
            RightsChange::Flags { whom, flags: vec![(flag, Some(allowed))], session, seconds }
        }
        Some(RuleSubject::Pen) => RightsChange::Lock { whom, locked: !allowed, session, seconds },
        // Somebody is sent out by name, not by a rule that may be for all or for a class.
        Some(RuleSubject::Enter) | None => {
            if !fields.has_fault("what") {
                fields.fault("what", "Choose one of the twelve flags or `pen`.");
            }
            RightsChange::Flags { whom, flags: Vec::new(), session, seconds }
        }
    };
    fields.finish()?;
    let now = Timestamp::now();
    change.authorize(call.user, &call.rights_at(at).await?, now).map_err(denied)?;
    call.services.directory.change_rights(at, call.user, std::slice::from_ref(&change), now).await?;
    let set = change.rule_edits(now).into_iter().rev().find_map(|edit| match edit {
        RuleEdit::Set(rule) => Some(rule),
        RuleEdit::Clear { .. } | RuleEdit::ClearAll { .. } => None,
    });
    let rule = set.ok_or_else(|| Problem::Internal("a rule that sets nothing".to_owned()))?;
    call.trail.data(json!({"session": at.session, "member": whom.user(), "what": what, "allowed": allowed}));
    Ok(HttpResponse::Created().json(Kept::of(&StoredRule { rule, by: call.user, at: now })))
}

async fn clear(call: &Call, at: RightsScope, user: &str, what: &str) -> Result<HttpResponse, Problem> {
    let whom = match user {
        "all" => ChangeTarget::Everybody,
        id => ChangeTarget::One(id.parse().map_err(|_| Problem::NotFound)?),
    };
    let what = RuleSubject::from_name(what).ok_or(Problem::NotFound)?;
    let session = at.session.is_some();
    let change = match (what, whom) {
        (RuleSubject::Flag(flag), _) => RightsChange::Flags { whom, flags: vec![(flag, None)], session, seconds: None },
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
    call.trail.data(json!({"session": at.session, "member": whom.user(), "what": what.name()}));
    Ok(HttpResponse::NoContent().finish())
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

/// A rule as it is shown.
#[derive(Serialize)]
pub(super) struct Shown {
    scope: &'static str,
    /// `null`: everybody who neither leads nor assists.
    user_id: Option<UserId>,
    what: &'static str,
    allowed: bool,
    until: Option<String>,
}

impl Shown {
    pub(super) fn of(rule: &Rule) -> Self {
        Self {
            scope: if rule.session { "session" } else { "class" },
            user_id: rule.who,
            what: rule.subject.name(),
            allowed: rule.allowed,
            until: rule.until.map(times::utc_field),
        }
    }
}

/// The same with who made it and when.
#[derive(Serialize)]
struct Kept {
    #[serde(flatten)]
    rule: Shown,
    made_by: UserId,
    made_at: String,
}

impl Kept {
    fn of(held: &StoredRule) -> Self {
        Self { rule: Shown::of(&held.rule), made_by: held.by, made_at: times::utc_field(held.at) }
    }
}

/// The fields of a body about rights.
pub(super) trait Wish {
    /// `user`: an id or `all`.
    fn whom(&mut self) -> ChangeTarget;
    /// A truth that may be left out.
    fn flag(&mut self, name: &'static str) -> Option<bool>;
    /// A truth that must be there.
    fn required_flag(&mut self, name: &'static str) -> bool;
    /// `seconds`, within a day.
    fn seconds(&mut self) -> Option<u32>;
    /// Flags by their names, each a truth or `null`.
    fn flags(&mut self) -> Vec<(Permission, Option<bool>)>;
}

impl Wish for Fields {
    fn whom(&mut self) -> ChangeTarget {
        let named = self.required_name("user", 64);
        if named == "all" {
            return ChangeTarget::Everybody;
        }
        match named.parse() {
            Ok(user) => ChangeTarget::One(user),
            Err(_) => {
                if !self.has_fault("user") {
                    self.fault("user", "Must be a valid UUID or `all`.");
                }
                ChangeTarget::Everybody
            }
        }
    }

    fn flag(&mut self, name: &'static str) -> Option<bool> {
        let given = self.value(name)?;
        let truth = given.as_bool();
        if truth.is_none() {
            self.fault(name, "Must be a valid boolean.");
        }
        truth
    }

    fn required_flag(&mut self, name: &'static str) -> bool {
        self.required_value(name).is_some_and(|given| {
            given.as_bool().unwrap_or_else(|| {
                self.fault(name, "Must be a valid boolean.");
                false
            })
        })
    }

    fn seconds(&mut self) -> Option<u32> {
        let given = self.any("seconds").filter(|given| *given != Value::Null)?;
        let seconds = whole(&given).and_then(|seconds| u32::try_from(seconds).ok());
        let seconds = seconds.filter(|seconds| (1..=RULE_SECONDS).contains(seconds));
        if seconds.is_none() {
            self.fault("seconds", "Must be a whole number from 1 to 86400.");
        }
        seconds
    }

    fn flags(&mut self) -> Vec<(Permission, Option<bool>)> {
        let mut wishes = Vec::new();
        for flag in Permission::ALL {
            match self.any(flag.name()) {
                None => {}
                Some(Value::Null) => wishes.push((flag, None)),
                Some(Value::Bool(allowed)) => wishes.push((flag, Some(allowed))),
                Some(_) => self.fault(flag.name(), "Must be a boolean or null."),
            }
        }
        wishes
    }
}
