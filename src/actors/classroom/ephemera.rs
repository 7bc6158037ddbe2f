//! What is ephemeral in a class: where lasers point and what the leader looks at.
//! Changed by the classroom actor's handlers. Never stored: after a restart the next move shows it again.

use std::collections::BTreeMap;

use crate::actors::ephemeral::EphemeralState;
use m4sh_domain::classroom::Laser;
use m4sh_domain::ids::UserId;
use m4sh_domain::json::{Object, Value};
use m4sh_protocol::client::View;

/// The newest lasers and the leader's newest view, and what of them is still to be sent.
#[derive(Default)]
pub(super) struct ClassEphemera {
    /// Lasers that went out stay, so that a reader who missed it still learns it; only those who lead have one.
    pub(super) lasers: BTreeMap<UserId, Laser>,
    pub(super) moved_lasers: EphemeralState<UserId, 1>,
    pub(super) view: Option<(UserId, View)>,
    pub(super) moved_view: EphemeralState<UserId, 1>,
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

    pub(super) fn frames(&self) -> Vec<Object> {
        let lasers = self.lasers.iter().map(|(user, laser)| laser_frame(*user, laser));
        lasers.chain(self.view.iter().map(|(user, view)| view_frame(*user, view))).collect()
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

pub(super) fn laser_frame(user: UserId, laser: &Laser) -> Object {
    let mut frame = laser_fields(user, laser);
    frame.insert("t", "laser");
    frame
}

pub(super) fn view_frame(user: UserId, view: &View) -> Object {
    let mut frame = view_fields(user, view);
    frame.insert("t", "lead_view");
    frame
}
