//! The room client's `webrtc` socket (SPEC Q18): offers, answers and candidates go to the socket that they name, or to all
//! others. Called by `RoomTranslator`. Never reads or keeps what is in them.

use super::{RoomTranslator, encode, error};
use crate::actors::socket_registry::SocketScope;
use crate::compat::frames::Channel;
use m4sh_domain::ids::UserId;
use m4sh_domain::json::{Object, Value};
use m4sh_domain::rate::Scope;

/// Bytes of one signal for all who receive it together (SPEC Q18): a call's description has a few KiB.
const SIGNAL_BYTES: usize = 256 * 1024;

/// Where clients put the number or the id of the recipient.
const RECIPIENT_KEYS: [&str; 4] = ["to", "target", "target_id", "target_user_id"];

impl RoomTranslator {
    /// Passes a signal on, with the sender's number as `from` and `user_id`, whatever was there.
    pub(super) async fn signal(&mut self, mut frame: Object) {
        if let Err(limited) = self.context.limiter.check(Scope::WsTalk, self.socket.user) {
            let wait = u64::try_from(limited.wait.as_millis()).unwrap_or(u64::MAX);
            return self.send(error("rate_limited", "too many signals", Some(wait.max(1))));
        }
        let conn = self.socket.conn;
        let named = RECIPIENT_KEYS.iter().find_map(|name| frame.get(name).filter(|value| **value != Value::Null));
        let to = match named.cloned() {
            None => None,
            Some(named) => match self.account(&named).await {
                Some(user) => Some(user),
                None => return self.send(error("unknown_user", "nobody goes by this number", None)),
            },
        };
        let Ok(number) = self.number(self.socket.user).await else {
            return self.send(error("unavailable", "try again", Some(1_000)));
        };
        frame.insert("from", number.clone());
        frame.insert("user_id", number);
        // With a `t` it would be taken for a frame of the full protocol.
        frame.remove("t");
        let (is_for_one, frame) = (to.is_some(), encode(frame));
        let (registry, scope) =
            (self.context.directory.sockets(), SocketScope::LessonChannel(self.lesson, Channel::Webrtc.name()));
        let readers = if is_for_one { 1 } else { registry.count(scope) };
        if frame.len().saturating_mul(readers) > SIGNAL_BYTES {
            return self.send(error("too_large", "say to whom this is: it is too long for all", None));
        }
        let was_heard = registry.send(scope, to, Some(conn), &frame);
        if !was_heard && is_for_one {
            self.send(error("not_here", "whom this is for is not connected", None));
        }
    }

    async fn account(&self, named: &Value) -> Option<UserId> {
        match named {
            Value::String(id) => id.parse().ok(),
            number => self.context.store.account_by_number(number.as_i64()?).await.ok().flatten(),
        }
    }
}
