//! A lesson's past over all its boards: replay, summary, timeline, snapshots (contract/boards.md 2.10).
//! Called by the route table and by `room`. Of boards that somebody may not see, and of what is hidden from them, they
//! learn nothing, not even that somebody was at work there.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    asked::{Asked, Moment},
    list::request_field,
    millis, seen_with,
    shown::{self, Operation},
};
use crate::http::{Services, extract::Signed, problem::Problem, times};
use m4sh_domain::limits::{
    ITEM_ID_BYTES, PAGE_DEFAULT, PAGE_MAX, REPLAY_BYTES, REPLAY_OPS, REPLAY_OPS_MAX, REPLAY_ROWS,
};
use m4sh_domain::{
    access::{BoardAssignment, Role, Visibility},
    ids::{BoardId, ClassroomId, LessonId, Rev, UserId},
    rate::Scope,
};
use m4sh_store::{JournalPosition, LessonEventQuery, LessonRow, PageRequest, SnapshotOrigin};

type LessonPath = web::Path<(ClassroomId, LessonId)>;

/// Somebody before a lesson's past.
pub(in crate::http) struct Lesson {
    /// The lesson.
    pub row: LessonRow,
    /// Who asks.
    pub who: UserId,
    /// What they are in it.
    pub role: Role,
    /// What they see.
    pub eyes: Visibility,
    /// The boards that they see, the shared one first.
    pub boards: Vec<(BoardId, BoardAssignment)>,
}

/// How people are named: by id, or by the number that the old client knows.
pub(in crate::http) struct People {
    names: shown::Names,
    numbers: Option<std::collections::HashMap<UserId, i64>>,
}

impl People {
    /// A person's id.
    pub fn id(&self, user: UserId) -> Value {
        match &self.numbers {
            Some(numbers) => numbers.get(&user).copied().into(),
            None => json!(user),
        }
    }

    /// A person as `{id, name}`; `null` when they were erased.
    pub fn person(&self, user: Option<UserId>) -> Value {
        match user.filter(|user| self.names.contains_key(user)) {
            Some(user) => json!({"id": self.id(user), "name": self.name(user)}),
            None => Value::Null,
        }
    }

    /// A person's name.
    pub fn name(&self, user: UserId) -> Option<&str> {
        self.names.get(&user).map(|name| &**name)
    }
}

impl Services {
    /// Somebody before a lesson's past; 404 for whoever is not in its class.
    pub(in crate::http) async fn lesson(
        &self,
        classroom: ClassroomId,
        session: LessonId,
        who: UserId,
    ) -> Result<Lesson, Problem> {
        let row = self.store.lesson(classroom, session).await?.ok_or(Problem::NotFound)?;
        let access = self.store.lesson_access(classroom, session).await?.ok_or(Problem::NotFound)?;
        let now = Timestamp::now();
        let mut rights = access.rights;
        let standing = rights.effective(who, now).ok_or(Problem::NotFound)?;
        let mut boards = vec![(access.board, BoardAssignment::Everybody)];
        for (board, whose) in access.others {
            rights.board = whose;
            if rights.effective(who, now).is_some() {
                boards.push((board, rights.board.clone()));
            }
        }
        Ok(Lesson { row, who, role: standing.role, eyes: standing.visibility(who), boards })
    }

    /// Names of people, and their numbers for the old client.
    pub(in crate::http) async fn people_by(&self, people: Vec<UserId>, numbers: bool) -> Result<People, Problem> {
        let numbers = match numbers {
            true => Some(self.store.account_numbers(&people).await?.into_iter().collect()),
            false => None,
        };
        Ok(People { names: self.names(people).await?, numbers })
    }

    /// What a lesson came to.
    pub(in crate::http) async fn summary_of(&self, lesson: &Lesson, numbers: bool) -> Result<Value, Problem> {
        let ids: Vec<_> = lesson.boards.iter().map(|(board, _)| *board).collect();
        // Of others' work, which may be hidden, only those are told who see all of it.
        let only = (!lesson.role.sees_all()).then_some(lesson.who);
        let mut active = self.store.activity(lesson.row.classroom, &ids, only).await?;
        active.retain(|one| one.user != m4sh_domain::board::ERASED || only.is_none());
        let said = self.store.lesson_event_counts(lesson.row.id, lesson.who, only).await?;
        let mut spans: std::collections::BTreeMap<UserId, (Timestamp, Timestamp, Option<Role>)> =
            active.iter().map(|one| (one.user, (one.first, one.last, one.role))).collect();
        for one in &said {
            let span = spans.entry(one.user).or_insert((one.first, one.last, None));
            (span.0, span.1) = (span.0.min(one.first), span.1.max(one.last));
        }
        spans.remove(&m4sh_domain::board::ERASED);
        let people = self.people_by(spans.keys().copied().collect(), numbers).await?;
        let participants: Vec<_> = spans
            .iter()
            .map(|(user, (first, last, role))| {
                json!({
                    "id": people.id(*user),
                    "name": people.name(*user),
                    "role": role.map(Role::name),
                    "joined_at": times::utc_field(*first),
                    "left_at": times::utc_field(*last),
                    "duration_ms": millis(*last) - millis(*first),
                })
            })
            .collect();
        let board_events: u64 = active.iter().map(|one| one.batches).sum();
        let events: u64 = said.iter().map(|one| one.count).sum();
        let (snapshot_count, snapshots) = self.snapshots_of(lesson, None, numbers).await?;
        let (start, end) = span_of(&lesson.row);
        Ok(json!({
            "session": {
                "uuid": lesson.row.id,
                "started_at": times::utc_field(start),
                "ended_at": lesson.row.ended_at.map(times::utc_field),
                "duration_ms": millis(end) - millis(start),
            },
            "stats": {
                "total_events": events + board_events,
                "board_events": board_events,
                "participant_count": participants.len(),
                "snapshot_count": snapshot_count,
            },
            "participants": participants,
            "snapshots": snapshots,
        }))
    }

    /// A page of what was said and done beside the boards. Who does not lead is told what they did themselves.
    pub(in crate::http) async fn timeline_of(
        &self,
        lesson: &Lesson,
        asked: &mut Asked,
        numbers: bool,
    ) -> Result<Value, Problem> {
        let limit = asked.limit(PAGE_DEFAULT, PAGE_MAX);
        let offset: u32 = asked.parsed("offset", "A whole number of at least 0 is required.").unwrap_or(0);
        let (start, _) = span_of(&lesson.row);
        let mut moment = |name| {
            let ms: Option<u32> = asked.parsed(name, "Milliseconds since the lesson began are required.");
            ms.and_then(|ms| start.checked_add(jiff::SignedDuration::from_millis(ms.into())).ok())
        };
        let (from, to) = (moment("from_ms"), moment("to_ms"));
        let kinds = asked.ids("event_types");
        asked.check()?;
        let author = (!lesson.role.sees_all()).then_some(lesson.who);
        let which = LessonEventQuery { author, from, to, kinds };
        let (total, events) =
            self.store.lesson_events(lesson.row.id, lesson.who, &which, PageRequest { limit, offset }).await?;
        let people = self.people_by(events.iter().filter_map(|event| event.author).collect(), numbers).await?;
        let more = u64::from(offset) + (events.len() as u64) < total;
        let events: Vec<_> = events
            .into_iter()
            .map(|event| {
                json!({
                    "id": event.seq,
                    "event_type": event.kind,
                    "timestamp_ms": millis(event.at) - millis(start),
                    "at": times::utc_field(event.at),
                    "user": people.person(event.author),
                    "data": serde_json::from_slice::<Value>(&event.data).unwrap_or(Value::Null),
                })
            })
            .collect();
        Ok(json!({"events": events, "total": total, "has_more": more}))
    }

    /// The kept states of a lesson's shared board.
    pub(in crate::http) async fn snapshots_of(
        &self,
        lesson: &Lesson,
        origin: Option<SnapshotOrigin>,
        numbers: bool,
    ) -> Result<(u64, Vec<Value>), Problem> {
        let page = PageRequest { limit: PAGE_MAX, offset: 0 };
        let (count, mut rows) = self.store.snapshots(lesson.row.board, page).await?;
        rows.retain(|row| origin.is_none_or(|origin| row.origin == origin));
        let people = self.people_by(rows.iter().filter_map(|row| row.author).collect(), numbers).await?;
        let shown = rows.into_iter().map(|row| {
            json!({
                "version": row.rev.0,
                "snapshot_type": row.origin.name(),
                "created_at": times::utc_field(row.created_at),
                "created_by": people.person(row.author),
                "size_bytes": row.size,
                "thumbnail_url": null,
            })
        });
        Ok((count, shown.collect()))
    }
}

/// When a lesson began, and when it ended or what time it is.
pub(in crate::http) fn span_of(row: &LessonRow) -> (Timestamp, Timestamp) {
    (row.created_at, row.ended_at.unwrap_or_else(Timestamp::now))
}

/// `GET /classrooms/{id}/sessions/{sid}/summary/`.
pub async fn summary(
    services: web::Data<Services>,
    path: LessonPath,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    let lesson = services.lesson(path.0, path.1, who.user).await?;
    Ok(HttpResponse::Ok().json(services.summary_of(&lesson, false).await?))
}

/// `GET /classrooms/{id}/sessions/{sid}/timeline/`.
pub async fn timeline(
    services: web::Data<Services>,
    path: LessonPath,
    request: HttpRequest,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    let lesson = services.lesson(path.0, path.1, who.user).await?;
    let mut asked = Asked::of(&request);
    Ok(HttpResponse::Ok().json(services.timeline_of(&lesson, &mut asked, false).await?))
}

/// `GET /classrooms/{id}/sessions/{sid}/snapshots/`: the newest 200 of the shared board.
pub async fn snapshots(
    services: web::Data<Services>,
    path: LessonPath,
    request: HttpRequest,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    let lesson = services.lesson(path.0, path.1, who.user).await?;
    let origin = origin_of(&mut Asked::of(&request))?;
    let (count, snapshots) = services.snapshots_of(&lesson, origin, false).await?;
    Ok(HttpResponse::Ok().json(json!({"count": count, "snapshots": snapshots})))
}

/// The sort of snapshots that was asked for with `type`.
pub(in crate::http) fn origin_of(asked: &mut Asked) -> Result<Option<SnapshotOrigin>, Problem> {
    let name = asked.text("type", 32);
    let origin = name.as_deref().and_then(SnapshotOrigin::from_name);
    if name.is_some() && origin.is_none() {
        asked.fault("type", "Choose `manual` or `automatic`.");
    }
    asked.check()?;
    Ok(origin)
}

/// What is asked of a lesson's replay.
pub(in crate::http) struct Wanted {
    user: Option<UserId>,
    page: Option<String>,
    board: Option<BoardId>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    after: Option<JournalPosition>,
    limit: usize,
    /// The path and the fields to ask with again.
    asked: Asked,
    again: Vec<(&'static str, Option<String>)>,
}

impl Wanted {
    /// Reads the query.
    ///
    /// # Errors
    /// 400 with the fields that are wrong.
    pub fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let mut asked = Asked::of(request);
        let limit = asked.limit(REPLAY_OPS, REPLAY_OPS_MAX) as usize;
        let user = asked.parsed("user", "Must be a valid UUID.");
        let page = asked.text("page", ITEM_ID_BYTES);
        let board = asked.parsed("board", "Must be a valid UUID.");
        let mut time = |name| match asked.moment(name) {
            Some(Moment::Time(at)) => Some(at),
            Some(Moment::Rev(_)) => {
                asked.fault(name, "A time is required: each board counts its own revisions.");
                None
            }
            None => None,
        };
        let (from, to) = (time("from"), time("to"));
        let after = asked.text("cursor", 128).map(|cursor| read_place(&cursor));
        if after == Some(None) {
            asked.fault("cursor", "Not a cursor of this list.");
        }
        asked.check()?;
        let fields = ["user", "page", "board", "from", "to", "limit"];
        let again = fields.map(|name| (name, request_field(request, name))).to_vec();
        Ok(Self { user, page, board, from, to, after: after.flatten(), limit, asked, again })
    }
}

/// `GET /classrooms/{id}/sessions/{sid}/replay/`: all boards of the lesson as one sequence in time.
pub async fn replay(
    services: web::Data<Services>,
    path: LessonPath,
    request: HttpRequest,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let wanted = Wanted::read(&request)?;
    let lesson = services.lesson(path.0, path.1, who.user).await?;
    let (operations, next) = services.lesson_operations(&lesson, &wanted).await?;
    let boards: Vec<_> = lesson
        .boards
        .iter()
        .map(|(id, whose)| {
            let (pupil, is_group) = match whose {
                BoardAssignment::Pupil(pupil) => (Some(*pupil), false),
                BoardAssignment::Group(_) => (None, true),
                BoardAssignment::Everybody => (None, false),
            };
            json!({"board_id": id, "pupil": pupil, "group": is_group})
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "session_id": lesson.row.id, "boards": boards, "operations": operations, "next": next,
    })))
}

impl Services {
    /// A page of what was done on a lesson's boards, and the path of the next one.
    pub(in crate::http) async fn lesson_operations(
        &self,
        lesson: &Lesson,
        wanted: &Wanted,
    ) -> Result<(Vec<Operation>, Option<String>), Problem> {
        let is_wanted = |id: &BoardId| wanted.board.is_none_or(|board| board == *id);
        let boards: Vec<_> = lesson.boards.iter().map(|(id, _)| *id).filter(is_wanted).collect();
        if boards.is_empty() {
            return Err(Problem::NotFound);
        }
        let walk = Walk { boards, eyes: lesson.eyes, from: wanted.from, to: wanted.to, after: wanted.after };
        let (operations, next) = self.walk(walk, wanted.user, wanted.page.as_deref(), wanted.limit).await?;
        let next = next.map(|place| {
            let cursor = format!("{}.{}.{}", place.at.as_microsecond(), place.board, place.rev);
            wanted.asked.path_with(&[&wanted.again[..], &[("cursor", Some(cursor))]].concat())
        });
        Ok((operations, next))
    }
}

/// A walk through what was done on several boards.
struct Walk {
    boards: Vec<BoardId>,
    eyes: Visibility,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    after: Option<JournalPosition>,
}

impl Services {
    async fn walk(
        &self,
        walk: Walk,
        user: Option<UserId>,
        page: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Operation>, Option<JournalPosition>), Problem> {
        // The batches of the place's own moment come once more and are passed over: others may have the same time.
        let from = walk.after.map(|place| place.at).or(walk.from);
        let before = from.and_then(|at| at.checked_sub(jiff::SignedDuration::from_micros(1)).ok());
        let starts = match before {
            Some(at) => self.store.revs_at(&walk.boards, at).await?,
            None => walk.boards.iter().map(|board| (*board, Rev(0))).collect(),
        };
        let mut rows = self.store.merged_journal(&starts, REPLAY_ROWS).await?;
        let bytes: usize = rows.iter().map(|(_, entry)| entry.ops.len()).sum();
        let is_last = rows.len() < REPLAY_ROWS as usize && bytes < REPLAY_BYTES;
        let place_of = |(board, entry): &(BoardId, m4sh_domain::board::JournalEntry)| JournalPosition {
            at: entry.at,
            board: *board,
            rev: entry.rev,
        };
        let mut looked_at = rows.last().map(place_of).filter(|_| !is_last);
        if let Some(to) = walk.to {
            let all = rows.len();
            rows.retain(|(_, entry)| entry.at <= to);
            if rows.len() < all {
                looked_at = None;
            }
        }
        rows.retain(|row| walk.after.is_none_or(|after| place_of(row) > after));
        rows.retain(|(_, entry)| user.is_none_or(|user| entry.key.author == user));
        let batches = seen_with(rows, walk.eyes).await?;
        let names = self.names(batches.iter().map(|(_, batch)| batch.entry.key.author)).await?;
        let (mut told, mut last) = (Vec::new(), walk.after);
        for (board, batch) in batches {
            let place = JournalPosition { at: batch.entry.at, board, rev: batch.entry.rev };
            let more: Vec<_> = shown::operations(batch, page, Some(board), &names).collect();
            if !told.is_empty() && told.len() + more.len() > limit {
                return Ok((told, last));
            }
            told.extend(more);
            last = Some(place);
        }
        Ok((told, looked_at))
    }
}

fn read_place(text: &str) -> Option<JournalPosition> {
    let mut parts = text.split('.');
    let at = Timestamp::from_microsecond(parts.next()?.parse().ok()?).ok()?;
    let place = JournalPosition { at, board: parts.next()?.parse().ok()?, rev: Rev(parts.next()?.parse().ok()?) };
    parts.next().is_none().then_some(place)
}
