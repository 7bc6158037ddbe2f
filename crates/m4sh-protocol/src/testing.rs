//! What the tests of this folder share: somebody to show, and a look into a frame.
//! Compiled for tests only.

use crate::client::ActivityStatus;
use crate::payload::Payload;
use crate::server::ConnectedUser;
use m4sh_domain::access::Role;
use m4sh_domain::ids::UserId;

/// A tutor with a name in Cyrillic.
pub(super) fn person() -> ConnectedUser {
    ConnectedUser {
        user: UserId(uuid::Uuid::nil()),
        name: "Анна".into(),
        role: Role::Tutor,
        color: "#112233".into(),
        status: ActivityStatus::Active,
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
