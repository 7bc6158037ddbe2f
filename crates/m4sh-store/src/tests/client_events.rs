//! What clients tell: kept in batches, removed when old.

use super::*;
use crate::{ClientEvent, ClientEventKind, ClientMetrics, testing::TestDatabase};

fn told(name: &str, when: Timestamp) -> ClientEvent {
    ClientEvent {
        at: when,
        kind: ClientEventKind::Telemetry,
        account: None,
        session: None,
        name: Some(name.to_owned()),
        version: None,
        figures: ClientMetrics { save_rtt_ms: Some(1.5), ..ClientMetrics::default() },
        data: Some(r#"{"a":[1,null]}"#.to_owned()),
    }
}

#[tokio::test]
async fn m8_what_clients_told_is_removed_when_it_is_old_and_not_before() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    // Enough for several pages, the old ones first as in life.
    let old: Vec<_> = (0..12_000).map(|_| told("old", at(0))).collect();
    for part in old.chunks(5_000) {
        store.record_client_events(part).await.unwrap();
    }
    store.record_client_events(&[told("new", at(100)), told("edge", at(50))]).await.unwrap();
    assert_eq!(store.purge_client_events(at(50)).await.unwrap(), 12_000);
    assert_eq!(store.purge_client_events(at(50)).await.unwrap(), 0);
    let sql = "SELECT string_agg(name, ' ' ORDER BY at), min(data ->> 'a') FROM client_event";
    let left = database.client().await.query_one(sql, &[]).await.unwrap();
    assert_eq!((left.get::<_, &str>(0), left.get::<_, &str>(1)), ("edge new", "[1,null]"));
    assert_eq!(store.purge_client_events(at(51)).await.unwrap(), 1);
}
