//! The room client's `system` socket: who comes and goes, and what its user may do. Called by `Room`. Never asks for rights:
//! it is told them.

use super::{Room, text};
use m4sh_domain::access::Role;
use m4sh_domain::ids::UserId;
use m4sh_domain::json::{Object, Value};
use m4sh_protocol::payload::Payload;
use m4sh_protocol::room::{self, PERMISSIONS, object};

impl Room {
    /// What a frame of the class is to the client; `None` for what it has no word for.
    pub(super) async fn changed(&mut self, kind: &str, said: &Object) -> Option<Payload> {
        let text_of = |name: &str| said.get(name).and_then(Value::as_str);
        match kind {
            "joined" => {
                let number = self.numbered(text_of("user")?).await?;
                let role = text_of("role").and_then(Role::from_name).map_or("viewer", room::role);
                let participant = object([
                    ("user_id", number),
                    ("name", text_of("name").map_or(Value::Null, Value::from)),
                    ("avatar", Value::Null),
                    ("role", role.into()),
                    ("status", "connected".into()),
                    ("video_enabled", false.into()),
                    ("audio_enabled", false.into()),
                    ("connection_quality", text_of("quality").unwrap_or("good").into()),
                ]);
                let told = object([("type", "participant_joined".into()), ("participant", participant.into())]);
                Some(text(told))
            }
            "left" => {
                let number = self.numbered(text_of("user")?).await?;
                Some(text(object([("type", "participant_left".into()), ("user_id", number)])))
            }
            "can" => {
                let can = said.get("can")?;
                let flags =
                    PERMISSIONS.map(|(name, flag)| (name, can.get(flag.name()).cloned().unwrap_or(false.into())));
                let permissions = object(flags.into_iter().chain([("can_toggle_video", true.into())]));
                let told = object([("type", "permissions_updated".into()), ("permissions", permissions.into())]);
                Some(text(told))
            }
            _ => None,
        }
    }

    /// Somebody's number, by their id; without a database nobody has one, and the client asks again over REST.
    async fn numbered(&mut self, id: &str) -> Option<Value> {
        let user: UserId = id.parse().ok()?;
        match self.number(user).await {
            Ok(number) => Some(number),
            Err(error) => {
                tracing::warn!(%error, "a number could not be read");
                None
            }
        }
    }
}
