//! Talk in a lesson: hands, reactions, chat, timers and polls, in one order for everybody, kept, moderated, and private where
//! they are. Tells what a class hears, over sockets and REST. Where everybody looks is `leading`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::harness::{postgres::Cluster, postgres::Database, *};

fn chat_path(lesson: &Lesson) -> String {
    format!("/api/v1/classrooms/{}/sessions/{}/chat/", lesson.class, lesson.id)
}

fn polls_path(lesson: &Lesson) -> String {
    format!("/api/v1/classrooms/{}/sessions/{}/polls/", lesson.class, lesson.id)
}

fn said(id: &str, text: &str) -> Value {
    json!({"t": "chat", "id": id, "text": text})
}

/// The texts of a list of messages.
fn texts(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|message| message.text("text")).collect()
}

async fn set_role(tutor: &Account, lesson: &Lesson, user: &Account, role: &str) {
    let path = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, user.id);
    tutor.patch(&path).json(&json!({"role": role})).send().await.expect(200);
}

/// Says something and hears that it is refused with this code.
async fn refused(seat: &mut Seat, frame: Value, code: &str) -> Value {
    seat.send(&frame).await;
    let answer = seat.expect("refused").await;
    assert_eq!(answer["code"], code, "{frame}: {answer}");
    answer
}

#[tokio::test]
async fn f1_five_sockets_hear_the_same_events_in_the_same_order_without_a_gap() {
    let app = Server::with(&[("M4SH_RATES_WS_CHAT", "1000/s"), ("M4SH_RATES_WS_REACT", "1000/s")]).await;
    let (tutor, pupils, lesson) = app.lesson(4).await;
    let mut seats = vec![tutor.open_in(Dialect::MessagePack, &lesson).await];
    for pupil in &pupils {
        seats.push(pupil.open(&lesson).await);
    }
    let each = 12;
    let speaking = seats.iter_mut().enumerate().map(|(person, seat)| async move {
        for number in 0..each {
            let frame = match number % 3 {
                0 => said(&number.to_string(), &format!("{person}: {number}")),
                1 => json!({"t": "react", "emoji": "👍"}),
                _ => json!({"t": "hand", "up": number % 2 == 0}),
            };
            seat.send(&frame).await;
        }
    });
    futures_util::future::join_all(speaking).await;
    let events = (5 * each) as u64;
    let mut heard: Vec<Vec<Value>> = Vec::new();
    for seat in &mut seats {
        let order = within("all events are heard", async {
            let mut order = Vec::new();
            while order.len() < 5 * each {
                let frame = seat.heard().await.expect("the socket lives");
                if frame.get("seq").is_some() {
                    order.push(frame);
                }
            }
            order
        })
        .await;
        heard.push(order);
    }
    let numbers: Vec<u64> = heard[0].iter().map(|frame| frame.number("seq")).collect();
    assert_eq!(numbers, (1..=events).collect::<Vec<_>>());
    for order in &heard[1..] {
        assert_eq!(order, &heard[0]);
    }
}

#[tokio::test]
async fn f2_a_late_joiner_sees_the_hands_in_their_order_and_a_tutor_lowers_them() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (mut ann, mut bob) = (pupils[0].open(&lesson).await, pupils[1].open(&lesson).await);
    bob.send(&json!({"t": "hand", "up": true})).await;
    assert_eq!(ann.expect("hand").await["name"], "Pupil 2");
    ann.send(&json!({"t": "hand", "up": true})).await;
    ann.expect("hand").await;
    let mut olena = tutor.open(&lesson).await;
    let hands = olena.welcome["class"].list("hands");
    let queue: Vec<String> = hands.iter().map(|hand| hand.text("user")).collect();
    assert_eq!(queue, [pupils[1].id.clone(), pupils[0].id.clone()]);
    refused(&mut ann, json!({"t": "hand", "user": pupils[1].id, "up": false}), "forbidden").await;
    olena.send(&json!({"t": "hand", "user": pupils[1].id, "up": false})).await;
    let lowered = bob.expect_that("hand", |frame| frame["up"] == false).await;
    assert_eq!((&lowered["user"], &lowered["by"]), (&json!(pupils[1].id), &json!(tutor.id)));
    olena.send(&json!({"t": "hands", "clear": true})).await;
    assert_eq!(ann.expect("hands").await["clear"], true);
    assert!(tutor.open(&lesson).await.welcome["class"].list("hands").is_empty());
}

#[tokio::test]
async fn f3_a_message_is_there_once_changed_taken_out_and_paged() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (mut ann, mut bob) = (pupils[0].open(&lesson).await, pupils[1].open(&lesson).await);
    for _ in 0..3 {
        ann.send(&said("same", "Привіт 😀")).await;
    }
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(ann.expect("chat").await.number("seq"));
    }
    assert_eq!(answers, [1, 1, 1]);
    refused(&mut ann, said("same", "other"), "key_reused").await;
    ann.send(&json!({"t": "chat_edit", "seq": 1, "text": "hello"})).await;
    let changed = bob.expect("chat_edit").await;
    assert_eq!((&changed["chat"], &changed["text"]), (&json!(1), &json!("hello")));
    assert_eq!(bob.seen("chat").len(), 1, "two of the three were repeats");
    refused(&mut bob, json!({"t": "chat_edit", "seq": 1, "text": "x"}), "forbidden").await;
    refused(&mut bob, json!({"t": "chat_delete", "seq": 1}), "forbidden").await;
    refused(&mut bob, json!({"t": "chat_delete", "seq": 77}), "unknown_message").await;
    bob.send(&said("b", "second")).await;
    let second = bob.expect("chat").await.number("seq");
    let path = chat_path(&lesson);
    let third = tutor.post(&path).json(&json!({"text": "third", "id": "t"})).send().await.expect(201).json();
    assert_eq!(ann.expect_that("chat", |frame| frame["text"] == "third").await["seq"], third["seq"]);
    assert_eq!(tutor.post(&path).json(&json!({"text": "third", "id": "t"})).send().await.expect(200).json(), third);
    tutor.post(&path).json(&json!({"text": "fourth", "id": "t"})).send().await.refused(422, "key_reused");
    let page = |query: &str| {
        let call = pupils[1].get(&format!("{path}?{query}"));
        async move { call.send().await.expect(200).json() }
    };
    let all = page("").await;
    assert_eq!(
        (texts(&all.list("results")), &all["has_more"]),
        (vec!["hello".into(), "second".into(), "third".into()], &json!(false))
    );
    assert_eq!(all["results"][0]["edited"], true);
    let last = page("limit=2").await;
    assert_eq!(
        (texts(&last.list("results")), &last["has_more"]),
        (vec!["second".into(), "third".into()], &json!(true))
    );
    assert_eq!(texts(&page(&format!("before={second}")).await.list("results")), ["hello"]);
    assert_eq!(texts(&page(&format!("after={second}&limit=1")).await.list("results")), ["third"]);
    pupils[1].get(&format!("{path}?limit=0")).send().await.expect(400);

    // A tutor takes anybody's words out; they are gone everywhere.
    pupils[1].delete(&format!("{path}1/")).send().await.expect(403);
    tutor.delete(&format!("{path}1/")).send().await.expect(204);
    tutor.delete(&format!("{path}1/")).send().await.expect(204);
    tutor.delete(&format!("{path}9999/")).send().await.expect(404);
    assert_eq!(bob.expect("chat_delete").await["chat"], 1);
    let first = &page("").await["results"][0];
    assert_eq!((&first["text"], &first["removed"]), (&json!(""), &json!(true)));
    assert_eq!(texts(&pupils[0].open(&lesson).await.welcome["class"].list("chat")), ["second", "third"]);
    let database = app.database.clone().unwrap();
    let left = "SELECT count(*) FROM class_event WHERE convert_from(data, 'UTF8') LIKE '%hello%'";
    assert_eq!(database.number(left).await, 0);
    let stranger = app.pupil("Stranger").await;
    stranger.get(&path).send().await.expect(404);
    stranger.post(&path).json(&json!({"text": "x"})).send().await.expect(404);
    app.stranger().get(&path).send().await.expect(401);
}

#[tokio::test]
async fn f4_a_private_message_is_heard_read_and_known_by_its_two_people_only() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (mut olena, mut ann) = (tutor.open(&lesson).await, pupils[0].open(&lesson).await);
    let mut bob = pupils[1].open(&lesson).await;
    let to = |who: &Account, id: &str| json!({"t": "chat", "id": id, "text": "between us", "to": who.id});
    refused(&mut ann, to(&pupils[1], "1"), "forbidden").await;
    ann.send(&to(&tutor, "2")).await;
    let heard = olena.expect("chat").await;
    assert_eq!((&heard["text"], &heard["name"]), (&json!("between us"), &json!("Pupil 1")));
    olena.send(&to(&pupils[0], "3")).await;
    ann.expect_that("chat", |frame| frame["user"] == json!(tutor.id)).await;
    let number = heard.number("seq");
    refused(&mut bob, json!({"t": "chat_delete", "seq": number}), "unknown_message").await;
    olena.send(&said("4", "to all")).await;
    bob.expect_that("chat", |frame| frame["text"] == "to all").await;
    assert!(bob.seen("chat").is_empty(), "nothing else was told to Bob");
    let path = chat_path(&lesson);
    let shown = |answer: Value| texts(&answer.list("results")).len();
    assert_eq!(shown(pupils[1].get(&path).send().await.expect(200).json()), 1);
    assert_eq!(shown(pupils[0].get(&path).send().await.expect(200).json()), 3);
    pupils[1].delete(&format!("{path}{number}/")).send().await.expect(404);
    let other = pupils[1].open(&lesson).await;
    assert_eq!(other.welcome["class"].list("chat").len(), 1);
    assert_eq!(tutor.open(&lesson).await.welcome["class"].list("chat").len(), 3);
    // Taken out it leaves no trace with others either.
    ann.send(&json!({"t": "chat_delete", "seq": number})).await;
    olena.expect("chat_delete").await;
    olena.send(&said("5", "and on")).await;
    bob.expect_that("chat", |frame| frame["text"] == "and on").await;
    assert!(bob.seen("chat_delete").is_empty());
}

#[tokio::test]
async fn f5_the_chat_is_closed_slowed_and_rated_and_viewers_only_react() {
    let app = Server::with(&[("M4SH_RATES_WS_CHAT", "6/h"), ("M4SH_RATES_WS_REACT", "4/h")]).await;
    let (tutor, pupils, lesson) = app.lesson(3).await;
    set_role(&tutor, &lesson, &pupils[2], "viewer").await;
    let (mut olena, mut ann) = (tutor.open(&lesson).await, pupils[0].open(&lesson).await);
    let mut vera = pupils[2].open(&lesson).await;
    refused(&mut vera, said("1", "x"), "forbidden").await;
    vera.send(&json!({"t": "hand", "up": true})).await;
    vera.send(&json!({"t": "react", "emoji": "❤️"})).await;
    assert_eq!(ann.expect("react").await["emoji"], "❤️");
    refused(&mut ann, json!({"t": "chat_mode", "mode": "off"}), "forbidden").await;
    olena.send(&json!({"t": "chat_mode", "mode": "off"})).await;
    ann.expect("chat_mode").await;
    let answer = refused(&mut ann, said("1", "x"), "chat_off").await;
    assert_eq!(answer["id"], "1");
    olena.send(&json!({"t": "chat_mode", "mode": "slow", "seconds": 600})).await;
    assert_eq!(ann.expect("chat_mode").await["seconds"], 600);
    ann.send(&said("1", "x")).await;
    ann.expect("chat").await;
    let wait = refused(&mut ann, said("2", "y"), "slow_mode").await.number("retry_after_ms");
    assert!((500_000..=600_000).contains(&wait), "{wait}");
    assert_eq!(pupils[0].open(&lesson).await.welcome["class"]["chat_mode"], json!({"mode": "slow", "seconds": 600}));
    // Three asks were counted; a repeat of what is known costs nothing.
    for _ in 0..10 {
        ann.send(&said("1", "x")).await;
        ann.expect("chat").await;
    }
    for _ in 0..3 {
        refused(&mut ann, said("2", "y"), "slow_mode").await;
    }
    assert!(refused(&mut ann, said("2", "y"), "rate_limited").await.number("retry_after_ms") > 0);
    let answer = pupils[0].post(&chat_path(&lesson)).json(&json!({"text": "z"})).send().await;
    assert_eq!(answer.refused(429, "rate_limited")["error"], "rate_limited");
    for _ in 0..4 {
        ann.send(&json!({"t": "react", "emoji": "👍"})).await;
        ann.expect("react").await;
    }
    refused(&mut ann, json!({"t": "react", "emoji": "👍"}), "rate_limited").await;
}

#[tokio::test]
async fn f7_a_poll_is_counted_for_the_tutor_and_shown_to_pupils_when_it_is_revealed() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (mut olena, mut ann) = (tutor.open(&lesson).await, pupils[0].open(&lesson).await);
    let mut bob = pupils[1].open(&lesson).await;
    let question = json!({"t": "poll", "id": "q", "question": "Ready?", "options": ["yes", "no"], "anonymous": true});
    refused(&mut ann, question.clone(), "forbidden").await;
    olena.send(&question).await;
    let poll = ann.expect("poll").await.number("poll");
    let vote = |choice: u64| json!({"t": "vote", "poll": poll, "choices": [choice]});
    ann.send(&vote(1)).await;
    assert_eq!(ann.expect("vote").await["choices"], json!([1]));
    bob.send(&vote(0)).await;
    // Two sockets have no order but the one that is waited for.
    assert_eq!(bob.expect("vote").await["mine"], true);
    ann.send(&vote(0)).await;
    refused(&mut ann, vote(2), "bad_choice").await;
    let mut counts = Vec::new();
    for _ in 0..3 {
        let told = olena.expect("vote").await;
        assert!(told.get("user").is_none() && told.get("choices").is_none(), "{told}");
        counts.push(told["counts"].clone());
    }
    assert_eq!(counts, [json!([0, 1]), json!([1, 1]), json!([2, 0])]);
    let row = |who: &Account| {
        let call = who.get(&polls_path(&lesson));
        async move { call.send().await.expect(200).json()["results"][0].clone() }
    };
    assert_eq!(row(&tutor).await["counts"], json!([2, 0]));
    assert!(row(&tutor).await["votes"].is_null());
    let anns = row(&pupils[0]).await;
    assert_eq!((&anns["mine"], &anns["counts"]), (&json!([0]), &Value::Null));
    olena.send(&json!({"t": "poll_end", "poll": poll, "reveal": false})).await;
    assert!(bob.expect("poll_end").await.get("counts").is_none());
    assert_eq!(olena.expect("poll_end").await["counts"], json!([2, 0]));
    refused(&mut bob, vote(1), "poll_over").await;
    assert!(bob.seen("vote").iter().all(|frame| frame["mine"] == true), "nobody else's vote was told to Bob");
    olena.send(&json!({"t": "poll_end", "poll": poll, "reveal": true})).await;
    assert_eq!(bob.expect("poll_end").await["counts"], json!([2, 0]));
    assert_eq!(row(&pupils[1]).await["counts"], json!([2, 0]));
    let rows = "SELECT count(*) FROM class_event WHERE kind = 'vote' AND author IS NOT NULL";
    assert_eq!(app.database.as_ref().unwrap().number(rows).await, 0, "an anonymous vote has no author");
}

#[tokio::test]
async fn f10_a_killed_server_comes_back_with_hands_chat_timer_polls_and_who_leads() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let (mut olena, mut ann) = (tutor.open(&lesson).await, pupils[0].open(&lesson).await);
    let place = json!({"page": "p1", "x": 10.5, "y": 20.0, "zoom": 2.0});
    for frame in [
        json!({"t": "timer", "seconds": 3000}),
        json!({"t": "poll", "question": "Ready?", "options": ["yes", "no"]}),
        json!({"t": "follow", "on": true}),
        json!({"t": "bring", "page": "p1", "x": 10.5, "y": 20.0, "zoom": 2.0}),
        json!({"t": "view_lock", "on": true}),
        json!({"t": "page", "page": "p1"}),
        json!({"t": "present", "board": lesson.board}),
        json!({"t": "chat_mode", "mode": "tutor_only"}),
        said("1", "Open your books"),
    ] {
        olena.send(&frame).await;
    }
    ann.expect("chat").await;
    let poll = ann.expect("poll").await.number("poll");
    ann.send(&json!({"t": "hand", "up": true})).await;
    ann.send(&json!({"t": "vote", "poll": poll, "choices": [1]})).await;
    ann.expect("vote").await;
    let before = pupils[0].open(&lesson).await.welcome["class"].clone();
    app.kill_9();
    app.launch().await;
    let mut back = pupils[0].open(&lesson).await;
    let after = back.welcome["class"].clone();
    assert_eq!(after, before);
    assert_eq!(after["timer"]["state"], "running");
    assert!(after["timer"]["ends_at"].is_string());
    assert_eq!(after["polls"][0]["mine"], json!([1]));
    assert_eq!(after["follow"]["leader"], json!(tutor.id));
    for (key, value) in place.as_object().unwrap() {
        assert_eq!(&after["bring"][key], value);
    }
    assert_eq!((&after["view_lock"], &after["page"]), (&json!(true), &json!("p1")));
    assert_eq!(after["present"], json!(lesson.board));
    assert_eq!(after["hands"][0]["user"], json!(pupils[0].id));
    assert_eq!(texts(&after.list("chat")), ["Open your books"]);
    // The order goes on, and what was said before is still known.
    let mut olena = tutor.open(&lesson).await;
    olena.send(&said("1", "Open your books")).await;
    assert_eq!(olena.expect("chat").await["seq"], after["chat"][0]["seq"]);
    olena.send(&json!({"t": "timer", "pause": true})).await;
    let paused = back.expect("timer").await;
    assert_eq!((paused.number("seq"), &paused["state"]), (after.number("seq") + 1, &json!("paused")));
    assert!(paused.number("left_ms") <= 3_000_000);
}

#[tokio::test]
async fn f12_two_servers_of_one_lesson_never_give_one_number_twice_and_lose_nothing() {
    let first = Server::with(&[("M4SH_RATES_WS_CHAT", "1000/s")]).await;
    let second = Server::on(first.database.clone().unwrap(), &[("M4SH_RATES_WS_CHAT", "1000/s")]).await;
    let (tutor, pupils, lesson) = first.lesson(1).await;
    let path = chat_path(&lesson);
    let there = pupils[0].at(&second);
    for number in 0..8 {
        let (a, b) = tokio::join!(
            tutor.post(&path).json(&json!({"text": format!("a{number}")})).send(),
            there.post(&path).json(&json!({"text": format!("b{number}")})).send(),
        );
        a.expect(201);
        b.expect(201);
    }
    let all = tutor.get(&path).send().await.expect(200).json().list("results");
    let mut found = texts(&all);
    found.sort();
    let mut expected: Vec<String> = (0..8).flat_map(|n| [format!("a{n}"), format!("b{n}")]).collect();
    expected.sort();
    assert_eq!(found, expected);
    let numbers: Vec<u64> = all.iter().map(|message| message.number("seq")).collect();
    assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
}

#[tokio::test]
async fn f13_without_postgres_nothing_is_told_and_the_same_message_gets_through_afterwards_once() {
    let cluster = Arc::new(Cluster::start());
    let database = Arc::new(Database::on(&cluster).await);
    let app = Server::on(database, &[]).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let (mut olena, mut ann) = (tutor.open(&lesson).await, pupils[0].open(&lesson).await);
    olena.send(&said("1", "before")).await;
    ann.expect("chat").await;
    cluster.stop();
    olena.send(&said("2", "meanwhile")).await;
    let answer = olena.expect("refused").await;
    assert_eq!((&answer["code"], &answer["id"]), (&json!("unavailable"), &json!("2")));
    assert!(answer.number("retry_after_ms") > 0);
    ann.catch_up().await;
    assert!(ann.seen("chat").is_empty());
    cluster.start_again();
    eventually("the message gets through", || async {
        let answer = tutor.post(&chat_path(&lesson)).json(&json!({"text": "meanwhile", "id": "2"})).send().await;
        [200, 201].contains(&answer.status).then_some(())
    })
    .await;
    assert_eq!(ann.expect("chat").await["text"], "meanwhile");
    let all = tutor.get(&chat_path(&lesson)).send().await.expect(200).json();
    assert_eq!(texts(&all.list("results")), ["before", "meanwhile"]);
}

#[tokio::test]
async fn f1_wrong_frames_are_told_what_they_lack_and_other_sockets_have_no_class() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut ann = pupils[0].open(&lesson).await;
    for frame in [
        json!({"t": "chat", "id": "x", "text": "  "}),
        json!({"t": "chat", "id": "x", "text": "y".repeat(1001)}),
        json!({"t": "chat", "id": "x", "text": "a\u{7}"}),
        json!({"t": "react", "emoji": "hello"}),
        json!({"t": "react", "emoji": "👍👍"}),
        json!({"t": "hand"}),
        json!({"t": "vote", "poll": "1", "choices": [0]}),
        json!({"t": "timer", "seconds": 0}),
    ] {
        let answer = refused(&mut ann, frame.clone(), "bad_frame").await;
        assert_eq!(answer.get("id"), frame.get("id"), "{frame}");
    }
    ann.send(&said("long", &"ї".repeat(1000))).await;
    assert_eq!(ann.expect("chat").await.text("text").chars().count(), 1000);
    let board = pupils[0].create_board().await;
    let mut alone = pupils[0].open(&board).await;
    refused(&mut alone, said("1", "x"), "not_in_class").await;
    // The old dialect has no words for any of it.
    let mut old = pupils[0].knock(&lesson).dialect(Dialect::Presence).connect().await;
    old.expect("presence.sync").await;
    let mut olena = tutor.open(&lesson).await;
    olena.send(&said("1", "hello")).await;
    ann.expect_that("chat", |frame| frame["text"] == "hello").await;
    old.ping().await;
    assert!(old.seen("chat").is_empty());
    let padded = json!({"t": "chat", "id": "x", "text": "y", "pad": "z".repeat(17 * 1024)});
    ann.send(&padded).await;
    assert_eq!(ann.closed().await, 4400);
}

#[tokio::test]
async fn f4_the_past_of_a_lesson_shows_a_private_message_to_its_two_people_only() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(3).await;
    let (asking, assistant, other) = (&pupils[0], &pupils[1], &pupils[2]);
    set_role(&tutor, &lesson, assistant, "assistant").await;
    asking.post(&chat_path(&lesson)).json(&json!({"text": "hello all"})).send().await.expect(201);
    let secret = json!({"text": "a secret", "to": assistant.id});
    let seq = asking.post(&chat_path(&lesson)).json(&secret).send().await.expect(201).json().number("seq");
    let mut seat = asking.open(&lesson).await;
    seat.send(&json!({"t": "chat_edit", "seq": seq, "text": "a better secret"})).await;
    seat.expect("chat_edit").await;

    let below = format!("/api/v1/classrooms/{}/sessions/{}/", lesson.class, lesson.id);
    let manifest = format!("/api/classroom/session/{}/replay/manifest/", lesson.id);
    for (who, knows) in [(&tutor, false), (assistant, true), (asking, true), (other, false)] {
        let timeline = who.get(&format!("{below}timeline/")).send().await.expect(200).json();
        let kinds: Vec<_> = timeline.list("events").iter().map(|event| event.text("event_type")).collect();
        assert_eq!(kinds.iter().any(|kind| kind == "chat_edit"), knows, "{} {timeline}", who.id);
        assert_eq!(timeline["total"], timeline.list("events").len());
        assert_eq!(timeline.to_string().contains("secret"), knows, "{} {timeline}", who.id);
        let manifest = who.get(&manifest).send().await.expect(200).json();
        assert_eq!(manifest.to_string().contains("secret"), knows, "{} {manifest}", who.id);
    }
    let total = |who: &Account| {
        let call = who.get(&format!("{below}summary/"));
        async move { call.send().await.expect(200).json()["stats"].number("total_events") }
    };
    assert_eq!(total(assistant).await, total(&tutor).await + 2);
}
