//! What the tests of this folder share: somebody to show, and a look into a frame.
//! Compiled for tests only.

use crate::domain::access::Role;
use crate::domain::ids::UserId;
use crate::protocol::client::Status;
use crate::protocol::payload::Payload;
use crate::protocol::server::Person;

/// A tutor with a name in Cyrillic.
pub(super) fn person() -> Person {
    Person {
        user: UserId(uuid::Uuid::nil()),
        name: "Анна".into(),
        role: Role::Tutor,
        color: "#112233".into(),
        status: Status::Active,
        quality: None,
    }
}

/// A text frame's text.
pub(super) fn text(payload: Payload) -> String {
    match payload {
        Payload::Text(text) => text.to_string(),
        Payload::Binary(_) | Payload::Rope { .. } => panic!("not one text"),
    }
}
