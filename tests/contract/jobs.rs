//! Work that outlives requests: the schedule on several nodes, `m4sh job`, a worker's death, a stop, the metrics.
//! Tells an operator what to rely on.

use std::process::Output;

use serde_json::{Value, json};

use crate::harness::*;

/// How many kinds of work have been done.
const EACH_RAN: &str = "SELECT count(DISTINCT kind) FROM job WHERE status = 'completed'";
/// How many the schedule has.
const CHORES: i64 = 16;

fn job(app: &Server, arguments: &[&str]) -> Output {
    app.command(&[&["job"], arguments].concat()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Holds a table, so that the job that needs it is under way until the client is dropped.
async fn hold(database: &Database, table: &str) -> tokio_postgres::Client {
    let client = database.client().await;
    client.batch_execute(&format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await.unwrap();
    client
}

async fn until_number(database: &Database, what: &str, sql: &str, expected: i64) {
    eventually(what, || async { (database.number(sql).await == expected).then_some(()) }).await;
}

#[tokio::test]
async fn t2_a_killed_servers_job_is_taken_over_when_its_lease_ends() {
    let mut one = Server::start().await;
    let database = one.database.clone().unwrap();
    until_number(&database, "the start's jobs ran", EACH_RAN, CHORES).await;
    let held = hold(&database, "share_link").await;
    let ask =
        "INSERT INTO job (id, kind, idempotency_key) VALUES (gen_random_uuid(), 'cleanup_expired_shares', 'by hand')";
    database.execute(ask).await;
    let mine = "FROM job WHERE idempotency_key = 'by hand'";
    until_number(&database, "it runs", &format!("SELECT count(*) {mine} AND status = 'processing'"), 1).await;
    one.kill_9();
    let two = Server::on(database.clone(), &[]).await;
    assert_eq!(database.number(&format!("SELECT count(*) {mine} AND status = 'processing' AND attempts = 1")).await, 1);
    assert_eq!(database.number(&format!("SELECT count(*) {mine} AND leased_until > now()")).await, 1, "not before");
    drop(held);
    // Time passes.
    database.execute("UPDATE job SET leased_until = now(), run_at = now() WHERE idempotency_key = 'by hand'").await;
    until_number(
        &database,
        "the other one did it",
        &format!("SELECT count(*) {mine} AND status = 'completed' AND attempts = 2"),
        1,
    )
    .await;
    two.is_healthy().await;
}

#[tokio::test]
async fn t6_sigterm_gives_back_what_is_under_way_and_the_next_server_does_it_at_once() {
    let mut app = Server::start().await;
    let database = app.database.clone().unwrap();
    until_number(&database, "the start's jobs ran", EACH_RAN, CHORES).await;
    let held = hold(&database, "share_link").await;
    let ask =
        "INSERT INTO job (id, kind, idempotency_key) VALUES (gen_random_uuid(), 'cleanup_expired_shares', 'by hand')";
    database.execute(ask).await;
    let mine = "FROM job WHERE idempotency_key = 'by hand'";
    until_number(&database, "it runs", &format!("SELECT count(*) {mine} AND status = 'processing'"), 1).await;
    assert!(app.sigterm().await.success());
    assert_eq!(database.number(&format!("SELECT count(*) {mine} AND status = 'pending' AND attempts = 0")).await, 1);
    drop(held);
    app.launch().await;
    until_number(
        &database,
        "it is done",
        &format!("SELECT count(*) {mine} AND status = 'completed' AND attempts = 1"),
        1,
    )
    .await;
}

#[tokio::test]
async fn t7_two_servers_on_one_database_run_the_schedule_once() {
    let database = std::sync::Arc::new(Database::fresh().await);
    let both = futures_util::future::join_all((0..2).map(|_| Server::on(database.clone(), &[]))).await;
    until_number(&database, "all of the schedule ran", EACH_RAN, CHORES).await;
    let twice = "SELECT count(*) FROM (
            SELECT kind, idempotency_key FROM job GROUP BY kind, idempotency_key HAVING count(*) > 1
        ) AS twice";
    assert_eq!(database.number(twice).await, 0);
    let daily = "SELECT count(*) FROM job WHERE kind IN ('cleanup_exports', 'cleanup_expired_shares', 'orphan_files')";
    assert_eq!(database.number(daily).await, 3);
    assert_eq!(database.number("SELECT count(*) FROM job WHERE attempts > 1").await, 0);
    drop(both);
    // A restart does not run again what was not missed.
    let third = Server::on(database.clone(), &[]).await;
    third.is_healthy().await;
    assert_eq!(database.number(daily).await, 3);
}

#[tokio::test]
async fn t9_m4sh_job_lists_the_schedule_and_does_one_of_it() {
    let app = Server::with(&[("M4SH_JOBS", "false")]).await;
    let list = job(&app, &[]);
    let text = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.status.success());
    for (name, when) in [
        ("cleanup_exports", "daily 03:00 UTC"),
        ("cleanup_expired_shares", "daily 03:30 UTC"),
        ("orphan_files", "Sundays 04:30 UTC"),
        ("sweep_objects", "each minute"),
    ] {
        assert!(text.lines().any(|line| line.starts_with(name) && line.contains(when)), "{name} in\n{text}");
        let done = job(&app, &[name]);
        assert!(done.status.success(), "{name}: {}", stderr(&done));
        assert!(serde_json::from_slice::<Value>(&done.stdout).unwrap().is_object(), "{name}");
    }
    for (arguments, words) in [
        (&["dance"][..], "no job `dance`"),
        (&["snapshot_retention", "[]"], "JSON object"),
        (&["snapshot_retention", "{"], "EOF"),
        (&["snapshot_retention", r#"{"keep_last": "x"}"#], "keep_last must be a whole number"),
    ] {
        let wrong = job(&app, arguments);
        assert!(wrong.status.code() == Some(1) && wrong.stdout.is_empty(), "{arguments:?}");
        assert!(stderr(&wrong).contains(words), "{arguments:?}: {}", stderr(&wrong));
    }
    let database = app.database.as_ref().unwrap();
    assert_eq!(database.number("SELECT count(*) FROM job WHERE status = 'completed'").await, 4);
    assert_eq!(
        database.number("SELECT count(*) FROM job WHERE status = 'failed' AND error LIKE 'keep_last%'").await,
        1
    );
}

#[tokio::test]
async fn t8_expired_and_revoked_links_and_old_exports_are_removed_and_the_others_stay() {
    let app = Server::with(&[("M4SH_JOBS", "false")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let database = app.database.as_ref().unwrap();
    for (n, expires, revoked) in [
        (1, "now() - interval '1 s'", "NULL"),
        (2, "NULL", "now()"),
        (3, "NULL", "NULL"),
        (4, "now() + interval '1 h'", "NULL"),
    ] {
        let link = format!(
            "INSERT INTO share_link (id, token_hash, node, created_by, expires_at, revoked_at)
             VALUES (gen_random_uuid(), sha256('{n}'), '{}', '{}', {expires}, {revoked})",
            board.0, ann.id
        );
        database.execute(&link).await;
    }
    for age in ["31 days", "29 days"] {
        let export = format!(
            "INSERT INTO job (id, kind, account, node, status, finished_at)
             VALUES (gen_random_uuid(), 'export', '{}', '{}', 'completed', now() - interval '{age}')",
            ann.id, board.0
        );
        database.execute(&export).await;
    }
    let said = |output: Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    assert_eq!(said(job(&app, &["cleanup_expired_shares"])), json!({"deleted": 2}));
    assert_eq!(database.number("SELECT count(*) FROM share_link").await, 2);
    assert_eq!(said(job(&app, &["cleanup_exports"])), json!({"deleted": 1}));
    assert_eq!(said(job(&app, &["cleanup_exports"])), json!({"deleted": 0}), "again changes nothing");
    assert_eq!(database.number("SELECT count(*) FROM job WHERE kind = 'export'").await, 1);
}

#[tokio::test]
async fn t10_jobs_can_be_seen_in_the_metrics() {
    let app = Server::with(&[("M4SH_ADMIN_BIND", "127.0.0.1:0")]).await;
    let url = format!("http://{}/metrics", app.admin_address().await);
    let text = eventually("a sweep is counted", || async {
        let text = app.http().get(&url).send().await.unwrap().text().await.unwrap();
        let counted = text.lines().any(|line| {
            line.starts_with("m4sh_jobs_total{") && line.contains("sweep_objects") && line.contains("completed")
        });
        counted.then_some(text)
    })
    .await;
    for name in ["m4sh_job_seconds_count{", "m4sh_jobs_waiting{"] {
        assert!(text.lines().any(|line| line.starts_with(name) && line.contains("sweep_objects")), "{name} in\n{text}");
    }
}

#[tokio::test]
async fn q14_a_lesson_that_ended_long_ago_is_removed_whole_and_no_other() {
    let app = Server::with(&[("M4SH_JOBS", "false"), ("M4SH_LESSON_DAYS", "30")]).await;
    let database = app.database.clone().unwrap();
    let (tutor, pupils, old) = app.lesson(1).await;
    let class = Class { id: old.class.clone(), code: String::new() };
    let (young, on) = (tutor.start_lesson(&class).await, tutor.start_lesson(&class).await);
    for lesson in [&old, &young, &on] {
        let below = format!("/api/v1/classrooms/{}/sessions/{}/", lesson.class, lesson.id);
        tutor.post(&format!("{below}boards/")).json(&json!({"for": "everybody"})).send().await.expect(201);
        tutor.post(&format!("{below}chat/")).json(&json!({"text": "hello"})).send().await.expect(201);
        pupils[0].save(lesson, 0, json!([add_stroke("s1")])).await;
        tutor.post(&lesson.rest("snapshot/")).send().await.expect(201);
    }
    tutor.patch(&old.rest("snapshots/1/")).json(&json!({"pinned": true})).send().await.expect(200);
    tutor.end(&old).await;
    tutor.end(&young).await;
    // Old is what is over; a lesson may be on for ever.
    let aged = |lesson: &Lesson| {
        format!(
            "UPDATE class_session SET created_at = now() - interval '99 days', \
            ended_at = CASE WHEN ended_at IS NOT NULL THEN now() - interval '31 days' END WHERE id = '{}'",
            lesson.id
        )
    };
    database.execute(&aged(&old)).await;
    database.execute(&aged(&on)).await;
    let usage = "SELECT coalesce(sum(used), 0)::bigint FROM account_usage";
    let before = database.number(usage).await;
    let done = job(&app, &["purge_lessons"]);
    assert!(done.status.success(), "{}", stderr(&done));
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(told, json!({"lessons": 1, "boards": 2}));
    for name in ["purge_journals", "sweep_objects"] {
        assert!(job(&app, &[name]).status.success());
    }
    tutor.get(&format!("/api/v1/classrooms/{}/sessions/{}/", old.class, old.id)).send().await.expect(404);
    tutor.get(&old.rest("")).send().await.expect(404);
    for (table, key) in [("class_event", "session"), ("session_board", "session")] {
        let left = format!("SELECT count(*) FROM {table} WHERE {key} = '{}'", old.id);
        assert_eq!(database.number(&left).await, 0, "{table}");
    }
    for (table, key) in
        [("board", "id"), ("journal", "board"), ("checkpoint", "board"), ("revision", "node"), ("node", "id")]
    {
        let left = format!("SELECT count(*) FROM {table} WHERE {key} = '{}'", old.board);
        assert_eq!(database.number(&left).await, 0, "{table}");
    }
    assert!(database.number(usage).await <= before);
    for lesson in [&young, &on] {
        assert_eq!(stroke_ids(&tutor.read(lesson).await["state"]), ["s1"]);
        let path = format!("/api/v1/classrooms/{}/sessions/{}/chat/", lesson.class, lesson.id);
        assert_eq!(tutor.get(&path).send().await.expect(200).json().list("results").len(), 1);
    }
    let again = job(&app, &["purge_lessons"]);
    assert_eq!(serde_json::from_slice::<Value>(&again.stdout).unwrap()["lessons"], 0);
    assert!(app.command(&["verify"]).output().unwrap().status.success());
}
