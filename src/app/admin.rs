//! The admin address: metrics, and the state of a loaded board. For operators, never for the public.
//! Started by `app`. Never changes anything.

use std::net::SocketAddr;

use actix_web::dev::ServerHandle;
use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::actors::directory::Directory;
use crate::actors::messages::InspectBoard;
use m4sh_domain::ids::BoardId;

/// Starts the admin server and returns its address.
///
/// # Errors
/// When the address cannot be bound.
pub(super) fn start(
    bind: SocketAddr,
    metrics: PrometheusHandle,
    directory: Directory,
) -> std::io::Result<ServerHandle> {
    let named = |error: std::io::Error| std::io::Error::new(error.kind(), format!("admin port {bind}: {error}"));
    let (metrics, directory) = (web::Data::new(metrics), web::Data::new(directory));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(metrics.clone())
            .app_data(directory.clone())
            .route("/metrics", web::get().to(render))
            .route("/debug/boards/{board}", web::get().to(board))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .bind(bind)
    .map_err(named)?;
    for address in server.addrs() {
        println!("m4sh admin on http://{address}");
    }
    let server = server.run();
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok(handle)
}

async fn render(metrics: web::Data<PrometheusHandle>) -> HttpResponse {
    metrics.run_upkeep();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics.render())
}

async fn board(id: web::Path<String>, directory: web::Data<Directory>) -> HttpResponse {
    let actor = id.parse::<BoardId>().ok().and_then(|id| directory.boards().find_awake(id));
    let observed = match actor {
        Some(actor) => actor.send(InspectBoard).await.ok(),
        None => None,
    };
    match observed {
        Some(observed) => HttpResponse::Ok().json(observed),
        None => HttpResponse::NotFound().content_type(ContentType::json()).body(r#"{"error":"not_found"}"#),
    }
}
