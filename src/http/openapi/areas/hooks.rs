//! Webhooks of a classroom.

use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::{
    super::{
        params::Paging,
        words::{HookEvents, HookUrl, Moment},
    },
    Page,
};
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const HOOKS: &str = "Webhooks";

#[derive(OpenApi)]
#[openapi(
    paths(list_hooks, create_hook, read_hook, change_hook, delete_hook, test_hook, replay_hook, list_hook_deliveries),
    components(schemas(HookEventName)),
    tags((name = HOOKS, description = "What happens in a classroom, told to an address of its tutors: signed, in order, at least once. Each event is a POST with `M4SH-Event`, `M4SH-Delivery` (the same for each attempt) and `M4SH-Signature: t=<unix>,v1=<hex of HMAC-SHA256(secret, t + \".\" + body)>`; a 2xx within 10 seconds ends it.")),
)]
pub struct Api;

/// What a webhook can be told.
#[derive(ToSchema)]
pub enum HookEventName {
    #[schema(rename = "session.started")]
    SessionStarted,
    #[schema(rename = "session.ended")]
    SessionEnded,
    #[schema(rename = "board.saved")]
    BoardSaved,
    #[schema(rename = "hand.raised")]
    HandRaised,
    #[schema(rename = "export.completed")]
    ExportCompleted,
    #[schema(rename = "export.failed")]
    ExportFailed,
}

/// A webhook to be made.
#[derive(ToSchema)]
struct NewWebhook {
    url: HookUrl,
    events: HookEvents,
}

/// What to change of a webhook.
#[derive(ToSchema)]
struct HookChange {
    #[schema(required = false)]
    url: HookUrl,
    #[schema(required = false)]
    events: HookEvents,
    /// Whether nothing is sent. One that was paused goes on where it stopped.
    #[schema(required = false, example = false)]
    paused: bool,
    /// Whether a new secret is made; for 24 hours the one before signs, too.
    #[schema(required = false, example = false)]
    rotate: bool,
}

/// How a webhook is.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum HookStatusName {
    Active,
    Failing,
    Paused,
}

/// A webhook.
#[derive(ToSchema)]
struct Webhook {
    id: Uuid,
    #[schema(example = "https://school.example/hook")]
    url: String,
    #[schema(example = json!(["session.started", "board.saved"]))]
    events: Vec<String>,
    status: HookStatusName,
    /// The last event that was delivered or passed over.
    #[schema(minimum = 0, example = 0)]
    cursor: u64,
    /// The last event that there is.
    #[schema(minimum = 0, example = 0)]
    head: u64,
    /// Failures in a row.
    #[schema(minimum = 0, example = 0)]
    failures: u32,
    #[schema(required = true, example = json!(null))]
    failing_since: Option<Moment>,
    #[schema(required = true, example = json!(null))]
    last_error: Option<String>,
    #[schema(required = true, example = json!(null))]
    next_try: Option<Moment>,
    /// Until when the secret before the last rotation signs, too.
    #[schema(required = true, example = json!(null))]
    old_secret_until: Option<Moment>,
    created_at: Moment,
    /// Only in the answer that made it: of a new webhook, or of a rotation.
    #[schema(required = false, example = "whsec_3q2-7w9oLJ0b5kqGZzYw4m1nXc8vTtRrEeWwQqAaSsD")]
    secret: String,
}

/// From where a webhook is told again.
#[derive(ToSchema)]
struct Replay {
    #[schema(example = 0)]
    from: ReplayStart,
}

/// A cursor or a time.
#[derive(ToSchema)]
#[serde(untagged)]
enum ReplayStart {
    /// After this event.
    Cursor(u64),
    /// From this moment on.
    Time(Moment),
}

/// What came of a try.
#[derive(ToSchema)]
struct HookTried {
    delivery: Uuid,
    delivered: bool,
    /// The status of the answer, when there was one.
    #[schema(required = true, example = 204)]
    answered: Option<u16>,
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
    #[schema(minimum = 0, example = 12)]
    took_ms: u64,
}

/// What became of an event at a webhook.
#[derive(ToSchema)]
struct HookDelivery {
    #[schema(minimum = 0, example = 1)]
    cursor: u64,
    /// The event's id; `null` when it is no longer kept.
    #[schema(required = true)]
    event: Option<Uuid>,
    /// `M4SH-Delivery`.
    #[schema(required = true)]
    delivery: Option<Uuid>,
    #[schema(example = "board.saved")]
    r#type: String,
    #[schema(minimum = 1, example = 1)]
    attempts: u32,
    /// The status of the last answer, when there was one.
    #[schema(required = true, example = 204)]
    answered: Option<u16>,
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
    tried_at: Moment,
    #[schema(required = true)]
    delivered_at: Option<Moment>,
}

/// Webhooks of a classroom
///
/// For its tutors, oldest first.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/hooks/", tag = HOOKS,
    params(("id" = Uuid, Path, description = "The classroom."), Paging),
    responses((status = 200, description = "A page of them.", body = Page<Webhook>)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn list_hooks() {}

/// Make a webhook
///
/// At most 20 for a classroom. It is told what happens from now on. Its secret is in this answer and in no other.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/hooks/", tag = HOOKS,
    params(("id" = Uuid, Path, description = "The classroom.")),
    request_body = NewWebhook,
    responses((status = 201, description = "Made.", body = Webhook)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn create_hook() {}

/// Read a webhook
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/hooks/{hook}/", tag = HOOKS,
    params(("id" = Uuid, Path, description = "The classroom."), ("hook" = Uuid, Path, description = "The webhook.")),
    responses((status = 200, description = "The webhook, without its secret.", body = Webhook)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn read_hook() {}

/// Change a webhook
///
/// What is on its way while it changes may arrive twice.
#[utoipa::path(
    patch, path = "/api/v1/classrooms/{id}/hooks/{hook}/", tag = HOOKS,
    params(("id" = Uuid, Path, description = "The classroom."), ("hook" = Uuid, Path, description = "The webhook.")),
    request_body = Option<HookChange>,
    responses((status = 200, description = "Changed.", body = Webhook)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn change_hook() {}

/// Delete a webhook
#[utoipa::path(
    delete, path = "/api/v1/classrooms/{id}/hooks/{hook}/", tag = HOOKS,
    params(("id" = Uuid, Path, description = "The classroom."), ("hook" = Uuid, Path, description = "The webhook.")),
    responses((status = 204, description = "Deleted.")),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn delete_hook() {}

/// Try a webhook
///
/// Sends a `hook.test` now, once, also while the webhook is paused.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/hooks/{hook}/test/", tag = HOOKS,
    params(("id" = Uuid, Path, description = "The classroom."), ("hook" = Uuid, Path, description = "The webhook.")),
    responses((status = 200, description = "What came of it.", body = HookTried)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn test_hook() {}

/// Replay events
///
/// Those after a cursor or from a time on are told again, with the `M4SH-Delivery` that they had; at most those of the last
/// 30 days. A paused webhook stays paused.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/hooks/{hook}/replay/", tag = HOOKS,
    params(("id" = Uuid, Path, description = "The classroom."), ("hook" = Uuid, Path, description = "The webhook.")),
    request_body = Replay,
    responses((status = 200, description = "The webhook with its cursor.", body = Webhook)),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden"])),
    ),
)]
fn replay_hook() {}

/// Deliveries of a webhook
///
/// What became of the events of the last 30 days, newest first.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/hooks/{hook}/deliveries/", tag = HOOKS,
    params(("id" = Uuid, Path, description = "The classroom."), ("hook" = Uuid, Path, description = "The webhook."), Paging),
    responses((status = 200, description = "A page of them.", body = Page<HookDelivery>)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn list_hook_deliveries() {}
