//! How every classroom request begins: a body within its limit, who sent it, their rate, their role, and the trail.
//! An argument of the classroom handlers. Never tells a stranger that a classroom exists.

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev, web};
use bytes::Bytes;

use crate::http::{
    Services,
    audit::AuditContext,
    extract::{SignedBody, SmallBody},
    fields::Fields,
    problem::Problem,
};
use m4sh_domain::limits::NAME_CHARS;
use m4sh_domain::{
    access::Role,
    ids::{ClassroomId, UserId},
    rate::Scope,
};
use m4sh_store::ClassroomRow;

/// A request of somebody who is signed in and within their rate.
pub struct Call {
    /// What every handler may use.
    pub services: web::Data<Services>,
    /// What the request leaves in the event log.
    pub trail: AuditContext,
    /// Who.
    pub user: UserId,
    body: Bytes,
}

impl Call {
    /// The body's fields.
    pub fn fields(&self) -> Result<Fields, Problem> {
        Fields::parse(&self.body)
    }

    /// The body's `name`, which is all that it must have.
    pub fn name(&self) -> Result<String, Problem> {
        let mut fields = self.fields()?;
        let name = fields.required_name("name", NAME_CHARS);
        fields.finish()?;
        Ok(name)
    }

    /// The classroom, if the caller is in it, and as what; a stranger learns nothing.
    pub async fn require_member(&self, id: ClassroomId) -> Result<(ClassroomRow, Role), Problem> {
        self.trail.note("classroom", id.to_string());
        self.services.store.classroom(id, self.user).await?.ok_or(Problem::NotFound)
    }

    /// The classroom, if the caller leads it; a member who does not is told so.
    pub async fn require_tutor(&self, id: ClassroomId) -> Result<ClassroomRow, Problem> {
        let (row, role) = self.require_member(id).await?;
        if role.leads() { Ok(row) } else { Err(Problem::Forbidden("Only a tutor of this classroom may do this.")) }
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
            Ok(Self { services, trail: AuditContext::of(&request), user: body.who.user, body: body.bytes })
        })
    }
}
