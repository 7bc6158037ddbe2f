//! Which sockets live on which login, so that a logout ends them at once (SPEC A4, W13).
//! Filled by `pump`, asked by `app` when a login is revoked. Never keeps a socket alive.

use dashmap::DashMap;

use crate::actors::outbox::Outbox;
use m4sh_domain::ids::{ConnId, LoginId};
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::server::ServerFrame;

/// The live sockets of each login.
#[derive(Default)]
pub(super) struct Logins(DashMap<LoginId, Vec<Line>>);

struct Line {
    conn: ConnId,
    dialect: Dialect,
    outbox: Outbox,
}

impl Logins {
    pub(super) fn add(&self, login: LoginId, conn: ConnId, dialect: Dialect, outbox: Outbox) {
        self.0.entry(login).or_default().push(Line { conn, dialect, outbox });
    }

    pub(super) fn remove(&self, login: LoginId, conn: ConnId) {
        if let Some(mut lines) = self.0.get_mut(&login) {
            lines.retain(|line| line.conn != conn);
        }
        self.0.remove_if(&login, |_, lines| lines.is_empty());
    }

    /// Closes the sockets of a login that has ended.
    pub(super) fn end(&self, login: LoginId) {
        for line in self.0.remove(&login).map(|(_, lines)| lines).unwrap_or_default() {
            line.outbox.close(Close::Unauthorized, ServerFrame::Bye(Close::Unauthorized).encode(line.dialect));
        }
    }
}
