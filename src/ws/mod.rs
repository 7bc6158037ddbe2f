//! Sockets: the routes, and what one connection is from its handshake to its goodbye.
//! Called by `app`, which mounts the routes. Never holds a board's state and never decides a right.

mod guests;
mod handshake;
mod logins;
mod pings;
mod session;
mod socket_loop;
pub mod translator;
mod upgrade;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::web;

use crate::actors::directory::Directory;
use crate::identity::{Authenticator, LinkSigner, RateLimiter, TrustedProxies, UserProfiles};
use m4sh_domain::ids::{ConnId, LinkId, LoginId};
use m4sh_domain::rate::Rates;
use m4sh_store::Store;

pub use upgrade::upgrade_translated;

/// What every socket needs.
pub struct SocketContext {
    /// Finds boards and class sessions.
    pub directory: Directory,
    /// Checks tokens.
    pub authenticator: Arc<Authenticator>,
    /// Knows names.
    pub people: UserProfiles,
    /// Knows share links.
    pub store: Store,
    /// Reads their tokens and tickets.
    pub links: Arc<LinkSigner>,
    /// Knows who speaks for a guest's address.
    proxies: TrustedProxies,
    /// How often sockets may be opened.
    pub limiter: RateLimiter,
    connections: AtomicU64,
    logins: logins::Logins,
    guests: guests::Guests,
}

impl SocketContext {
    /// Sockets of a node that has none yet.
    #[must_use]
    pub fn new(
        store: Store,
        directory: Directory,
        authenticator: Arc<Authenticator>,
        links: Arc<LinkSigner>,
        people: UserProfiles,
        proxies: TrustedProxies,
        rates: Rates,
    ) -> Self {
        Self {
            store,
            directory,
            authenticator,
            links,
            people,
            proxies,
            limiter: RateLimiter::new(rates),
            connections: AtomicU64::new(0),
            logins: logins::Logins::default(),
            guests: guests::Guests::default(),
        }
    }

    /// Closes the sockets of a login that has ended, with 4401.
    pub fn login_ended(&self, login: LoginId) {
        self.logins.end(login);
    }

    /// Closes the sockets of the guests of a link that has ended, with 4403.
    pub fn link_ended(&self, link: LinkId) {
        self.guests.end(link);
    }

    fn next_conn(&self) -> ConnId {
        ConnId(self.connections.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Mounts the socket routes; expects `web::Data<Sockets>`.
pub fn configure(routes: &mut web::ServiceConfig) {
    for slash in ["", "/"] {
        routes
            .route(&format!("/ws/classroom/{{class}}/session/{{session}}{slash}"), web::get().to(upgrade::classroom))
            .route(&format!("/ws/board/{{board}}{slash}"), web::get().to(upgrade::board));
    }
}
