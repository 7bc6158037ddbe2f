//! A lesson as the room client of v0.24 goes through it: paths without a version, people by numbers (SPEC Q12, Q13).
//! Walks from the opening of a lesson to its replay as that client does.

use serde_json::{Value, json};

use crate::harness::{account::Fields, *};

fn path(lesson: &str, tail: &str) -> String {
    format!("/api/classroom/session/{lesson}/{tail}")
}

async fn post(who: &Account, lesson: &str, tail: &str, body: Value) -> Value {
    who.post(&path(lesson, tail)).json(&body).send().await.expect(200).json()
}

#[tokio::test]
async fn q12_the_old_room_client_opens_joins_saves_and_ends_a_lesson() {
    let app = Server::start().await;
    let tutor = app.tutor().await;
    let pupil = app.pupil("Clara").await;
    let body = json!({
        "session_type": "lesson", "scheduled_start": "2026-01-31T12:00:00Z", "scheduled_end": "2026-01-31T13:00:00Z",
        "booking_id": 7, "settings": {"max_participants": 4, "auto_save_interval": 30},
    });
    let made = tutor.post("/api/classroom/session/create/").json(&body).send().await.expect(201).json();
    let id = made.text("uuid");
    assert_eq!((made.text("status"), made.text("session_type")), ("waiting".to_owned(), "lesson".to_owned()));
    assert_eq!(made["settings"], body["settings"]);
    assert!(made["host"]["id"].is_i64() && made["actual_start"].is_null(), "{made}");
    // Strangers know nothing of it; with the class's code they come in.
    pupil.get(&path(&id, "")).send().await.expect(404);
    pupil.post(&path(&id, "join/")).json(&json!({})).send().await.expect(404);
    pupil.post(&path(&id, "join/")).json(&json!({"access_code": "ABCD2345"})).send().await.expect(404);
    let class = made.text("classroom_id");
    let class = tutor.get(&format!("/api/v1/classrooms/{class}/")).send().await.expect(200).json();
    let joined = post(&pupil, &id, "join/", json!({"access_code": class.text("invite_code")})).await;
    assert_eq!((joined["participant"].text("role"), joined.text("token")), ("student".to_owned(), pupil.token.clone()));
    assert_eq!(joined["permissions"]["can_draw"], true);
    assert_eq!(joined["permissions"]["can_terminate"], false);
    assert!(joined["board_state"].is_object() && !joined.to_string().contains('@'));
    let started = post(&tutor, &id, "start/", json!({})).await;
    assert!(started["status"] == "active" && started["actual_start"].is_string(), "{started}");
    assert_eq!(post(&tutor, &id, "pause/", json!({})).await["status"], "paused");
    assert_eq!(post(&tutor, &id, "resume/", json!({})).await["status"], "active");
    pupil.post(&path(&id, "pause/")).send().await.refused(403, "forbidden");
    let save = json!({"board_state": one_page(), "version": 0});
    assert_eq!(post(&tutor, &id, "autosave/", save.clone()).await["version"], 1);
    let stale = tutor.post(&path(&id, "autosave/")).json(&save).send().await.refused(409, "rev_mismatch");
    assert_eq!(stale["server_rev"], 1);
    pupil
        .post(&path(&id, "autosave/"))
        .json(&json!({"board_state": one_page(), "version": 1}))
        .send()
        .await
        .expect(403);
    let token = post(&pupil, &id, "jwt/", json!({})).await;
    assert!(token["expires_at"].is_string() && token["token"] == *pupil.token);
    let rights = tutor.get(&path(&id, "permissions/")).send().await.expect(200).json();
    assert_eq!(rights["can_clear_board"], true);
    let mine = pupil.get("/api/classroom/my-sessions/?status=active").send().await.expect(200).json();
    assert_eq!(mine[0]["uuid"], *id);
    assert_eq!(pupil.get("/api/classroom/my-sessions/?status=paused").send().await.expect(200).json(), json!([]));
    // Who is here is told by their sockets.
    let lesson = Lesson { class: made.text("classroom_id"), id: id.clone(), board: made.text("workspace_id") };
    let seat = pupil.open(&lesson).await;
    post(&pupil, &id, "media-state/", json!({"video_enabled": true, "audio_enabled": false})).await;
    let told = tutor.get(&path(&id, "")).send().await.expect(200).json();
    let number = joined["participant"]["user_id"].clone();
    let clara = told.list("participants").into_iter().find(|one| one["user_id"] == number).unwrap();
    assert_eq!((&clara["status"], &clara["video_enabled"]), (&json!("connected"), &json!(true)));
    // By number: a role, and out.
    post(&tutor, &id, "role/", json!({"user_id": number, "role": "viewer"})).await;
    assert_eq!(pupil.get(&path(&id, "permissions/")).send().await.expect(200).json()["can_draw"], false);
    tutor.post(&path(&id, "role/")).json(&json!({"user_id": number, "role": "boss"})).send().await.expect(400);
    pupil
        .post(&path(&id, "kick/"))
        .json(&json!({"user_id": told["host"]["id"]}))
        .send()
        .await
        .refused(403, "forbidden");
    tutor.post(&path(&id, "kick/")).json(&json!({"user_id": 999_999})).send().await.expect(404);
    post(&tutor, &id, "kick/", json!({"user_id": number})).await;
    let mut seat = seat;
    assert_eq!(seat.closed().await, 4403);
    pupil.get(&path(&id, "")).send().await.expect(404);
    let over = post(&tutor, &id, "terminate/", json!({"reason": "done"})).await;
    assert!(over["status"] == "terminated" && over["actual_end"].is_string(), "{over}");
    assert_eq!(post(&tutor, &id, "terminate/", json!({})).await["status"], "terminated");
    tutor.post(&path(&id, "start/")).send().await.refused(403, "forbidden");
    pupil.post("/api/classroom/session/create/").json(&json!({})).send().await.refused(403, "forbidden");
    for wrong in [json!({"session_type": "party"}), json!({"scheduled_start": "soon"}), json!({"settings": 7})] {
        tutor.post("/api/classroom/session/create/").json(&wrong).send().await.refused(400, "validation_error");
    }
}

#[tokio::test]
async fn q13_the_old_room_client_looks_back_plays_and_restores() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let id = &lesson.id;
    tutor.save(&lesson, 0, json!([add_stroke("a")])).await;
    tutor.post(&lesson.rest("snapshot/")).send().await.expect(201);
    pupils[0].save(&lesson, 1, json!([add_stroke("b")])).await;
    let body = json!({"event_type": "board_stroke", "data": {"n": 1}});
    pupils[0].post(&path(id, "event/")).json(&body).send().await.expect(201);
    pupils[0]
        .post(&path(id, "event/"))
        .json(&json!({"event_type": "x", "data": "y".repeat(3000)}))
        .send()
        .await
        .expect(400);
    let line = tutor.get(&path(id, "timeline/?event_types=client:board_stroke")).send().await.expect(200).json();
    assert_eq!((line.number("total"), &line["events"][0]["data"]), (1, &json!({"n": 1})));
    assert!(line["events"][0]["user"]["id"].is_i64());
    let kept = tutor.get(&path(id, "snapshots/")).send().await.expect(200).json();
    assert_eq!(kept["snapshots"][0]["version"], 1);
    let was = tutor.get(&path(id, "snapshots/1/")).send().await.expect(200).json();
    assert_eq!(stroke_ids(&was["board_state"]), ["a"]);
    tutor.get(&path(id, "snapshots/9/")).send().await.refused(404, "unknown_rev");
    let file = tutor.get(&path(id, "snapshots/1/export/?format=json")).send().await.expect(200);
    assert!(file.header("Content-Disposition").contains("lesson-1.json"));
    assert_eq!(stroke_ids(&file.json()["board_state"]), ["a"]);
    tutor.get(&path(id, "snapshots/1/export/?format=exe")).send().await.refused(400, "validation_error");
    pupils[0].get(&path(id, "snapshots/1/export/?format=svg")).send().await.refused(403, "forbidden");
    let stream = tutor.get(&path(id, "replay/stream/")).send().await.expect(200).json();
    let types: Vec<_> = stream.list("events").iter().map(|event| event.text("type")).collect();
    assert_eq!(types, ["stroke_add", "stroke_add"]);
    assert!(stream["events"][0]["t"].as_i64().unwrap() >= 0 && stream["events"][0]["user"].is_i64());
    let manifest = tutor.get(&path(id, "replay/manifest/")).send().await.expect(200).json();
    assert_eq!((manifest["snapshots"][0].number("version"), manifest.list("participants").len()), (1, 2));
    let summary = tutor.get(&path(id, "summary/")).send().await.expect(200).json();
    assert_eq!(summary["stats"]["board_events"], 2);
    let history = format!("/api/classroom/history/{id}/");
    let states = tutor.get(&history).send().await.expect(200).json();
    assert_eq!((&states[0]["version"], stroke_ids(&states[0]["state"])), (&json!(1), vec!["a".to_owned()]));
    let restore = format!("{history}restore/1/");
    pupils[0].post(&restore).send().await.refused(403, "forbidden");
    let restored = tutor.post(&restore).send().await.expect(200).json();
    assert_eq!((restored.number("version"), stroke_ids(&restored["board_state"])), (3, vec!["a".to_owned()]));
    let now = tutor.get(&format!("{history}export/?format=json")).send().await.expect(200).json();
    assert_eq!(now.number("version"), 3);
    app.pupil("Stranger").await.get(&history).send().await.expect(404);
}
