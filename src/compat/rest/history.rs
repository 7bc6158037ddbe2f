//! A lesson's history for the room client (SPEC Q13): timeline, snapshots, replay, summary, restoring, files.
//! Never shows more than the history's own routes do.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use serde_json::{Value, json};

use super::{
    LedRoom, LessonPath, Room, VersionPath,
    history_shapes::{
        RoomActiveResponse, RoomHappenedResponse, RoomKeptResponse, RoomManifestResponse, RoomMarkResponse,
        RoomNameResponse, RoomPlayedResponse, RoomRestoredResponse, RoomSnapshotResponse, RoomSnapshotsResponse,
        RoomStateResponse, RoomStreamResponse, RoomSummaryResponse, RoomTimelineResponse,
    },
    shapes::People,
};
use crate::board_history::BoardAtRevision;
use crate::http::{
    extract::PublicBase,
    fields::Faults,
    history::{
        HistoryParam, PersonResponse, QueryReader, history_query,
        lesson::{KeptStateResponse, SnapshotQuery, TimelineQuery},
        lesson_replay::LessonReplayQuery,
        milliseconds, off_thread, state_bytes,
    },
    operation::{
        Operation,
        answer::{Answer, Json, JsonList, Slot, Spliced},
        argument::{Call, IdempotencyHeader, OptionalBase},
        get,
        params::Path,
        post,
        schemas::Moment,
        signature::{Schemas, Success},
    },
    problem::Problem,
    solo::exports::{self, Download},
};
use crate::jobs::ExportFormat;
use m4sh_domain::limits::{COMPARED_BYTES, PAGE_MAX};
use m4sh_domain::{
    access::{Permission, Visibility},
    ids::{Rev, UserId},
    rate::Scope,
};
use m4sh_store::{EventCategory::Board, LessonEventQuery, PageRequest};

const DONE: &[&str] = &["So it is."];
const UNKNOWN: &[&str] = &["not_found", "unknown_rev"];
const FILE_ERRORS: &[&str] = &["not_found", "unknown_rev", "forbidden", "session_too_large", "export_failed"];
/// States in one list of kept states.
const STATES: usize = 5;

pub(super) fn operations() -> [Operation; 10] {
    [
        get("/classroom/session/{u}/timeline", "room_timeline", read_timeline)
            .about("What happened in a lesson", "")
            .answers(DONE),
        get("/classroom/session/{u}/summary", "room_summary", read_summary)
            .about("What a lesson came to", "")
            .answers(DONE),
        get("/classroom/session/{u}/snapshots", "room_snapshots", list_snapshots)
            .about("Kept states of a lesson", "")
            .answers(DONE),
        get("/classroom/session/{u}/snapshots/{version}", "room_snapshot", read_version)
            .about("A lesson's board at a revision", "")
            .answers(DONE)
            .errors(UNKNOWN)
            .rate(Scope::SoloUser),
        get("/classroom/session/{u}/snapshots/{version}/export", "room_snapshot_file", version_file)
            .about(
                "A file of a revision",
                "JSON is given at once; of a picture its address (302), or 202 while it is made.",
            )
            .answers(DONE)
            .errors(FILE_ERRORS)
            .rate(Scope::SoloExport),
        get("/classroom/session/{u}/replay/stream", "room_stream", read_stream)
            .about("What was done in a lesson", "Operations of all its boards in the order of time.")
            .answers(DONE)
            .rate(Scope::SoloUser),
        get("/classroom/session/{u}/replay/manifest", "room_manifest", read_manifest)
            .about("What there is to be played", "")
            .answers(DONE),
        get("/classroom/history/{u}", "room_history", list_states)
            .about("A lesson's kept states", "Newest first; the first five with what they hold, up to 4 MiB.")
            .answers(DONE)
            .errors(UNKNOWN)
            .rate(Scope::SoloUser),
        post("/classroom/history/{u}/restore/{version}", "room_restore", restore)
            .about("Restore a lesson's board", "As a new revision.")
            .answers(DONE)
            .errors(&[
                "not_found",
                "unknown_rev",
                "precondition_failed",
                "rev_mismatch",
                "board_too_large",
                "key_reused",
            ])
            .rate(Scope::SoloUser)
            .audit(Board, "board_restored"),
        get("/classroom/history/{u}/export", "room_file", file_of_now)
            .about("A file of a lesson's board", "As it is saved now.")
            .answers(DONE)
            .errors(FILE_ERRORS)
            .rate(Scope::SoloExport),
    ]
}

/// A format as the query names it.
struct FormatName;

impl HistoryParam for FormatName {
    type Value = Option<String>;

    fn read(reader: &mut QueryReader, name: &'static str) -> Option<String> {
        reader.text(name, 8)
    }

    fn schema() -> Value {
        json!({"type": "string"})
    }

    fn example() -> Option<Value> {
        Some("json".into())
    }
}

history_query! {
    /// Which file.
    struct FileQuery {
        /// `json`, `png` or `svg`.
        format: FormatName,
    }
}

impl People {
    /// The people whom answers of the history name.
    async fn named<'a>(
        call: &Call,
        persons: impl Iterator<Item = &'a Option<PersonResponse>>,
    ) -> Result<Self, Problem> {
        Self::of(&call.services, persons.flatten().map(|person| UserId(person.id))).await
    }

    fn snapshot(&self, kept: KeptStateResponse) -> RoomSnapshotResponse {
        RoomSnapshotResponse {
            created_at: kept.created_at,
            created_by: kept.created_by.map(|person| self.numbered(person)),
            size_bytes: kept.size_bytes,
            snapshot_type: kept.snapshot_type,
            thumbnail_url: kept.thumbnail_url,
            version: kept.version,
        }
    }
}

async fn read_timeline(
    call: Call,
    _: Path<LessonPath>,
    room: Room,
    query: TimelineQuery,
) -> Result<Json<RoomTimelineResponse>, Problem> {
    let timeline = call.services.lesson_timeline(&room.history, query).await?;
    let people = People::named(&call, timeline.events.iter().map(|event| &event.user)).await?;
    let events = timeline.events.into_iter().map(|event| RoomHappenedResponse {
        at: event.at,
        data: event.data,
        event_type: event.event_type,
        id: event.id,
        timestamp_ms: event.timestamp_ms,
        user: event.user.map(|person| people.numbered(person)),
    });
    Ok(Json(RoomTimelineResponse { events: events.collect(), has_more: timeline.has_more, total: timeline.total }))
}

async fn read_summary(call: Call, _: Path<LessonPath>, room: Room) -> Result<Json<RoomSummaryResponse>, Problem> {
    let summary = call.services.lesson_summary(&room.history).await?;
    let active = summary.participants.iter().map(|one| UserId(one.id));
    let authors = summary.snapshots.iter().filter_map(|kept| Some(UserId(kept.created_by.as_ref()?.id)));
    let people = People::of(&call.services, active.chain(authors)).await?;
    let participants = summary.participants.into_iter().map(|one| RoomActiveResponse {
        duration_ms: one.duration_ms,
        id: people.number(UserId(one.id)),
        joined_at: one.joined_at,
        left_at: one.left_at,
        name: one.name,
        role: one.role,
    });
    Ok(Json(RoomSummaryResponse {
        participants: participants.collect(),
        session: summary.session,
        snapshots: summary.snapshots.into_iter().map(|kept| people.snapshot(kept)).collect(),
        stats: summary.stats,
    }))
}

async fn list_snapshots(
    call: Call,
    _: Path<LessonPath>,
    room: Room,
    query: SnapshotQuery,
) -> Result<Json<RoomSnapshotsResponse>, Problem> {
    let (_, snapshots) = call.services.lesson_snapshots(&room.history, query.origin).await?;
    let people = People::named(&call, snapshots.iter().map(|kept| &kept.created_by)).await?;
    let snapshots = snapshots.into_iter().map(|kept| people.snapshot(kept)).collect();
    Ok(Json(RoomSnapshotsResponse { snapshots }))
}

/// The shared board at any revision.
async fn read_version(call: Call, Path(path): Path<VersionPath>) -> Result<Json<Spliced<RoomStateResponse>>, Problem> {
    let room = Room::of(&call.services, path.u, call.user).await?;
    let past = visible_board(&call, &room, Some(Rev(path.version))).await?;
    Ok(Json(state_response(path.version, past).await?))
}

async fn visible_board(call: &Call, room: &Room, rev: Option<Rev>) -> Result<BoardAtRevision, Problem> {
    let reader = call.services.history_reader(room.lesson.board, call.user).await?;
    call.services.visible_board_at(&reader, rev).await
}

async fn state_response(version: u64, past: BoardAtRevision) -> Result<Spliced<RoomStateResponse>, Problem> {
    off_thread(move || Spliced::new(&RoomStateResponse { version, board_state: Slot }, &state_bytes(&past.document)))
        .await?
}

/// A file: its JSON, the address of its picture, or when that will be there.
enum RoomFile {
    Json(u64, Spliced<RoomStateResponse>),
    Picture(String),
    Later(Duration),
}

impl Answer for RoomFile {
    fn describe(schemas: &mut Schemas) -> Vec<Success> {
        Json::<Spliced<RoomStateResponse>>::describe(schemas)
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        match self {
            Self::Json(version, body) => {
                let mut response = Json(body).respond()?;
                if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"lesson-{version}.json\"")) {
                    response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
                }
                Ok(response)
            }
            Self::Picture(url) => Ok(HttpResponse::Found().insert_header((header::LOCATION, url)).finish()),
            Self::Later(wait) => Ok(HttpResponse::build(StatusCode::ACCEPTED)
                .insert_header((header::RETRY_AFTER, wait.as_secs()))
                .json(json!({"status": "processing"}))),
        }
    }
}

async fn version_file(
    call: Call,
    Path(path): Path<VersionPath>,
    room: Room,
    query: FileQuery,
    base: PublicBase,
) -> Result<RoomFile, Problem> {
    file(&call, &room, Some(Rev(path.version)), query, &base).await
}

async fn file_of_now(
    call: Call,
    _: Path<LessonPath>,
    room: Room,
    query: FileQuery,
    base: PublicBase,
) -> Result<RoomFile, Problem> {
    file(&call, &room, None, query, &base).await
}

/// JSON is written here; a picture shows what nobody is kept from, so it is for those who see all of it.
async fn file(
    call: &Call,
    room: &Room,
    rev: Option<Rev>,
    query: FileQuery,
    base: &PublicBase,
) -> Result<RoomFile, Problem> {
    let format = ExportFormat::from_name(query.format.as_deref().unwrap_or("json"));
    let format = format.filter(|format| *format != ExportFormat::Pdf);
    let format = format.ok_or_else(|| Problem::Invalid(Faults::one("format", "Choose json, png or svg.")))?;
    let board = room.lesson.board;
    let reader = call.services.history_reader(board, call.user).await?;
    if !reader.standing.can.has(Permission::Export) {
        return Err(Problem::Forbidden("You may not export this board."));
    }
    if format == ExportFormat::Json {
        let past = call.services.visible_board_at(&reader, rev).await?;
        let version = past.rev.0;
        return Ok(RoomFile::Json(version, state_response(version, past).await?));
    }
    if reader.visibility != Visibility::All {
        return Err(Problem::Forbidden("Pictures of a lesson are for those who see all of it."));
    }
    Ok(match exports::of_board(&call.services, base, board, format, rev.map(|rev| rev.0)).await? {
        Download::Ready { url } => RoomFile::Picture(url),
        Download::Later { wait } => RoomFile::Later(wait),
    })
}

async fn read_stream(
    call: Call,
    Path(path): Path<LessonPath>,
    room: Room,
    query: LessonReplayQuery,
) -> Result<Json<RoomStreamResponse>, Problem> {
    let (start, end) = room.history.span();
    let (operations, next) = call.services.lesson_operations(&room.history, query).await?;
    let people = People::named(&call, operations.iter().map(|operation| &operation.user)).await?;
    let events = operations.into_iter().map(|operation| RoomPlayedResponse {
        data: json!({
            "board_id": operation.board_id, "page_id": operation.page_id, "payload": operation.payload,
        }),
        t: milliseconds(start, operation.created_at.0),
        kind: operation.op_type,
        user: operation.user.and_then(|person| people.number(UserId(person.id))),
    });
    let (events, duration_ms) = (events.collect(), milliseconds(start, end));
    Ok(Json(RoomStreamResponse { duration_ms, events, next, session_id: path.u.0 }))
}

async fn read_manifest(
    call: Call,
    Path(path): Path<LessonPath>,
    room: Room,
) -> Result<Json<RoomManifestResponse>, Problem> {
    let (services, lesson) = (&call.services, &room.history);
    let (start, end) = lesson.span();
    let which = LessonEventQuery { author: lesson.only(), ..LessonEventQuery::default() };
    let page = PageRequest { limit: PAGE_MAX, offset: 0 };
    let (_, events) = services.store.lesson_events(path.u, call.user, &which, page).await?;
    let summary = services.lesson_summary(lesson).await?;
    let authors = events.iter().filter_map(|event| event.author);
    let people = People::of(services, authors.chain(summary.participants.iter().map(|one| UserId(one.id)))).await?;
    let events = events.into_iter().map(|event| RoomPlayedResponse {
        data: serde_json::from_slice(&event.data).unwrap_or(Value::Null),
        t: milliseconds(start, event.at),
        kind: event.kind,
        user: event.author.and_then(|author| people.number(author)),
    });
    let (_, rows) = services.store.snapshots(lesson.row.board, page).await?;
    let snapshots =
        rows.iter().map(|row| RoomMarkResponse { t: milliseconds(start, row.created_at), version: row.rev.0 });
    let participants = summary.participants.into_iter().map(|one| RoomNameResponse {
        id: people.number(UserId(one.id)),
        name: one.name,
        role: one.role,
    });
    Ok(Json(RoomManifestResponse {
        duration_ms: milliseconds(start, end),
        events: events.collect(),
        participants: participants.collect(),
        session_id: path.u.0,
        snapshots: snapshots.collect(),
    }))
}

async fn list_states(call: Call, _: Path<LessonPath>, room: Room) -> Result<JsonList<RoomKeptResponse>, Problem> {
    let services = &call.services;
    let reader = services.history_reader(room.lesson.board, call.user).await?;
    let (_, rows) = services.store.snapshots(room.lesson.board, PageRequest::default()).await?;
    let people = People::of(services, rows.iter().filter_map(|row| row.author)).await?;
    let (mut kept, mut bytes) = (Vec::new(), 0);
    for (at, row) in rows.into_iter().enumerate() {
        let mut state = Value::Null;
        if at < STATES && bytes < COMPARED_BYTES {
            let past = services.visible_board_at(&reader, Some(row.rev)).await?;
            let text = off_thread(move || state_bytes(&past.document)).await?;
            bytes += text.len();
            if bytes <= COMPARED_BYTES {
                state = serde_json::from_slice(&text).unwrap_or(Value::Null);
            }
        }
        kept.push(RoomKeptResponse {
            created_at: Moment(row.created_at),
            created_by: people.author(row.author),
            id: row.rev.0,
            state,
            version: row.rev.0,
        });
    }
    Ok(JsonList(kept))
}

/// As a new revision, by who leads.
async fn restore(
    Path(path): Path<VersionPath>,
    call: Call,
    LedRoom(room): LedRoom,
    IdempotencyHeader(key): IdempotencyHeader,
    OptionalBase(base): OptionalBase,
) -> Result<Json<Spliced<RoomRestoredResponse>>, Problem> {
    let (board, rev) = (room.lesson.board, Rev(path.version));
    let saved = call.services.restore_revision(&call.audit, board, rev, call.user, base, key).await?;
    let past = visible_board(&call, &room, Some(saved.rev)).await?;
    let head = RoomRestoredResponse { restored: path.version, version: saved.rev.0, board_state: Slot };
    off_thread(move || Spliced::new(&head, &state_bytes(&past.document))).await?.map(Json)
}
