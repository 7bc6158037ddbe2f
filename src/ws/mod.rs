//! Sockets: the routes, and what one connection is from its handshake to its goodbye.
//! Called by `app`, which mounts the routes. Never holds a board's state and never decides a right.

mod context;
mod guests;
mod handshake;
mod pings;
mod session;
mod socket_loop;
pub mod translator;
mod upgrade;

use actix_web::web;

pub use context::SocketContext;
pub use upgrade::upgrade_translated;

/// Mounts the socket routes; expects `web::Data<SocketContext>`.
pub fn configure(routes: &mut web::ServiceConfig) {
    for slash in ["", "/"] {
        routes
            .route(&format!("/ws/classroom/{{class}}/session/{{session}}{slash}"), web::get().to(upgrade::classroom))
            .route(&format!("/ws/board/{{board}}{slash}"), web::get().to(upgrade::board));
    }
}
