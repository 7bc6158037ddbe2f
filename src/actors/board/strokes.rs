//! Strokes while the pen is down: they grow on others' screens with the tick, and become one batch when it is lifted
//! (SPEC Z7, Z8). Handlers of the board actor. Never journals a point by itself, and never loses one that it took.

use std::time::Duration;

use actix::prelude::*;

use super::actor::{BoardActor, Phase};
use super::live_strokes::LiveStroke;
use super::saves::{FORBIDDEN, rate_limited};
use super::state::AwakeBoard;
use crate::actors::clock;
use m4sh_domain::access::{Permission, Permissions, Visibility};
use m4sh_domain::board::{BatchKey, BatchOutcome, ItemKind, Op};
use m4sh_domain::ids::{ClientId, ConnId, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits;
use m4sh_domain::refusal::{Refusal, RefusalCode};
use m4sh_protocol::board_command::{Draw, StrokeEnd, StrokeProgress};
use m4sh_protocol::server::ServerFrame;
use m4sh_store::BoardLesson;

/// How often strokes without a socket are looked for.
const LOOK: Duration = Duration::from_secs(1);

impl AwakeBoard {
    /// Strokes under way, for a welcome.
    pub(super) fn drawing_for(&self, eyes: Visibility) -> Vec<Value> {
        let apart = self.access.is_isolated() && eyes != Visibility::All;
        self.strokes.snapshot(apart).iter().map(StrokeProgress::to_value).collect()
    }

    pub(super) fn draw(&mut self, conn: ConnId, draw: Draw, bytes: usize, ctx: &mut Context<BoardActor>) {
        let Some(seat) = self.seats.get(&conn) else { return };
        let (user, client, is_guest) = (seat.user, seat.client, seat.is_guest);
        let key = batch_of(user, client, &draw.id);
        if let Some(receipt) = self.board.receipt(&key).cloned() {
            return self.send_repeat(conn, &key.id, &receipt);
        }
        let known = self.strokes.find(user, client, &draw.id);
        let may = if is_guest { Err(FORBIDDEN) } else { self.check_draw(user, client, known, &draw, bytes) };
        let at = match may {
            Ok(at) => at,
            Err(refused) => {
                // What was drawn while it was allowed stays.
                if let Some(at) = known {
                    self.seal(at, ctx);
                }
                return self.refuse(conn, &key.id, &refused);
            }
        };
        let Some(live) = self.strokes.active.get_mut(at) else { return };
        (live.last_heard, live.orphaned_at) = (clock::now(), None);
        if let Some(begin) = draw.begin.filter(|_| known.is_some()) {
            // Begun anew: its socket was lost, and nobody knows how much of it arrived.
            live.head = begin.head;
            live.points.clear();
            live.sent = 0;
        }
        let room = limits::DRAW_POINTS - live.points.len();
        let over = draw.points.len() > room;
        live.points.extend(draw.points.into_iter().take(room));
        match draw.end {
            Some(StrokeEnd::Cancel) => {
                self.strokes.active.swap_remove(at);
                self.send_undrawn(user, &draw.id);
            }
            Some(StrokeEnd::Done) | None if over => {
                self.seal(at, ctx);
                let detail = "a live stroke has at most 10,000 points; the rest is the next one's";
                self.refuse(conn, &key.id, &Refusal::new(RefusalCode::TooLarge, detail));
            }
            Some(StrokeEnd::Done) => self.seal(at, ctx),
            None => {
                self.schedule_tick(conn, ctx);
                self.schedule_orphan_check(ctx);
            }
        }
    }

    /// Where the stroke is among those under way; begins it, when it is new and may be.
    fn check_draw(
        &mut self,
        user: UserId,
        client: ClientId,
        known: Option<usize>,
        draw: &Draw,
        bytes: usize,
    ) -> Result<usize, Refusal> {
        let standing = self.access.standing(user);
        let can = standing.map_or(Permissions::NONE, |standing| standing.can);
        if !can.has(Permission::Draw) {
            return Err(FORBIDDEN);
        }
        self.allow_draw(user, bytes).map_err(rate_limited)?;
        if let Some(at) = known {
            return Ok(at);
        }
        let unknown = "no such stroke is under way; begin it anew, with its head and all its points";
        let begin = draw.begin.as_ref().ok_or_else(|| Refusal::new(RefusalCode::UnknownStroke, unknown))?;
        if self.strokes.active.iter().filter(|live| live.user == user).count() >= limits::DRAW_STROKES {
            let detail = "as many strokes as may be are under way";
            return Err(Refusal::new(RefusalCode::TooManyStrokes, detail));
        }
        self.check_submit(user, bytes, &[])?;
        let page = match self.board.document().page_named(begin.page.as_deref()) {
            Ok(page) => page,
            Err(detail) => return Err(Refusal::new(RefusalCode::InvalidOps, detail).at(Some(0))),
        };
        if page.as_deref().is_some_and(|page| self.board.document().item(page, ItemKind::Stroke, &draw.id).is_some()) {
            let detail = "an item with this id is there already";
            return Err(Refusal::new(RefusalCode::InvalidOps, detail).at(Some(0)));
        }
        self.strokes.active.push(LiveStroke {
            user,
            client,
            id: draw.id.clone(),
            page,
            head: begin.head.clone(),
            points: Vec::new(),
            sent: 0,
            last_heard: clock::now(),
            orphaned_at: None,
            sees_all: standing.is_some_and(|standing| standing.role.sees_all()),
        });
        Ok(self.strokes.active.len() - 1)
    }

    /// Makes a stroke under way an item of the board, as it is by now.
    fn seal(&mut self, at: usize, ctx: &mut Context<BoardActor>) {
        let live = self.strokes.active.swap_remove(at);
        let conn = self.seats.iter().find(|(_, seat)| seat.user == live.user && seat.client == live.client);
        let conn = conn.map(|(conn, _)| *conn);
        let key = batch_of(live.user, live.client, &live.id);
        if live.points.is_empty() {
            if let Some(conn) = conn {
                let refusal = Refusal::new(RefusalCode::EmptyStroke, "a stroke has at least one point");
                self.refuse(conn, &key.id, &refusal);
            }
            return;
        }
        let mut value = live.head;
        value.insert("id", &*live.id);
        value.insert("points", live.points.iter().map(|point| point.to_item()).collect::<Vec<_>>());
        let op = Op::stroke(live.page, Value::Object(value));
        // The right to draw may be gone meanwhile; what was drawn before is sealed all the same.
        let by = self.access.authorship(live.user);
        let id = key.id.clone();
        match self.board.submit(key, vec![op], by, clock::timestamp(), false) {
            Ok(BatchOutcome::Accepted(entry)) => {
                if let Some(conn) = conn {
                    self.send_done(conn, &id, &entry);
                }
                self.charge_save(live.user, 0);
                self.record_activity(&entry);
                self.publish(conn, &entry, tracing::Span::current(), ctx);
            }
            Ok(BatchOutcome::Duplicate(_) | BatchOutcome::Unchanged) => {}
            Err(refusal) => {
                self.send_undrawn(live.user, &live.id);
                if let Some(conn) = conn {
                    self.refuse(conn, &id, &refusal.into());
                }
            }
        }
    }

    /// Seals every stroke whose author may not draw any more.
    pub(super) fn seal_forbidden(&mut self, ctx: &mut Context<BoardActor>) {
        for at in (0..self.strokes.active.len()).rev() {
            let user = self.strokes.active[at].user;
            if !self.access.can(user).is_some_and(|can| can.has(Permission::Draw)) {
                self.seal(at, ctx);
            }
        }
    }

    /// Seals, as they were begun, the strokes that a change of the class would show to others than before: switching
    /// isolation neither reveals a stroke nor takes one back.
    pub(super) fn seal_before_access_change(&mut self, next: &BoardLesson, ctx: &mut Context<BoardActor>) {
        let (now, switched) = (clock::timestamp(), self.access.is_isolated() != next.isolated);
        for at in (0..self.strokes.active.len()).rev() {
            let user = self.strokes.active[at].user;
            let eyes =
                next.rights.effective(user, now).map_or(Visibility::Public, |standing| standing.visibility(user));
            if switched || eyes != self.access.eyes(user) {
                self.seal(at, ctx);
            }
        }
    }

    /// Seals every stroke: nobody will go on with them here.
    pub(super) fn seal_all(&mut self, ctx: &mut Context<BoardActor>) {
        while !self.strokes.active.is_empty() {
            self.seal(self.strokes.active.len() - 1, ctx);
        }
    }

    /// Looks periodically for strokes whose socket is gone, as long as any stroke is live.
    fn schedule_orphan_check(&mut self, ctx: &mut Context<BoardActor>) {
        if std::mem::replace(&mut self.strokes.check_armed, true) {
            return;
        }
        ctx.run_later(LOOK, |act, ctx| {
            if let Phase::Awake(awake) = &mut act.phase {
                awake.strokes.check_armed = false;
                awake.seal_orphaned(clock::now(), ctx);
                if !awake.strokes.active.is_empty() {
                    awake.schedule_orphan_check(ctx);
                }
            }
        });
    }

    fn seal_orphaned(&mut self, now: Duration, ctx: &mut Context<BoardActor>) {
        for at in (0..self.strokes.active.len()).rev() {
            let live = &mut self.strokes.active[at];
            let is_here = self.seats.values().any(|seat| seat.user == live.user && seat.client == live.client);
            live.orphaned_at = if is_here { None } else { live.orphaned_at.or(Some(now)) };
            let gone = live.orphaned_at.is_some_and(|lost| now.saturating_sub(lost) >= limits::DRAW_GRACE);
            if gone || now.saturating_sub(live.last_heard) >= limits::DRAW_IDLE {
                self.seal(at, ctx);
            }
        }
    }

    /// A stroke that others saw will not come.
    fn send_undrawn(&mut self, user: UserId, id: &str) {
        let fields = [("t", "undrawn".into()), ("user", user.to_string().into()), ("id", Value::from(id))];
        let fields: Object = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let apart = self.access.is_isolated();
        let sees_all = self.access.standing(user).is_some_and(|standing| standing.role.sees_all());
        let readers = self.seats.iter().filter(|(_, seat)| !apart || sees_all || seat.eyes == Visibility::All);
        let readers: Vec<ConnId> = readers.map(|(conn, _)| *conn).collect();
        for conn in readers {
            self.send_to(conn, &ServerFrame::Prepared(&fields));
        }
    }
}

/// The batch that a stroke becomes.
fn batch_of(author: UserId, client: ClientId, id: &str) -> BatchKey {
    BatchKey { author, client, id: format!("draw:{id}").into() }
}
