//! The REST surface: the table of its routes, and what their handlers share.
//! Called by `app`, which wraps it in [`Envelope`] and [`cors()`](cors::cors). Never touches a board's content: it asks
//! the directory.

mod auth;
mod body;
mod classrooms;
pub mod cors;
mod envelope;
mod events;
pub mod extract;
mod fields;
mod health;
mod once;
pub mod problem;
mod ratelimit;
mod request_id;
mod route;
mod solo;
mod times;

use std::sync::Arc;

use actix_web::{HttpResponse, Scope, web};

use crate::{
    actors::directory::Directory,
    identity::{Authenticator, Passwords, People},
    jobs::{Jobs, snapshots::Snapshots},
    store::Store,
    vault::Vault,
};

pub use classrooms::invite_code;
pub use envelope::Envelope;
pub use health::Readiness;
pub use problem::Problem;
pub use ratelimit::{Caller, Limiter};
pub use request_id::RequestId;
use route::at;

/// What every handler may use. One for the process, shared as `web::Data`.
pub struct Services {
    /// Accounts, classrooms, lists.
    pub store: Store,
    /// Boards.
    pub directory: Directory,
    /// Work that outlives a request.
    pub jobs: Jobs,
    /// Boards kept as objects.
    pub snapshots: Snapshots,
    /// Access tokens.
    pub authenticator: Arc<Authenticator>,
    /// Names.
    pub people: People,
    /// Password hashes.
    pub passwords: Passwords,
    /// Rates.
    pub limiter: Limiter,
    /// Whether requests are welcome.
    pub readiness: Readiness,
    /// Objects with their rows and costs.
    pub vault: Vault,
    /// The address under which people reach this server; `None`: as each request says.
    pub public_url: Option<String>,
    /// What the operator decided.
    pub policy: Policy,
}

/// The operator's decisions that the REST surface keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Whether anybody may make an account.
    pub registration: Registration,
    /// Whether people come over HTTPS, so that cookies must never travel without it.
    pub cookies: Cookies,
}

/// Whether anybody may make an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Registration {
    /// Yes.
    Open,
    /// No: `registration_closed`.
    Closed,
}

/// How cookies may travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cookies {
    /// Over HTTPS only.
    Secure,
    /// Over plain HTTP, too: a machine of one's own.
    Plain,
}

/// All routes. Needs `web::Data<Services>` in the app, and telemetry installed before.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::NotFound.into()))
        .service(at("/health/live").get(health::live))
        .service(at("/health/ready").get(health::ready))
        // One router, mounted twice: drive clients say `/api`, board clients `/api/v1`.
        .service(api("/api/v1"))
        .service(api("/api"))
        .default_service(web::to(nothing_here));
}

/// The API under one prefix. The paths that are called for every stroke come first.
fn api(prefix: &str) -> Scope {
    web::scope(prefix)
        .service(at("/solo/sessions/{id}/diff").patch(solo::diff::save))
        .service(at("/solo/sessions/{id}/save-stream").post(solo::stream::save))
        .service(at("/solo/sessions/{id}").get(solo::read).patch(solo::change).delete(solo::delete))
        .service(at("/solo/sessions/{id}/beacon").post(solo::beacon::heard))
        .service(at("/solo/sessions/{id}/duplicate").post(solo::duplicate))
        .service(at("/solo/sessions/{id}/snapshot").post(solo::snapshots::create))
        .service(at("/solo/sessions/{id}/snapshot/latest").get(solo::snapshots::latest))
        .service(at("/solo/sessions/{id}/snapshots").get(solo::snapshots::list))
        .service(
            at("/solo/sessions/{id}/snapshots/{rev}")
                .get(solo::snapshots::read)
                .patch(solo::snapshots::change)
                .delete(solo::snapshots::delete),
        )
        .service(at("/solo/sessions/{id}/snapshots/{rev}/restore").post(solo::snapshots::restore))
        .service(at("/solo/sessions").get(solo::list).post(solo::create))
        .service(at("/boards/{id}").get(solo::read))
        .service(at("/auth/register").post(auth::register))
        .service(at("/auth/login").post(auth::login))
        .service(at("/auth/refresh").post(auth::refresh))
        .service(at("/auth/logout").post(auth::logout))
        .service(at("/auth/me").get(auth::me))
        .service(at("/classrooms").get(classrooms::list).post(classrooms::create))
        .service(at("/classrooms/join").post(classrooms::join))
        .service(at("/classrooms/{id}").get(classrooms::read).patch(classrooms::rename).delete(classrooms::delete))
        .service(at("/classrooms/{id}/members").get(classrooms::members::list))
        .service(
            at("/classrooms/{id}/members/{user}")
                .patch(classrooms::members::set_role)
                .delete(classrooms::members::remove),
        )
        .service(at("/classrooms/{id}/sessions").get(classrooms::sessions::list).post(classrooms::sessions::open))
        .service(
            at("/classrooms/{id}/sessions/{sid}").get(classrooms::sessions::read).patch(classrooms::sessions::rename),
        )
        .service(at("/classrooms/{id}/sessions/{sid}/end").post(classrooms::sessions::end))
        .default_service(web::to(nothing_here))
}

/// Runs a handler to its end even when its client hangs up in the middle: what was committed must also be felt by those
/// who are connected.
async fn to_the_end(
    work: impl Future<Output = Result<HttpResponse, Problem>> + 'static,
) -> Result<HttpResponse, Problem> {
    let span = tracing::Span::current();
    let done = actix_web::rt::spawn(tracing::Instrument::instrument(work, span)).await;
    done.map_err(|error| Problem::Internal(error.to_string()))?
}

async fn nothing_here() -> Result<&'static str, Problem> {
    Err(Problem::NotFound)
}

#[cfg(test)]
mod tests;
