//! The cursor lane: latest positions, sent at once in a quiet room and in ticks under load (SPEC C).
//! Used by the board actor's turns. Never touches the ordered lane, the database or the history.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::budgets::CursorVerdict;
use super::presence::shows_location;
use super::seats::BoardMember;
use super::{AwakeBoard, BoardActor, Phase};
use crate::actors::clock;
use crate::actors::messages::{PresenceUpdate, UpdatePresence};
use crate::actors::metrics::metrics;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::rate::Scope;
use m4sh_protocol::board_command::StrokeProgress;
use m4sh_protocol::client::{Cursor, View};
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::payload::Payload;
use m4sh_protocol::roster::Selection;
use m4sh_protocol::server::{ConnectedUser, ServerFrame};
use m4sh_protocol::tick::encode_tick;

/// What moved since the last tick.
#[derive(Default)]
pub(super) struct Tick {
    moved: Vec<UserId>,
    looked: Vec<UserId>,
    selected: Vec<UserId>,
    /// The only connection that anything came from: it need not hear itself.
    source: Source,
    armed: bool,
    last: Option<Duration>,
}

/// Where a tick's news came from.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Source {
    #[default]
    Nobody,
    One(ConnId),
    Several,
}

impl Source {
    fn and(self, conn: ConnId) -> Self {
        match self {
            Self::Nobody => Self::One(conn),
            Self::One(one) if one == conn => self,
            Self::One(_) | Self::Several => Self::Several,
        }
    }
}

impl AwakeBoard {
    pub(super) fn update_presence(&mut self, show: UpdatePresence, ctx: &mut Context<BoardActor>) {
        let UpdatePresence { conn, what } = show;
        // A guest only watches: nobody sees their pen, and what they send costs no more than this look.
        let Some(user) = self.seats.get(&conn).filter(|seat| !seat.is_guest).map(|seat| seat.user) else { return };
        match what {
            PresenceUpdate::Cursor(cursor) => match self.allow_cursor(user) {
                CursorVerdict::Take => self.set_cursor(conn, user, cursor, ctx),
                CursorVerdict::Drop(None) => {}
                CursorVerdict::Drop(Some((scope, wait))) => self.send_budget(conn, scope, wait),
                CursorVerdict::Flood => self.close_flood(conn, user),
            },
            PresenceUpdate::View(view) => {
                if self.allow_presence(user) {
                    self.set_view(conn, user, view, ctx);
                }
            }
            PresenceUpdate::Status(status) => {
                if self.allow_presence(user)
                    && let Some(seat) = self.seats.get_mut(&conn)
                {
                    seat.status.declared = status;
                    self.charge_deliveries(&[user], self.seats.len(), clock::now());
                    self.refresh_status(Some(conn), user);
                }
            }
            PresenceUpdate::Select(selection) => {
                if self.allow_presence(user) {
                    self.set_selection(conn, user, selection, ctx);
                }
            }
            PresenceUpdate::Idle(idle) => {
                if let Some(seat) = self.seats.get_mut(&conn) {
                    seat.status.idle = idle;
                    self.refresh_status(None, user);
                }
            }
            PresenceUpdate::Quality(quality) => {
                if let Some(seat) = self.seats.get_mut(&conn) {
                    seat.status.quality = Some(quality);
                    self.refresh_status(None, user);
                }
            }
            PresenceUpdate::Color(color) => {
                if self.allow_presence(user)
                    && let Some(member) = self.people.get_mut(&user)
                {
                    member.person.color = color;
                    let person = member.person.clone();
                    self.charge_deliveries(&[user], self.seats.len(), clock::now());
                    self.broadcast(Some(conn), &ServerFrame::Joined(&person));
                }
            }
        }
    }

    fn send_budget(&mut self, conn: ConnId, scope: Scope, wait: Duration) {
        let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        self.send_to(conn, &ServerFrame::Budget { class: scope.name(), left: 0, retry_after_ms, used: 1.0 });
    }

    fn set_cursor(&mut self, conn: ConnId, user: UserId, cursor: Cursor, ctx: &mut Context<BoardActor>) {
        metrics().cursors.increment(1);
        let Some(member) = self.people.get_mut(&user) else { return };
        note_page(&mut member.page, cursor.page.as_deref());
        member.cursor = Some(cursor);
        if !self.tick.moved.contains(&user) {
            self.tick.moved.push(user);
        }
        self.arm(conn, ctx);
    }

    fn set_view(&mut self, conn: ConnId, user: UserId, view: View, ctx: &mut Context<BoardActor>) {
        let Some(member) = self.people.get_mut(&user) else { return };
        note_page(&mut member.page, view.page.as_deref());
        member.view = Some(view);
        if !self.tick.looked.contains(&user) {
            self.tick.looked.push(user);
        }
        self.arm(conn, ctx);
    }

    fn set_selection(&mut self, conn: ConnId, user: UserId, selection: Selection, ctx: &mut Context<BoardActor>) {
        let Some(member) = self.people.get_mut(&user) else { return };
        note_page(&mut member.page, selection.page.as_deref());
        member.selection = Some(selection);
        if !self.tick.selected.contains(&user) {
            self.tick.selected.push(user);
        }
        self.arm(conn, ctx);
    }

    /// The first move after a pause goes out at once; what follows within a tick waits for its end.
    pub(super) fn arm(&mut self, conn: ConnId, ctx: &mut Context<BoardActor>) {
        self.tick.source = self.tick.source.and(conn);
        if self.tick.armed {
            return;
        }
        let now = clock::now();
        let period = self.directory.fixed_tick().unwrap_or_else(|| self.shard.tick_rate.interval());
        let due = self.tick.last.map_or(now, |last| last + period);
        if due <= now {
            self.send_tick(now);
            return;
        }
        self.tick.armed = true;
        ctx.run_later(due - now, |act, _| {
            if let Phase::Awake(awake) = &mut act.phase {
                awake.tick.armed = false;
                awake.send_tick(clock::now());
            }
        });
    }

    fn send_tick(&mut self, now: Duration) {
        self.tick.last = Some(now);
        let moved = std::mem::take(&mut self.tick.moved);
        let looked = std::mem::take(&mut self.tick.looked);
        let drawn = self.strokes.authors();
        let others = self.seats.len().saturating_sub(1);
        let deliveries = (moved.len() + drawn.len()) * others;
        self.shard.tick_rate.record(deliveries as u64, now);
        metrics().deliveries.increment(deliveries as u64);
        self.charge_deliveries(&moved, others, now);
        self.charge_deliveries(&looked, others, now);
        self.charge_deliveries(&drawn, others, now);
        let source = std::mem::take(&mut self.tick.source);
        let selected = std::mem::take(&mut self.tick.selected);
        let (people, strokes) = (&self.people, &self.strokes);
        let shown = |apart: bool| move |member: &&BoardMember| shows_location(member, apart);
        // Once for those who are told of everybody, and once for those who are kept apart from pupils.
        let isolated = self.access.is_isolated();
        let mut news = [false, true].map(|apart| {
            let find = |users: &[UserId]| -> Vec<&BoardMember> {
                // Nobody is kept apart where nothing is hidden.
                let users = if apart && !isolated { &[] } else { users };
                users.iter().filter_map(|user| people.get(user)).filter(shown(apart)).collect()
            };
            Encodings::new(&find(&moved), &find(&looked), &find(&selected), strokes.changes(apart))
        });
        let mut all = [None, None];
        for (conn, seat) in &self.seats {
            // One shared frame for everybody; its own cursor is the client's to ignore. Only a lone mover is spared.
            if source == Source::One(*conn) {
                continue;
            }
            let apart = self.hides_pupils(seat);
            let (news, all) = (&mut news[usize::from(apart)], &mut all[usize::from(apart)]);
            if news.is_empty() {
                continue;
            }
            seat.outbox.offer(&news.get(seat.dialect), || {
                let everybody = || {
                    let people: Vec<&BoardMember> = people.values().filter(shown(apart)).collect();
                    Encodings::new(&people, &people, &people, strokes.snapshot(apart))
                };
                all.get_or_insert_with(everybody).get(seat.dialect)
            });
        }
        drop((news, all));
        self.strokes.mark_sent();
    }
}

/// Keeps the page that somebody was last on; a pointer moves often, and its page seldom changes.
fn note_page(known: &mut Option<Box<str>>, page: Option<&str>) {
    if let Some(page) = page
        && known.as_deref() != Some(page)
    {
        *known = Some(page.into());
    }
}

/// Some people's positions, encoded for each dialect at most once.
struct Encodings<'a> {
    cursors: Vec<(&'a ConnectedUser, &'a Cursor)>,
    views: Vec<(&'a ConnectedUser, &'a View)>,
    drawing: Vec<StrokeProgress<'a>>,
    selections: Vec<(&'a ConnectedUser, &'a Selection)>,
    encoded: [Option<Arc<[Payload]>>; 3],
}

impl<'a> Encodings<'a> {
    fn new(
        moved: &[&'a BoardMember],
        looked: &[&'a BoardMember],
        selected: &[&'a BoardMember],
        drawing: Vec<StrokeProgress<'a>>,
    ) -> Self {
        let selection = |member: &&'a BoardMember| Some((&member.person, member.selection.as_ref()?));
        Self {
            cursors: moved.iter().filter_map(|member| Some((&member.person, member.cursor.as_ref()?))).collect(),
            views: looked.iter().filter_map(|member| Some((&member.person, member.view.as_ref()?))).collect(),
            selections: selected.iter().filter_map(selection).collect(),
            drawing,
            encoded: [None, None, None],
        }
    }

    fn is_empty(&self) -> bool {
        self.cursors.is_empty() && self.views.is_empty() && self.selections.is_empty() && self.drawing.is_empty()
    }

    fn get(&mut self, dialect: Dialect) -> Arc<[Payload]> {
        let Self { cursors, views, selections, drawing, encoded } = self;
        encoded[dialect as usize]
            .get_or_insert_with(|| encode_tick(cursors, views, selections, drawing, dialect))
            .clone()
    }
}
