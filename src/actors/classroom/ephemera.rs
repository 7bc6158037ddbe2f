//! What is ephemeral in a class: where lasers point and what the leader looks at, in ticks, past the ordered lane.
//! Handlers of the classroom actor. Never stored: after a restart the next move shows it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;

use super::ClassroomActor;
use crate::actors::clock;
use crate::actors::ephemeral::{EncodeOnce, EphemeralState, Schedule};
use m4sh_domain::classroom::Laser;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits;
use m4sh_protocol::client::View;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::payload::Payload;
use m4sh_protocol::server::ServerFrame;

/// The newest lasers and the leader's newest view, and what of them is still to be sent.
#[derive(Default)]
pub(super) struct ClassEphemera {
    /// Lasers that went out stay, so that a reader who missed it still learns it; only those who lead have one.
    lasers: BTreeMap<UserId, Laser>,
    moved_lasers: EphemeralState<UserId, 1>,
    view: Option<(UserId, View)>,
    moved_view: EphemeralState<UserId, 1>,
}

impl ClassEphemera {
    /// Forgets the view of a former leader.
    pub(super) fn follow(&mut self, leader: Option<UserId>) {
        if self.view.as_ref().map(|(user, _)| *user) != leader {
            self.view = None;
            self.moved_view.clear();
        }
    }

    /// The laser of somebody, when it is on, as it is to be sent when it goes out.
    pub(super) fn laser_off(&self, user: UserId) -> Option<Laser> {
        let laser = self.lasers.get(&user).filter(|laser| laser.on)?;
        Some(Laser { on: false, ..laser.clone() })
    }

    /// For a newcomer.
    pub(super) fn snapshot(&self, to: &mut Object) {
        if let Some((user, view)) = &self.view {
            to.insert("view", view_fields(*user, view));
        }
        let on = self.lasers.iter().filter(|(_, laser)| laser.on);
        to.insert("lasers", on.map(|(user, laser)| laser_fields(*user, laser).into()).collect::<Vec<Value>>());
    }

    fn frames(&self) -> Vec<Object> {
        let lasers = self.lasers.iter().map(|(user, laser)| laser_frame(*user, laser));
        lasers.chain(self.view.iter().map(|(user, view)| view_frame(*user, view))).collect()
    }
}

impl ClassroomActor {
    pub(super) fn set_laser(&mut self, conn: ConnId, user: UserId, laser: Laser, ctx: &mut Context<Self>) {
        self.ephemera.lasers.insert(user, laser);
        self.ephemera.moved_lasers.mark(0, user);
        match self.ephemera.moved_lasers.schedule(conn, clock::now(), || limits::LASER_TICK) {
            Schedule::Now => self.flush_lasers(),
            Schedule::Armed => {}
            Schedule::After(wait) => drop(ctx.run_later(wait, |act, _| act.flush_lasers())),
        }
    }

    pub(super) fn set_view(&mut self, conn: ConnId, user: UserId, view: View, ctx: &mut Context<Self>) {
        self.ephemera.view = Some((user, view));
        self.ephemera.moved_view.mark(0, user);
        match self.ephemera.moved_view.schedule(conn, clock::now(), || limits::LEAD_VIEW_TICK) {
            Schedule::Now => self.flush_view(),
            Schedule::Armed => {}
            Schedule::After(wait) => drop(ctx.run_later(wait, |act, _| act.flush_view())),
        }
    }

    fn flush_lasers(&mut self) {
        let flush = self.ephemera.moved_lasers.flush(clock::now());
        let lasers = &self.ephemera.lasers;
        let moved = flush.changed[0].iter().filter_map(|user| Some(laser_frame(*user, lasers.get(user)?)));
        self.offer(flush.source, &moved.collect::<Vec<_>>());
    }

    fn flush_view(&mut self) {
        let flush = self.ephemera.moved_view.flush(clock::now());
        let view = self.ephemera.view.iter().filter(|(user, _)| flush.changed[0].contains(user));
        self.offer(flush.source, &view.map(|(user, view)| view_frame(*user, view)).collect::<Vec<_>>());
    }

    fn offer(&self, source: Option<ConnId>, moved: &[Object]) {
        let all = self.ephemera.frames();
        let (mut moved, mut all) = (encoder(moved), encoder(&all));
        self.sockets.offer(source, |dialect| moved.get(dialect), |dialect| all.get(dialect));
    }

    /// Shows a newcomer what moved since the welcome was put together.
    pub(super) fn show_ephemera(&mut self, conn: ConnId) {
        let all = self.ephemera.frames();
        if let Some(socket) = self.sockets.get(conn).filter(|_| !all.is_empty()) {
            let all = encoder(&all).get(socket.dialect);
            socket.outbox.offer_class(&all, || all.clone());
        }
    }
}

fn encoder(frames: &[Object]) -> EncodeOnce<impl FnMut(Dialect) -> Arc<[Payload]>> {
    EncodeOnce::new(|dialect| frames.iter().filter_map(|frame| ServerFrame::Prepared(frame).encode(dialect)).collect())
}

fn place(user: UserId, page: Option<&str>, x: f64, y: f64) -> Object {
    let mut fields = Object::default();
    fields.insert("user", user.to_string());
    fields.insert("x", x);
    fields.insert("y", y);
    if let Some(page) = page {
        fields.insert("page", page);
    }
    fields
}

fn laser_fields(user: UserId, laser: &Laser) -> Object {
    let mut fields = place(user, laser.page.as_deref(), laser.x, laser.y);
    fields.insert("on", laser.on);
    fields
}

fn view_fields(user: UserId, view: &View) -> Object {
    let mut fields = place(user, view.page.as_deref(), view.x, view.y);
    fields.insert("zoom", view.zoom);
    fields
}

fn laser_frame(user: UserId, laser: &Laser) -> Object {
    let mut frame = laser_fields(user, laser);
    frame.insert("t", "laser");
    frame
}

fn view_frame(user: UserId, view: &View) -> Object {
    let mut frame = view_fields(user, view);
    frame.insert("t", "lead_view");
    frame
}
