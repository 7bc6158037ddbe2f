//! The example page at `/`, and the text that a demo start prints.
//! Used by `app` until the web application takes its place. Never reads a file at run time.

use std::net::SocketAddr;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::{HttpResponse, web};

use crate::demo::{self, Demo};

const PAGE: &str = include_str!("../../examples/board.html");
const SCRIPT: &str = include_str!("../../examples/board.js");
const BUDGETS: &str = include_str!("../../examples/budgets.js");

/// Mounts the page.
pub(super) fn configure(routes: &mut web::ServiceConfig) {
    routes
        .route("/", web::get().to(|| async { asset("text/html; charset=utf-8", PAGE) }))
        .route("/board.js", web::get().to(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/budgets.js", web::get().to(|| async { asset("text/javascript; charset=utf-8", BUDGETS) }));
}

fn asset(kind: &'static str, body: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss:",
        ))
        .body(body)
}

/// Prints addresses and logins of the demo school.
pub(super) fn announce(address: SocketAddr, demo: &Demo) {
    let lesson = format!("class={}&session={}", demo.classroom, demo.session);
    println!("Demo school (every password is `{}`):", demo::PASSWORD);
    println!("  tutor      {:<22} http://{address}/#email={}&{lesson}", demo.tutor, demo.tutor);
    for pupil in &demo.pupils {
        println!("  pupil      {pupil:<22} http://{address}/#email={pupil}&{lesson}");
    }
    println!("  class code {}", demo.invite_code);
    println!("  lesson     http://{address}/api/v1/classrooms/{}/sessions/{}/", demo.classroom, demo.session);
    println!("  board      http://{address}/api/v1/solo/sessions/{}/  (the lesson's)", demo.class_board);
    println!("  board      http://{address}/api/v1/solo/sessions/{}/  (the tutor's own)", demo.solo_board);
}
