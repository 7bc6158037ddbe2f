//! Webhooks of a classroom, for those who lead it: made, shown, changed, tried, replayed, removed.
//! Called by the route table. Never shows a secret but in the answer that made it, and sends nothing but what is asked
//! for to try a webhook: the rest is `jobs::hooks`.

use std::time::Instant;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    call::Tutor,
    paths::{ClassPath, HookPath},
};
use crate::{
    http::{
        extract::{PageResponse, Paging},
        fields::Faults,
        operation::{
            Area,
            answer::{Created, Json, NoContent},
            argument::{Argument, Call},
            body::{Body, Omittable, request},
            context::Context,
            delete, get,
            names::names,
            params::Path,
            patch, post,
            schemas::{HookEventName, HookEvents, HookReplayStart, HookUrl, Moment},
        },
        problem::Problem,
    },
    jobs::hooks::{Delivery, DeliveryOutcome},
};
use m4sh_domain::limits::HOOK_SECRET_BYTES;
use m4sh_domain::{hooks, ids::HookId, rate::Scope};
use m4sh_store::{DeliveryRow, EventCategory::Classroom, HookPatch, HookRow, HookStatus, NewHook};

/// Webhooks of a classroom.
pub(super) fn area() -> Area {
    let about = "What happens in a classroom, told to an address of its tutors: signed, in order, at least once. Each event is \
                 a POST with `M4SH-Event`, `M4SH-Delivery` (the same for each attempt) and `M4SH-Signature: t=<unix>,v1=<hex of \
                 HMAC-SHA256(secret, t + \".\" + body)>`; a 2xx within 10 seconds ends it.";
    let operations = [
        get("/classrooms/{id}/hooks", "list_hooks", list_hooks)
            .about("Webhooks of a classroom", "For its tutors, oldest first.")
            .answers(&["A page of them."]),
        post("/classrooms/{id}/hooks", "create_hook", create_hook)
            .about(
                "Make a webhook",
                "At most 20 for a classroom. It is told what happens from now on. Its secret is in this answer and in no other.",
            )
            .answers(&["Made."])
            .audit(Classroom, "hook_created"),
        get("/classrooms/{id}/hooks/{hook}", "read_hook", read_hook)
            .about("Read a webhook", "")
            .answers(&["The webhook, without its secret."]),
        patch("/classrooms/{id}/hooks/{hook}", "change_hook", change_hook)
            .about("Change a webhook", "What is on its way while it changes may arrive twice.")
            .answers(&["Changed."])
            .audit(Classroom, "hook_changed"),
        delete("/classrooms/{id}/hooks/{hook}", "delete_hook", delete_hook)
            .about("Delete a webhook", "")
            .answers(&["Deleted."])
            .audit(Classroom, "hook_deleted"),
        post("/classrooms/{id}/hooks/{hook}/test", "test_hook", test_hook)
            .about("Try a webhook", "Sends a `hook.test` now, once, also while the webhook is paused.")
            .answers(&["What came of it."])
            .unaudited("it changes nothing here"),
        post("/classrooms/{id}/hooks/{hook}/replay", "replay_hook", replay_hook)
            .about(
                "Replay events",
                "Those after a cursor or from a time on are told again, with the `M4SH-Delivery` that they had; at most those of \
                 the last\n30 days. A paused webhook stays paused.",
            )
            .answers(&["The webhook with its cursor."])
            .audit(Classroom, "hook_replayed"),
        get("/classrooms/{id}/hooks/{hook}/deliveries", "list_hook_deliveries", list_hook_deliveries)
            .about("Deliveries of a webhook", "What became of the events of the last 30 days, newest first.")
            .answers(&["A page of them."]),
    ];
    Area::new("Webhooks", about, operations).rate(Scope::ApiUser)
}

names! {
    /// How a webhook is.
    HookStatusName(HookStatus) = [HookStatus::Active, HookStatus::Failing, HookStatus::Paused];
}

request! {
    /// A webhook to be made.
    struct NewWebhookRequest {
        url: HookUrl,
        events: HookEvents,
    }
}

request! {
    /// What to change of a webhook.
    struct HookChangeRequest {
        url: Omittable<HookUrl>,
        events: Omittable<HookEvents>,
        /// Whether nothing is sent. One that was paused goes on where it stopped.
        #[example(json!(false))]
        paused: Omittable<bool>,
        /// Whether a new secret is made; for 24 hours the one before signs, too.
        #[example(json!(false))]
        rotate: Omittable<bool>,
    }
}

request! {
    /// From where a webhook is told again.
    struct ReplayRequest {
        #[example(json!(0))]
        from: HookReplayStart,
    }
}

/// A webhook.
#[derive(Serialize, ToSchema)]
struct WebhookResponse {
    created_at: Moment,
    /// The last event that was delivered or passed over.
    #[schema(minimum = 0, example = 0)]
    cursor: u64,
    #[schema(example = json!(["session.started", "board.saved"]))]
    events: Vec<HookEventName>,
    #[schema(required = true, example = json!(null))]
    failing_since: Option<Moment>,
    /// Failures in a row.
    #[schema(minimum = 0, example = 0)]
    failures: u32,
    /// The last event that there is.
    #[schema(minimum = 0, example = 0)]
    head: u64,
    id: Uuid,
    #[schema(required = true, example = json!(null))]
    last_error: Option<String>,
    #[schema(required = true, example = json!(null))]
    next_try: Option<Moment>,
    /// Until when the secret before the last rotation signs, too.
    #[schema(required = true, example = json!(null))]
    old_secret_until: Option<Moment>,
    /// Only in the answer that made it: of a new webhook, or of a rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "whsec_3q2-7w9oLJ0b5kqGZzYw4m1nXc8vTtRrEeWwQqAaSsD")]
    secret: Option<String>,
    status: HookStatusName,
    #[schema(example = "https://school.example/hook")]
    url: String,
}

impl WebhookResponse {
    fn of(row: HookRow, secret: Option<String>) -> Self {
        Self {
            created_at: Moment(row.created_at),
            cursor: row.cursor,
            events: row.events.into_iter().map(HookEventName).collect(),
            failing_since: row.failing_since.map(Moment),
            failures: row.failures,
            head: row.head,
            id: row.id.0,
            last_error: row.last_error,
            next_try: row.next_try.map(Moment),
            old_secret_until: row.old_secret_until.map(Moment),
            secret,
            status: HookStatusName(row.status),
            url: row.url,
        }
    }
}

/// What came of a try.
#[derive(Serialize, ToSchema)]
struct HookTriedResponse {
    /// The status of the answer, when there was one.
    #[schema(required = true, example = 204)]
    answered: Option<u16>,
    delivered: bool,
    delivery: Uuid,
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
    #[schema(minimum = 0, example = 12)]
    took_ms: u64,
}

/// What became of an event at a webhook.
#[derive(Serialize, ToSchema)]
struct HookDeliveryResponse {
    /// The status of the last answer, when there was one.
    #[schema(required = true, example = 204)]
    answered: Option<u16>,
    #[schema(minimum = 1, example = 1)]
    attempts: u32,
    #[schema(minimum = 0, example = 1)]
    cursor: u64,
    #[schema(required = true)]
    delivered_at: Option<Moment>,
    /// `M4SH-Delivery`.
    #[schema(required = true)]
    delivery: Option<Uuid>,
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
    /// The event's id; `null` when it is no longer kept.
    #[schema(required = true)]
    event: Option<Uuid>,
    tried_at: Moment,
    #[schema(example = "board.saved")]
    r#type: String,
}

impl HookDeliveryResponse {
    fn of(hook: HookId, row: DeliveryRow) -> Self {
        Self {
            answered: row.answered,
            attempts: row.attempts,
            cursor: row.seq,
            delivered_at: row.delivered_at.map(Moment),
            delivery: row.event.map(|event| hooks::delivery_id(hook.0, event)),
            error: row.error,
            event: row.event,
            tried_at: Moment(row.tried_at),
            r#type: row.kind,
        }
    }
}

/// The webhook that the path names, of a class that the caller leads.
struct Webhook(HookRow);

impl Argument for Webhook {
    fn describe(signature: &mut crate::http::operation::signature::Signature) {
        Tutor::describe(signature);
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let Tutor(class) = Tutor::take(context).await?;
        let Path(HookPath { hook, .. }) = Path::take(context).await?;
        Ok(Self(context.services()?.store.hook(class.id, hook).await?.ok_or(Problem::NotFound)?))
    }
}

async fn list_hooks(
    call: Call,
    Path(path): Path<ClassPath>,
    paging: Paging,
    _: Tutor,
) -> Result<Json<PageResponse<WebhookResponse>>, Problem> {
    let page = paging.page();
    let (count, rows) = call.services.store.hooks(path.id, page).await?;
    let rows = rows.into_iter().map(|row| WebhookResponse::of(row, None)).collect();
    Ok(Json(paging.response(page, count, rows)))
}

async fn create_hook(
    call: Call,
    Path(path): Path<ClassPath>,
    Body(NewWebhookRequest { url, events }): Body<NewWebhookRequest>,
    _: Tutor,
) -> Result<Created<WebhookResponse>, Problem> {
    let (id, secret) = (HookId(Uuid::now_v7()), new_secret()?);
    let new = NewHook { id, classroom: path.id, url, events, secret: secret.clone(), by: call.user };
    let too_many = || Faults::one("non_field_errors", "A classroom has at most 20 webhooks.");
    let row = call.services.store.create_hook(&new).await?.ok_or_else(|| Problem::Invalid(too_many()))?;
    call.audit.data(json!({"hook": row.id, "classroom": path.id}));
    Ok(Created(WebhookResponse::of(row, Some(secret))))
}

async fn read_hook(_: Call, _: Path<HookPath>, Webhook(row): Webhook) -> Result<Json<WebhookResponse>, Problem> {
    Ok(Json(WebhookResponse::of(row, None)))
}

/// A rotation answers the new secret.
async fn change_hook(
    call: Call,
    Path(path): Path<HookPath>,
    Body(HookChangeRequest { url, events, paused, rotate }): Body<HookChangeRequest>,
    _: Tutor,
) -> Result<Json<WebhookResponse>, Problem> {
    let rotate = rotate.unwrap_or_default();
    let secret = if rotate { Some(new_secret()?) } else { None };
    let patch = HookPatch { url, events, paused, secret: secret.clone() };
    let row = call.services.store.change_hook(path.id, path.hook, &patch).await?.ok_or(Problem::NotFound)?;
    call.audit.data(json!({"hook": path.hook, "classroom": path.id, "rotated": rotate}));
    Ok(Json(WebhookResponse::of(row, secret)))
}

async fn delete_hook(call: Call, Path(path): Path<HookPath>, _: Tutor) -> Result<NoContent, Problem> {
    if !call.services.store.delete_hook(path.id, path.hook).await? {
        return Err(Problem::NotFound);
    }
    call.audit.note("hook", path.hook.to_string());
    Ok(NoContent)
}

/// Sends a `hook.test` now, once, and answers what came of it.
async fn test_hook(
    call: Call,
    Path(path): Path<HookPath>,
    Webhook(row): Webhook,
) -> Result<Json<HookTriedResponse>, Problem> {
    let secrets = call.services.store.hook_secrets(path.id, path.hook).await?;
    let letter = Delivery {
        url: &row.url,
        secrets: &secrets,
        delivery: Uuid::now_v7(),
        id: Uuid::now_v7(),
        kind: hooks::TEST_EVENT,
        at: Timestamp::now(),
        cursor: None,
        classroom: path.id,
        session: None,
        board: None,
        data: &json!({"hook": path.hook}),
    };
    let began = Instant::now();
    let (answered, error) = match call.services.webhooks.send(&letter).await {
        DeliveryOutcome::Arrived { answered } => (Some(answered), None),
        DeliveryOutcome::Missed { answered, error } => (answered, Some(error)),
    };
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let delivery = letter.delivery;
    Ok(Json(HookTriedResponse { answered, delivered: error.is_none(), delivery, error, took_ms: took }))
}

async fn replay_hook(
    call: Call,
    Path(path): Path<HookPath>,
    Body(ReplayRequest { from }): Body<ReplayRequest>,
    _: Tutor,
) -> Result<Json<WebhookResponse>, Problem> {
    let row = call.services.store.replay_hook(path.id, path.hook, from).await?.ok_or(Problem::NotFound)?;
    call.audit.data(json!({"hook": path.hook, "classroom": path.id, "cursor": row.cursor}));
    Ok(Json(WebhookResponse::of(row, None)))
}

async fn list_hook_deliveries(
    call: Call,
    Path(path): Path<HookPath>,
    paging: Paging,
    _: Webhook,
) -> Result<Json<PageResponse<HookDeliveryResponse>>, Problem> {
    let page = paging.page();
    let (count, rows) = call.services.store.hook_deliveries(path.id, path.hook, page).await?;
    let rows = rows.into_iter().map(|row| HookDeliveryResponse::of(path.hook, row)).collect();
    Ok(Json(paging.response(page, count, rows)))
}

/// A secret that nobody guesses, with a word in front by which people and scanners know it.
fn new_secret() -> Result<String, Problem> {
    let mut bytes = [0_u8; HOOK_SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(format!("whsec_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fields::Fields;
    use m4sh_domain::hooks::HookEvent;
    use m4sh_store::ReplayFrom;

    fn fields(body: &str) -> Fields {
        Fields::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn g1_a_webhook_needs_a_public_address_and_known_events_each_once() {
        let body = r#"{"url":"https://school.example/hook","events":["board.saved","hand.raised"]}"#;
        let NewWebhookRequest { url, events } = NewWebhookRequest::of(fields(body)).unwrap();
        assert_eq!(
            (&*url, &*events),
            ("https://school.example/hook", &[HookEvent::BoardSaved, HookEvent::HandRaised][..])
        );
        for wrong in [
            "{}",
            r#"{"url":"https://school.example/hook"}"#,
            r#"{"url":"https://school.example/hook","events":[]}"#,
            r#"{"url":"https://school.example/hook","events":["board.opened"]}"#,
            r#"{"url":"https://school.example/hook","events":["board.saved","board.saved"]}"#,
            r#"{"url":"https://school.example/hook","events":"board.saved"}"#,
            r#"{"url":"ftp://school.example/hook","events":["board.saved"]}"#,
            r#"{"url":"http://127.0.0.1/hook","events":["board.saved"]}"#,
            r#"{"url":7,"events":["board.saved"]}"#,
        ] {
            assert!(matches!(NewWebhookRequest::of(fields(wrong)), Err(Problem::Invalid(_))), "{wrong}");
        }
        assert_eq!(m4sh_domain::limits::HOOKS_PER_CLASS, 20, "the words above name the bound");
    }

    #[test]
    fn g1_changes_are_read_field_by_field() {
        let patch = HookChangeRequest::of(fields(r#"{"paused":false,"rotate":true}"#)).unwrap();
        assert_eq!((patch.paused, patch.rotate), (Some(false), Some(true)));
        assert!(patch.url.is_none() && patch.events.is_none());
        let patch = HookChangeRequest::of(fields("{}")).unwrap();
        assert_eq!((patch.paused, patch.rotate), (None, None));
        for wrong in [r#"{"paused":1}"#, r#"{"rotate":"yes"}"#, r#"{"events":[1]}"#, r#"{"url":null}"#] {
            assert!(HookChangeRequest::of(fields(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn g7_a_replay_begins_at_a_cursor_or_at_a_time() {
        let replay_from = |fields| ReplayRequest::of(fields).map(|request| request.from);
        assert_eq!(replay_from(fields(r#"{"from":0}"#)), Ok(ReplayFrom::Cursor(0)));
        let time = "2026-01-31T12:00:00Z".parse().unwrap();
        assert_eq!(replay_from(fields(r#"{"from":"2026-01-31T14:00:00+02:00"}"#)), Ok(ReplayFrom::Time(time)));
        for wrong in ["{}", r#"{"from":-1}"#, r#"{"from":"yesterday"}"#, r#"{"from":null}"#, r#"{"from":[1]}"#] {
            assert!(replay_from(fields(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn g1_secrets_differ_and_are_long() {
        let [a, b] = [new_secret().unwrap(), new_secret().unwrap()];
        assert!(a != b && a.len() == "whsec_".len() + 43 && a.starts_with("whsec_"));
    }
}
