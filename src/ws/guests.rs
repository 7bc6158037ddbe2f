//! Guests: who comes by a share link, how they are let in, and how they are made to go when it ends (SPEC L7 to L10).
//! Called by `handshake`. Never keeps a socket alive.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use uuid::Uuid;

use crate::actors::clock;
use crate::actors::socket_registry::{RegisteredSocket, Registration, SocketScope};
use crate::identity::{LinkTicket, ShareToken};
use crate::ws::context::SocketContext;
use m4sh_domain::ids::{BoardId, ClientId, LinkId, UserId};
use m4sh_domain::limits;
use m4sh_protocol::close::Close;
use m4sh_store::{LinkVisit, LiveLink, RequestOrigin, StoreError};

/// The name that a class sees: a guest has none of their own here.
pub(super) const GUEST_NAME: &str = "Guest";

/// What a guest shows to be let in.
pub(super) enum GuestCredential {
    /// The link's token: each hello takes a view.
    Token(ShareToken),
    /// The ticket of the public page, whose view was taken then.
    Pass(LinkTicket),
}

/// Somebody without an account.
pub(super) struct Guest {
    pub(super) proof: GuestCredential,
    pub(super) origin: RequestOrigin,
}

/// A guest who may watch.
pub(super) struct AdmittedGuest {
    link: LinkId,
    /// How long the link still lives.
    pub(super) life: Option<Duration>,
    pub(super) slot: Registration,
}

impl AdmittedGuest {
    /// The same for one tab as long as it comes by the same link, and no account's: those are not named by hashes.
    pub(super) fn user(&self, client: ClientId) -> UserId {
        UserId(Uuid::new_v5(&self.link.0, client.0.as_bytes()))
    }
}

impl Guest {
    /// Lets a guest in to `board`, or says with which code to close.
    pub(super) async fn admit(
        &self,
        board: BoardId,
        sockets: &Arc<SocketContext>,
        socket: RegisteredSocket,
    ) -> Result<AdmittedGuest, Close> {
        let link = match &self.proof {
            GuestCredential::Token(token) => {
                let found = sockets.store.link_by_hash(&token.hash()).await.map_err(away)?;
                found.ok_or(Close::Forbidden)?.id
            }
            GuestCredential::Pass(pass) if pass.board == board => pass.link,
            GuestCredential::Pass(_) => return Err(Close::Forbidden),
        };
        // Before the check whether it lives: if it ends after the check, this socket is found and closed.
        let registration = sockets.registry.register(SocketScope::Link(link), socket, limits::LINK_GUESTS);
        let slot = registration.ok_or(Close::RateLimited)?;
        let live = sockets.store.live_link(link).await.map_err(away)?;
        let live = live.filter(|live| live.board == board).ok_or(Close::Forbidden)?;
        if !self.record_visit(&live, sockets).await.map_err(away)? {
            return Err(Close::Forbidden);
        }
        let life = live.expires_at.map(|ends| ends.duration_since(clock::timestamp()).try_into().unwrap_or_default());
        Ok(AdmittedGuest { link, life, slot })
    }

    /// Takes a view where one is due, and leaves a trace; `false` when there is none left.
    async fn record_visit(&self, live: &LiveLink, sockets: &SocketContext) -> Result<bool, StoreError> {
        match &self.proof {
            GuestCredential::Pass(_) => sockets.store.record_visit(live.id, LinkVisit::Watched, &self.origin).await,
            GuestCredential::Token(_) => {
                let taken = sockets.store.count_view(live.id, LinkVisit::Watched, &self.origin).await?;
                if taken {
                    counter!("m4sh_share_views_total", "by" => "socket").increment(1);
                }
                Ok(taken)
            }
        }
    }
}

fn away(error: StoreError) -> Close {
    tracing::warn!(%error, "a share link could not be read");
    Close::Moved
}
