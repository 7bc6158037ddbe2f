//! The sockets of room clients by lesson, for what goes between them past the class: signals of calls between browsers,
//! and how a lesson stands. Filled by `ws::room`; asked by it and by `http`. Knows the sockets of this process only.

use dashmap::DashMap;

use crate::actors::outbox::Outbox;
use m4sh_domain::ids::{ConnId, LessonId, UserId};
use m4sh_protocol::payload::Payload;
use m4sh_protocol::room::Channel;

/// The live sockets of each lesson.
#[derive(Default)]
pub struct Rooms(DashMap<LessonId, Vec<Line>>);

/// One socket.
#[derive(Clone)]
pub struct Line {
    /// The connection.
    pub conn: ConnId,
    /// Whose it is.
    pub user: UserId,
    /// What is said on it.
    pub channel: Channel,
    /// What waits to be written.
    pub outbox: Outbox,
}

impl Rooms {
    /// A socket that was opened.
    pub fn add(&self, session: LessonId, line: Line) {
        self.0.entry(session).or_default().push(line);
    }

    /// A socket that is gone.
    pub fn remove(&self, session: LessonId, conn: ConnId) {
        if let Some(mut lines) = self.0.get_mut(&session) {
            lines.retain(|line| line.conn != conn);
        }
        self.0.remove_if(&session, |_, lines| lines.is_empty());
    }

    /// Sockets on a channel of a lesson.
    #[must_use]
    pub fn count(&self, session: LessonId, channel: Channel) -> usize {
        self.0.get(&session).map_or(0, |lines| lines.iter().filter(|line| line.channel == channel).count())
    }

    /// Says something on a channel of a lesson, to somebody (`to`) or to all but `but`. Whether anybody was there.
    pub fn say(
        &self,
        session: LessonId,
        channel: Channel,
        to: Option<UserId>,
        but: Option<ConnId>,
        frame: &Payload,
    ) -> bool {
        let lines = self.0.get(&session).map(|lines| lines.clone()).unwrap_or_default();
        let meant =
            |line: &&Line| line.channel == channel && Some(line.conn) != but && to.is_none_or(|user| user == line.user);
        let mut anybody = false;
        for line in lines.iter().filter(meant) {
            // A full outbox has closed itself.
            anybody |= line.outbox.push(frame.clone()).is_ok();
        }
        anybody
    }
}
