//! Webhooks of a classroom, for those who lead it: made, shown, changed, tried, replayed, removed.
//! Called by the route table. Never shows a secret but in the answer that made it, and sends nothing but what is asked
//! for to try a webhook: the rest is `jobs::hooks`.

use std::time::Instant;

use actix_web::{HttpResponse, web};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::call::Call;
use crate::{
    http::{
        extract::Paging,
        fields::{Faults, Fields, whole},
        problem::Problem,
    },
    jobs::hooks::{Delivery, DeliveryOutcome, WebhookClient},
};
use m4sh_domain::limits::{HOOK_SECRET_BYTES, URL_CHARS};
use m4sh_domain::{
    hooks::{self, HookEvent},
    ids::{ClassroomId, HookId},
    json::Value,
    times,
};
use m4sh_store::{DeliveryRow, HookPatch, HookRow, NewHook, ReplayFrom};

type Id = web::Path<(ClassroomId,)>;
type OneId = web::Path<(ClassroomId, HookId)>;

/// `GET /classrooms/{id}/hooks/`: oldest first.
pub async fn list(call: Call, path: Id, paging: Paging) -> Result<HttpResponse, Problem> {
    call.require_tutor(path.0).await?;
    let page = paging.page();
    let (count, rows) = call.services.store.hooks(path.0, page).await?;
    Ok(paging.answer(page, count, rows.iter().map(shown).collect()))
}

/// `POST /classrooms/{id}/hooks/`: `{url, events}`. The answer has the secret, and no other does.
pub async fn create(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let (url, events) = wanted(call.fields()?, &call.services.webhooks)?;
    call.require_tutor(path.0).await?;
    let (id, secret) = (HookId(Uuid::now_v7()), new_secret()?);
    let new = NewHook { id, classroom: path.0, url, events, secret: secret.clone(), by: call.user };
    let too_many = || Faults::one("non_field_errors", "A classroom has at most 20 webhooks.");
    let row = call.services.store.create_hook(&new).await?.ok_or_else(|| Problem::Invalid(too_many()))?;
    call.audit.data(json!({"hook": row.id, "classroom": path.0}));
    let mut answer = shown(&row);
    answer["secret"] = secret.into();
    Ok(HttpResponse::Created().json(answer))
}

/// `GET /classrooms/{id}/hooks/{hook}/`.
pub async fn read(call: Call, path: OneId) -> Result<HttpResponse, Problem> {
    let row = call.hook(*path).await?;
    Ok(HttpResponse::Ok().json(shown(&row)))
}

/// `PATCH /classrooms/{id}/hooks/{hook}/`: `{url?, events?, paused?, rotate?}`. A rotation answers the new secret.
pub async fn change(call: Call, path: OneId) -> Result<HttpResponse, Problem> {
    let (id, hook) = *path;
    let (mut patch, rotate) = changes(call.fields()?, &call.services.webhooks)?;
    call.require_tutor(id).await?;
    patch.secret = if rotate { Some(new_secret()?) } else { None };
    let row = call.services.store.change_hook(id, hook, &patch).await?.ok_or(Problem::NotFound)?;
    call.audit.data(json!({"hook": hook, "classroom": id, "rotated": rotate}));
    let mut answer = shown(&row);
    if let Some(secret) = patch.secret {
        answer["secret"] = secret.into();
    }
    Ok(HttpResponse::Ok().json(answer))
}

/// `DELETE /classrooms/{id}/hooks/{hook}/`.
pub async fn delete(call: Call, path: OneId) -> Result<HttpResponse, Problem> {
    let (id, hook) = *path;
    call.require_tutor(id).await?;
    if !call.services.store.delete_hook(id, hook).await? {
        return Err(Problem::NotFound);
    }
    call.audit.note("hook", hook.to_string());
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /classrooms/{id}/hooks/{hook}/test/`: sends a `hook.test` now, once, and answers what came of it.
pub async fn attempt(call: Call, path: OneId) -> Result<HttpResponse, Problem> {
    let (id, hook) = *path;
    let row = call.hook(*path).await?;
    let secrets = call.services.store.hook_secrets(id, hook).await?;
    let letter = Delivery {
        url: &row.url,
        secrets: &secrets,
        delivery: Uuid::now_v7(),
        id: Uuid::now_v7(),
        kind: hooks::TEST_EVENT,
        at: Timestamp::now(),
        cursor: None,
        classroom: id,
        session: None,
        board: None,
        data: &json!({"hook": hook}),
    };
    let began = Instant::now();
    let (answered, error) = match call.services.webhooks.send(&letter).await {
        DeliveryOutcome::Arrived { answered } => (Some(answered), None),
        DeliveryOutcome::Missed { answered, error } => (answered, Some(error)),
    };
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let answer = json!({
        "delivery": letter.delivery, "delivered": error.is_none(), "answered": answered, "error": error, "took_ms": took,
    });
    Ok(HttpResponse::Ok().json(answer))
}

/// `POST /classrooms/{id}/hooks/{hook}/replay/`: `{from: cursor | time}`.
pub async fn replay(call: Call, path: OneId) -> Result<HttpResponse, Problem> {
    let (id, hook) = *path;
    let from = replay_from(call.fields()?)?;
    call.require_tutor(id).await?;
    let row = call.services.store.replay_hook(id, hook, from).await?.ok_or(Problem::NotFound)?;
    call.audit.data(json!({"hook": hook, "classroom": id, "cursor": row.cursor}));
    Ok(HttpResponse::Ok().json(shown(&row)))
}

/// `GET /classrooms/{id}/hooks/{hook}/deliveries/`: newest events first.
pub async fn deliveries(call: Call, path: OneId, paging: Paging) -> Result<HttpResponse, Problem> {
    let (id, hook) = *path;
    call.hook(*path).await?;
    let page = paging.page();
    let (count, rows) = call.services.store.hook_deliveries(id, hook, page).await?;
    Ok(paging.answer(page, count, rows.iter().map(|row| told(hook, row)).collect()))
}

impl Call {
    /// A webhook of a class that the caller leads.
    async fn hook(&self, (id, hook): (ClassroomId, HookId)) -> Result<HookRow, Problem> {
        self.require_tutor(id).await?;
        self.services.store.hook(id, hook).await?.ok_or(Problem::NotFound)
    }
}

/// A secret that nobody guesses, with a word in front by which people and scanners know it.
fn new_secret() -> Result<String, Problem> {
    let mut bytes = [0_u8; HOOK_SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(format!("whsec_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

fn shown(row: &HookRow) -> Json {
    json!({
        "id": row.id,
        "url": row.url,
        "events": row.events.iter().map(|event| event.name()).collect::<Vec<_>>(),
        "status": row.status.name(),
        "cursor": row.cursor,
        "head": row.head,
        "failures": row.failures,
        "failing_since": row.failing_since.map(times::utc_field),
        "last_error": row.last_error,
        "next_try": row.next_try.map(times::utc_field),
        "old_secret_until": row.old_secret_until.map(times::utc_field),
        "created_at": times::utc_field(row.created_at),
    })
}

fn told(hook: HookId, row: &DeliveryRow) -> Json {
    json!({
        "cursor": row.seq,
        "event": row.event,
        "delivery": row.event.map(|event| hooks::delivery_id(hook.0, event)),
        "type": row.kind,
        "attempts": row.attempts,
        "answered": row.answered,
        "error": row.error,
        "tried_at": times::utc_field(row.tried_at),
        "delivered_at": row.delivered_at.map(times::utc_field),
    })
}

fn wanted(mut fields: Fields, courier: &WebhookClient) -> Result<(String, Vec<HookEvent>), Problem> {
    let url = fields.required_name("url", URL_CHARS);
    if !fields.has_fault("url") {
        check_url(&mut fields, &url, courier);
    }
    let events = fields.required_value("events").and_then(|value| events(&mut fields, &value));
    fields.finish()?;
    // Whoever has none had a fault.
    Ok((url, events.unwrap_or_default()))
}

fn changes(mut fields: Fields, courier: &WebhookClient) -> Result<(HookPatch, bool), Problem> {
    let url = fields.name("url", URL_CHARS);
    if let Some(url) = &url {
        check_url(&mut fields, url, courier);
    }
    let events = fields.value("events").and_then(|value| events(&mut fields, &value));
    let mut switch = |name| {
        let value = fields.value(name)?;
        if value.as_bool().is_none() {
            fields.fault(name, "Must be a valid boolean.");
        }
        value.as_bool()
    };
    let (paused, rotate) = (switch("paused"), switch("rotate"));
    fields.finish()?;
    Ok((HookPatch { url, events, paused, secret: None }, rotate.unwrap_or_default()))
}

fn check_url(fields: &mut Fields, url: &str, courier: &WebhookClient) {
    if let Err(why) = courier.check(url) {
        fields.fault("url", why);
    }
}

/// A list of event names, each once.
fn events(fields: &mut Fields, value: &Value) -> Option<Vec<HookEvent>> {
    let names = value.as_array().filter(|names| (1..=HookEvent::ALL.len()).contains(&names.len()));
    let found = names.and_then(|names| names.iter().map(|name| HookEvent::from_name(name.as_str()?)).collect());
    let found = found.filter(|events: &Vec<_>| (1..events.len()).all(|at| !events[..at].contains(&events[at])));
    if found.is_none() {
        let known: Vec<_> = HookEvent::ALL.iter().map(|event| event.name()).collect();
        fields.fault("events", &format!("Must be a list of different events of these: {}.", known.join(", ")));
    }
    found
}

fn replay_from(mut fields: Fields) -> Result<ReplayFrom, Problem> {
    let from = fields.required_value("from").and_then(|value| {
        let time = || value.as_str()?.parse().ok().map(ReplayFrom::Time);
        let cursor = whole(&value).filter(|cursor| i64::try_from(*cursor).is_ok());
        let from = cursor.map(ReplayFrom::Cursor).or_else(time);
        if from.is_none() {
            fields.fault("from", "Must be a cursor, such as 41, or a time, such as 2026-01-31T12:00:00Z.");
        }
        from
    });
    fields.finish()?;
    // Whoever has none had a fault.
    Ok(from.unwrap_or(ReplayFrom::Cursor(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Fields {
        Fields::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn g1_a_webhook_needs_a_public_address_and_known_events_each_once() {
        let courier = WebhookClient::new(false).unwrap();
        let body = r#"{"url":"https://school.example/hook","events":["board.saved","hand.raised"]}"#;
        let (url, events) = wanted(fields(body), &courier).unwrap();
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
            assert!(matches!(wanted(fields(wrong), &courier), Err(Problem::Invalid(_))), "{wrong}");
        }
        assert_eq!(m4sh_domain::limits::HOOKS_PER_CLASS, 20, "the words above name the bound");
    }

    #[test]
    fn g1_changes_are_read_field_by_field() {
        let courier = WebhookClient::new(false).unwrap();
        let (patch, rotate) = changes(fields(r#"{"paused":false,"rotate":true}"#), &courier).unwrap();
        assert!(patch.paused == Some(false) && rotate && patch.url.is_none() && patch.events.is_none());
        let (patch, rotate) = changes(fields("{}"), &courier).unwrap();
        assert!(patch.paused.is_none() && !rotate);
        for wrong in [r#"{"paused":1}"#, r#"{"rotate":"yes"}"#, r#"{"events":[1]}"#, r#"{"url":null}"#] {
            assert!(changes(fields(wrong), &courier).is_err(), "{wrong}");
        }
    }

    #[test]
    fn g7_a_replay_begins_at_a_cursor_or_at_a_time() {
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
