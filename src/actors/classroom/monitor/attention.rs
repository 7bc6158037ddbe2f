//! Who works, who rests, who is away and who is stuck: one row for each pupil, told when it changes. Handlers of the classroom
//! actor. Never guesses: a row follows from sockets, statuses and the journal's times.

use jiff::Timestamp;

use super::super::actor::ClassroomActor;
use super::state::PupilActivity;
use crate::actors::clock;
use m4sh_domain::access::Role;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_protocol::client::ActivityStatus;

impl ClassroomActor {
    /// How a pupil is at this moment.
    pub(super) fn pupil_activity(&self, user: UserId, now: Timestamp) -> PupilActivity {
        let (mut ops, mut strokes, mut last, mut place) = (0, 0, None, None);
        for (board, watched) in &self.monitor.boards {
            let Some(pulse) = watched.activity.get(&user) else { continue };
            ops += pulse.ops;
            strokes += pulse.strokes;
            if last.is_none_or(|last| pulse.last > last) {
                last = Some(pulse.last);
                place = Some((*board, watched.page()));
            }
        }
        let here: Vec<(ConnId, Timestamp)> =
            self.sockets.iter().filter(|(_, seat)| seat.user == user).map(|(conn, seat)| (conn, seat.since)).collect();
        let quiet =
            last.max(here.iter().map(|(_, since)| *since).min()).map_or(0, |at| now.duration_since(at).as_secs());
        let statuses = || here.iter().filter_map(|(conn, _)| self.monitor.statuses.get(conn));
        let state = if here.is_empty() {
            "gone"
        } else if !here.is_empty()
            && statuses().count() == here.len()
            && statuses().all(|status| *status == ActivityStatus::Away)
        {
            "away"
        } else if u64::try_from(quiet).unwrap_or(0) >= self.monitor.stuck_after.as_secs() {
            "stuck"
        } else if statuses().any(|status| *status == ActivityStatus::Idle) {
            "idle"
        } else {
            "active"
        };
        PupilActivity {
            state,
            board: place.map(|(board, _)| board),
            page: place.and_then(|(_, page)| page.map(str::to_owned)),
            last,
            ops,
            strokes,
            hand: self.events.state.hand_is_up(user),
            done: self.monitor.done.contains(&user),
        }
    }

    /// Everybody of the class who is looked after: pupils.
    pub(super) fn pupils(&self) -> Vec<UserId> {
        let Ok(access) = &self.known else { return Vec::new() };
        let mut pupils: Vec<_> =
            access.rights.members.iter().filter(|(_, role)| **role == Role::Student).map(|(user, _)| *user).collect();
        pupils.sort_unstable();
        pupils
    }

    /// Tells what changed to all watchers, or everything to one.
    pub(super) fn send_attention(&mut self, whom: Option<ConnId>) {
        let now = clock::timestamp();
        let mut rows = Vec::new();
        for user in self.pupils() {
            let row = self.pupil_activity(user, now);
            if whom.is_some() || self.monitor.last_sent.get(&user) != Some(&row) {
                rows.push(row_fields(user, &row));
            }
            if whom.is_none() {
                self.monitor.last_sent.insert(user, row);
            }
        }
        if rows.is_empty() && whom.is_none() {
            return;
        }
        let seconds = self.monitor.stuck_after.as_secs();
        let frame =
            Object::from([("t", Value::from("attention")), ("u", Value::Array(rows)), ("stuck_after", seconds.into())]);
        self.send_to_watchers(&frame, whom);
    }
}

/// `[user, state, board, page, last_op_at (ms), ops, strokes, hand, done]`.
fn row_fields(user: UserId, row: &PupilActivity) -> Value {
    let or_null = |value: Option<Value>| value.unwrap_or(Value::Null);
    Value::Array(vec![
        user.to_string().into(),
        row.state.into(),
        or_null(row.board.map(|board| board.to_string().into())),
        or_null(row.page.clone().map(Value::from)),
        or_null(row.last.map(|at| at.as_millisecond().into())),
        row.ops.into(),
        row.strokes.into(),
        row.hand.into(),
        row.done.into(),
    ])
}
