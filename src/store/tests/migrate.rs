//! Migrations.

use crate::store::{Store, migrate, testing::TestDatabase};

#[tokio::test]
async fn o6_processes_that_migrate_at_once_apply_everything_once() {
    let database = TestDatabase::blank().await;
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let url = database.url.clone();
            tokio::spawn(async move { migrate::run(&url).await.unwrap() })
        })
        .collect();
    let mut applied = Vec::new();
    for run in runs {
        applied.extend(run.await.unwrap());
    }
    assert_eq!(applied, ["V1 foundations", "V2 kept_things"]);
    assert_eq!(migrate::run(&database.url).await.unwrap(), Vec::<String>::new());
    Store::connect(&database.url, 1).await.unwrap();
}

#[tokio::test]
async fn a_database_that_another_history_has_migrated_is_refused() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client.batch_execute("UPDATE refinery_schema_history SET checksum = '1'").await.unwrap();
    let refused = migrate::run(&database.url).await;
    assert!(refused.is_err_and(|error| !error.is_unavailable()));
}
