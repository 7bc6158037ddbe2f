//! Where lasers point and what the leader looks at: the latest of each, in ticks, past the ordered lane. Turns of the
//! classroom actor. Never stored: after a restart the next move shows it again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::ClassroomActor;
use crate::actors::clock;
use m4sh_domain::classroom::Laser;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits;
use m4sh_protocol::client::View;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::payload::Payload;
use m4sh_protocol::server::ServerFrame;

/// See the module's words.
#[derive(Default)]
pub(super) struct Beam {
    /// Lasers that went out stay, so that a reader who missed it still learns it; only those who lead have one.
    lasers: BTreeMap<UserId, Laser>,
    pointed: Vec<UserId>,
    view: Option<(UserId, View)>,
    looked: bool,
    /// The only socket that anything came from: it need not hear itself.
    source: Option<ConnId>,
    several: bool,
    armed: bool,
    last: Option<Duration>,
    last_view: Option<Duration>,
}

impl Beam {
    pub(super) fn point(&mut self, user: UserId, laser: Laser) {
        self.lasers.insert(user, laser);
        if !self.pointed.contains(&user) {
            self.pointed.push(user);
        }
    }

    pub(super) fn look(&mut self, user: UserId, view: View) {
        self.view = Some((user, view));
        self.looked = true;
    }

    pub(super) fn follow(&mut self, leader: Option<UserId>) {
        if self.view.as_ref().map(|(user, _)| *user) != leader {
            self.view = None;
            self.looked = false;
        }
    }

    /// Puts out the laser of somebody who left; whether it was on.
    pub(super) fn put_out(&mut self, user: UserId) -> bool {
        let Some(laser) = self.lasers.get(&user).filter(|laser| laser.on).cloned() else { return false };
        self.point(user, Laser { on: false, ..laser });
        true
    }

    /// For a newcomer.
    pub(super) fn snapshot(&self, to: &mut Object) {
        if let Some((user, view)) = &self.view {
            to.insert("view", view_fields(*user, view));
        }
        let on = self.lasers.iter().filter(|(_, laser)| laser.on);
        to.insert("lasers", on.map(|(user, laser)| laser_fields(*user, laser).into()).collect::<Vec<Value>>());
    }

    fn everything(&self) -> Vec<Object> {
        let lasers = self.lasers.iter().map(|(user, laser)| laser_frame(*user, laser));
        lasers.chain(self.view.iter().map(|(user, view)| view_frame(*user, view))).collect()
    }

    fn view_is_due(&self, now: Duration) -> bool {
        self.looked && self.last_view.is_none_or(|last| last + limits::LEAD_VIEW_TICK <= now)
    }

    /// What moved and may be told now.
    fn news(&mut self, now: Duration) -> Vec<Object> {
        let pointed = std::mem::take(&mut self.pointed);
        let moved = pointed.iter().filter_map(|user| Some(laser_frame(*user, self.lasers.get(user)?)));
        let mut frames: Vec<Object> = moved.collect();
        if self.view_is_due(now) {
            (self.looked, self.last_view) = (false, Some(now));
            frames.extend(self.view.iter().map(|(user, view)| view_frame(*user, view)));
        }
        frames
    }

    /// When there is something to tell again.
    fn due(&self) -> Option<Duration> {
        let laser = (!self.pointed.is_empty()).then(|| self.last.map_or(Duration::ZERO, |at| at + limits::LASER_TICK));
        let view = self.looked.then(|| self.last_view.map_or(Duration::ZERO, |at| at + limits::LEAD_VIEW_TICK));
        laser.into_iter().chain(view).min()
    }
}

impl ClassroomActor {
    /// The first move after a pause goes at once; what follows within a tick waits for its end.
    pub(super) fn shine(&mut self, conn: ConnId, ctx: &mut Context<Self>) {
        self.beam.several |= self.beam.source.is_some_and(|source| source != conn);
        self.beam.source = Some(conn);
        self.arm(ctx);
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        let Some(due) = self.beam.due().filter(|_| !self.beam.armed) else { return };
        let now = clock::now();
        if due <= now {
            self.flash(now);
            return self.arm(ctx);
        }
        self.beam.armed = true;
        ctx.run_later(due - now, |act, ctx| {
            act.beam.armed = false;
            act.arm(ctx);
        });
    }

    fn flash(&mut self, now: Duration) {
        self.beam.last = Some(now);
        let (news, all) = (self.beam.news(now), self.beam.everything());
        let source = self.beam.source.filter(|_| !self.beam.several);
        if self.beam.due().is_none() {
            (self.beam.source, self.beam.several) = (None, false);
        }
        let (mut news, mut all) = (Encodings::new(news), Encodings::new(all));
        self.sockets.offer(source, |dialect| news.get(dialect), |dialect| all.get(dialect));
    }

    /// Shows a newcomer what moved since the welcome was put together.
    pub(super) fn shine_on(&mut self, conn: ConnId) {
        let all = self.beam.everything();
        if let Some(seat) = self.sockets.get(conn).filter(|_| !all.is_empty()) {
            let all = Encodings::new(all).get(seat.dialect);
            seat.outbox.offer_class(&all, || all.clone());
        }
    }
}

/// Frames, encoded for each dialect at most once.
struct Encodings {
    frames: Vec<Object>,
    encoded: [Option<Arc<[Payload]>>; 3],
}

impl Encodings {
    fn new(frames: Vec<Object>) -> Self {
        Self { frames, encoded: [None, None, None] }
    }

    fn get(&mut self, dialect: Dialect) -> Arc<[Payload]> {
        let frames = &self.frames;
        let encode = || frames.iter().filter_map(|frame| ServerFrame::Prepared(frame).encode(dialect)).collect();
        self.encoded[dialect as usize].get_or_insert_with(encode).clone()
    }
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
