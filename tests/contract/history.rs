//! The past of a board over REST: revisions, states of then, comparisons, authors, restoring (SPEC Q).
//! Tells who builds a time machine on it what comes back, and who may see what.

use serde_json::{Value, json};

use crate::harness::{account::Fields, *};

fn past(board: &impl Room, tail: &str) -> String {
    format!("/api/v1/boards/{}/history/{tail}", board.board())
}

async fn look(who: &Account, board: &impl Room, tail: &str) -> Value {
    who.get(&past(board, tail)).send().await.expect(200).json()
}

fn revs(list: &Value) -> Vec<u64> {
    list.list("results").iter().map(|row| row.number("rev")).collect()
}

#[tokio::test]
async fn q1_revisions_are_listed_newest_first_with_who_made_them_and_filtered_by_person_page_and_time() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    tutor.save(&lesson, 0, json!([{"op": "add", "kind": "page", "value": {"id": "p2"}}])).await;
    let on = |page: &str, id: &str| json!([{"op": "add", "kind": "stroke", "page_id": page, "value": stroke(id)}]);
    pupils[0].save(&lesson, 1, on("p2", "a")).await;
    tutor.save(&lesson, 2, on("p2", "b")).await;
    tutor
        .save(&lesson, 3, json!([{"op": "remove", "kind": "stroke", "page_id": "p2", "id": "b"}, add_stroke("c")]))
        .await;
    let all = look(&tutor, &lesson, "").await;
    assert_eq!((revs(&all), all.number("rev")), (vec![4, 3, 2, 1], 4));
    let second = all.list("results")[2].clone();
    assert_eq!(second["by"], json!({"id": pupils[0].id, "name": pupils[0].name}));
    assert_eq!((&second["kinds"], &second["pages"], second.number("ops")), (&json!(["stroke"]), &json!(["p2"]), 1));
    assert!(!all.to_string().contains('@'), "no addresses: {all}");
    assert_eq!(revs(&look(&tutor, &lesson, &format!("?user={}", pupils[0].id)).await), [2]);
    assert_eq!(revs(&look(&tutor, &lesson, "?from=2&to=3").await), [3, 2]);
    let at = second.text("at");
    assert_eq!(revs(&look(&tutor, &lesson, &format!("?to={at}")).await), [2, 1]);
    assert_eq!(revs(&look(&tutor, &lesson, &format!("?from={at}")).await), [4, 3]);
    let (mut seen, mut next) = (Vec::new(), Some(past(&lesson, "?limit=1&page=p2")));
    while let Some(path) = next {
        let page = tutor.get(&path).send().await.expect(200).json();
        seen.extend(revs(&page));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, [4, 3, 2, 1]);
    // Nothing after the sign is as if the name were not there.
    assert_eq!(revs(&look(&tutor, &lesson, "?user=&page=&from=&to=&cursor=").await), [4, 3, 2, 1]);
    let beyond = "?cursor=9223372036854775808";
    for wrong in ["?limit=0", "?user=x", "?from=yesterday", "?cursor=x", beyond, "?from=9223372036854775808"] {
        tutor.get(&past(&lesson, wrong)).send().await.refused(400, "validation_error");
    }
    app.pupil("Stranger").await.get(&past(&lesson, "")).send().await.expect(404);
}

#[tokio::test]
async fn q2_a_state_of_then_is_read_by_revision_and_by_time() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for rev in 0..3 {
        ann.save(&board, rev, json!([add_stroke(&format!("s{rev}"))])).await;
    }
    for rev in 0..=3_u64 {
        let answer = ann.get(&past(&board, &format!("{rev}/"))).send().await.expect(200);
        assert_eq!(answer.etag_rev(), rev);
        let was = answer.json();
        let ids: Vec<_> = (0..rev).map(|n| format!("s{n}")).collect();
        assert_eq!(stroke_ids(&was["state"]), ids);
        assert_eq!(was["by"]["id"].as_str(), (rev > 0).then_some(&*ann.id));
    }
    let second = look(&ann, &board, "2/").await;
    let then = look(&ann, &board, &format!("at/?time={}", second.text("at"))).await;
    assert_eq!((then.number("rev"), &then["state"]), (2, &second["state"]));
    assert_eq!(look(&ann, &board, "at/?time=2036-01-01T00:00:00Z").await.number("rev"), 3);
    assert_eq!(look(&ann, &board, "at/?time=2016-01-01T00:00:00Z").await.number("rev"), 0);
    ann.get(&past(&board, "4/")).send().await.refused(404, "unknown_rev");
    for wrong in ["at/", "at/?time=noon"] {
        ann.get(&past(&board, wrong)).send().await.refused(400, "validation_error");
    }
}

#[tokio::test]
async fn q4_two_revisions_are_compared_item_by_item_in_pages() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("a"), add_stroke("b")])).await;
    ann.save(&board, 1, json!([recolour("a", "red"), erase("b"), add_stroke("c")])).await;
    let told = look(&ann, &board, "diff/?from=1&to=2").await;
    let short = |row: &Value| format!("{} {} {}", row.text("change"), row.text("kind"), row.text("id"));
    let rows: Vec<_> = told.list("results").iter().map(short).collect();
    assert_eq!(rows, ["changed stroke a", "added stroke c", "removed stroke b"]);
    assert_eq!(told.list("results")[0]["before"]["color"], "#111");
    assert_eq!(told.list("results")[0]["after"]["color"], "red");
    assert_eq!((told.number("added"), told.number("removed"), told.number("changed")), (1, 1, 1));
    let first = look(&ann, &board, "diff/?from=1&limit=2").await;
    assert_eq!(first.list("results").len(), 2);
    let rest = ann.get(&first.text("next")).send().await.expect(200).json();
    assert_eq!((rest.list("results").len(), rest["next"].is_null()), (1, true));
    ann.get(&past(&board, "diff/?from=1&to=9")).send().await.refused(404, "unknown_rev");
    ann.get(&past(&board, "diff/")).send().await.refused(400, "validation_error");
}

#[tokio::test]
async fn q5_it_is_told_who_drew_which_object_and_who_changed_it_last() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    tutor.save(&lesson, 0, json!([{"op": "add", "kind": "page", "value": {"id": "p1"}}])).await;
    pupils[0].save(&lesson, 1, json!([{"op": "add", "kind": "stroke", "page_id": "p1", "value": stroke("a")}])).await;
    tutor
        .save(&lesson, 2, json!([{"op": "update", "kind": "stroke", "page_id": "p1", "id": "a", "patch": {"size": 9}}]))
        .await;
    let told = look(&pupils[0], &lesson, "authors/?page=p1&ids=a,b").await;
    let rows = told.list("results");
    assert_eq!((rows.len(), rows[0].text("id")), (1, "a".to_owned()));
    assert_eq!((rows[0]["made"]["by"]["id"].as_str(), rows[0]["made"].number("rev")), (Some(&*pupils[0].id), 2));
    assert_eq!(rows[0]["changed"]["by"], json!({"id": tutor.id, "name": tutor.name}));
    assert!(rows[0]["removed"].is_null() && !told.to_string().contains('@'));
    let others = look(&tutor, &lesson, "authors/?page=other").await;
    assert_eq!(others.list("results"), [Value::Null; 0]);
}

#[tokio::test]
async fn q6_a_restored_revision_is_a_new_one_once_under_a_key_and_locks_stay() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut seat = pupils[0].open(&lesson).await;
    tutor.save(&lesson, 0, json!([add_stroke("a")])).await;
    tutor
        .save(
            &lesson,
            1,
            json!([add_stroke("b"), {"op": "update", "kind": "stroke", "id": "a", "patch": {"locked": true}}]),
        )
        .await;
    let path = past(&lesson, "1/restore/");
    pupils[0].post(&path).send().await.refused(403, "forbidden");
    let stale = tutor.post(&path).header("If-Match", "W/\"rev:1\"").send().await.refused(412, "precondition_failed");
    assert_eq!(stale.number("server_rev"), 2);
    for _ in 0..2 {
        let done = tutor.post(&path).header("Idempotency-Key", "back").send().await.expect(200);
        assert_eq!((done.etag_rev(), done.json().number("restored_rev")), (3, 1));
    }
    let now = tutor.read(&lesson).await;
    assert_eq!((now.number("rev"), stroke_ids(&now["state"])), (3, vec!["a".to_owned()]));
    assert_eq!(now["state"]["pages"][0]["strokes"][0]["locked"], true);
    assert_eq!(stroke_ids(&look(&tutor, &lesson, "2/").await["state"]), ["a", "b"], "nothing in between is lost");
    seat.until_rev(3).await;
    assert_eq!(seat.board().count("b"), 0);
    tutor.post(&past(&lesson, "9/restore/")).send().await.refused(404, "unknown_rev");
}

#[tokio::test]
async fn q6_a_restore_in_the_middle_of_which_the_server_dies_is_there_whole_or_not_at_all() {
    let mut app = Server::start().await;
    let (tutor, _, lesson) = app.lesson(0).await;
    let strokes: Vec<_> = (0..20).map(|number| add_stroke(&format!("s{number}"))).collect();
    tutor.save(&lesson, 0, Value::from(strokes)).await;
    let gone: Vec<_> = (0..20).map(|number| erase(&format!("s{number}"))).collect();
    tutor.save(&lesson, 1, Value::from(gone)).await;
    let mut restored = false;
    for pause in 0..8_u64 {
        let call = tutor.post(&past(&lesson, "1/restore/")).header("Idempotency-Key", "back").header("If-Match", "*");
        let asked = tokio::spawn(async move { call.try_send().await.is_ok() });
        let until = std::time::Instant::now() + std::time::Duration::from_micros(400 * pause * pause);
        let _ = tokio::time::timeout_at(until.into(), asked).await;
        app.kill_and_restart().await;
        let now = tutor.read(&lesson).await;
        let (rev, strokes) = (now.number("rev"), stroke_ids(&now["state"]).len());
        assert!((rev, strokes) == (2, 0) || (rev, strokes) == (3, 20), "{now}");
        assert!(rev == 3 || !restored, "what was committed stays");
        restored = rev == 3;
    }
    // However often it was asked for and killed, it is one revision.
    let again =
        tutor.post(&past(&lesson, "1/restore/")).header("Idempotency-Key", "back").send().await.expect(200).json();
    assert_eq!((again.number("rev"), stroke_ids(&tutor.read(&lesson).await["state"]).len()), (3, 20));
}
