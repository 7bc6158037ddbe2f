//! How every classroom request begins: a body within its limit, who sent it, their rate, their role, and the trail.
//! An argument of the classroom handlers. Never tells a stranger that a classroom exists.

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev};
use bytes::Bytes;
use jiff::Timestamp;

use crate::http::{
    audit::AuditContext,
    extract::{SignedBody, SmallBody},
    fields::Fields,
    operation::{
        argument::{self, Argument},
        context::Context,
        signature::Signature,
    },
    problem::Problem,
};
use m4sh_domain::{
    access::{Permission, Role},
    ids::{ClassroomId, LessonId},
    rate::Scope,
};
use m4sh_store::{ClassroomRow, LessonAccess};

/// A request with its body, for handlers whose operation is not declared yet.
pub struct Call {
    call: argument::Call,
    body: Bytes,
}

impl std::ops::Deref for Call {
    type Target = argument::Call;

    fn deref(&self) -> &Self::Target {
        &self.call
    }
}

impl Call {
    /// The body's fields.
    pub fn fields(&self) -> Result<Fields, Problem> {
        Fields::parse(&self.body)
    }
}

impl argument::Call {
    /// The classroom, if the caller is in it, and as what; a stranger learns nothing.
    pub async fn require_member(&self, id: ClassroomId) -> Result<(ClassroomRow, Role), Problem> {
        self.audit.note("classroom", id.to_string());
        self.services.store.classroom(id, self.user).await?.ok_or(Problem::NotFound)
    }

    /// The classroom, if the caller leads it; a member who does not is told so.
    pub async fn require_tutor(&self, id: ClassroomId) -> Result<ClassroomRow, Problem> {
        let (row, role) = self.require_member(id).await?;
        if role.leads() { Ok(row) } else { Err(Problem::Forbidden("Only a tutor of this classroom may do this.")) }
    }

    /// A lesson with the rights in it.
    pub(in crate::http) async fn lesson(&self, id: ClassroomId, session: LessonId) -> Result<LessonAccess, Problem> {
        self.services.store.lesson_access(id, session).await?.ok_or(Problem::NotFound)
    }

    /// Passes for members who have a flag in a lesson.
    pub(in crate::http) async fn may(
        &self,
        id: ClassroomId,
        session: LessonId,
        flag: Permission,
    ) -> Result<(), Problem> {
        self.require_member(id).await?;
        let standing = self.lesson(id, session).await?.rights.effective(self.user, Timestamp::now());
        let may = standing.is_some_and(|standing| standing.can.has(flag));
        may.then_some(()).ok_or(Problem::Forbidden("Only a tutor of this classroom may do this."))
    }
}

impl FromRequest for Call {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, body) = (request.clone(), SignedBody::<SmallBody>::from_request(request, payload));
        Box::pin(async move {
            let body = body.await?;
            let services = crate::http::extract::services(&request)?.clone();
            services.limiter.check(Scope::ApiUser, body.who.user)?;
            let call = argument::Call { services, audit: AuditContext::of(&request), user: body.who.user };
            Ok(Self { call, body: body.bytes })
        })
    }
}

/// A member of the class that the path names as `{id}`; a stranger learns nothing.
pub struct Member {
    /// The class.
    pub class: ClassroomRow,
    /// What the caller is in it.
    pub role: Role,
}

impl Argument for Member {
    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let id = context.request.match_info().get("id").and_then(|id| id.parse().ok()).ok_or(Problem::NotFound)?;
        let (class, role) = argument::Call::take(context).await?.require_member(id).await?;
        Ok(Self { class, role })
    }
}

/// A tutor of the class that the path names as `{id}`: its class. A member who is none is told so.
pub struct Tutor(pub ClassroomRow);

impl Argument for Tutor {
    fn describe(signature: &mut Signature) {
        signature.errors.insert("forbidden");
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let id = context.request.match_info().get("id").and_then(|id| id.parse().ok()).ok_or(Problem::NotFound)?;
        argument::Call::take(context).await?.require_tutor(id).await.map(Self)
    }
}
