//! What is shown and not kept: lasers, and the view of whoever is followed, in ticks, past the ordered lane. Handlers of the
//! classroom actor.

use std::sync::Arc;

use actix::prelude::*;

use super::actor::ClassroomActor;
use super::ephemera::{laser_frame, view_frame};
use super::messages::ViewChanged;
use crate::actors::clock;
use crate::actors::ephemeral::{EncodeOnce, FlushSchedule};
use m4sh_domain::classroom::Laser;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::json::Object;
use m4sh_domain::limits;
use m4sh_domain::rate::Scope;
use m4sh_protocol::client::View;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::payload::Payload;
use m4sh_protocol::server::ServerFrame;

impl ClassroomActor {
    pub(super) fn point_laser(
        &mut self,
        conn: ConnId,
        user: UserId,
        laser: Laser,
        cost: Option<Scope>,
        ctx: &mut Context<Self>,
    ) {
        // Where it points may be lost; that it went out may not.
        if laser.on && self.charge(user, cost).is_err() {
            return;
        }
        self.set_laser(conn, user, laser, ctx);
    }

    /// Tells the sockets of the leader that their view is wanted, and forgets the view of a former one.
    pub(super) fn update_followed(&mut self) {
        let leader = self.events.state.leader();
        self.ephemera.follow(leader);
        self.sockets.mark_followed(leader);
    }
}

impl Handler<ViewChanged> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, looked: ViewChanged, ctx: &mut Context<Self>) {
        let Some(user) = self.sockets.get(looked.conn).map(|seat| seat.user) else { return };
        if self.events.state.leader() == Some(user) {
            self.set_view(looked.conn, user, looked.view, ctx);
        }
    }
}

impl ClassroomActor {
    pub(super) fn set_laser(&mut self, conn: ConnId, user: UserId, laser: Laser, ctx: &mut Context<Self>) {
        self.ephemera.lasers.insert(user, laser);
        self.ephemera.moved_lasers.mark(0, user);
        match self.ephemera.moved_lasers.schedule(conn, clock::now(), || limits::LASER_TICK) {
            FlushSchedule::Now => self.flush_lasers(),
            FlushSchedule::Armed => {}
            FlushSchedule::After(wait) => drop(ctx.run_later(wait, |act, _| act.flush_lasers())),
        }
    }

    pub(super) fn set_view(&mut self, conn: ConnId, user: UserId, view: View, ctx: &mut Context<Self>) {
        self.ephemera.view = Some((user, view));
        self.ephemera.moved_view.mark(0, user);
        match self.ephemera.moved_view.schedule(conn, clock::now(), || limits::LEAD_VIEW_TICK) {
            FlushSchedule::Now => self.flush_view(),
            FlushSchedule::Armed => {}
            FlushSchedule::After(wait) => drop(ctx.run_later(wait, |act, _| act.flush_view())),
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
