//! A lesson at a glance, for dashboards: what the tutor's feed tells, once. Called by the route table.
//! Never wakes a board.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{call::Member, paths::LessonPath};
use crate::{
    actors::classroom::{ClassOverview, OverviewBoard, OverviewPerson},
    http::{
        operation::{Operation, answer::Json, argument::Call, get, params::Path, schemas::Moment},
        problem::Problem,
    },
    identity::display_name,
};
use m4sh_domain::limits::FEED_BOARDS;
use m4sh_domain::{
    access::BoardAssignment,
    ids::{BoardId, LessonId, UserId},
};
use m4sh_store::{LessonBoard, LessonPerson};

pub(super) fn operations() -> [Operation; 1] {
    [get("/classrooms/{id}/sessions/{sid}/overview", "lesson_overview", lesson_overview)
        .about(
            "A lesson at a glance",
            "Boards, pupils and hands, as the tutor's socket with `watch: \"class\"` is told them. For those who lead or assist.",
        )
        .answers(&["How it stands."])
        .errors(&["forbidden"])]
}

/// A lesson at a glance.
#[derive(Serialize, ToSchema)]
struct LessonOverviewResponse {
    session: Uuid,
    boards: Vec<OverviewBoardResponse>,
    /// Pupils, by name.
    people: Vec<OverviewPersonResponse>,
    /// Whose hand is up.
    hands: Vec<Uuid>,
    counts: OverviewCountsResponse,
    /// After how many seconds without an operation somebody counts as stuck.
    #[schema(example = 120)]
    stuck_after: u64,
}

/// A board of the lesson.
#[derive(Serialize, ToSchema)]
struct OverviewBoardResponse {
    board: Uuid,
    kind: BoardKind,
    /// Whose it is, when it is a pupil's own.
    #[schema(required = true, example = json!(null))]
    user: Option<Uuid>,
    #[schema(example = "Right triangles")]
    name: String,
    #[schema(example = 12)]
    rev: u64,
    #[schema(example = 1)]
    pages: u32,
    /// People at it.
    #[schema(value_type = u32, example = 0)]
    online: usize,
    #[schema(required = true, example = json!(null))]
    written_at: Option<Moment>,
}

/// For whom a board is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum BoardKind {
    Shared,
    Pupil,
    Group,
}

impl BoardKind {
    /// For whom, and who that is when it is one pupil's own.
    pub(super) fn of(whose: &BoardAssignment) -> (Self, Option<Uuid>) {
        match whose {
            BoardAssignment::Everybody => (Self::Shared, None),
            BoardAssignment::Pupil(pupil) => (Self::Pupil, Some(pupil.0)),
            BoardAssignment::Group(_) => (Self::Group, None),
        }
    }
}

/// A pupil at work, or not.
#[derive(Serialize, ToSchema)]
struct OverviewPersonResponse {
    user: Uuid,
    #[schema(example = "Bohdan Shevchuk")]
    name: String,
    #[schema(example = "student")]
    role: &'static str,
    state: AttentionState,
    /// Where they did something last.
    #[schema(required = true, example = json!(null))]
    board: Option<Uuid>,
    #[schema(required = true, example = json!(null))]
    page: Option<String>,
    #[schema(required = true, example = json!(null))]
    last_op_at: Option<Moment>,
    /// Batches since the boards woke.
    #[schema(example = 0)]
    ops: u64,
    /// Strokes since the boards woke.
    #[schema(example = 0)]
    strokes: u64,
    hand: bool,
    done: bool,
}

/// How a pupil is.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AttentionState {
    Active,
    Idle,
    Away,
    Stuck,
    Gone,
}

impl AttentionState {
    fn of(name: &str) -> Self {
        match name {
            "active" => Self::Active,
            "idle" => Self::Idle,
            "away" => Self::Away,
            "stuck" => Self::Stuck,
            _ => Self::Gone,
        }
    }
}

/// Pupils by state.
#[derive(Serialize, ToSchema, Default)]
struct OverviewCountsResponse {
    #[schema(value_type = u32)]
    active: usize,
    #[schema(value_type = u32)]
    idle: usize,
    #[schema(value_type = u32)]
    away: usize,
    #[schema(value_type = u32)]
    stuck: usize,
    #[schema(value_type = u32)]
    gone: usize,
}

async fn lesson_overview(
    call: Call,
    Path(path): Path<LessonPath>,
    Member { role, .. }: Member,
) -> Result<Json<LessonOverviewResponse>, Problem> {
    if !role.sees_all() {
        return Err(Problem::Forbidden("Only those who lead or assist see the whole class."));
    }
    let store = &call.services.store;
    store.lesson(path.id, path.sid).await?.ok_or(Problem::NotFound)?;
    let (boards, people) = (store.lesson_boards(path.sid, FEED_BOARDS).await?, store.lesson_people(path.id).await?);
    let live = call.services.directory.overview(path.id, path.sid).await.unwrap_or_default();
    Ok(Json(overview(path.sid, boards, &people, live)))
}

fn overview(
    session: LessonId,
    boards: Vec<LessonBoard>,
    people: &[LessonPerson],
    live: ClassOverview,
) -> LessonOverviewResponse {
    let awake: HashMap<BoardId, OverviewBoard> = live.boards.into_iter().map(|board| (board.board, board)).collect();
    let mut pupils: HashMap<UserId, OverviewPerson> =
        live.people.into_iter().map(|person| (person.user, person)).collect();
    let boards = boards.into_iter().map(|row| {
        let now = awake.get(&row.board);
        let (kind, user) = BoardKind::of(&row.whose);
        OverviewBoardResponse {
            board: row.board.0,
            kind,
            user,
            name: row.name,
            rev: now.map_or(row.rev.0, |now| now.rev.0),
            pages: now.map_or(row.page_count, |now| now.pages),
            online: now.map_or(0, |now| now.online.len()),
            written_at: row.written_at.map(Moment),
        }
    });
    let people: Vec<OverviewPersonResponse> = people
        .iter()
        .filter_map(|row| {
            let now = pupils.remove(&row.user)?;
            Some(OverviewPersonResponse {
                user: row.user.0,
                name: display_name(&row.first_name, &row.last_name, &row.email),
                role: row.role.name(),
                state: AttentionState::of(now.state),
                board: now.board.map(|board| board.0),
                page: now.page,
                last_op_at: now.last_op_at.map(Moment),
                ops: now.ops,
                strokes: now.strokes,
                hand: now.hand,
                done: now.done,
            })
        })
        .collect();
    let mut counts = OverviewCountsResponse::default();
    for person in &people {
        *match person.state {
            AttentionState::Active => &mut counts.active,
            AttentionState::Idle => &mut counts.idle,
            AttentionState::Away => &mut counts.away,
            AttentionState::Stuck => &mut counts.stuck,
            AttentionState::Gone => &mut counts.gone,
        } += 1;
    }
    let hands = people.iter().filter(|person| person.hand).map(|person| person.user).collect();
    LessonOverviewResponse {
        session: session.0,
        boards: boards.collect(),
        people,
        hands,
        counts,
        stuck_after: live.stuck_after,
    }
}
