//! One operation of the REST surface, declared once: its route, words, rate, limit, event and errors are here, its
//! parameters, body and answers follow from its handler's signature (ADR 0032). Called by the areas' `area()` functions.
//! Never decides anything about a request: the arguments and the handler do.

pub mod answer;
pub mod argument;
pub mod body;
pub mod context;
mod handler;
pub mod names;
pub mod op_schemas;
pub mod params;
pub mod rates;
pub mod reading;
pub mod schemas;
pub mod shared_params;
pub mod signature;
pub mod with_state;

use std::{future::Future, pin::Pin, rc::Rc};

use serde_json::Value;

use super::{
    audit::{Pace, Trace},
    problem::Problem,
};
use context::{Context, RequestLimits};
use handler::Handler;
use m4sh_domain::{limits::SMALL_BODY, rate::Scope};
use m4sh_store::EventCategory;
use signature::Signature;

/// Operations that share a subject: a section of the API's description.
pub struct Area {
    /// The section's name.
    pub tag: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Where its paths begin.
    pub mount: Mount,
    /// Whether its paths are matched before those of other areas.
    pub is_frequent: bool,
    /// Its operations, in the order in which their paths are matched.
    pub operations: Vec<Operation>,
}

/// Where an area's paths begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mount {
    /// Under both prefixes of the API.
    Api,
    /// At the root of the server.
    Root,
}

impl Area {
    /// An area of the API.
    #[must_use]
    pub fn new(tag: &'static str, about: &'static str, operations: impl Into<Vec<Operation>>) -> Self {
        Self { tag, about, mount: Mount::Api, is_frequent: false, operations: operations.into() }
    }

    /// The rate of its operations that name none.
    #[must_use]
    pub fn rate(mut self, scope: Scope) -> Self {
        for operation in &mut self.operations {
            operation.limits.rate.get_or_insert(scope);
        }
        self
    }

    /// Matches its paths before all others: clients ask for them all the time.
    #[must_use]
    pub fn frequent(mut self) -> Self {
        self.is_frequent = true;
        self
    }

    /// Puts its paths at the root of the server.
    #[must_use]
    pub fn at_root(mut self) -> Self {
        self.mount = Mount::Root;
        self
    }
}

/// What answers a request, in the end.
type Served = Pin<Box<dyn Future<Output = Result<actix_web::HttpResponse, Problem>>>>;

/// An operation: how it is reached, what it costs and leaves, and how it is described.
#[derive(Clone)]
pub struct Operation {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path without a slash at its end.
    pub pattern: &'static str,
    /// Its name in the description, unique in the API.
    pub id: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// The rest that a client must know; may be empty.
    pub description: &'static str,
    /// What each success means, in the order of the answer's type.
    pub answers: &'static [&'static str],
    /// The codes of its errors that do not follow from the rest.
    pub errors: &'static [&'static str],
    /// An example of its body that the fields' examples do not give.
    pub example: Option<fn() -> Value>,
    /// The `links` of its first success: operations that go on with a value of its body.
    pub links: Option<fn() -> Value>,
    /// What it leaves in the event log.
    pub trace: Option<Trace>,
    /// What its requests may cost.
    pub limits: RequestLimits,
    serve: Rc<dyn Fn(Context) -> Served>,
    describe: fn(&mut Signature),
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $method:literal;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name<Args>(pattern: &'static str, id: &'static str, handler: impl Handler<Args>) -> Operation {
            Operation::new($method, pattern, id, handler)
        }
    )+};
}

methods! {
    /// Answers `GET` and `HEAD`.
    get = "GET";
    /// Answers `POST`.
    post = "POST";
    /// Answers `PUT`.
    put = "PUT";
    /// Answers `PATCH`.
    patch = "PATCH";
    /// Answers `DELETE`.
    delete = "DELETE";
}

impl Operation {
    fn new<Args, H: Handler<Args>>(method: &'static str, pattern: &'static str, id: &'static str, handler: H) -> Self {
        debug_assert!(!pattern.ends_with('/'));
        Self {
            method,
            pattern,
            id,
            summary: "",
            description: "",
            answers: &[],
            errors: &[],
            example: None,
            links: None,
            trace: None,
            limits: RequestLimits { rate: None, body: SMALL_BODY, has_body: H::HAS_BODY },
            serve: Rc::new(move |context| Box::pin(handler.clone().serve(context))),
            describe: H::describe,
        }
    }

    /// What it does: a title, and the rest that a client must know.
    #[must_use]
    pub fn about(mut self, summary: &'static str, description: &'static str) -> Self {
        (self.summary, self.description) = (summary, description);
        self
    }

    /// What each of its successes means, in the order of the answer's type.
    #[must_use]
    pub fn answers(mut self, words: &'static [&'static str]) -> Self {
        self.answers = words;
        self
    }

    /// The codes of its errors that do not follow from its arguments, rate and path.
    #[must_use]
    pub fn errors(mut self, codes: &'static [&'static str]) -> Self {
        self.errors = codes;
        self
    }

    /// An example of its body, where the fields' examples together are none.
    #[must_use]
    pub fn example(mut self, example: fn() -> Value) -> Self {
        self.example = Some(example);
        self
    }

    /// The `links` of its first success.
    #[must_use]
    pub fn links(mut self, links: fn() -> Value) -> Self {
        self.links = Some(links);
        self
    }

    /// The rate that each request spends, by caller or, without one, by address.
    #[must_use]
    pub fn rate(mut self, scope: Scope) -> Self {
        self.limits.rate = Some(scope);
        self
    }

    /// The bytes that its body may have after inflation; [`SMALL_BODY`] unless said here.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.limits.body = bytes;
        self
    }

    /// Each success leaves this event, and is answered when it is committed.
    #[must_use]
    pub fn audit(self, category: EventCategory, action: &'static str) -> Self {
        self.trace(Trace::Event { category, action, pace: Pace::AtOnce })
    }

    /// The same without waiting for the commit: for what clients do every few seconds.
    #[must_use]
    pub fn audit_later(self, category: EventCategory, action: &'static str) -> Self {
        self.trace(Trace::Event { category, action, pace: Pace::Later })
    }

    /// It leaves no event, because of `why`. What changes something must say one or the other.
    #[must_use]
    pub fn unaudited(self, why: &'static str) -> Self {
        self.trace(Trace::Nothing(why))
    }

    fn trace(mut self, trace: Trace) -> Self {
        self.trace = Some(trace);
        self
    }

    /// What its handler's types tell.
    #[must_use]
    pub fn signature(&self) -> Signature {
        let mut signature = Signature::default();
        (self.describe)(&mut signature);
        signature
    }

    /// Answers a request.
    pub(super) fn serve(&self, request: actix_web::HttpRequest, payload: actix_web::dev::Payload) -> Served {
        (self.serve)(Context::new(request, payload, self.limits))
    }
}
