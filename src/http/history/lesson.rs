//! What a lesson came to: summary, timeline and snapshots (SPEC Q8). Called by the routes, and by other areas that give the
//! same to clients of other protocols. Of boards that somebody may not see, and of what is hidden from them, they learn
//! nothing, not even that somebody worked there.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    milliseconds,
    query::{Ids, Milliseconds, Origin, Rows, Skip, history_query},
    shapes::{Names, PersonResponse},
};
use crate::http::{
    Services,
    classrooms::LessonPath,
    operation::{
        Operation,
        answer::Json,
        argument::{Argument, Call},
        context::Context,
        get,
        params::Path,
        schemas::Moment,
    },
    problem::Problem,
};
use m4sh_domain::limits::PAGE_MAX;
use m4sh_domain::{
    access::{BoardAssignment, Role, Visibility},
    board::ERASED,
    ids::{BoardId, ClassroomId, LessonId, UserId},
    rate::Scope,
};
use m4sh_store::{LessonEventQuery, LessonRow, PageRequest, SnapshotOrigin};

pub(super) fn operations() -> [Operation; 3] {
    [
        get("/classrooms/{id}/sessions/{sid}/summary", "lesson_summary", read_summary)
            .about("What a lesson came to", "")
            .answers(&["In numbers."])
            .rate(Scope::ApiUser),
        get("/classrooms/{id}/sessions/{sid}/timeline", "lesson_timeline", read_timeline)
            .about("What happened in a lesson beside its boards", "Who does not lead is told what they did themselves.")
            .answers(&["A page of events."])
            .rate(Scope::ApiUser),
        get("/classrooms/{id}/sessions/{sid}/snapshots", "lesson_snapshots", list_snapshots)
            .about("Kept states of a lesson's shared board", "")
            .answers(&["The newest 200."])
            .rate(Scope::ApiUser),
    ]
}

history_query! {
    /// Which events of a lesson.
    pub struct TimelineQuery {
        /// Events to skip.
        offset: Skip,
        /// Events, 200 at most.
        limit: Rows,
        /// Since the lesson was opened.
        from_ms: Milliseconds,
        /// Since the lesson was opened.
        to_ms: Milliseconds,
        /// Only these, with commas between.
        event_types: Ids,
    }
}

history_query! {
    /// Which kept states.
    pub struct SnapshotQuery {
        /// `manual` or `automatic`.
        origin = "type": Origin,
    }
}

/// What a lesson came to.
#[derive(Serialize, ToSchema)]
pub struct SummaryResponse {
    /// For who does not lead: themselves.
    pub participants: Vec<ParticipantResponse>,
    pub session: LessonSpanResponse,
    pub snapshots: Vec<KeptStateResponse>,
    pub stats: LessonStatsResponse,
}

/// A lesson's time.
#[derive(Serialize, ToSchema)]
pub struct LessonSpanResponse {
    #[schema(example = 2_700_000)]
    pub duration_ms: i64,
    #[schema(required = true, example = json!(null))]
    pub ended_at: Option<Moment>,
    pub started_at: Moment,
    pub uuid: Uuid,
}

/// What a lesson came to, in numbers.
#[derive(Serialize, ToSchema)]
pub struct LessonStatsResponse {
    #[schema(minimum = 0)]
    pub board_events: u64,
    #[schema(minimum = 0)]
    pub participant_count: usize,
    #[schema(minimum = 0)]
    pub snapshot_count: u64,
    #[schema(minimum = 0)]
    pub total_events: u64,
}

/// Somebody who did something in a lesson.
#[derive(Serialize, ToSchema)]
pub struct ParticipantResponse {
    pub duration_ms: i64,
    pub id: Uuid,
    /// When they were first and last seen to do something.
    pub joined_at: Moment,
    pub left_at: Moment,
    #[schema(required = true, example = "Anna Kovalenko")]
    pub name: Option<String>,
    #[schema(required = true, value_type = Option<String>, example = "student")]
    pub role: Option<&'static str>,
}

/// A kept state of a lesson's shared board.
#[derive(Serialize, ToSchema)]
pub struct KeptStateResponse {
    pub created_at: Moment,
    #[schema(required = true)]
    pub created_by: Option<PersonResponse>,
    #[schema(minimum = 0, example = 1480)]
    pub size_bytes: u64,
    #[schema(value_type = String, example = "manual")]
    pub snapshot_type: &'static str,
    #[schema(required = true, example = json!(null))]
    pub thumbnail_url: Option<String>,
    #[schema(minimum = 0, example = 7)]
    pub version: u64,
}

/// Something that happened in a lesson beside its boards.
#[derive(Serialize, ToSchema)]
pub struct LessonEventResponse {
    pub at: Moment,
    /// Each sort has keys of its own.
    #[schema(example = json!({}))]
    pub data: Value,
    #[schema(example = "chat")]
    pub event_type: String,
    #[schema(minimum = 1, example = 1)]
    pub id: u64,
    /// Since the lesson was opened.
    #[schema(example = 61_000)]
    pub timestamp_ms: i64,
    #[schema(required = true)]
    pub user: Option<PersonResponse>,
}

/// A page of a lesson's events.
#[derive(Serialize, ToSchema)]
pub struct TimelineResponse {
    pub events: Vec<LessonEventResponse>,
    pub has_more: bool,
    #[schema(minimum = 0)]
    pub total: u64,
}

/// The kept states of a lesson's shared board.
#[derive(Serialize, ToSchema)]
struct KeptStatesResponse {
    #[schema(minimum = 0)]
    count: u64,
    snapshots: Vec<KeptStateResponse>,
}

/// A lesson for one reader of its history.
pub struct LessonHistory {
    pub row: LessonRow,
    pub reader: UserId,
    /// The reader's role in the lesson.
    pub role: Role,
    pub visibility: Visibility,
    /// The boards that the reader may see, the shared one first.
    pub boards: Vec<(BoardId, BoardAssignment)>,
}

impl LessonHistory {
    /// When it began, and when it ended or what time it is.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        (self.row.created_at, self.row.ended_at.unwrap_or_else(Timestamp::now))
    }

    /// Whose events alone the reader is shown; `None`: everybody's.
    pub fn only(&self) -> Option<UserId> {
        (!self.role.sees_all()).then_some(self.reader)
    }
}

/// The lesson that the path names.
impl Argument for LessonHistory {
    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let Path(path) = Path::<LessonPath>::take(context).await?;
        let reader = context.signed().await?.user;
        context.services()?.lesson_history(path.id, path.sid, reader).await
    }
}

async fn read_summary(
    _: Path<LessonPath>,
    call: Call,
    lesson: LessonHistory,
) -> Result<Json<SummaryResponse>, Problem> {
    call.services.lesson_summary(&lesson).await.map(Json)
}

async fn read_timeline(
    _: Path<LessonPath>,
    call: Call,
    lesson: LessonHistory,
    query: TimelineQuery,
) -> Result<Json<TimelineResponse>, Problem> {
    call.services.lesson_timeline(&lesson, query).await.map(Json)
}

async fn list_snapshots(
    _: Path<LessonPath>,
    call: Call,
    lesson: LessonHistory,
    query: SnapshotQuery,
) -> Result<Json<KeptStatesResponse>, Problem> {
    let (count, snapshots) = call.services.lesson_snapshots(&lesson, query.origin).await?;
    Ok(Json(KeptStatesResponse { count, snapshots }))
}

/// A person by id; `None` when they were erased or have no account any more.
fn person(user: Option<UserId>, names: &Names) -> Option<PersonResponse> {
    user.filter(|user| names.contains_key(user)).and_then(|user| PersonResponse::of(user, names))
}

impl Services {
    /// A lesson's history for a reader; 404 for who is not in its class.
    pub(crate) async fn lesson_history(
        &self,
        classroom: ClassroomId,
        lesson: LessonId,
        reader: UserId,
    ) -> Result<LessonHistory, Problem> {
        let row = self.store.lesson(classroom, lesson).await?.ok_or(Problem::NotFound)?;
        let access = self.store.lesson_access(classroom, lesson).await?.ok_or(Problem::NotFound)?;
        let now = Timestamp::now();
        let mut rights = access.rights;
        let own = rights.effective(reader, now).ok_or(Problem::NotFound)?;
        let mut boards = vec![(access.board, BoardAssignment::Everybody)];
        for (board, assignment) in access.others {
            rights.board = assignment;
            if rights.effective(reader, now).is_some() {
                boards.push((board, rights.board.clone()));
            }
        }
        Ok(LessonHistory { row, reader, role: own.role, visibility: own.visibility(reader), boards })
    }

    /// What a lesson came to.
    pub(crate) async fn lesson_summary(&self, lesson: &LessonHistory) -> Result<SummaryResponse, Problem> {
        let ids: Vec<_> = lesson.boards.iter().map(|(board, _)| *board).collect();
        // Others' work may be hidden, so only those who see all of it are told of it.
        let only = lesson.only();
        let mut active = self.store.activity(lesson.row.classroom, &ids, only).await?;
        active.retain(|one| one.user != ERASED || only.is_none());
        let said = self.store.lesson_event_counts(lesson.row.id, lesson.reader, only).await?;
        let mut spans: BTreeMap<UserId, (Timestamp, Timestamp, Option<Role>)> =
            active.iter().map(|one| (one.user, (one.first, one.last, one.role))).collect();
        for one in &said {
            let span = spans.entry(one.user).or_insert((one.first, one.last, None));
            (span.0, span.1) = (span.0.min(one.first), span.1.max(one.last));
        }
        spans.remove(&ERASED);
        let names = self.names(spans.keys().copied()).await?;
        let participants: Vec<_> = spans
            .iter()
            .map(|(user, (first, last, role))| ParticipantResponse {
                duration_ms: milliseconds(*first, *last),
                id: user.0,
                joined_at: Moment(*first),
                left_at: Moment(*last),
                name: names.get(user).map(|name| (**name).to_owned()),
                role: role.map(Role::name),
            })
            .collect();
        let board_events: u64 = active.iter().map(|one| one.batches).sum();
        let class_events: u64 = said.iter().map(|one| one.count).sum();
        let (snapshot_count, snapshots) = self.lesson_snapshots(lesson, None).await?;
        let (start, end) = lesson.span();
        Ok(SummaryResponse {
            session: LessonSpanResponse {
                duration_ms: milliseconds(start, end),
                ended_at: lesson.row.ended_at.map(Moment),
                started_at: Moment(start),
                uuid: lesson.row.id.0,
            },
            stats: LessonStatsResponse {
                board_events,
                participant_count: participants.len(),
                snapshot_count,
                total_events: class_events + board_events,
            },
            participants,
            snapshots,
        })
    }

    /// A page of what happened beside the boards.
    pub(crate) async fn lesson_timeline(
        &self,
        lesson: &LessonHistory,
        query: TimelineQuery,
    ) -> Result<TimelineResponse, Problem> {
        let (start, _) = lesson.span();
        let at = |since: Option<u32>| start.checked_add(SignedDuration::from_millis(since?.into())).ok();
        let (limit, offset) = (query.limit, query.offset);
        let which = LessonEventQuery {
            author: lesson.only(),
            from: at(query.from_ms),
            to: at(query.to_ms),
            kinds: query.event_types,
        };
        let page = PageRequest { limit, offset };
        let (total, events) = self.store.lesson_events(lesson.row.id, lesson.reader, &which, page).await?;
        let names = self.names(events.iter().filter_map(|event| event.author)).await?;
        let has_more = u64::from(offset) + (events.len() as u64) < total;
        let events = events.into_iter().map(|event| LessonEventResponse {
            at: Moment(event.at),
            data: serde_json::from_slice(&event.data).unwrap_or(Value::Null),
            event_type: event.kind,
            id: event.seq,
            timestamp_ms: milliseconds(start, event.at),
            user: person(event.author, &names),
        });
        Ok(TimelineResponse { events: events.collect(), has_more, total })
    }

    /// How many kept states a lesson's shared board has, and the newest of them.
    pub(crate) async fn lesson_snapshots(
        &self,
        lesson: &LessonHistory,
        origin: Option<SnapshotOrigin>,
    ) -> Result<(u64, Vec<KeptStateResponse>), Problem> {
        let page = PageRequest { limit: PAGE_MAX, offset: 0 };
        let (count, mut rows) = self.store.snapshots(lesson.row.board, page).await?;
        rows.retain(|row| origin.is_none_or(|origin| row.origin == origin));
        let names = self.names(rows.iter().filter_map(|row| row.author)).await?;
        let snapshots = rows.into_iter().map(|row| KeptStateResponse {
            created_at: Moment(row.created_at),
            created_by: person(row.author, &names),
            size_bytes: row.size,
            snapshot_type: row.origin.name(),
            thumbnail_url: None,
            version: row.rev.0,
        });
        Ok((count, snapshots.collect()))
    }
}
