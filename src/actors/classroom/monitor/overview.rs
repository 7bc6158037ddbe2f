//! The lesson as dashboards ask for it over REST: the same rows as the feed, once. A handler of the classroom actor that asks the
//! boards first. Never wakes a board.

use actix::prelude::*;
use jiff::Timestamp;

use super::super::actor::ClassroomActor;
use crate::actors::clock;
use crate::actors::messages::BoardStatusQuery;
use m4sh_domain::ids::{BoardId, Rev, UserId};

/// Ask how the lesson stands.
#[derive(Message)]
#[rtype(result = "ClassOverview")]
pub struct GetOverview;

/// How a lesson stands, as far as it is known in memory.
#[derive(Default, Debug)]
pub struct ClassOverview {
    /// Boards that are awake.
    pub boards: Vec<OverviewBoard>,
    /// Pupils.
    pub people: Vec<OverviewPerson>,
    /// After how many seconds without an operation somebody counts as stuck.
    pub stuck_after: u64,
}

/// A board that is awake.
#[derive(Debug)]
pub struct OverviewBoard {
    /// Which.
    pub board: BoardId,
    /// Its revision.
    pub rev: Rev,
    /// Its pages.
    pub pages: u32,
    /// Who is at it.
    pub online: Vec<UserId>,
}

/// A pupil.
#[derive(Debug)]
pub struct OverviewPerson {
    /// Who.
    pub user: UserId,
    /// `active`, `idle`, `away`, `stuck` or `gone`.
    pub state: &'static str,
    /// Where they did something last.
    pub board: Option<BoardId>,
    /// On which page.
    pub page: Option<String>,
    /// When.
    pub last_op_at: Option<Timestamp>,
    /// Batches since the boards woke.
    pub ops: u64,
    /// Strokes since the boards woke.
    pub strokes: u64,
    /// Whether their hand is up.
    pub hand: bool,
    /// Whether they said that they are done.
    pub done: bool,
}

impl Handler<GetOverview> for ClassroomActor {
    type Result = ResponseActFuture<Self, ClassOverview>;

    fn handle(&mut self, _: GetOverview, _: &mut Context<Self>) -> Self::Result {
        let awake = self
            .lesson_boards()
            .into_iter()
            .filter_map(|(board, _)| Some((board, self.host.boards().find_awake(board)?)));
        // Only numbers are asked for, so that a look over REST costs the boards nothing.
        let asking = awake.map(|(board, actor)| async move {
            (board, actor.send(BoardStatusQuery { after: None }).await.ok().flatten())
        });
        let asking = futures_util::future::join_all(asking.collect::<Vec<_>>());
        Box::pin(asking.into_actor(self).map(|peeked, act, _| {
            let mut overview =
                ClassOverview { stuck_after: act.monitor.stuck_after.as_secs(), ..ClassOverview::default() };
            for (board, peeked) in peeked.into_iter().filter_map(|(board, peeked)| Some((board, peeked?))) {
                let watched = act.monitor.boards.entry(board).or_default();
                watched.activity = peeked.activity.into_iter().collect();
                overview.boards.push(OverviewBoard {
                    board,
                    rev: peeked.rev,
                    pages: peeked.pages,
                    online: peeked.online,
                });
            }
            let now = clock::timestamp();
            overview.people = act.pupils().into_iter().map(|user| act.person(user, now)).collect();
            overview
        }))
    }
}

impl ClassroomActor {
    fn person(&self, user: UserId, now: Timestamp) -> OverviewPerson {
        let row = self.pupil_activity(user, now);
        OverviewPerson {
            user,
            state: row.state,
            board: row.board,
            page: row.page,
            last_op_at: row.last,
            ops: row.ops,
            strokes: row.strokes,
            hand: row.hand,
            done: row.done,
        }
    }
}
