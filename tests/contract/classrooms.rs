//! Classrooms over REST: making, joining, roles, lessons and their ends, and who may do which.
//! Tells a tutor's and a pupil's rights as tables. What the same rights mean on a socket is `permissions`.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const CLASSES: &str = "/api/v1/classrooms/";

fn class_path(class: &Class, tail: &str) -> String {
    format!("{CLASSES}{}/{tail}", class.id)
}

#[tokio::test]
async fn k1_a_tutor_makes_a_class_and_pupils_join_it_by_its_code() {
    let app = Server::start().await;
    let tutor = app.tutor().await;
    let made = tutor.post(CLASSES).json(&json!({"name": "7-A ґїє"})).send().await.expect(201).json();
    assert_eq!(made["name"], "7-A ґїє");
    assert!(made["created_at"].is_string() && made.text("invite_code").len() >= 6);
    let class = Class { id: made.text("id"), code: made.text("invite_code") };

    let pupil = app.pupil("Bohdan").await;
    let join = json!({"invite_code": class.code});
    let first = pupil.post("/api/v1/classrooms/join/").json(&join).send().await.expect(200).json();
    let second = pupil.post("/api/v1/classrooms/join/").json(&join).send().await.expect(200).json();
    assert_eq!((first["id"].as_str(), second["id"].as_str()), (Some(&*class.id), Some(&*class.id)));
    assert_eq!(first["role"], "student");

    let members = tutor.get(&class_path(&class, "members/")).send().await.expect(200).json();
    let text = members.to_string();
    assert_eq!(text.matches(pupil.id.as_str()).count(), 1, "joining twice makes one member: {text}");
    assert!(text.contains(&tutor.id));
    let seen = pupil.get(&class_path(&class, "")).send().await.expect(200).json();
    assert_eq!((&seen["name"], &seen["role"]), (&json!("7-A ґїє"), &json!("student")));
}

#[tokio::test]
async fn k1_a_wrong_code_joins_nothing() {
    let app = Server::start().await;
    let pupil = app.pupil("Bohdan").await;
    for body in [
        json!({"invite_code": "NOSUCHCODE"}),
        json!({"invite_code": ""}),
        json!({"invite_code": null}),
        json!({}),
        json!({"invite_code": "x".repeat(5000)}),
    ] {
        let answer = pupil.post("/api/v1/classrooms/join/").json(&body).send().await.expect(400).json();
        assert!(answer["invite_code"].is_array(), "{answer}");
    }
    let mine = pupil.get(CLASSES).send().await.expect(200).json();
    assert_eq!(mine["results"], json!([]));
}

#[tokio::test]
async fn k1_only_tutors_make_classes_and_names_have_a_bound() {
    let app = Server::start().await;
    let (tutor, pupil) = (app.tutor().await, app.pupil("Bohdan").await);
    pupil.post(CLASSES).json(&json!({"name": "Mine"})).send().await.expect(403);
    tutor.post(CLASSES).json(&json!({"name": "ї".repeat(255)})).send().await.expect(201);
    for name in [json!("x".repeat(256)), json!(""), json!(7), Value::Null] {
        let answer = tutor.post(CLASSES).json(&json!({"name": name})).send().await.expect(400);
        assert!(answer.json()["name"].is_array(), "{}", answer.text());
    }
    app.stranger().post(CLASSES).json(&json!({"name": "X"})).send().await.expect(401);
}

#[tokio::test]
async fn k2_lists_are_paged_and_hold_what_is_mine() {
    let app = Server::start().await;
    let (tutor, other) = (app.tutor().await, app.tutor().await);
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(tutor.create_class().await.id);
    }
    other.create_class().await;
    let (mut found, mut path, mut pages) = (Vec::new(), format!("{CLASSES}?limit=2"), 0);
    loop {
        let page = tutor.get(&path).send().await.expect(200).json();
        assert_eq!(page["count"], 5, "{page}");
        let rows = page.list("results");
        assert!(rows.len() <= 2);
        found.extend(rows.iter().map(|row| row.text("id")));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        let at = next.find("/api/").expect("a link to the next page");
        path = next[at..].to_owned();
        assert!(pages < 10, "paging ends");
    }
    found.sort();
    made.sort();
    assert_eq!(found, made, "each once, and nobody else's");
    for query in ["?limit=0", "?limit=-1", "?limit=99999999999999999999", "?limit=x", "?offset=-1", "?offset=x"] {
        let status = tutor.get(&format!("{CLASSES}{query}")).send().await.status;
        assert!([200, 400].contains(&status), "{query}: {status}");
    }
}

#[tokio::test]
async fn k3_rights_of_tutor_pupil_and_stranger_as_a_table() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let class = Class { id: lesson.class.clone(), code: String::new() };
    let (member, stranger) = (&pupils[0], app.tutor().await);
    let at = |tail: &str| class_path(&class, tail);
    let session = format!("sessions/{}/", lesson.id);
    let other = format!("members/{}/", pupils[1].id);
    let name = json!({"name": "New"});
    // Method, path, body, then what a stranger, a pupil and the tutor get. Destructive ones come last.
    let table = [
        (Method::GET, at(""), Value::Null, 404, 200, 200),
        (Method::GET, at("members/"), Value::Null, 404, 200, 200),
        (Method::GET, at("sessions/"), Value::Null, 404, 200, 200),
        (Method::GET, at(&session), Value::Null, 404, 200, 200),
        (Method::PATCH, at(""), name.clone(), 404, 403, 200),
        (Method::PATCH, at(&session), name.clone(), 404, 403, 200),
        (Method::POST, at("sessions/"), name.clone(), 404, 403, 201),
        (Method::PATCH, at(&other), json!({"role": "viewer"}), 404, 403, 200),
        (Method::DELETE, at(&other), Value::Null, 404, 403, 204),
        (Method::POST, at(&format!("{session}end/")), Value::Null, 404, 403, 200),
        (Method::DELETE, at(""), Value::Null, 404, 403, 204),
    ];
    for (method, path, body, for_stranger, for_pupil, for_tutor) in table {
        for (who, person, status) in
            [("stranger", &stranger, for_stranger), ("pupil", member, for_pupil), ("tutor", &tutor, for_tutor)]
        {
            let call = person.call(method.clone(), &path);
            let call = if body.is_null() { call } else { call.json(&body) };
            let answer = call.send().await;
            assert_eq!(answer.status, status, "{method} {path} by a {who}: {}", answer.text());
        }
        let status = app.stranger().call(method.clone(), &path).send().await.status;
        assert_eq!(status, 401, "{method} {path} without a token");
    }
    tutor.get(&at("")).send().await.expect(404);
    member.get(&at("")).send().await.expect(404);
}

#[tokio::test]
async fn k3_unknown_ids_and_ids_of_another_class_are_not_found() {
    let app = Server::start().await;
    let (tutor, _, lesson) = app.lesson(0).await;
    let other = tutor.create_class().await;
    let nobody = Uuid::new_v4();
    for path in [
        format!("{CLASSES}{nobody}/"),
        format!("{CLASSES}not-a-uuid/"),
        format!("{CLASSES}{}/sessions/{nobody}/", lesson.class),
        format!("{CLASSES}{}/sessions/x/", lesson.class),
        format!("{CLASSES}{}/sessions/{}/", other.id, lesson.id),
    ] {
        let body = tutor.get(&path).send().await.expect(404).json();
        assert!(body["error"].is_string() && body["detail"].is_string() && body["request_id"].is_string(), "{body}");
    }
    tutor
        .patch(&format!("{CLASSES}{}/members/{nobody}/", lesson.class))
        .json(&json!({"role": "viewer"}))
        .send()
        .await
        .expect(404);
    let wrong = tutor.post(&format!("{CLASSES}{}/sessions/{}/end/", other.id, lesson.id)).send().await;
    wrong.expect(404);
}

#[tokio::test]
async fn k4_a_role_is_changed_by_the_tutor_and_the_tutor_cannot_leave_the_class_without_one() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let member = |id: &str| format!("{CLASSES}{}/members/{id}/", lesson.class);
    let pupil = &pupils[0];
    let role = |role: &str| json!({"role": role});
    let changed = tutor.patch(&member(&pupil.id)).json(&role("viewer")).send().await.expect(200).json();
    assert_eq!(changed["role"], "viewer");
    let seen = pupil.get(&format!("{CLASSES}{}/", lesson.class)).send().await.expect(200).json();
    assert_eq!(seen["role"], "viewer");
    for wrong in ["owner", "admin", ""] {
        tutor.patch(&member(&pupil.id)).json(&role(wrong)).send().await.expect(400);
    }
    for answer in [
        tutor.patch(&member(&tutor.id)).json(&role("student")).send().await,
        tutor.delete(&member(&tutor.id)).send().await,
    ] {
        assert!((400..500).contains(&answer.status), "the owner stays: {} {}", answer.status, answer.text());
    }
    tutor.delete(&member(&pupil.id)).send().await.expect(204);
    pupil.get(&format!("{CLASSES}{}/", lesson.class)).send().await.expect(404);
}

#[tokio::test]
async fn k5_a_lesson_is_active_until_it_is_ended_and_ending_twice_is_one_end() {
    let app = Server::start().await;
    let (tutor, _, lesson) = app.lesson(0).await;
    let path = format!("{CLASSES}{}/sessions/{}/", lesson.class, lesson.id);
    let made = tutor.get(&path).send().await.expect(200).json();
    assert_eq!(
        (&made["status"], &made["classroom_id"], &made["board_id"], &made["name"]),
        (&json!("active"), &json!(lesson.class), &json!(lesson.board), &json!("Fractions"))
    );
    let list = tutor.get(&format!("{CLASSES}{}/sessions/", lesson.class)).send().await.expect(200).json();
    assert_eq!((list["count"].as_u64(), list["results"][0]["id"].as_str()), (Some(1), Some(&*lesson.id)));
    for _ in 0..2 {
        let ended = tutor.post(&format!("{path}end/")).send().await.expect(200).json();
        assert_eq!(ended["status"], "ended");
    }
    assert_eq!(tutor.get(&path).send().await.expect(200).json()["status"], "ended");
}

#[tokio::test]
async fn k5_a_lesson_can_begin_with_a_copy_of_a_board_of_mine() {
    let app = Server::start().await;
    let (tutor, other) = (app.tutor().await, app.tutor().await);
    let class = tutor.create_class().await;
    let template = tutor.create_board().await;
    tutor.save(&template, 0, json!([add_stroke("from-the-template")])).await;
    let path = class_path(&class, "sessions/");
    let body = json!({"name": "Copy", "template_board_id": template.0});
    let made = tutor.post(&path).json(&body).send().await.expect(201).json();
    let copy = Solo(made.text("board_id"));
    assert_ne!(copy.0, template.0);
    assert_eq!(stroke_ids(&tutor.read(&copy).await["state"]), ["from-the-template"]);
    tutor.save(&template, 1, json!([add_stroke("later")])).await;
    assert_eq!(stroke_ids(&tutor.read(&copy).await["state"]).len(), 1, "a copy, not the board itself");

    let lessons = tutor.get(&path).send().await.expect(200).json()["count"].clone();
    let foreign = other.create_board().await;
    let words = async |id: &str| {
        let answer = tutor.post(&path).json(&json!({"template_board_id": id})).send().await;
        answer.refused(400, "validation_error").list("template_board_id")
    };
    words("no-uuid").await;
    assert_eq!(
        words(&foreign.0).await,
        words("0190b5a0-0000-7000-8000-000000000000").await,
        "nobody learns what there is"
    );
    assert_eq!(tutor.get(&path).send().await.expect(200).json()["count"], lessons, "a refused lesson is none");
}

#[tokio::test]
async fn k6_a_lesson_s_board_is_read_and_saved_by_its_members_over_rest() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let role = format!("{CLASSES}{}/members/{}/", lesson.class, pupils[1].id);
    tutor.patch(&role).json(&json!({"role": "viewer"})).send().await.expect(200);
    pupils[0].save(&lesson, 0, json!([add(stroke("by-a-pupil"))])).await;
    tutor.save(&lesson, 1, json!([add(stroke("by-the-tutor"))])).await;
    assert_eq!(stroke_ids(&pupils[1].read(&lesson).await["state"]), ["by-a-pupil", "by-the-tutor"]);
    pupils[1].diff(&lesson, 2, &json!([add(stroke("by-a-viewer"))])).send().await.expect(403);
    pupils[0].stream(&lesson, 2, &one_page()).send().await.expect(403);
    let stranger = app.pupil("Stranger").await;
    stranger.get(&lesson.rest("")).send().await.expect(404);
    stranger.diff(&lesson, 2, &json!([add(stroke("x"))])).send().await.expect(404);
    tutor.end(&lesson).await;
    pupils[0].diff(&lesson, 2, &json!([add(stroke("too late"))])).send().await.expect(403);
    assert_eq!(tutor.read(&lesson).await["rev"], 2);
}
