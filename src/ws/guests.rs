//! Guests: who comes by a share link, how they are let in, and how they are made to go when it ends (SPEC L7 to L10).
//! Called by `greeting`; told by `http`, through `app`, of links that end. Never keeps a socket alive, and never trusts
//! that it was told: other nodes end links too, so it looks for itself.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use metrics::{counter, gauge};
use uuid::Uuid;

use crate::actors::clock;
use crate::actors::outbox::Outbox;
use crate::identity::{LinkTicket, ShareToken};
use crate::ws::SocketContext;
use m4sh_domain::ids::{BoardId, ClientId, ConnId, LinkId, UserId};
use m4sh_domain::limits;
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::server::ServerFrame;
use m4sh_store::{LinkVisit, LiveLink, RequestOrigin, StoreError};

/// The name that a class sees: a guest has none of their own here.
pub(super) const GUEST_NAME: &str = "Guest";

/// What a guest shows at the door.
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
    pub(super) slot: GuestSlot,
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
        line: Line,
    ) -> Result<AdmittedGuest, Close> {
        let link = match &self.proof {
            GuestCredential::Token(token) => {
                let found = sockets.store.link_by_hash(&token.hash()).await.map_err(away)?;
                found.ok_or(Close::Forbidden)?.id
            }
            GuestCredential::Pass(pass) if pass.board == board => pass.link,
            GuestCredential::Pass(_) => return Err(Close::Forbidden),
        };
        // Before the look at whether it lives: if it ends after the look, this line is found and closed.
        let watching = GuestSlot::claim(sockets, link, line)?;
        let live = sockets.store.live_link(link).await.map_err(away)?;
        let live = live.filter(|live| live.board == board).ok_or(Close::Forbidden)?;
        if !self.record_visit(&live, sockets).await.map_err(away)? {
            return Err(Close::Forbidden);
        }
        let life = live.expires_at.map(|ends| ends.duration_since(clock::timestamp()).try_into().unwrap_or_default());
        Ok(AdmittedGuest { link, life, slot: watching })
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
    tracing::warn!(%error, "a share link could not be looked at");
    Close::Moved
}

/// The sockets of guests, by link.
#[derive(Default)]
pub(super) struct Guests(DashMap<LinkId, Vec<Line>>);

/// A socket, as far as it takes to close it.
pub(super) struct Line {
    pub(super) conn: ConnId,
    pub(super) dialect: Dialect,
    pub(super) outbox: Outbox,
}

impl Guests {
    fn add(&self, link: LinkId, line: Line) -> Result<(), Close> {
        let mut lines = self.0.entry(link).or_default();
        if lines.len() >= limits::LINK_GUESTS {
            return Err(Close::RateLimited);
        }
        lines.push(line);
        Ok(())
    }

    fn remove(&self, link: LinkId, conn: ConnId) {
        if let Some(mut lines) = self.0.get_mut(&link) {
            lines.retain(|line| line.conn != conn);
        }
        self.0.remove_if(&link, |_, lines| lines.is_empty());
    }

    /// Closes the sockets of a link that has ended.
    pub(super) fn end(&self, link: LinkId) {
        for line in self.0.remove(&link).map(|(_, lines)| lines).unwrap_or_default() {
            line.outbox.close(Close::Forbidden, ServerFrame::Bye(Close::Forbidden).encode(line.dialect));
        }
    }

    /// Every link that somebody watches by.
    pub(super) fn links(&self) -> Vec<LinkId> {
        self.0.iter().map(|entry| *entry.key()).collect()
    }
}

/// One guest's place in the list; given back when dropped.
pub(super) struct GuestSlot {
    sockets: Arc<SocketContext>,
    link: LinkId,
    conn: ConnId,
}

impl GuestSlot {
    fn claim(sockets: &Arc<SocketContext>, link: LinkId, line: Line) -> Result<Self, Close> {
        let conn = line.conn;
        sockets.guests.add(link, line)?;
        gauge!("m4sh_guests").increment(1);
        Ok(Self { sockets: sockets.clone(), link, conn })
    }
}

impl Drop for GuestSlot {
    fn drop(&mut self) {
        self.sockets.guests.remove(self.link, self.conn);
        gauge!("m4sh_guests").decrement(1);
    }
}

impl SocketContext {
    /// Looks again and again whether the links that are watched by still live, and closes the sockets of those that do
    /// not. Never returns.
    pub async fn watch_links(self: Arc<Self>) {
        loop {
            tokio::time::sleep(limits::LINK_CHECK_INTERVAL).await;
            let links = self.guests.links();
            if links.is_empty() {
                continue;
            }
            match self.store.still_live(&links).await {
                Ok(live) => {
                    let live: HashSet<LinkId> = live.into_iter().collect();
                    links.into_iter().filter(|link| !live.contains(link)).for_each(|link| self.guests.end(link));
                }
                // Nothing is known then, and what is not known ends nobody's lesson.
                Err(error) => tracing::warn!(%error, "share links could not be looked at"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::outbox::OutboxItem;
    use std::task::{Context, Poll, Waker};

    fn line(conn: u64) -> (Line, Outbox) {
        let outbox = Outbox::default();
        (Line { conn: ConnId(conn), dialect: Dialect::Json, outbox: outbox.clone() }, outbox)
    }

    fn next(outbox: &Outbox) -> Poll<OutboxItem> {
        outbox.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn l9_a_link_that_ends_closes_its_own_guests_and_nobody_elses() {
        let (guests, one, two) = (Guests::default(), LinkId(Uuid::now_v7()), LinkId(Uuid::now_v7()));
        let ((a, a_box), (b, b_box), (c, c_box)) = (line(1), line(2), line(3));
        guests.add(one, a).unwrap();
        guests.add(one, b).unwrap();
        guests.add(two, c).unwrap();
        guests.remove(one, ConnId(2));
        guests.end(one);
        assert!(matches!(next(&a_box), Poll::Ready(OutboxItem::Frame(_))), "a goodbye");
        assert!(matches!(next(&a_box), Poll::Ready(OutboxItem::Close(Close::Forbidden))));
        assert!(next(&b_box).is_pending() && next(&c_box).is_pending());
        assert_eq!(guests.links(), [two]);
        guests.remove(two, ConnId(3));
        assert!(guests.links().is_empty(), "nothing is left behind");
    }

    #[test]
    fn l10_a_link_has_so_many_guests_and_no_more() {
        let (guests, link) = (Guests::default(), LinkId(Uuid::now_v7()));
        for conn in 0..limits::LINK_GUESTS {
            guests.add(link, line(conn as u64).0).unwrap();
        }
        assert_eq!(guests.add(link, line(9_999).0), Err(Close::RateLimited));
        guests.remove(link, ConnId(7));
        assert_eq!(guests.add(link, line(9_999).0), Ok(()));
    }
}
