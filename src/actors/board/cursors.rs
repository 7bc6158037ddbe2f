//! Presence on its way to others: cursors, views and selections, sent at once in a quiet room and in ticks under load
//! (SPEC C). Handlers of the board actor. Never touches the ordered lane, the database or the history.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::actor::{BoardActor, Phase};
use super::members::{BoardMember, shows_location};
use super::state::AwakeBoard;
use super::user_budgets::CursorVerdict;
use crate::actors::clock;
use crate::actors::ephemeral::{EncodeOnce, Flush, FlushSchedule};
use crate::actors::messages::{PresenceUpdate, UpdatePresence};
use crate::actors::metrics::metrics;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::rate::Scope;
use m4sh_protocol::board_command::StrokeProgress;
use m4sh_protocol::client::{Cursor, View};
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::payload::Payload;
use m4sh_protocol::roster::Selection;
use m4sh_protocol::server::ServerFrame;
use m4sh_protocol::tick::encode_tick;

/// The lists of a board's [`EphemeralState`].
const CURSORS: usize = 0;
const VIEWS: usize = 1;
const SELECTIONS: usize = 2;

impl AwakeBoard {
    pub(super) fn update_presence(&mut self, show: UpdatePresence, ctx: &mut Context<BoardActor>) {
        let UpdatePresence { conn, what } = show;
        // A guest only watches: what they send is dropped here.
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
        self.tick.mark(CURSORS, user);
        self.schedule_tick(conn, ctx);
    }

    fn set_view(&mut self, conn: ConnId, user: UserId, view: View, ctx: &mut Context<BoardActor>) {
        let Some(member) = self.people.get_mut(&user) else { return };
        note_page(&mut member.page, view.page.as_deref());
        member.view = Some(view);
        self.tick.mark(VIEWS, user);
        self.schedule_tick(conn, ctx);
    }

    fn set_selection(&mut self, conn: ConnId, user: UserId, selection: Selection, ctx: &mut Context<BoardActor>) {
        let Some(member) = self.people.get_mut(&user) else { return };
        note_page(&mut member.page, selection.page.as_deref());
        member.selection = Some(selection);
        self.tick.mark(SELECTIONS, user);
        self.schedule_tick(conn, ctx);
    }

    /// Sends a change at once after a pause, else with the next tick.
    pub(super) fn schedule_tick(&mut self, conn: ConnId, ctx: &mut Context<BoardActor>) {
        let now = clock::now();
        let period = || self.node.fixed_tick.unwrap_or_else(|| self.shard.tick_rate.interval());
        match self.tick.schedule(conn, now, period) {
            FlushSchedule::Now => self.send_tick(now),
            FlushSchedule::Armed => {}
            FlushSchedule::After(wait) => {
                ctx.run_later(wait, |act, _| {
                    if let Phase::Awake(awake) = &mut act.phase {
                        awake.send_tick(clock::now());
                    }
                });
            }
        }
    }

    fn send_tick(&mut self, now: Duration) {
        let Flush { changed: [moved, looked, selected], source } = self.tick.flush(now);
        let drawn = self.strokes.authors();
        let others = self.seats.len().saturating_sub(1);
        let deliveries = (moved.len() + drawn.len()) * others;
        self.shard.tick_rate.record(deliveries as u64, now);
        metrics().deliveries.increment(deliveries as u64);
        self.charge_deliveries(&moved, others, now);
        self.charge_deliveries(&looked, others, now);
        self.charge_deliveries(&drawn, others, now);
        let (people, strokes) = (&self.people, &self.strokes);
        // Once for those who see everybody, and once for those from whom pupils are hidden.
        let isolated = self.access.is_isolated();
        let mut news = [false, true].map(|apart| {
            let find = |users: &[UserId]| -> Vec<&BoardMember> {
                // Nobody is hidden where no work is.
                let users = if apart && !isolated { &[] } else { users };
                users
                    .iter()
                    .filter_map(|user| people.get(user))
                    .filter(|member| shows_location(member, apart))
                    .collect()
            };
            encoder([find(&moved), find(&looked), find(&selected)], strokes.changes(apart))
        });
        let mut all = [None, None];
        for (conn, seat) in &self.seats {
            // One shared frame for everybody; its own cursor is the client's to ignore. Only a lone mover is spared.
            if source == Some(*conn) {
                continue;
            }
            let apart = self.hides_pupils(seat);
            let (Some(news), all) = (&mut news[usize::from(apart)], &mut all[usize::from(apart)]) else { continue };
            seat.outbox.offer(&news.get(seat.dialect), || {
                let everybody = || {
                    let people = people.values().filter(|member| shows_location(member, apart));
                    let people: Vec<&BoardMember> = people.collect();
                    encoder([people.clone(), people.clone(), people], strokes.snapshot(apart))
                };
                let all = all.get_or_insert_with(everybody);
                all.as_mut().map_or_else(|| Arc::from([]), |all| all.get(seat.dialect))
            });
        }
        drop((news, all));
        self.strokes.mark_sent();
    }
}

/// Encodes some people's cursors, views and selections, and strokes under way; `None` when there is nothing to send.
fn encoder<'a>(
    [moved, looked, selected]: [Vec<&'a BoardMember>; 3],
    drawing: Vec<StrokeProgress<'a>>,
) -> Option<EncodeOnce<impl FnMut(Dialect) -> Arc<[Payload]> + 'a>> {
    let cursors: Vec<_> =
        moved.into_iter().filter_map(|member| Some((&member.person, member.cursor.as_ref()?))).collect();
    let views: Vec<_> = looked.into_iter().filter_map(|member| Some((&member.person, member.view.as_ref()?))).collect();
    let selection = |member: &'a BoardMember| Some((&member.person, member.selection.as_ref()?));
    let selections: Vec<_> = selected.into_iter().filter_map(selection).collect();
    let nothing = cursors.is_empty() && views.is_empty() && selections.is_empty() && drawing.is_empty();
    let encode = move |dialect| encode_tick(&cursors, &views, &selections, &drawing, dialect);
    (!nothing).then(|| EncodeOnce::new(encode))
}

/// Keeps the page that somebody was last on; a pointer moves often, and its page seldom changes.
fn note_page(known: &mut Option<Box<str>>, page: Option<&str>) {
    if let Some(page) = page
        && known.as_deref() != Some(page)
    {
        *known = Some(page.into());
    }
}
