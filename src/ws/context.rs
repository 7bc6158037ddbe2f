//! What every socket needs, and the ends that close sockets: of a login (SPEC A4, W13) and of a share link (L7 to L10).
//! Made by `app`. Never holds a board's state.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::actors::directory::Directory;
use crate::actors::socket_registry::{SocketRegistry, SocketScope};
use crate::identity::{Authenticator, LinkSigner, RateLimiter, TrustedProxies, UserProfiles};
use m4sh_domain::ids::{ConnId, LinkId, LoginId};
use m4sh_domain::limits;
use m4sh_domain::rate::Rates;
use m4sh_protocol::close::Close;
use m4sh_store::Store;

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
    pub(super) proxies: TrustedProxies,
    /// How often sockets may be opened.
    pub limiter: RateLimiter,
    connections: AtomicU64,
    /// The sockets of this process.
    pub(super) registry: Arc<SocketRegistry>,
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
        let registry = directory.sockets().clone();
        Self {
            store,
            directory,
            authenticator,
            links,
            people,
            proxies,
            limiter: RateLimiter::new(rates),
            connections: AtomicU64::new(0),
            registry,
        }
    }

    /// Closes the sockets of a login that has ended, with 4401.
    pub fn login_ended(&self, login: LoginId) {
        self.registry.close(SocketScope::Login(login), Close::Unauthorized);
    }

    /// Closes the sockets of the guests of a link that has ended, with 4403.
    pub fn link_ended(&self, link: LinkId) {
        self.registry.close(SocketScope::Link(link), Close::Forbidden);
    }

    pub(super) fn next_conn(&self) -> ConnId {
        ConnId(self.connections.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Checks periodically whether the share links in use still live, since other nodes end links too, and closes the
    /// sockets of those that do not. Never returns.
    pub async fn watch_links(self: Arc<Self>) {
        loop {
            tokio::time::sleep(limits::LINK_CHECK_INTERVAL).await;
            let links = self.registry.links();
            if links.is_empty() {
                continue;
            }
            match self.store.still_live(&links).await {
                Ok(live) => {
                    let live: HashSet<LinkId> = live.into_iter().collect();
                    links.into_iter().filter(|link| !live.contains(link)).for_each(|link| self.link_ended(link));
                }
                // Nothing is known then, and what is not known ends nobody's lesson.
                Err(error) => tracing::warn!(%error, "share links could not be read"),
            }
        }
    }
}
