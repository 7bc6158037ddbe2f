//! One person's work taken out for good: from journal, checkpoints, snapshots, exports, pictures and talk (SPEC Q9, Q10).
//! Looks into every table itself: that nothing is left is the promise.

use serde_json::{Value, json};

use crate::harness::{account::Fields, *};

const MARK: &str = "ZEBRA7";

/// Tables in which a text still stands, whatever the type of the column; a checkpoint is looked at opened.
async fn found_in(app: &Server, text: &str) -> Vec<String> {
    let client = app.database.as_ref().unwrap().client().await;
    let sql = "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
        JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'";
    let mut found = Vec::new();
    for row in client.query(sql, &[]).await.unwrap() {
        let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let value =
            if kind == "bytea" { format!("encode(\"{column}\", 'escape')") } else { format!("\"{column}\"::text") };
        let sql = format!("SELECT count(*) FROM \"{table}\" WHERE position($1 IN {value}) > 0");
        let count: i64 = client.query_one(&sql, &[&text]).await.unwrap().get(0);
        if count > 0 {
            found.push(format!("{table}.{column}"));
        }
    }
    for row in client.query("SELECT bytes FROM checkpoint", &[]).await.unwrap() {
        let bytes: Vec<u8> = row.get(0);
        // The state stands behind a short header, compressed.
        let start = bytes.windows(4).position(|four| four == [0x28, 0xb5, 0x2f, 0xfd]).expect("a compressed state");
        let state = zstd::stream::decode_all(&bytes[start..]).unwrap();
        if String::from_utf8_lossy(&state).contains(text) {
            found.push("checkpoint (opened)".to_owned());
        }
    }
    found.sort();
    found
}

async fn erased(tutor: &Account, lesson: &Lesson, who: &Account) -> Value {
    let path = format!("/api/v1/classrooms/{}/members/{}/erase/", lesson.class, who.id);
    let asked = tutor.post(&path).send().await.expect(202).json();
    let path = format!("/api/v1/classrooms/{}/erasures/{}/", lesson.class, asked.text("id"));
    eventually("the erasure is done", || async {
        let told = tutor.get(&path).send().await.expect(200).json();
        assert_ne!(told["status"], "failed", "{told}");
        (told["status"] == "completed").then_some(told)
    })
    .await
}

fn marked(id: &str) -> Value {
    json!({"id": id, "tool": "text", "text": MARK, "points": []})
}

#[tokio::test]
async fn q9_nothing_of_an_erased_pupil_is_left_and_all_of_the_others_is() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (gone, stays) = (&pupils[0], &pupils[1]);
    let mut seat = stays.open(&lesson).await;
    stays.save(&lesson, 0, json!([add_stroke("fine")])).await;
    gone.save(&lesson, 1, json!([add(marked("bad"))])).await;
    gone.save(&lesson, 2, json!([{"op": "update", "kind": "stroke", "id": "fine", "patch": {"note": MARK}}])).await;
    tutor.save(&lesson, 3, json!([{"op": "update", "kind": "stroke", "id": "bad", "patch": {"note": MARK}}])).await;
    // Whole states carry the marks along.
    let mut whole = tutor.read(&lesson).await["state"].clone();
    whole["theme"] = json!("dark");
    whole["pages"][0]["strokes"].as_array_mut().unwrap().insert(0, stroke("first"));
    tutor.stream(&lesson, 4, &whole).send().await.expect(200);
    tutor.post(&lesson.rest("snapshot/")).send().await.expect(201);
    tutor.post(&lesson.rest("export/")).json(&json!({"format": "json"})).send().await.expect(201);
    let event = format!("INSERT INTO class_event (session, seq, at, kind, author, data) VALUES
        ('{0}', 1, now(), 'chat', '{1}', '{{\"text\":\"{MARK}\"}}'), ('{0}', 2, now(), 'hand', '{2}', '{{\"user\":\"{1}\"}}')",
        lesson.id, gone.id, tutor.id);
    app.database.as_ref().unwrap().execute(&event).await;
    seat.until_saved(5).await;
    assert!(found_in(&app, MARK).await.contains(&"journal.ops".to_owned()), "it was there");
    let told = erased(&tutor, &lesson, gone).await;
    assert!(told["result"].number("rows") >= 4, "{told}");
    assert_eq!(found_in(&app, MARK).await, [""; 0]);
    let left = found_in(&app, &gone.id).await;
    let may = |place: &String| {
        // Who they are, that they are in this class, and that they were erased is no work of theirs.
        ["account.", "account_usage.", "auth_session.", "member.", "event.", "node.owner", "job.params"]
            .iter()
            .any(|known| place.starts_with(known))
    };
    assert!(left.iter().all(may), "{left:?}");
    // Whoever was at the board is sent away and comes back to what is left.
    assert_eq!(seat.closed().await, 4503);
    let back = stays.open(&lesson).await;
    assert_eq!((back.board().count("bad"), back.board().count("fine"), back.board().count("first")), (0, 1, 1));
    let now = stays.read(&lesson).await;
    assert_eq!(now["state"]["theme"], "dark");
    let revs = app.database.as_ref().unwrap().number("SELECT count(*) FROM journal").await;
    assert_eq!(revs, 5, "revisions stay dense");
    let list = tutor.get(&format!("/api/v1/boards/{}/history/", lesson.board)).send().await.expect(200).json();
    assert!(list.list("results")[3]["by"].is_null(), "{list}");
    let verified = app.command(&["verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    // They may go on.
    gone.save(&lesson, 5, json!([add_stroke("again")])).await;
}

#[tokio::test]
async fn q10_it_can_be_done_by_hand_while_a_server_runs_and_again_without_harm() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut seat = tutor.open(&lesson).await;
    pupils[0].save(&lesson, 0, json!([add(marked("bad"))])).await;
    seat.until_rev(1).await;
    let params = json!({"account": pupils[0].id, "board": lesson.board}).to_string();
    for rows in [1, 0] {
        let output = app.command(&["job", "erase_person", &params]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let done: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(done["rows"], rows, "{done}");
    }
    assert_eq!(seat.closed().await, 4503, "found by a look");
    assert_eq!(found_in(&app, MARK).await, [""; 0]);
    assert_eq!(tutor.open(&lesson).await.board().count("bad"), 0);
    for wrong in [r#"{"account":"x"}"#, "{}", r#"{"account":"00000000-0000-0000-0000-000000000001","odd":1}"#] {
        assert!(!app.command(&["job", "erase_person", wrong]).output().unwrap().status.success(), "{wrong}");
    }
}

/// A diff that is tried until it is in: while the board changes hands its server says so.
async fn persist(who: &Account, board: &impl Room, id: &str) {
    let mut rev = 0;
    for _ in 0..200 {
        let call = who.diff(board, rev, &json!([add_stroke(id)])).header("Idempotency-Key", id);
        let answer = call.send().await;
        match answer.status {
            200 => return,
            412 => rev = answer.json().number("server_rev"),
            503 => tokio::task::yield_now().await,
            other => panic!("{other}: {}", answer.text()),
        }
    }
    panic!("{id} never got in");
}

#[tokio::test]
async fn q10_what_others_draw_meanwhile_is_kept_and_a_killed_server_goes_on_where_it_was() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (gone, stays) = (&pupils[0], &pupils[1]);
    for n in 0..20 {
        persist(gone, &lesson, &format!("bad{n}")).await;
    }
    gone.save(&lesson, 20, json!([add(marked("bad"))])).await;
    let path = format!("/api/v1/classrooms/{}/members/{}/erase/", lesson.class, gone.id);
    let asked = tutor.post(&path).send().await.expect(202).json();
    for n in 0..20 {
        persist(stays, &lesson, &format!("fine{n}")).await;
    }
    app.kill_and_restart().await;
    let again = tutor.post(&path).send().await.expect(202).json();
    for job in [asked.text("id"), again.text("id")] {
        let path = format!("/api/v1/classrooms/{}/erasures/{job}/", lesson.class);
        eventually("the erasure is done", || async {
            let told = tutor.get(&path).send().await.expect(200).json();
            assert_ne!(told["status"], "failed", "{told}");
            (told["status"] == "completed").then_some(())
        })
        .await;
    }
    assert_eq!(found_in(&app, MARK).await, [""; 0]);
    let fine: Vec<_> = (0..20).map(|n| format!("fine{n}")).collect();
    eventually("everybody sees what is left", || async {
        (stroke_ids(&stays.read(&lesson).await["state"]) == fine).then_some(())
    })
    .await;
    let verified = app.command(&["verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[tokio::test]
async fn q11_only_who_leads_the_class_has_a_pupil_erased_and_nobody_who_leads_is() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let path = |who: &str| format!("/api/v1/classrooms/{}/members/{who}/erase/", lesson.class);
    pupils[0].post(&path(&pupils[1].id)).send().await.refused(403, "forbidden");
    tutor.post(&path(&tutor.id)).send().await.refused(403, "forbidden");
    tutor.post(&path("0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40")).send().await.refused(404, "not_found");
    app.tutor().await.post(&path(&pupils[0].id)).send().await.expect(404);
    let asked = tutor.post(&path(&pupils[0].id)).send().await.expect(202).json();
    let job = |class: &str| format!("/api/v1/classrooms/{class}/erasures/{}/", asked.text("id"));
    pupils[0].get(&job(&lesson.class)).send().await.refused(403, "forbidden");
    let other = tutor.create_class().await;
    tutor.get(&job(&other.id)).send().await.expect(404);
}

#[tokio::test]
async fn q3_hidden_work_is_nothing_in_the_past_and_goes_with_its_author() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (gone, other) = (&pupils[0], &pupils[1]);
    tutor.save(&lesson, 0, json!([add_stroke("task")])).await;
    let path = format!("/api/v1/classrooms/{}/sessions/{}/isolate/", lesson.class, lesson.id);
    tutor.post(&path).json(&json!({"on": true})).send().await.expect(200);
    persist(other, &lesson, "fine").await;
    gone.save(&lesson, 2, json!([add(marked("hidden"))])).await;
    let boards = format!("/api/v1/boards/{}", lesson.board);
    let class = format!("/api/v1/classrooms/{}/sessions/{}", lesson.class, lesson.id);
    let room = format!("/api/classroom/session/{}", lesson.id);
    let reads = [
        format!("{boards}/history/"),
        format!("{boards}/history/3/"),
        format!("{boards}/history/at/?time=2036-01-01T00:00:00Z"),
        format!("{boards}/history/diff/?from=0"),
        format!("{boards}/history/authors/"),
        format!("{boards}/replay/"),
        format!("{boards}/replay/?from_rev=3"),
        format!("{class}/replay/"),
        format!("{class}/summary/"),
        format!("{class}/timeline/"),
        format!("{room}/snapshots/3/"),
        format!("{room}/snapshots/3/export/"),
        format!("{room}/replay/stream/"),
        format!("{room}/replay/manifest/"),
        format!("{room}/summary/"),
    ];
    for path in &reads {
        let told = other.get(path).send().await.expect(200).text();
        assert!(!told.contains(MARK) && !told.contains("hidden"), "{path}: {told}");
        assert!(!told.contains(&gone.id), "{path} names who works unseen: {told}");
    }
    let list = other.get(&reads[0]).send().await.expect(200).json();
    let revs: Vec<_> = list.list("results").iter().map(|row| row.number("rev")).collect();
    assert_eq!(revs, [2, 1], "not even that there was a batch");
    assert!(tutor.get(&reads[5]).send().await.expect(200).text().contains(MARK), "the tutor sees all of it");
    assert!(gone.get(&reads[5]).send().await.expect(200).text().contains(MARK), "and who drew it");
    tutor.post(&format!("{class}/reveal/")).json(&json!({"users": "all"})).send().await.expect(200);
    assert!(other.get(&reads[5]).send().await.expect(200).text().contains(MARK));
    erased(&tutor, &lesson, gone).await;
    assert_eq!(found_in(&app, MARK).await, [""; 0]);
    let layers = found_in(&app, &format!("u:{}", gone.id)).await;
    assert_eq!(layers, [""; 0], "no layer has their name");
    eventually("everybody sees what is left", || async {
        (stroke_ids(&other.read(&lesson).await["state"]) == ["task", "fine"]).then_some(())
    })
    .await;
    let verified = app.command(&["verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[tokio::test]
async fn q10_a_lesson_that_is_on_forgets_what_an_erased_pupil_said() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let mut watching = tutor.open(&lesson).await;
    let mut seat = pupils[0].open(&lesson).await;
    seat.send(&json!({"t": "chat", "id": "m1", "text": MARK})).await;
    watching.expect("chat").await;
    let said = |seat: &Seat| seat.welcome["class"]["chat"].to_string().contains(MARK);
    assert!(said(&pupils[1].open(&lesson).await), "it is remembered until then");
    erased(&tutor, &lesson, &pupils[0]).await;
    eventually("who comes late hears none of it", || async { (!said(&pupils[1].open(&lesson).await)).then_some(()) })
        .await;
    // And it goes on in its order.
    watching.send(&json!({"t": "chat", "id": "m2", "text": "fine"})).await;
    let next = watching.expect_that("chat", |frame| frame["text"] == "fine").await;
    let late = pupils[1].open(&lesson).await;
    assert_eq!(late.welcome["class"]["seq"], next["seq"]);
    assert!(late.welcome["class"]["chat"].to_string().contains("fine") && !said(&late));
}
