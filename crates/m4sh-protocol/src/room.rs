//! The words of the v0.24 room client's three sockets (SPEC Q15): channels, rights, and what its board
//! events are in operations. Used by `ws::room` and by the façades of `http`. Pure; never knows a lesson.

use m4sh_domain::access::{Permission, Role};

/// One of the sockets that the client opens for a lesson.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Channel {
    /// Calls between browsers are set up over it.
    Webrtc,
    /// What is drawn.
    Board,
    /// Who is there, and who may do what.
    System,
}

impl Channel {
    /// The channel with that name in the path.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "webrtc" => Some(Self::Webrtc),
            "board" => Some(Self::Board),
            "system" => Some(Self::System),
            _ => None,
        }
    }
}

/// The client's rights and the flags that they are. Cameras are its own matter.
pub const PERMISSIONS: [(&str, Permission); 7] = [
    ("can_draw", Permission::Draw),
    ("can_erase", Permission::Erase),
    ("can_add_layers", Permission::AddPage),
    ("can_delete_layers", Permission::DeletePage),
    ("can_upload_images", Permission::Upload),
    ("can_clear_board", Permission::Clear),
    ("can_terminate", Permission::End),
];

/// A role as that client names it.
#[must_use]
pub const fn role(role: Role) -> &'static str {
    match role {
        Role::Owner | Role::Tutor | Role::Assistant => "host",
        Role::Student => "student",
        Role::Viewer | Role::Guest => "viewer",
    }
}
