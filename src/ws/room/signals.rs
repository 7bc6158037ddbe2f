//! The room client's `webrtc` socket: offers, answers and candidates go to whom they are for, and to nobody else. Called by
//! `Room`. Never reads or keeps what is in them.

use super::{Room, error, say, text};
use crate::ws::session::JoinedSession;
use m4sh_domain::ids::UserId;
use m4sh_domain::json::{Object, Value};
use m4sh_domain::limits::ROOM_SIGNAL_BYTES;
use m4sh_domain::rate::Scope;
use m4sh_protocol::room::Channel;

/// Where a client may have put the number or the id of whom a signal is for.
const TO: [&str; 4] = ["to", "target", "target_id", "target_user_id"];

impl Room {
    /// Passes a signal on, with the sender's number under `from` and `user_id`, whatever was there.
    pub(super) async fn signal(&mut self, mut frame: Object, seated: &JoinedSession) {
        if let Err(limited) = self.sockets.limiter.check(Scope::WsTalk, self.user) {
            let wait = u64::try_from(limited.wait.as_millis()).unwrap_or(u64::MAX);
            return say(seated, error("rate_limited", "too many signals", Some(wait.max(1))));
        }
        let named = TO.iter().find_map(|name| frame.get(name).filter(|value| **value != Value::Null)).cloned();
        let to = match named {
            None => None,
            Some(named) => match self.whom(&named).await {
                Some(user) => Some(user),
                None => return say(seated, error("unknown_user", "nobody goes by this number", None)),
            },
        };
        let Ok(number) = self.number(self.user).await else {
            return say(seated, error("unavailable", "try again", Some(1_000)));
        };
        frame.insert("from", number.clone());
        frame.insert("user_id", number);
        // As a frame of the full protocol it would be taken for one of ours.
        frame.remove("t");
        let (rooms, frame) = (self.sockets.directory.rooms(), text(frame));
        let heard_by = if to.is_some() { 1 } else { rooms.count(self.session, Channel::Webrtc) };
        if frame.len().saturating_mul(heard_by) > ROOM_SIGNAL_BYTES {
            return say(seated, error("too_large", "say to whom this is: it is too long for all", None));
        }
        let heard = rooms.say(self.session, Channel::Webrtc, to, Some(self.conn), &frame);
        if !heard && to.is_some() {
            say(seated, error("not_here", "whom this is for is not connected", None));
        }
    }

    async fn whom(&self, named: &Value) -> Option<UserId> {
        match named {
            Value::String(id) => id.parse().ok(),
            number => self.sockets.store.account_by_number(number.as_i64()?).await.ok().flatten(),
        }
    }
}
