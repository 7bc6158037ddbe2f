//! Who is in class, and how to speak to them. Used by the classroom actor's handlers.
//! Never waits for a reader: the outbox of one that is too slow closes itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use crate::actors::clock;
use crate::actors::outbox::Outbox;
use m4sh_domain::access::Role;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::payload::Payload;
use m4sh_protocol::server::{EncodedFrame, ServerFrame};

/// One socket in class.
pub(super) struct ClassSocket {
    pub(super) user: UserId,
    pub(super) name: Arc<str>,
    /// What they are; rights are asked for anew at each frame.
    pub(super) role: Role,
    pub(super) dialect: Dialect,
    pub(super) outbox: Outbox,
    /// When they came in.
    pub(super) since: Timestamp,
    /// Whether what it looks at is wanted here: its person is followed.
    pub(super) is_followed: Arc<AtomicBool>,
    /// What was said before the socket had its welcome; `None` from then on.
    waiting: Option<Vec<Payload>>,
}

impl ClassSocket {
    pub(super) fn new(user: UserId, name: Arc<str>, role: Role, dialect: Dialect, outbox: Outbox) -> Self {
        let heeded = Arc::default();
        Self {
            user,
            name,
            role,
            dialect,
            outbox,
            since: clock::timestamp(),
            is_followed: heeded,
            waiting: Some(Vec::new()),
        }
    }

    fn close(&self, close: Close) {
        self.outbox.close(close, ServerFrame::Bye(close).encode(self.dialect));
    }

    fn send(&mut self, frame: &EncodedFrame<'_, '_>) {
        let Some(payload) = frame.get(self.dialect) else { return };
        match &mut self.waiting {
            Some(waiting) => waiting.push(payload.clone()),
            // A full outbox has closed itself, and its socket loop gives the seat back.
            None => drop(self.outbox.push(payload.clone())),
        }
    }
}

/// Everybody's sockets.
#[derive(Default)]
pub(super) struct ClassSockets {
    seats: HashMap<ConnId, ClassSocket>,
}

impl ClassSockets {
    pub(super) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    pub(super) fn enter(&mut self, conn: ConnId, seat: ClassSocket) {
        self.seats.insert(conn, seat);
    }

    pub(super) fn release_pending(&mut self, conn: ConnId) {
        let Some(seat) = self.seats.get_mut(&conn) else { return };
        for payload in seat.waiting.take().unwrap_or_default() {
            let _ = seat.outbox.push(payload);
        }
    }

    pub(super) fn leave(&mut self, conn: ConnId) -> Option<ClassSocket> {
        self.seats.remove(&conn)
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&ClassSocket> {
        self.seats.get(&conn)
    }

    /// Everybody's sockets, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &ClassSocket)> {
        self.seats.iter().map(|(conn, seat)| (*conn, seat))
    }

    /// Gives everybody the role that they have now, and closes the sockets of those who have none here any more. Their
    /// socket loops give the seats back.
    pub(super) fn update_roles(&mut self, role: impl Fn(UserId) -> Option<Role>) {
        for seat in self.seats.values_mut() {
            match role(seat.user) {
                Some(role) => seat.role = role,
                None => seat.close(Close::Forbidden),
            }
        }
    }

    /// Closes every socket.
    pub(super) fn close_all(&self, close: Close) {
        self.seats.values().for_each(|seat| seat.close(close));
    }

    /// Says a frame to one socket.
    pub(super) fn send(&mut self, conn: ConnId, frame: &ServerFrame<'_>) {
        if let Some(seat) = self.seats.get_mut(&conn) {
            seat.send(&EncodedFrame::new(frame));
        }
    }

    /// Says a frame to everybody of whom `whom` is true; it is encoded once for each dialect.
    pub(super) fn broadcast(&mut self, frame: &ServerFrame<'_>, whom: impl Fn(&ClassSocket) -> bool) {
        let frame = EncodedFrame::new(frame);
        self.seats.values_mut().filter(|seat| whom(seat)).for_each(|seat| seat.send(&frame));
    }

    /// Offers what moved to the class's slot of each socket that has its welcome, but for the one it came from.
    pub(super) fn offer(
        &self,
        source: Option<ConnId>,
        mut moved: impl FnMut(Dialect) -> Arc<[Payload]>,
        mut everything: impl FnMut(Dialect) -> Arc<[Payload]>,
    ) {
        let there = self.seats.iter().filter(|(conn, seat)| seat.waiting.is_none() && source != Some(**conn));
        for (_, seat) in there {
            seat.outbox.offer_class(&moved(seat.dialect), || everything(seat.dialect));
        }
    }

    /// Lets the sockets of whoever is followed, and no others, pass on what they look at.
    pub(super) fn mark_followed(&self, leader: Option<UserId>) {
        for seat in self.seats.values() {
            seat.is_followed.store(Some(seat.user) == leader, Ordering::Relaxed);
        }
    }
}
