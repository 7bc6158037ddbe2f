//! What a handler adds to the event of its request: the actor where no token names one, the node or link, the details.
//! Made by `envelope` for each request, filled by `Signed` and the handlers, read by `settle`. Never writes anything.

use std::{cell::RefCell, rc::Rc};

use actix_web::{HttpMessage, HttpRequest};
use serde_json::{Map, Value};
use uuid::Uuid;

use m4sh_domain::ids::UserId;

/// The notes of one request; a clone writes on the same page. An argument of handlers, and cheap.
#[derive(Clone, Default, Debug)]
pub struct AuditContext(Rc<RefCell<AuditNotes>>);

/// What was noted.
#[derive(Default, Debug)]
pub(super) struct AuditNotes {
    pub actor: Option<UserId>,
    pub node: Option<Uuid>,
    pub link: Option<Uuid>,
    pub action: Option<&'static str>,
    pub refusal: Option<&'static str>,
    pub data: Map<String, Value>,
}

impl AuditContext {
    /// The trail of a request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        if let Some(trail) = request.extensions().get::<Self>() {
            return trail.clone();
        }
        // Only outside the envelope is there none.
        let trail = Self::default();
        request.extensions_mut().insert(trail.clone());
        trail
    }

    /// Who did it. Known already where a token was shown.
    pub fn actor(&self, user: UserId) {
        self.0.borrow_mut().actor = Some(user);
    }

    /// The node that it was done to.
    pub fn node(&self, node: Uuid) {
        self.0.borrow_mut().node = Some(node);
    }

    /// The share link that it was done to, or came through.
    pub fn link(&self, link: Uuid) {
        self.0.borrow_mut().link = Some(link);
    }

    /// A more precise action than the route's.
    pub fn action(&self, action: &'static str) {
        self.0.borrow_mut().action = Some(action);
    }

    /// A detail worth keeping; never a secret. All of an event's details together have a bound.
    pub fn note(&self, key: &'static str, value: impl Into<Value>) {
        self.0.borrow_mut().data.insert(key.to_owned(), value.into());
    }

    /// Several details: the members of an object.
    pub fn data(&self, data: Value) {
        if let Value::Object(members) = data {
            self.0.borrow_mut().data.extend(members);
        }
    }

    /// Names the refusal of this request as one that security wants to know of: it leaves an event, too.
    pub fn refused(&self, action: &'static str) {
        self.0.borrow_mut().refusal = Some(action);
    }

    pub(super) fn take(&self) -> AuditNotes {
        self.0.take()
    }
}
