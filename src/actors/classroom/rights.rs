//! Rights: locks, roles, single flags, sending somebody out. Handlers of the classroom actor.
//! Never touches a document: boards do. One change is written at a time, in the order in which they were asked for, and
//! the next is judged by what then holds; meanwhile the actor goes on.

use std::time::Duration;

use actix::prelude::*;
use jiff::Timestamp;

use super::actor::ClassroomActor;
use super::state::PendingChange;
use crate::actors::clock;
use crate::actors::rights::{RightsError, RightsScope};
use m4sh_domain::access::PenLocks;
use m4sh_domain::classroom::RightsFrame;
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits;
use m4sh_domain::refusal::{Refusal, RefusalCode};
use m4sh_domain::times;
use m4sh_protocol::close::Close;
use m4sh_protocol::server::ServerFrame;

/// When to ask again for what could not be done now.
const AGAIN: Duration = Duration::from_secs(1);

impl ClassroomActor {
    pub(super) fn enqueue_change(&mut self, conn: ConnId, user: UserId, frame: RightsFrame, ctx: &mut Context<Self>) {
        let RightsFrame { id, change } = frame;
        if self.rights_queue.waiting.len() >= limits::RIGHTS_WAITING {
            let detail = "too many changes wait already";
            return self.refuse(conn, id.as_deref(), &Refusal::until(RefusalCode::RateLimited, detail, AGAIN));
        }
        self.rights_queue.waiting.push_back(PendingChange { conn, user, id, change });
        self.next_change(ctx);
    }

    fn next_change(&mut self, ctx: &mut Context<Self>) {
        while !self.rights_queue.busy
            && let Some(asked) = self.rights_queue.waiting.pop_front()
        {
            let judged = match &self.known {
                Ok(access) => {
                    asked.change.authorize(asked.user, &access.rights, clock::timestamp()).map_err(RightsError::Denied)
                }
                Err(_) => Err(RightsError::NotFound),
            };
            match judged {
                Ok(()) => self.make(asked, ctx),
                Err(not) => self.answer(&asked, Err(not)),
            }
        }
    }

    fn make(&mut self, asked: PendingChange, ctx: &mut Context<Self>) {
        self.rights_queue.busy = true;
        let host = self.host.clone();
        let place = RightsScope { classroom: self.classroom, session: Some(self.session) };
        let making = async move {
            let made = host.change_rights(place, asked.user, &asked.change).await;
            (asked, made)
        };
        // Not waited for: whoever speaks meanwhile is heard, and the news of this change come by the mailbox.
        ctx.spawn(making.into_actor(self).map(|(asked, made), act, ctx| {
            act.rights_queue.busy = false;
            act.answer(&asked, made);
            act.next_change(ctx);
        }));
    }

    fn answer(&mut self, asked: &PendingChange, made: Result<(), RightsError>) {
        let (conn, id) = (asked.conn, asked.id.as_deref());
        match made {
            Ok(()) => {
                if let Some(id) = id {
                    let kept = Object::from([("t", "kept".into()), ("id", id.into())]);
                    self.sockets.send(conn, &ServerFrame::Prepared(&kept));
                }
            }
            Err(RightsError::Denied(denied)) => self.refuse(conn, id, &denied.into()),
            Err(RightsError::NotFound) => {
                let detail = "this lesson is not there any more";
                self.refuse(conn, id, &Refusal::new(RefusalCode::NotFound, detail));
            }
            Err(RightsError::Store(error)) => {
                tracing::warn!(session = %self.session, %error, "change of rights could not be written");
                let detail = "this cannot be kept right now";
                self.refuse(conn, id, &Refusal::until(RefusalCode::Unavailable, detail, AGAIN));
            }
        }
    }

    /// Rights were read: whoever has none here any more goes, and the class hears whose pens are taken.
    pub(super) fn apply_rights(&mut self, ctx: &mut Context<Self>) {
        if let Ok(access) = &self.known {
            let now = clock::timestamp();
            self.sockets.update_roles(|user| access.rights.effective(user, now).map(|standing| standing.role));
        }
        self.broadcast_locks(ctx);
    }

    /// The lesson is over or gone, and its boards have told those at them: sockets that sit at none go, too.
    pub(super) fn close_sockets(&mut self, close: Close) {
        self.sockets.close_all(close);
    }

    fn broadcast_locks(&mut self, ctx: &mut Context<Self>) {
        let Ok(access) = &self.known else { return };
        let now = clock::timestamp();
        let locks = access.rights.locks(now);
        let next = locks.next_end();
        if locks != self.rights_queue.last_sent {
            let mut frame = shown(&locks);
            frame.insert("t", "locks");
            self.sockets.broadcast(&ServerFrame::Prepared(&frame), |_| true);
            self.rights_queue.last_sent = locks;
        }
        if let Some(timer) = self.rights_queue.timer.take() {
            ctx.cancel_future(timer);
        }
        self.rights_queue.timer = next.map(|end| {
            let wait = Duration::try_from(end.duration_since(now)).unwrap_or_default();
            // A moment later than the end itself, so that the rule is over by then.
            ctx.run_later(wait + Duration::from_millis(2), |act, ctx| {
                act.rights_queue.timer = None;
                act.broadcast_locks(ctx);
            })
        });
    }

    /// Whose pens are taken, for a newcomer.
    pub(super) fn locks(&self) -> Object {
        shown(&self.rights_queue.last_sent)
    }
}

/// Locks as they are told: `{all, until?, users: {user: {locked, until?}}}`.
fn shown(locks: &PenLocks) -> Object {
    let user = |(user, (locked, until)): (&UserId, &(bool, Option<Timestamp>))| {
        let fields = std::iter::once(named("locked", *locked)).chain(ends(*until));
        (user.to_string(), Value::Object(fields.collect()))
    };
    let users = Value::Object(locks.users.iter().map(user).collect());
    [named("all", locks.all), named("users", users)].into_iter().chain(ends(locks.until)).collect()
}

fn ends(until: Option<Timestamp>) -> Option<(String, Value)> {
    until.map(|until| named("until", times::utc_field(until)))
}

fn named(key: &str, value: impl Into<Value>) -> (String, Value) {
    (key.to_owned(), value.into())
}
