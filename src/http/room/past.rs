//! A lesson's past in the words of the v0.24 room client (contract/boards.md 2.10): timeline, snapshots, replay, summary,
//! history, restoring, files. Called by the route table. Everything is seen through the eyes of who asks, as in `history`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use serde_json::{Value, json};

use super::{Id, spliced};
use crate::{
    board_history::BoardAtRevision,
    http::{
        Services,
        audit::AuditContext,
        classrooms::call::Call,
        extract::{PublicBase, Signed, base_when_given, idempotency_key},
        fields::Faults,
        history::{asked::Asked, lesson, millis, off_thread, restore},
        problem::Problem,
        solo::exports::{self, Download},
        times,
    },
    jobs::ExportFormat,
};
use m4sh_domain::limits::{COMPARED_BYTES, PAGE_MAX};
use m4sh_domain::{
    access::{Permission, Visibility},
    ids::{LessonId, Rev},
    rate::Scope,
};
use m4sh_store::{LessonEventQuery, PageRequest, RoomLesson};

type VersionId = web::Path<(LessonId, u64)>;

/// States that one answer of the old history list carries at most.
const STATES: usize = 5;

/// `GET …/timeline/`.
pub async fn timeline(call: Call, path: Id, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (_, lesson) = call.services.room(path.0, call.user).await?;
    let mut asked = Asked::of(&request);
    Ok(HttpResponse::Ok().json(call.services.timeline_of(&lesson, &mut asked, true).await?))
}

/// `GET …/summary/`.
pub async fn summary(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let (_, lesson) = call.services.room(path.0, call.user).await?;
    Ok(HttpResponse::Ok().json(call.services.summary_of(&lesson, true).await?))
}

/// `GET …/snapshots/?type`.
pub async fn snapshots(call: Call, path: Id, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (_, found) = call.services.room(path.0, call.user).await?;
    let origin = lesson::origin_of(&mut Asked::of(&request))?;
    let (_, snapshots) = call.services.snapshots_of(&found, origin, true).await?;
    Ok(HttpResponse::Ok().json(json!({"snapshots": snapshots})))
}

/// `GET …/snapshots/{version}/`: the shared board at any revision.
pub async fn snapshot(call: Call, path: VersionId) -> Result<HttpResponse, Problem> {
    call.services.limiter.check(Scope::SoloUser, call.user)?;
    let (card, _) = call.services.room(path.0, call.user).await?;
    let reader = call.services.reader(card.board, call.user).await?;
    let past = call.services.past_seen(&reader, Some(Rev(path.1))).await?;
    Ok(spliced(&json!({"version": path.1}), "board_state", &written(past).await?))
}

/// `GET …/snapshots/{version}/export/?format`.
pub async fn snapshot_file(
    call: Call,
    path: VersionId,
    request: HttpRequest,
    base: PublicBase,
) -> Result<HttpResponse, Problem> {
    let (card, _) = call.services.room(path.0, call.user).await?;
    file(&call, &card, Some(Rev(path.1)), &request, &base).await
}

/// `GET /classroom/history/{u}/export/?format`.
pub async fn file_of_now(
    call: Call,
    path: Id,
    request: HttpRequest,
    base: PublicBase,
) -> Result<HttpResponse, Problem> {
    let (card, _) = call.services.room(path.0, call.user).await?;
    file(&call, &card, None, &request, &base).await
}

/// JSON is given here; a picture is made of the newest revision, for those from whom nothing is hidden.
async fn file(
    call: &Call,
    card: &RoomLesson,
    rev: Option<Rev>,
    request: &HttpRequest,
    base: &PublicBase,
) -> Result<HttpResponse, Problem> {
    call.services.limiter.check(Scope::SoloExport, call.user)?;
    let name = Asked::of(request).text("format", 8).unwrap_or_else(|| "json".to_owned());
    let format = ExportFormat::from_name(&name).filter(|format| *format != ExportFormat::Pdf);
    let format = format.ok_or_else(|| Problem::Invalid(Faults::one("format", "Choose json, png or svg.")))?;
    let reader = call.services.reader(card.board, call.user).await?;
    if !reader.standing.can.has(Permission::Export) {
        return Err(Problem::Forbidden("You may not export this board."));
    }
    if format == ExportFormat::Json {
        let past = call.services.past_seen(&reader, rev).await?;
        let version = past.rev.0;
        let mut answer = spliced(&json!({"version": version}), "board_state", &written(past).await?);
        let name = format!("attachment; filename=\"lesson-{version}.json\"");
        if let Ok(value) = header::HeaderValue::from_str(&name) {
            answer.headers_mut().insert(header::CONTENT_DISPOSITION, value);
        }
        return Ok(answer);
    }
    if reader.eyes != Visibility::All {
        return Err(Problem::Forbidden("Pictures of a lesson are for those who see all of it."));
    }
    match exports::of_board(&call.services, base, card.board, format, rev.map(|rev| rev.0)).await? {
        Download::Ready { url } => Ok(HttpResponse::Found().insert_header((header::LOCATION, url)).finish()),
        Download::Later { wait } => Ok(HttpResponse::build(StatusCode::ACCEPTED)
            .insert_header((header::RETRY_AFTER, wait.as_secs()))
            .json(json!({"status": "processing"}))),
    }
}

/// `GET …/replay/stream/`: what was done on the boards, a page at a time.
pub async fn stream(call: Call, path: Id, request: HttpRequest) -> Result<HttpResponse, Problem> {
    call.services.limiter.check(Scope::SoloUser, call.user)?;
    let (_, found) = call.services.room(path.0, call.user).await?;
    let (start, end) = lesson::span_of(&found.row);
    let asked = lesson::Wanted::read(&request)?;
    let (operations, next) = call.services.lesson_operations(&found, &asked).await?;
    let people: Vec<_> = operations.iter().filter_map(|operation| operation.user()).collect();
    let people = call.services.people_by(people, true).await?;
    let events: Vec<_> = operations
        .into_iter()
        .map(|operation| {
            let user = operation.user().map(|user| people.id(user));
            let t = millis(operation.at()) - millis(start);
            json!({"t": t, "type": operation.op_type(), "user": user, "data": operation.data()})
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "session_id": path.0, "duration_ms": millis(end) - millis(start), "events": events, "next": next,
    })))
}

/// `GET …/replay/manifest/`: what there is to be played.
pub async fn manifest(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    let (_, found) = call.services.room(path.0, call.user).await?;
    let (start, end) = lesson::span_of(&found.row);
    let author = (!found.role.sees_all()).then_some(call.user);
    let which = LessonEventQuery { author, ..LessonEventQuery::default() };
    let page = PageRequest { limit: PAGE_MAX, offset: 0 };
    let (_, events) = call.services.store.lesson_events(path.0, call.user, &which, page).await?;
    let people = call.services.people_by(events.iter().filter_map(|event| event.author).collect(), true).await?;
    let events: Vec<_> = events
        .into_iter()
        .map(|event| {
            let data = serde_json::from_slice::<Value>(&event.data).unwrap_or(Value::Null);
            let user = event.author.map(|user| people.id(user));
            json!({"t": millis(event.at) - millis(start), "type": event.kind, "user": user, "data": data})
        })
        .collect();
    let (_, rows) = call.services.store.snapshots(found.row.board, page).await?;
    let snapshots = rows.iter().map(|row| json!({"version": row.rev.0, "t": millis(row.created_at) - millis(start)}));
    let summary = call.services.summary_of(&found, true).await?;
    let participants = summary["participants"].as_array().cloned().unwrap_or_default();
    let participants =
        participants.iter().map(|one| json!({"id": one["id"], "name": one["name"], "role": one["role"]}));
    Ok(HttpResponse::Ok().json(json!({
        "session_id": path.0,
        "duration_ms": millis(end) - millis(start),
        "events": events,
        "snapshots": snapshots.collect::<Vec<_>>(),
        "participants": participants.collect::<Vec<_>>(),
    })))
}

/// `GET /classroom/history/{u}/`: the kept states, the newest first; the first few with what they hold.
pub async fn history(call: Call, path: Id) -> Result<HttpResponse, Problem> {
    call.services.limiter.check(Scope::SoloUser, call.user)?;
    let (card, _) = call.services.room(path.0, call.user).await?;
    let reader = call.services.reader(card.board, call.user).await?;
    let (_, rows) = call.services.store.snapshots(card.board, PageRequest::default()).await?;
    let people = call.services.people_by(rows.iter().filter_map(|row| row.author).collect(), true).await?;
    let (mut shown, mut bytes) = (Vec::new(), 0);
    for (at, row) in rows.into_iter().enumerate() {
        let mut state = Value::Null;
        if at < STATES && bytes < COMPARED_BYTES {
            let text = written(call.services.past_seen(&reader, Some(row.rev)).await?).await?;
            bytes += text.len();
            if bytes <= COMPARED_BYTES {
                state = serde_json::from_slice(&text).unwrap_or(Value::Null);
            }
        }
        shown.push(json!({
            "id": row.rev.0,
            "version": row.rev.0,
            "state": state,
            "created_at": times::utc_field(row.created_at),
            "created_by": people.person(row.author),
        }));
    }
    Ok(HttpResponse::Ok().json(shown))
}

/// `POST /classroom/history/{u}/restore/{version}/`: as a new revision, by who leads.
pub async fn restore_version(
    services: web::Data<Services>,
    path: VersionId,
    request: HttpRequest,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let (card, _) = services.led_room(path.0, who.user).await?;
    let key = idempotency_key(request.headers())?;
    let base = base_when_given(request.headers());
    let saved = restore::to(&services, &trail, card.board, Rev(path.1), who.user, base, key).await?;
    let reader = services.reader(card.board, who.user).await?;
    let past = services.past_seen(&reader, Some(saved.rev)).await?;
    Ok(spliced(&json!({"version": saved.rev.0, "restored": path.1}), "board_state", &written(past).await?))
}

async fn written(past: BoardAtRevision) -> Result<Vec<u8>, Problem> {
    off_thread(move || {
        let mut state = Vec::new();
        past.document.write_state(&mut state);
        state
    })
    .await
}
