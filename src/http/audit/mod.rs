//! One event for every request that changed something: who, what, when, from where, under which request id.
//! The route table names the action, `envelope` calls [`settle`] after the handler, and handlers add to the [`AuditContext`].
//! Never refuses a request: the change is done by then, and saying otherwise would be a lie.

mod context;
mod log;
mod trace;

use actix_web::{
    HttpRequest,
    http::{Method, StatusCode},
    web,
};
use jiff::Timestamp;
use uuid::Uuid;

pub use context::AuditContext;
pub use log::EventLog;
pub use trace::{Pace, Trace, Traces};

use super::{Services, extract::ClientOrigin};
use m4sh_domain::limits::EVENT_DATA_BYTES;
use m4sh_store::{AuditEvent, EventCategory};

/// Whether requests of that method are there to change something.
#[must_use]
pub fn changes(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PATCH | Method::PUT | Method::DELETE)
}

/// Leaves the event of a request that was answered so.
pub async fn settle(request: &HttpRequest, status: StatusCode, traces: &Traces) {
    let Some(Trace::Event { category, action, pace }) = traces.of(request.method().as_str()) else { return };
    let Some(services) = request.app_data::<web::Data<Services>>() else { return };
    let notes = AuditContext::of(request).take();
    let (action, pace) = if status.is_success() {
        (notes.action.unwrap_or(action), pace)
    } else if let Some(refusal) = notes.refusal {
        // Nobody may make others wait by being refused.
        (refusal, Pace::Later)
    } else {
        return;
    };
    let event = AuditEvent {
        id: Uuid::now_v7(),
        at: Timestamp::now(),
        actor: notes.actor,
        category,
        action,
        node: notes.node.or_else(|| node_of_path(request, category)),
        link: notes.link,
        origin: ClientOrigin::of(request).origin,
        data: bounded(notes.data),
    };
    services.events.record(event, pace).await;
}

/// The board that the path names.
fn node_of_path(request: &HttpRequest, category: EventCategory) -> Option<Uuid> {
    let names_board = matches!(category, EventCategory::Board | EventCategory::Share);
    names_board.then(|| request.match_info().get("id")?.parse().ok())?
}

/// What is kept of `data`: all of it, or only that it was too long.
fn bounded(data: serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
    let data = serde_json::Value::Object(data);
    let bytes = data.to_string().len();
    if bytes <= EVENT_DATA_BYTES { data } else { serde_json::json!({"left_out_bytes": bytes}) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    #[test]
    fn u4_the_data_of_an_event_is_bounded() {
        let of = |text: String| bounded(Map::from_iter([("name".to_owned(), text.into())]));
        assert_eq!(of("x".repeat(100))["name"].as_str().map(str::len), Some(100));
        let long = of("x".repeat(EVENT_DATA_BYTES));
        assert_eq!(long, json!({"left_out_bytes": EVENT_DATA_BYTES + 11}));
    }

    #[test]
    fn u1_reading_methods_change_nothing_and_the_others_do() {
        for method in [Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
            assert!(changes(&method), "{method}");
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(!changes(&method), "{method}");
        }
    }
}
