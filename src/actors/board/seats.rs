//! Seats: joining, leaving, and sending to those at the board. Handlers of the board actor.
//! Never waits for a reader: one that is too slow lags, or loses its seat and may resume.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::actor::{BoardActor, Phase};
use super::frame_kind::tail_bytes;
use super::members::{BoardMember, BoardSeat, ConnectionStatus};
use super::state::AwakeBoard;
use crate::actors::clock;
use crate::actors::messages::{AccessPath, Attach, JoinError};
use crate::actors::metrics::{count_lagging, metrics};
use m4sh_domain::access::{AccessCause, EffectiveRights, Visibility};
use m4sh_domain::ids::{ClassroomId, ConnId, LessonId, Rev, UserId};
use m4sh_domain::json::Object;
use m4sh_domain::limits;
use m4sh_protocol::client::ActivityStatus;
use m4sh_protocol::close::{Close, ReconnectAdvice};
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::server::{ConnectedUser, EncodedFrame, ServerFrame, SyncContent, Welcome};

impl AwakeBoard {
    pub(super) fn attach(&mut self, attach: Attach, ctx: &mut Context<BoardActor>) -> Result<(), JoinError> {
        let Attach { conn, user, name, client, dialect, outbox, resume, access_path: door, class, address } = attach;
        if self.draining {
            return Err(JoinError::Close(Close::Moved));
        }
        let rights = match door {
            AccessPath::Link => Some(EffectiveRights::GUEST),
            AccessPath::Board | AccessPath::Class => self.access.standing(user),
        };
        let Some(standing) = rights else {
            // A class may be known to exist; somebody's own board may not (SPEC P2).
            let close = if self.access.class().is_some() { Close::Forbidden } else { Close::NotFound };
            return Err(JoinError::Close(close));
        };
        if door == AccessPath::Class && !self.access.is_live() {
            // The lesson ended after the class let them in.
            return Err(JoinError::Close(Close::SessionEnded));
        }
        if self.seats.len() >= limits::BOARD_SEATS {
            return Err(JoinError::Close(Close::RateLimited));
        }
        let older =
            self.seats.iter().find(|(_, seat)| seat.client == client && seat.user == user).map(|(conn, _)| *conn);
        let is_guest = door == AccessPath::Link;
        let is_new = !self.people.contains_key(&user);
        let member = self.people.entry(user).or_insert_with(|| {
            let (role, color) = (standing.role, color_of(user));
            BoardMember::new(
                ConnectedUser { user, name, role, color, status: ActivityStatus::Active, quality: None },
                is_guest,
            )
        });
        member.seats += 1;
        member.leaves_at = None;
        if let Some(older) = older {
            if let Some(seat) = self.seats.get(&older) {
                seat.close(Close::Replaced);
            }
            self.remove_seat(older, false);
        }
        let eyes = standing.visibility(user);
        let seat =
            BoardSeat { user, client, dialect, outbox, is_guest, standing, eyes, status: ConnectionStatus::new() };
        // The outbox is new, so the one frame fits whatever its size.
        let since = self.note_visibility(user, eyes);
        let resume = resume.filter(|at| at.epoch == self.epoch && since.is_some_and(|since| at.rev >= since));
        let content = self.content(resume.map(|at| at.rev), usize::MAX, dialect, eyes);
        let class = class.or_else(|| Some(Arc::new(class_ids(self.access.class().filter(|_| !is_guest)?))));
        let apart = self.hides_pupils(&seat);
        let welcome = self.welcome(conn, (user, is_guest, apart), standing, class, eyes, content);
        seat.send(&EncodedFrame::new(&welcome));
        drop(welcome);
        if dialect.is_full() {
            seat.outbox.track_ops(self.board.rev());
        }
        self.set_address_pool(user, address);
        if !self.shard.health.is_writable() {
            self.durability.stall_reported = true;
            seat.send(&EncodedFrame::new(&ServerFrame::Journal { flowing: false }));
        }
        metrics().seats.increment(1);
        self.seats.insert(conn, seat);
        self.schedule_rights_expiry(ctx);
        if is_new {
            let person = self.people[&user].person.clone();
            self.broadcast(Some(conn), &ServerFrame::Joined(&person));
        } else {
            self.refresh_status(None, user);
        }
        Ok(())
    }

    fn welcome(
        &self,
        conn: ConnId,
        (user, is_guest, apart): (UserId, bool, bool),
        standing: EffectiveRights,
        class: Option<Arc<Object>>,
        eyes: Visibility,
        content: SyncContent,
    ) -> ServerFrame<'_> {
        let roster = self.roster_for(user, is_guest, apart);
        ServerFrame::Welcome(Box::new(Welcome {
            me: &self.people[&user].person,
            conn,
            standing,
            epoch: self.epoch,
            rev: self.board.rev(),
            saved: self.durability.durable,
            roster,
            budgets: &self.node.budgets,
            class,
            drawing: self.drawing_for(eyes),
            content,
        }))
    }

    /// What a reader gets who knows the board up to `from`: what it missed, if history has it and it is at most `most`
    /// bytes, or the whole document. The presence dialect has neither.
    pub(super) fn content(
        &mut self,
        from: Option<Rev>,
        most: usize,
        dialect: Dialect,
        eyes: Visibility,
    ) -> SyncContent {
        if !dialect.is_full() {
            return SyncContent::Tail(Vec::new());
        }
        let tail = from.and_then(|rev| self.board.since(rev)).filter(|tail| tail_bytes(tail) <= most);
        match tail {
            Some(tail) => SyncContent::Tail(tail.iter().map(|entry| entry.visible_to(eyes)).collect()),
            None => SyncContent::State(self.shared_state(eyes)),
        }
    }

    pub(super) fn detach(&mut self, conn: ConnId, for_good: bool) {
        self.remove_seat(conn, for_good);
    }

    /// Takes a seat away. Its person leaves with the last one: at once, or after a moment in which they may come back.
    fn remove_seat(&mut self, conn: ConnId, for_good: bool) {
        let Some(user) = self.detach_seat(conn) else { return };
        if self.people.get(&user).is_some_and(|member| member.seats > 0) {
            self.refresh_status(None, user);
        } else if for_good {
            self.remove_member(user);
        } else {
            self.start_leave_grace(user);
        }
    }

    /// Takes the seats of readers away that are too slow; they may come back.
    pub(super) fn remove_seats(&mut self, conns: Vec<ConnId>) {
        for conn in conns {
            self.remove_seat(conn, false);
        }
    }

    /// Takes a seat away; returns whose it was.
    fn detach_seat(&mut self, conn: ConnId) -> Option<UserId> {
        let seat = self.seats.remove(&conn)?;
        metrics().seats.decrement(1);
        if seat.outbox.is_severed() {
            metrics().slow_readers.increment(1);
            count_lagging("closed");
            tracing::info!(board = %self.id, %conn, user = %seat.user, "reader is too slow, closing its socket, it may resume");
        }
        self.people.get_mut(&seat.user)?.seats -= 1;
        Some(seat.user)
    }

    /// Says a frame to every seat but one; returns those that could not take it. Who comes, goes and how they are is not
    /// told to guests: a link shows a board, not a class.
    fn deliver(&self, except: Option<ConnId>, frame: &ServerFrame<'_>) -> Vec<ConnId> {
        let personal = matches!(frame, ServerFrame::Joined(_) | ServerFrame::Left(_) | ServerFrame::Status(_));
        let frame = EncodedFrame::new(frame);
        let seats = self.seats.iter().filter(|(conn, seat)| Some(**conn) != except && !(personal && seat.is_guest));
        seats.filter(|(_, seat)| !seat.send(&frame)).map(|(conn, _)| *conn).collect()
    }

    /// Says a frame to every seat but one. Readers that are too slow lose their seats.
    pub(super) fn broadcast(&mut self, except: Option<ConnId>, frame: &ServerFrame<'_>) {
        let slow = self.deliver(except, frame);
        self.remove_seats(slow);
    }

    /// Says a frame to one seat.
    pub(super) fn send_to(&mut self, conn: ConnId, frame: &ServerFrame<'_>) {
        if self.seats.get(&conn).is_some_and(|seat| !seat.send(&EncodedFrame::new(frame))) {
            self.remove_seat(conn, false);
        }
    }

    pub(super) fn close_seats(&mut self, close: Close) {
        for (_, seat) in self.seats.drain() {
            metrics().seats.decrement(1);
            seat.close(close);
        }
        self.people.clear();
    }

    pub(super) fn close_seat(&mut self, conn: ConnId, close: Close) {
        self.close_seat_for(conn, close, None);
    }

    /// Closes a seat; `wait` is how long its client is asked to stay away.
    pub(super) fn close_seat_for(&mut self, conn: ConnId, close: Close, wait: Option<Duration>) {
        if let Some(seat) = self.seats.get(&conn) {
            match wait {
                Some(wait) => seat.close_with_wait(close, wait),
                None => seat.close(close),
            }
            self.remove_seat(conn, !matches!(close.advice(), ReconnectAdvice::RetryAfter(_)));
        }
    }

    /// Applies new rights to those who are here.
    pub(super) fn apply_rights(&mut self, cause: AccessCause, ctx: &mut Context<BoardActor>) {
        self.seal_forbidden(ctx);
        // A guest's rights follow from the link alone.
        let members = self.seats.iter().filter(|(_, seat)| !seat.is_guest);
        let seats: Vec<(ConnId, UserId)> = members.map(|(conn, seat)| (*conn, seat.user)).collect();
        for (conn, user) in seats {
            let Some(standing) = self.access.standing(user) else {
                self.close_seat(conn, Close::Forbidden);
                continue;
            };
            if let Some(member) = self.people.get_mut(&user)
                && std::mem::replace(&mut member.person.role, standing.role) != standing.role
            {
                let person = member.person.clone();
                self.broadcast(None, &ServerFrame::Joined(&person));
            }
            let Some(seat) = self.seats.get_mut(&conn) else { continue };
            if std::mem::replace(&mut seat.standing, standing) != standing {
                self.send_to(conn, &ServerFrame::Can { standing, why: cause.name() });
            }
            let eyes = standing.visibility(user);
            if self.seats.get(&conn).is_some_and(|seat| seat.eyes != eyes) {
                // What it was shown is not what it is to be shown now: it comes back, and gets the state anew.
                self.note_visibility(user, eyes);
                self.close_seat(conn, Close::Moved);
            }
        }
        self.remove_strangers();
        self.schedule_rights_expiry(ctx);
    }

    /// Looks at everybody's rights again when the next rule that counts here ends.
    fn schedule_rights_expiry(&mut self, ctx: &mut Context<BoardActor>) {
        let users = self.seats.values().filter(|seat| !seat.is_guest).map(|seat| seat.user);
        let next = users.filter_map(|user| self.access.standing(user)?.until).min();
        if next == self.rights_expiry.as_ref().map(|(end, _)| *end) {
            return;
        }
        if let Some((_, timer)) = self.rights_expiry.take() {
            ctx.cancel_future(timer);
        }
        let Some(end) = next else { return };
        let wait = Duration::try_from(end.duration_since(clock::timestamp())).unwrap_or_default();
        // A moment later than the end itself, so that the rule is over by then.
        let timer = ctx.run_later(wait + Duration::from_millis(2), |act, ctx| {
            if let Phase::Awake(awake) = &mut act.phase {
                awake.rights_expiry = None;
                awake.apply_rights(AccessCause::TimeOver, ctx);
            }
        });
        self.rights_expiry = Some((end, timer));
    }
}

/// The class of a board, for those who did not join the class.
fn class_ids((classroom, session): (ClassroomId, LessonId)) -> Object {
    let ids = [("classroom", classroom.to_string()), ("session", session.to_string())];
    ids.into_iter().map(|(key, id)| (key.to_owned(), id.into())).collect()
}

/// Twelve colours that differ on white; the same person has the same one everywhere.
fn color_of(user: UserId) -> Arc<str> {
    const COLORS: [&str; 12] = [
        "#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#800000", "#808000", "#000075",
        "#c71585", "#2f4f4f",
    ];
    // Version 7 ids share their first bytes when made together; the last ones are random.
    COLORS[usize::from(user.0.as_bytes()[15]) % COLORS.len()].into()
}
