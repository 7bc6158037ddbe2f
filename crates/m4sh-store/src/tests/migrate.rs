//! Migrations.

use crate::{Store, migrate, testing::TestDatabase};

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
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations")).unwrap().flatten();
    let mut names: Vec<_> = files.filter_map(|file| file.path().file_stem()?.to_str().map(str::to_owned)).collect();
    names.sort_by_key(|name| name[1..].split("__").next().and_then(|number| number.parse::<u32>().ok()));
    let names: Vec<_> = names.iter().map(|name| name.replace("__", " ")).collect();
    assert_eq!(applied, names);
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
