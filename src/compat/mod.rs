//! The v0.24 room client (SPEC Q12 to Q18, ADR 0028): its sockets, as translations of ordinary sessions, and its routes.
//! Mounted by `app`. No other module names this one; without it everything else stays as it is.

mod frames;
mod rest;
mod socket;

use actix_web::web;

use crate::http::operation::Area;

/// The sections of the REST surface.
pub fn areas() -> Vec<Area> {
    vec![rest::area()]
}

/// Mounts the sockets; expects `web::Data<SocketContext>`.
pub fn configure(routes: &mut web::ServiceConfig) {
    for slash in ["", "/"] {
        routes.route(&format!("/ws/classroom/{{session}}/{{channel}}{slash}"), web::get().to(socket::upgrade));
    }
}
