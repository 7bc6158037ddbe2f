//! What every handler may use, and the operator's decisions that the REST surface keeps. Made by `app`, once for the process.
//! Never holds anything of a request.

use std::sync::Arc;

use super::{EventLog, Ingest, Readiness, RestRates, Visits};
use crate::{
    actors::directory::Directory,
    identity::{Authenticator, LinkSigner, Passwords, TrustedProxies, UserProfiles},
    jobs::{Jobs, hooks::WebhookClient, snapshots::SnapshotService},
    objects::ObjectService,
};
use m4sh_store::Store;

/// What every handler may use. One for the process, shared as `web::Data`.
pub struct Services {
    /// Accounts, classrooms, lists.
    pub store: Store,
    /// Boards.
    pub directory: Directory,
    /// Work that outlives a request.
    pub jobs: Jobs,
    /// Brings events to webhooks.
    pub webhooks: Arc<WebhookClient>,
    /// Boards kept as objects.
    pub snapshots: SnapshotService,
    /// Access tokens.
    pub authenticator: Arc<Authenticator>,
    /// Names.
    pub people: UserProfiles,
    /// Share links: their tokens, tickets and addresses.
    pub links: Arc<LinkSigner>,
    /// Password hashes.
    pub passwords: Passwords,
    /// Rates.
    pub limiter: RestRates,
    /// What was done by whom.
    pub events: EventLog,
    /// What clients tell of themselves.
    pub ingest: Ingest,
    /// Who saw which board a moment ago.
    pub visits: Visits,
    /// Who may speak for a client.
    pub proxies: TrustedProxies,
    /// Whether requests are welcome.
    pub readiness: Readiness,
    /// Objects with their rows and costs.
    pub objects: ObjectService,
    /// The address under which people reach this server; `None`: as each request says.
    pub public_url: Option<String>,
    /// What the operator decided.
    pub policy: Policy,
}

/// The operator's decisions that the REST surface keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Whether anybody may make an account.
    pub registration: RegistrationPolicy,
    /// Whether people come over HTTPS, so that cookies must never travel without it.
    pub cookies: Cookies,
}

/// Whether anybody may make an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegistrationPolicy {
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
