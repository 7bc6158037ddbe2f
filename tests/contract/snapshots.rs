//! Snapshots over REST: taken, repeated, charged, listed, restored, kept and freed (SPEC N).
//! Tells a front-end developer what a snapshot is worth, and an operator what it costs.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{account::Fields, *};

async fn snap(who: &Account, board: &Solo) -> Value {
    who.post(&board.rest("snapshot/")).send().await.expect(201).json()
}

/// What an account uses, in bytes: kept and on its way.
async fn used(app: &Server, who: &Account) -> (i64, i64) {
    let client = app.database.as_ref().unwrap().client().await;
    let sql = "SELECT used, reserved FROM account_usage WHERE account::text = $1";
    let row = client.query_one(sql, &[&who.id]).await.unwrap();
    (row.get(0), row.get(1))
}

async fn set_quota(app: &Server, who: &Account, bytes: i64) {
    app.database
        .as_ref()
        .unwrap()
        .execute(&format!("UPDATE account SET quota_bytes = {bytes} WHERE id = '{}'", who.id))
        .await;
}

/// Runs `m4sh job …` beside the server.
fn job(app: &Server, arguments: &[&str]) -> Value {
    let output = app.command(&[&["job"], arguments].concat()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn fetch(app: &Server, url: &Value) -> String {
    let answer = app.http().get(url.as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{url}");
    answer.text().await.unwrap()
}

fn objects(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.map(|path| if path.is_dir() { objects(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn n1_a_snapshot_is_the_committed_state_as_compact_utf8_json_behind_a_signed_url() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let state = json!({"pages": [{"id": "p1", "strokes": [], "assets": []}], "назва": "Дошка 😀 \"\\\n", "zoom": 1.0});
    let board = ann.create_board_with(&state).await;
    let rev = ann.save(&board, 0, json!([add_stroke("s")])).await.number("next_rev");
    let taken = snap(&ann, &board).await;
    assert_eq!(taken.number("rev"), rev);
    let text = fetch(&app, &taken["url"]).await;
    assert!(text.contains("\"назва\":\"Дошка 😀 \\\"\\\\\\n\"") && text.contains("\"zoom\":1.0"), "{text}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), ann.read(&board).await["state"]);
    let key = format!("solo/{}/{}/{rev}.json", ann.id, board.0);
    assert!(taken.text("url").contains(&key), "{taken}");
    let forged = taken.text("url").replace(&format!("/{rev}.json"), "/0.json");
    assert_ne!(app.http().get(forged).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn n1_snapshots_taken_while_others_write_show_each_its_own_revision() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let writing = async {
        for rev in 0..30 {
            ann.save(&board, rev, json!([add_stroke(&format!("s{rev}"))])).await;
        }
    };
    let snapping = async {
        let mut taken = Vec::new();
        for _ in 0..10 {
            taken.push(snap(&ann, &board).await);
        }
        taken
    };
    let ((), taken) = futures_util::future::join(writing, snapping).await;
    for snapshot in taken {
        let state: Value = serde_json::from_str(&fetch(&app, &snapshot["url"]).await).unwrap();
        let expected: Vec<_> = (0..snapshot.number("rev")).map(|rev| format!("s{rev}")).collect();
        assert_eq!(stroke_ids(&state), expected, "a state at its revision and no other");
    }
}

#[tokio::test]
async fn n2_the_same_revision_again_is_the_same_snapshot_and_costs_nothing() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let first = snap(&ann, &board).await;
    let cost = used(&app, &ann).await;
    assert!(cost.0 > 0 && cost.1 == 0, "{cost:?}");
    let again = futures_util::future::join_all((0..6).map(|_| snap(&ann, &board))).await;
    assert!(again.iter().all(|snapshot| snapshot["rev"] == first["rev"]));
    assert_eq!(used(&app, &ann).await, cost);
    ann.save(&board, 0, json!([add_stroke("s")])).await;
    // Six at the same moment, of a revision that nobody has kept.
    let fresh = futures_util::future::join_all((0..6).map(|_| snap(&ann, &board))).await;
    assert!(fresh.iter().all(|snapshot| snapshot.number("rev") == 1));
    let list = ann.get(&board.rest("snapshots/")).send().await.expect(200).json();
    assert_eq!(list.number("count"), 2);
    let sizes: u64 = list.list("results").iter().map(|row| row.number("size")).sum();
    assert_eq!(used(&app, &ann).await, (i64::try_from(sizes).unwrap(), 0));
}

#[tokio::test]
async fn n3_a_key_gets_the_same_answer_also_in_parallel_and_on_another_node() {
    let one = Server::start().await;
    let two = Server::on(one.database.clone().unwrap(), &[]).await;
    let ann = one.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("a")])).await;
    let ask = |who: Account, body: &'static str| {
        let call = who.post(&board.rest("snapshot/")).header("Idempotency-Key", "k-1").raw_json(body);
        async move { call.send().await }
    };
    let parallel = futures_util::future::join_all((0..8).map(|_| ask(ann.clone(), ""))).await;
    let bodies: Vec<_> = parallel.into_iter().map(|answer| answer.expect(201).body).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "the same bytes");
    // The board has moved on, and the node is another: the key's answer has not.
    ann.save(&board, 1, json!([add_stroke("b")])).await;
    assert_eq!(ask(ann.clone(), "").await.expect(201).body, bodies[0]);
    assert_eq!(ask(ann.at(&two), "").await.expect(201).body, bodies[0]);
    ask(ann.clone(), r#"{"note": "another request"}"#).await.refused(422, "key_reused");
    let other = ann.create_board().await;
    let elsewhere = ann.post(&other.rest("snapshot/")).header("Idempotency-Key", "k-1").send().await.expect(201).json();
    assert_eq!(elsewhere.number("rev"), 0, "another board is another request");
}

#[tokio::test]
async fn n4_many_snapshots_at_once_never_pass_the_quota_and_the_sum_is_exact() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    snap(&ann, &board).await;
    let size = used(&app, &ann).await.0;
    set_quota(&app, &ann, size * 4 + size / 2).await;
    let mut boards = Vec::new();
    for _ in 0..8 {
        boards.push(ann.create_board().await);
    }
    let asks = boards.iter().map(|board| ann.post(&board.rest("snapshot/")).send());
    let answers = futures_util::future::join_all(asks).await;
    let (kept, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((kept.len(), refused.len()), (3, 5));
    for answer in refused {
        let body = answer.refused(403, "quota_exceeded");
        let (used, quota) = (body.number("used"), body.number("quota"));
        assert!(used <= quota && body.number("remaining") == quota - used, "{body}");
    }
    assert_eq!(used(&app, &ann).await, (size * 4, 0));
    // A refused key may be used again, once there is room. 0 is no limit.
    let full = ann.create_board().await;
    let ask = || ann.post(&full.rest("snapshot/")).header("Idempotency-Key", "later").send();
    ask().await.refused(403, "quota_exceeded");
    set_quota(&app, &ann, 0).await;
    ask().await.expect(201);
    assert_eq!(used(&app, &ann).await, (size * 5, 0));
}

#[tokio::test]
async fn n5_a_restored_state_is_a_new_revision_that_everybody_sees() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("kept")])).await;
    let then = ann.read(&board).await;
    snap(&ann, &board).await;
    ann.save(&board, 1, json!([erase("kept"), add_stroke("later")])).await;
    let mut seat = ann.open(&board).await;
    let path = board.rest("snapshots/1/restore/");
    ann.post(&path).header("If-Match", "W/\"rev:1\"").send().await.refused(412, "precondition_failed");
    let restore = || ann.post(&path).header("If-Match", "W/\"rev:2\"").header("Idempotency-Key", "r").send();
    let answer = restore().await.expect(200);
    let body = answer.json();
    assert_eq!((answer.etag_rev(), body.number("rev"), body.number("restored_rev")), (3, 3, 1));
    assert_eq!((&body["detail"], &body["digest"]), (&json!("accepted"), &then["state_digest"]));
    assert_eq!(restore().await.expect(200).json(), body, "the same key, the same answer");
    let now = ann.read(&board).await;
    assert_eq!((&now["state"], now.number("rev")), (&then["state"], 3));
    seat.catch_up().await;
    assert_eq!(stroke_ids(&seat.board().state), ["kept"]);
    let again = ann.post(&path).send().await.expect(200).json();
    assert_eq!((&again["detail"], again.number("rev")), (&json!("unchanged"), 3));
    ann.post(&board.rest("snapshots/2/restore/")).send().await.refused(404, "not_found");
}

#[tokio::test]
async fn n6_snapshots_are_listed_pinned_noted_and_deleted() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.get(&board.rest("snapshot/latest/")).send().await.refused(404, "not_found");
    for rev in 0..3 {
        let note = json!({"note": format!("до {rev}")});
        ann.post(&board.rest("snapshot/")).json(&note).send().await.expect(201);
        ann.save(&board, rev, json!([add_stroke(&format!("s{rev}"))])).await;
    }
    // The board is at 3 by now, which has no snapshot.
    let latest = ann.get(&board.rest("snapshot/latest/")).send().await.expect(200).json();
    assert_eq!(latest.number("rev"), 2);
    fetch(&app, &latest["url"]).await;
    let page = ann.get(&board.rest("snapshots/?limit=2")).send().await.expect(200).json();
    let rows = page.list("results");
    assert_eq!((page.number("count"), rows.len(), page["next"].is_string()), (3, 2, true));
    assert_eq!((rows[0].number("rev"), rows[1].number("rev")), (2, 1));
    assert_eq!(
        (&rows[0]["origin"], &rows[0]["author"], &rows[0]["note"]),
        (&json!("manual"), &json!(ann.id), &json!("до 2"))
    );
    assert_eq!(rows[0].number("size") as usize, fetch(&app, &rows[0]["url"]).await.len());

    let one = board.rest("snapshots/1/");
    let pinned = ann.patch(&one).json(&json!({"pinned": true, "note": "зберегти"})).send().await.expect(200).json();
    assert_eq!((&pinned["pinned"], &pinned["note"]), (&json!(true), &json!("зберегти")));
    ann.delete(&one).send().await.refused(409, "pinned");
    for wrong in [json!({"pinned": "yes"}), json!({"note": "x".repeat(501)}), json!({"pinned": null}), json!([])] {
        ann.patch(&one).json(&wrong).send().await.expect(400);
    }
    assert_eq!(ann.get(&one).send().await.expect(200).json()["note"], "зберегти");
    ann.patch(&one).json(&json!({"pinned": false})).send().await.expect(200);
    let before = used(&app, &ann).await.0;
    ann.delete(&one).send().await.expect(204);
    assert!(used(&app, &ann).await.0 < before);
    for path in ["snapshots/1/", "snapshots/9/", "snapshots/-1/", "snapshots/x/", "snapshots/18446744073709551615/"] {
        ann.get(&board.rest(path)).send().await.refused(404, "not_found");
        ann.delete(&board.rest(path)).send().await.refused(404, "not_found");
    }
    // The place of a deleted one can be taken again, before and after the sweep.
    ann.post(&board.rest("snapshots/2/restore/")).send().await.expect(200);
}

#[tokio::test]
async fn n7_retention_keeps_the_newest_and_the_pinned_and_frees_the_rest() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for rev in 0..3 {
        snap(&ann, &board).await;
        ann.save(&board, rev, json!([add_stroke(&format!("s{rev}"))])).await;
    }
    let sizes: Vec<_> = ann.get(&board.rest("snapshots/")).send().await.expect(200).json().list("results");
    let of = |rev: u64| sizes.iter().find(|row| row.number("rev") == rev).unwrap().number("size");
    let swept = job(&app, &["snapshot_retention", r#"{"keep_last": 1}"#]);
    assert_eq!(swept, json!({"deleted_files": 2, "freed_bytes": of(0) + of(1), "keep_last": 1}));
    let left = ann.get(&board.rest("snapshots/")).send().await.expect(200).json().list("results");
    assert_eq!(left.iter().map(|row| row.number("rev")).collect::<Vec<_>>(), [2]);
    assert_eq!(used(&app, &ann).await, (i64::try_from(of(2)).unwrap(), 0));
    assert_eq!(job(&app, &["snapshot_retention"])["keep_last"], 20);
    ann.patch(&board.rest("snapshots/2/")).json(&json!({"pinned": true})).send().await.expect(200);
    snap(&ann, &board).await;
    assert_eq!(job(&app, &["snapshot_retention", r#"{"keep_last": -3}"#])["deleted_files"], 1);
    let left = ann.get(&board.rest("snapshots/")).send().await.expect(200).json().list("results");
    assert_eq!(left.iter().map(|row| row.number("rev")).collect::<Vec<_>>(), [2], "pinned ones stay");
    job(&app, &["sweep_objects"]);
    assert_eq!(objects(&app.data.path().join("blobs")), 1);
    fetch(&app, &left[0]["url"]).await;
}

#[tokio::test]
async fn n8_who_leads_takes_snapshots_who_reads_lists_them_and_nobody_else_knows_of_them() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let (pupil, stranger) = (&pupils[0], app.pupil("Stranger").await);
    tutor.post(&lesson.rest("snapshot/")).send().await.expect(201);
    assert_eq!(pupil.get(&lesson.rest("snapshots/")).send().await.expect(200).json().number("count"), 1);
    pupil.get(&lesson.rest("snapshot/latest/")).send().await.expect(200);
    let solo = tutor.create_board().await;
    snap(&tutor, &solo).await;
    for (who, room, status) in [(pupil, &lesson as &dyn Room, 403), (&stranger, &lesson, 404), (&stranger, &solo, 404)]
    {
        for call in [
            who.post(&room.rest("snapshot/")),
            who.post(&room.rest("snapshots/0/restore/")),
            who.delete(&room.rest("snapshots/0/")),
            who.patch(&room.rest("snapshots/0/")).json(&json!({"pinned": true})),
        ] {
            call.send().await.expect(status);
        }
    }
    for path in ["snapshots/", "snapshot/latest/", "snapshots/0/"] {
        stranger.get(&solo.rest(path)).send().await.refused(404, "not_found");
        app.stranger().get(&solo.rest(path)).send().await.expect(401);
    }
    // The class's owner pays, whoever leads.
    assert!(used(&app, &tutor).await.0 > 0);
    assert_eq!(used(&app, pupil).await, (0, 0));
}

#[tokio::test]
async fn n9_a_board_that_changed_gets_a_snapshot_by_itself_unless_there_is_no_room() {
    let mut app = Server::with(&[("M4SH_SNAPSHOT_EVERY", "1s")]).await;
    let (ann, bob) = (app.pupil("Ann").await, app.pupil("Bob").await);
    let (changed, untouched, full) = (ann.create_board().await, ann.create_board().await, bob.create_board().await);
    ann.save(&changed, 0, json!([add_stroke("s")])).await;
    bob.save(&full, 0, json!([add_stroke("s")])).await;
    set_quota(&app, &bob, 1).await;
    // A stop writes checkpoints, by which the watch sees what changed.
    app.sigterm().await;
    app.launch().await;
    let rows = eventually("the board has a snapshot", || async {
        job(&app, &["watch_boards"]);
        let rows = ann.get(&changed.rest("snapshots/")).send().await.expect(200).json().list("results");
        (!rows.is_empty()).then_some(rows)
    })
    .await;
    assert_eq!((&rows[0]["origin"], &rows[0]["author"], rows[0].number("rev")), (&json!("automatic"), &Value::Null, 1));
    let database = app.database.clone().unwrap();
    eventually("the one without room is passed over", || async {
        let sql = "SELECT count(*) FROM job WHERE kind = 'snapshot' AND status = 'completed' AND result->>'skipped' = 'quota'";
        (database.number(sql).await == 1).then_some(())
    })
    .await;
    assert_eq!(ann.get(&untouched.rest("snapshots/")).send().await.expect(200).json().number("count"), 0);
    assert_eq!(bob.get(&full.rest("snapshots/")).send().await.expect(200).json().number("count"), 0);
    assert_eq!(used(&app, &bob).await, (0, 0));
    assert_eq!(job(&app, &["watch_boards"])["snapshots"], 0, "asked for once");
}

#[tokio::test]
async fn n10_deleting_a_board_frees_its_objects_its_quota_and_its_journal() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let (board, kept) = (ann.create_board().await, ann.create_board().await);
    for rev in 0..3 {
        ann.save(&board, rev, json!([add_stroke(&format!("s{rev}"))])).await;
        snap(&ann, &board).await;
    }
    ann.save(&kept, 0, json!([add_stroke("kept")])).await;
    assert_eq!(objects(&app.data.path().join("blobs")), 3);
    ann.delete(&board.rest("")).send().await.expect(204);
    assert_eq!(used(&app, &ann).await, (0, 0), "at once");
    let database = app.database.clone().unwrap();
    // The server sweeps, too: whoever is first.
    eventually("the store is empty", || async {
        job(&app, &["sweep_objects"]);
        (objects(&app.data.path().join("blobs")) == 0).then_some(())
    })
    .await;
    job(&app, &["purge_journals"]);
    eventually("the journal is gone", || async {
        (database.number("SELECT count(*) FROM journal").await == 1).then_some(())
    })
    .await;
    for table in ["blob", "ledger", "doomed_object", "loose_blob", "doomed_journal", "revision"] {
        assert_eq!(database.number(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(stroke_ids(&ann.read(&kept).await["state"]), ["kept"]);
}
