//! The sockets of this process by what they live on: a login, a share link, a channel of a lesson.
//! Filled by `ws`; asked when one of these ends, and by what sends to all of them. Never keeps a socket alive.

use std::sync::Arc;

use dashmap::DashMap;
use metrics::gauge;

use crate::actors::outbox::Outbox;
use m4sh_domain::ids::{ConnId, LessonId, LinkId, LoginId, UserId};
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::payload::Payload;
use m4sh_protocol::server::ServerFrame;

/// What a socket lives on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SocketScope {
    /// A login: its end closes the socket.
    Login(LoginId),
    /// A share link: its end closes the socket.
    Link(LinkId),
    /// A named channel of a lesson, on which clients of another protocol reach one another.
    LessonChannel(LessonId, &'static str),
}

/// A socket, as far as it takes to write to it.
#[derive(Clone)]
pub struct RegisteredSocket {
    /// The connection.
    pub conn: ConnId,
    /// Whose it is; a guest's is nobody's.
    pub user: Option<UserId>,
    /// How to write to it.
    pub dialect: Dialect,
    /// Where to write to it.
    pub outbox: Outbox,
}

/// The sockets of this process.
#[derive(Default)]
pub struct SocketRegistry(DashMap<SocketScope, Vec<RegisteredSocket>>);

impl SocketRegistry {
    /// Adds a socket, until the answer is dropped; `None` when `limit` sockets live on this already.
    #[must_use]
    pub fn register(
        self: &Arc<Self>,
        scope: SocketScope,
        socket: RegisteredSocket,
        limit: usize,
    ) -> Option<Registration> {
        let mut sockets = self.0.entry(scope).or_default();
        if sockets.len() >= limit {
            return None;
        }
        let conn = socket.conn;
        sockets.push(socket);
        if let SocketScope::Link(_) = scope {
            gauge!("m4sh_guests").increment(1);
        }
        Some(Registration { registry: self.clone(), scope, conn })
    }

    /// Closes every socket that lives on this.
    pub fn close(&self, scope: SocketScope, close: Close) {
        for socket in self.0.remove(&scope).map(|(_, sockets)| sockets).unwrap_or_default() {
            socket.outbox.close(close, ServerFrame::Bye(close).encode(socket.dialect));
        }
    }

    /// Sends a frame to the sockets of `to`, or of everybody, but for one; whether anybody could take it.
    pub fn send(&self, scope: SocketScope, to: Option<UserId>, except: Option<ConnId>, frame: &Payload) -> bool {
        let sockets = self.0.get(&scope).map(|sockets| sockets.clone()).unwrap_or_default();
        let meant = sockets.iter().filter(|socket| Some(socket.conn) != except && (to.is_none() || socket.user == to));
        // A full outbox has closed itself.
        meant.filter(|socket| socket.outbox.push(frame.clone()).is_ok()).count() > 0
    }

    /// How many sockets live on this.
    #[must_use]
    pub fn count(&self, scope: SocketScope) -> usize {
        self.0.get(&scope).map_or(0, |sockets| sockets.len())
    }

    /// Every share link that a socket lives on.
    #[must_use]
    pub fn links(&self) -> Vec<LinkId> {
        let link = |scope: &SocketScope| if let SocketScope::Link(link) = scope { Some(*link) } else { None };
        self.0.iter().filter_map(|entry| link(entry.key())).collect()
    }
}

/// A socket's place in the registry; given up when dropped.
pub struct Registration {
    registry: Arc<SocketRegistry>,
    scope: SocketScope,
    conn: ConnId,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(mut sockets) = self.registry.0.get_mut(&self.scope) {
            sockets.retain(|socket| socket.conn != self.conn);
        }
        self.registry.0.remove_if(&self.scope, |_, sockets| sockets.is_empty());
        if let SocketScope::Link(_) = self.scope {
            gauge!("m4sh_guests").decrement(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::outbox::OutboxItem;
    use std::task::{Context, Poll, Waker};
    use uuid::Uuid;

    const LIMIT: usize = 3;

    fn socket(conn: u64) -> (RegisteredSocket, Outbox) {
        let outbox = Outbox::default();
        (RegisteredSocket { conn: ConnId(conn), user: None, dialect: Dialect::Json, outbox: outbox.clone() }, outbox)
    }

    fn link() -> SocketScope {
        SocketScope::Link(LinkId(Uuid::now_v7()))
    }

    fn next(outbox: &Outbox) -> Poll<OutboxItem> {
        outbox.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn l9_a_link_that_ends_closes_its_own_guests_and_nobody_elses() {
        let (registry, one, two) = (Arc::new(SocketRegistry::default()), link(), link());
        let ((a, a_box), (b, b_box), (c, c_box)) = (socket(1), socket(2), socket(3));
        let _a = registry.register(one, a, LIMIT).unwrap();
        drop(registry.register(one, b, LIMIT).unwrap());
        let c = registry.register(two, c, LIMIT).unwrap();
        registry.close(one, Close::Forbidden);
        assert!(matches!(next(&a_box), Poll::Ready(OutboxItem::Frame(_))), "a goodbye");
        assert!(matches!(next(&a_box), Poll::Ready(OutboxItem::Close(Close::Forbidden))));
        assert!(next(&b_box).is_pending() && next(&c_box).is_pending());
        assert_eq!(registry.links().into_iter().map(SocketScope::Link).collect::<Vec<_>>(), [two]);
        drop(c);
        assert!(registry.links().is_empty(), "nothing is left behind");
    }

    #[test]
    fn l10_a_link_has_so_many_guests_and_no_more() {
        let (registry, link) = (Arc::new(SocketRegistry::default()), link());
        let mut guests: Vec<_> =
            (0..LIMIT as u64).map(|conn| registry.register(link, socket(conn).0, LIMIT).unwrap()).collect();
        assert!(registry.register(link, socket(9).0, LIMIT).is_none());
        guests.pop();
        assert!(registry.register(link, socket(9).0, LIMIT).is_some());
    }
}
