//! The event log: whole batches, repeats, bounds, and what is removed from it.

use super::*;
use crate::{AuditEvent, EventCategory, RequestOrigin, testing::TestDatabase};
use m4sh_domain::limits;

fn event(action: &'static str) -> AuditEvent {
    AuditEvent {
        id: Uuid::now_v7(),
        at: at(0),
        actor: Some(UserId(Uuid::from_u128(1))),
        category: EventCategory::Account,
        action,
        node: Some(Uuid::from_u128(2)),
        link: Some(Uuid::from_u128(3)),
        origin: login().origin,
        data: serde_json::json!({"tries": 3}),
    }
}

#[tokio::test]
async fn an_event_is_kept_with_its_origin_and_an_endless_agent_is_cut() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let event = AuditEvent {
        origin: RequestOrigin { agent: Some("ä".repeat(9_000)), ..login().origin },
        ..event("login_refused")
    };
    store.record_events(std::slice::from_ref(&event), true).await.unwrap();
    store.record_events(&[event.clone(), event], false).await.unwrap();
    let sql =
        "SELECT category, action, char_length(agent), host(ip), request_id, data ->> 'tries', node, link FROM event";
    let kept = database.client().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(
        (kept.get::<_, &str>(0), kept.get::<_, &str>(1), kept.get::<_, i32>(2)),
        ("account", "login_refused", i32::try_from(limits::AGENT_CHARS).unwrap())
    );
    assert_eq!((kept.get::<_, &str>(3), kept.get::<_, &str>(4), kept.get::<_, &str>(5)), ("192.0.2.7", "r1", "3"));
    assert_eq!((kept.get::<_, Uuid>(6), kept.get::<_, Uuid>(7)), (Uuid::from_u128(2), Uuid::from_u128(3)));
}

#[tokio::test]
async fn u4_what_postgres_cannot_keep_goes_and_the_event_stays() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let origin = RequestOrigin { agent: Some("a\0b".to_owned()), request_id: Some("r\0".to_owned()), address: None };
    let data = serde_json::json!({"name": "x\0y", "list": [{"deep": "\0"}], "told": "\\u0000"});
    store.record_events(&[AuditEvent { origin, data, ..event("odd") }, event("plain")], true).await.unwrap();
    let sql = "SELECT agent, request_id, data::text FROM event WHERE action = 'odd'";
    let kept = database.client().await.query_one(sql, &[]).await.unwrap();
    assert_eq!((kept.get::<_, &str>(0), kept.get::<_, &str>(1)), ("ab", "r"));
    let data: serde_json::Value = serde_json::from_str(kept.get(2)).unwrap();
    assert_eq!(data, serde_json::json!({"name": "xy", "list": [{"deep": ""}], "told": "\\u0000"}));
}

#[tokio::test]
async fn u6_old_events_of_the_named_actions_go_and_all_others_stay() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let of = |action: &'static str, when| AuditEvent { at: when, ..event(action) };
    // Enough for several pages of the purge, with the old ones first as in life.
    let mut events: Vec<_> = (0..6_000).map(|_| of("board_saved", at(0))).collect();
    events.push(of("logged_in", at(0)));
    events.push(of("board_saved", at(100)));
    store.record_events(&events, false).await.unwrap();
    assert_eq!(store.purge_events(at(50), &["board_saved"]).await.unwrap(), 6_000);
    assert_eq!(store.purge_events(at(50), &["board_saved"]).await.unwrap(), 0);
    let sql = "SELECT string_agg(action, ' ' ORDER BY at) FROM event";
    let left = database.client().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(left.get::<_, &str>(0), "logged_in board_saved");
    assert_eq!(store.purge_events(at(200), &["logged_in", "board_saved"]).await.unwrap(), 2);
}
