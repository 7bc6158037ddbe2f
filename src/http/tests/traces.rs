//! The route table says of every method that changes something which event it leaves, or why it leaves none.

use super::super::{
    areas, audit, endpoints,
    operation::{Area, Mount},
};
use actix_web::http::Method;

#[test]
fn u1_every_route_that_changes_something_names_its_event() {
    assert_traced(areas);
}

/// Every route that changes something names its event.
pub fn assert_traced(areas: fn() -> Vec<Area>) {
    let mut silent = Vec::new();
    let mut named = 0;
    for (pattern, methods) in endpoints(areas(), Mount::Api).iter().map(super::super::route::Endpoint::described) {
        for (method, trace) in methods {
            let changes = audit::changes(&Method::from_bytes(method.as_bytes()).unwrap());
            match trace {
                None if changes => silent.push(format!("{method} {pattern}")),
                Some(audit::Trace::Nothing(why)) => assert!(why.len() > 10, "{method} {pattern}: {why}"),
                Some(audit::Trace::Event { action, .. }) => {
                    assert!(action.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{action}");
                    named += 1;
                }
                None => {}
            }
        }
    }
    assert!(silent.is_empty(), "without `.audit(…)` in the route table: {silent:?}");
    assert!(named > 10, "{named}");
}
