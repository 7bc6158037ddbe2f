//! The seam for clients of another protocol: what stands between a joined session and such a client.
//! Called by `socket_loop`; implemented outside `ws`. A session itself knows the full protocol only.

use futures_util::future::LocalBoxFuture;

use crate::actors::outbox::Outbox;
use m4sh_domain::ids::{ClassroomId, ConnId, LessonId, UserId};
use m4sh_protocol::close::Close;
use m4sh_protocol::payload::Payload;

/// Translates between one session in class, which speaks the JSON dialect, and its client, which sends no hello.
pub trait Translator {
    /// The session has joined.
    fn joined(&mut self);

    /// The frame that a client's message stands for; `None` when nothing is left for the session to do.
    ///
    /// # Errors
    /// The code to close with.
    fn incoming<'a>(&'a mut self, message: &'a [u8]) -> LocalBoxFuture<'a, Result<Option<Vec<u8>>, Close>>;

    /// A frame of the session as messages of the client. Frames that may be lost, such as cursors, never come here.
    fn outgoing(&mut self, frame: Payload) -> LocalBoxFuture<'_, Vec<Payload>>;

    /// What is to be written after each event of the socket, if anything.
    fn due(&mut self) -> LocalBoxFuture<'_, Option<Payload>>;
}

/// A lesson and the translator of a session in it.
pub type Translated = (ClassroomId, LessonId, Box<dyn Translator>);

/// Finds, for an authenticated account, where the session leads; the outbox takes what the translator itself has to say.
pub type OpenTranslator = Box<dyn FnOnce(ConnId, UserId, Outbox) -> LocalBoxFuture<'static, Result<Translated, Close>>>;
