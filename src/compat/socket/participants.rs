//! The room client's `system` socket (SPEC Q16): participants and permissions. Called by `RoomTranslator`.
//! Never looks up a right: the class sends them.

use super::{RoomTranslator, encode, object};
use crate::compat::frames::{PERMISSIONS, role_name};
use m4sh_domain::access::Role;
use m4sh_domain::ids::UserId;
use m4sh_domain::json::{Object, Value};
use m4sh_protocol::payload::Payload;

impl RoomTranslator {
    /// A frame of the class as the client's message; `None` when it has none for it.
    pub(super) async fn class_frame(&mut self, kind: &str, frame: &Object) -> Option<Payload> {
        let text = |name: &str| frame.get(name).and_then(Value::as_str);
        let message = match kind {
            "joined" => {
                let number = self.number_of(text("user")?).await?;
                let role = text("role").and_then(Role::from_name).map_or("viewer", role_name);
                let participant = object([
                    ("user_id", number),
                    ("name", text("name").map_or(Value::Null, Value::from)),
                    ("avatar", Value::Null),
                    ("role", role.into()),
                    ("status", "connected".into()),
                    ("video_enabled", false.into()),
                    ("audio_enabled", false.into()),
                    ("connection_quality", text("quality").unwrap_or("good").into()),
                ]);
                object([("type", "participant_joined".into()), ("participant", participant.into())])
            }
            "left" => {
                let number = self.number_of(text("user")?).await?;
                object([("type", "participant_left".into()), ("user_id", number)])
            }
            "can" => {
                let can = frame.get("can")?;
                let flags =
                    PERMISSIONS.map(|(name, flag)| (name, can.get(flag.name()).cloned().unwrap_or(false.into())));
                let permissions = object(flags.into_iter().chain([("can_toggle_video", true.into())]));
                object([("type", "permissions_updated".into()), ("permissions", permissions.into())])
            }
            _ => return None,
        };
        Some(encode(message))
    }

    /// The number of an account by its id. Without a database there is none, and the client asks again over REST.
    async fn number_of(&mut self, id: &str) -> Option<Value> {
        let user: UserId = id.parse().ok()?;
        match self.number(user).await {
            Ok(number) => Some(number),
            Err(error) => {
                tracing::warn!(%error, "number of an account could not be read");
                None
            }
        }
    }
}
