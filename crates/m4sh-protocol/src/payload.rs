//! One encoded frame, shared by reference between every reader of a dialect.
//! Made by `server` and `presence`, queued by `actors::outbox`, written by `ws`. Never re-encoded.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;

/// The bytes of one WebSocket message; cloning shares them.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A text message (JSON dialects).
    Text(ByteString),
    /// A binary message (MessagePack).
    Binary(Bytes),
    /// A message in parts, of which the large one is shared with other readers' messages: a welcome.
    Rope {
        /// Whether it is a text message.
        text: bool,
        /// Its bytes, in order.
        parts: Arc<[Bytes]>,
    },
}

impl Payload {
    /// A text message from bytes that an encoder of ours wrote; invalid UTF-8, which no encoder writes, is replaced.
    #[must_use]
    pub fn text(json: Vec<u8>) -> Self {
        Self::Text(match String::from_utf8(json) {
            Ok(text) => text.into(),
            Err(wrong) => String::from_utf8_lossy(wrong.as_bytes()).into_owned().into(),
        })
    }

    /// Its length in bytes, without the WebSocket header.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Rope { parts, .. } => parts.iter().map(Bytes::len).sum(),
        }
    }

    /// Whether it is text, and its bytes in order.
    #[must_use]
    pub fn into_parts(self) -> (bool, Vec<Bytes>) {
        match self {
            Self::Text(text) => (true, vec![text.into_bytes()]),
            Self::Binary(bytes) => (false, vec![bytes]),
            Self::Rope { text, parts } => (text, parts.to_vec()),
        }
    }

    /// The same message in one piece; only for short ones, since it may copy.
    #[must_use]
    pub fn whole(self) -> Self {
        match self {
            Self::Rope { text: true, parts } => Self::text(parts.concat()),
            Self::Rope { text: false, parts } => Self::Binary(parts.concat().into()),
            whole => whole,
        }
    }

    /// Whether it has no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
