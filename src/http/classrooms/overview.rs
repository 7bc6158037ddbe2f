//! A lesson at a glance, for dashboards: what the tutor's feed tells, once. Called by the route table.
//! Never wakes a board.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::call::Call;
use crate::{
    actors::classroom::{ClassOverview, OverviewBoard, OverviewPerson},
    http::{problem::Problem, times},
    identity::display_name,
};
use m4sh_domain::limits::FEED_BOARDS;
use m4sh_domain::{
    access::BoardAssignment,
    ids::{BoardId, ClassroomId, LessonId, UserId},
};
use m4sh_store::{LessonBoard, LessonPerson};

/// How a lesson stands.
#[derive(Serialize)]
struct Answer {
    session: LessonId,
    boards: Vec<Board>,
    people: Vec<Person>,
    hands: Vec<UserId>,
    counts: Counts,
    stuck_after: u64,
}

#[derive(Serialize)]
struct Board {
    board: BoardId,
    kind: &'static str,
    user: Option<UserId>,
    name: String,
    rev: u64,
    pages: u32,
    online: usize,
    written_at: Option<String>,
}

#[derive(Serialize)]
struct Person {
    user: UserId,
    name: String,
    role: &'static str,
    state: &'static str,
    board: Option<BoardId>,
    page: Option<String>,
    last_op_at: Option<String>,
    ops: u64,
    strokes: u64,
    hand: bool,
    done: bool,
}

#[derive(Serialize, Default)]
struct Counts {
    active: usize,
    idle: usize,
    away: usize,
    stuck: usize,
    gone: usize,
}

/// `GET /classrooms/{id}/sessions/{sid}/overview/`: for those who lead or assist.
pub async fn read(call: Call, path: web::Path<(ClassroomId, LessonId)>) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let (_, role) = call.require_member(id).await?;
    if !role.sees_all() {
        return Err(Problem::Forbidden("Only those who lead or assist see the whole class."));
    }
    let store = &call.services.store;
    store.lesson(id, session).await?.ok_or(Problem::NotFound)?;
    let (boards, people) = (store.lesson_boards(session, FEED_BOARDS).await?, store.lesson_people(id).await?);
    let live = call.services.directory.overview(id, session).await.unwrap_or_default();
    Ok(HttpResponse::Ok().json(answer(session, boards, &people, live)))
}

fn answer(session: LessonId, boards: Vec<LessonBoard>, people: &[LessonPerson], live: ClassOverview) -> Answer {
    let awake: HashMap<BoardId, OverviewBoard> = live.boards.into_iter().map(|board| (board.board, board)).collect();
    let mut pupils: HashMap<UserId, OverviewPerson> =
        live.people.into_iter().map(|person| (person.user, person)).collect();
    let boards = boards.into_iter().map(|row| {
        let now = awake.get(&row.board);
        let (kind, user) = match row.whose {
            BoardAssignment::Everybody => ("shared", None),
            BoardAssignment::Pupil(pupil) => ("pupil", Some(pupil)),
            BoardAssignment::Group(_) => ("group", None),
        };
        Board {
            board: row.board,
            kind,
            user,
            name: row.name,
            rev: now.map_or(row.rev.0, |now| now.rev.0),
            pages: now.map_or(row.page_count, |now| now.pages),
            online: now.map_or(0, |now| now.online.len()),
            written_at: row.written_at.map(times::utc_field),
        }
    });
    let people: Vec<Person> = people
        .iter()
        .filter_map(|row| {
            let now = pupils.remove(&row.user)?;
            Some(Person {
                user: row.user,
                name: display_name(&row.first_name, &row.last_name, &row.email),
                role: row.role.name(),
                state: now.state,
                board: now.board,
                page: now.page,
                last_op_at: now.last_op_at.map(times::utc_field),
                ops: now.ops,
                strokes: now.strokes,
                hand: now.hand,
                done: now.done,
            })
        })
        .collect();
    let mut counts = Counts::default();
    for person in &people {
        *match person.state {
            "active" => &mut counts.active,
            "idle" => &mut counts.idle,
            "away" => &mut counts.away,
            "stuck" => &mut counts.stuck,
            _ => &mut counts.gone,
        } += 1;
    }
    let hands = people.iter().filter(|person| person.hand).map(|person| person.user).collect();
    Answer { session, boards: boards.collect(), people, hands, counts, stuck_after: live.stuck_after }
}
