//! Webhooks of a class: what a receiver is told, how it knows who speaks, and what happens when it is away.
//! Tells whoever writes a receiver what to expect. What is told is what is committed, so saves go over REST here.

use std::{collections::HashSet, time::Instant};

use serde_json::{Value, json};

use crate::harness::*;

const EVENTS: [&str; 6] =
    ["session.started", "session.ended", "board.saved", "hand.raised", "export.completed", "export.failed"];
const PRIVATE: (&str, &str) = ("M4SH_HOOKS_ALLOW_PRIVATE", "true");

fn hooks(lesson: &Lesson) -> String {
    format!("/api/v1/classrooms/{}/hooks/", lesson.class)
}

/// A lesson, a receiver, and a webhook of the tutor between them.
struct Wired {
    app: Server,
    tutor: Account,
    pupils: Vec<Account>,
    lesson: Lesson,
    receiver: Receiver,
    secret: String,
    path: String,
}

impl Wired {
    async fn with(events: &[&str], settings: &[(&str, &str)]) -> Self {
        let app = Server::with(&[&[PRIVATE], settings].concat()).await;
        let (tutor, pupils, lesson) = app.lesson(1).await;
        let receiver = Receiver::start().await;
        let body = json!({"url": receiver.url(), "events": events});
        let made = tutor.post(&hooks(&lesson)).json(&body).send().await.expect(201).json();
        let path = format!("{}{}/", hooks(&lesson), made.text("id"));
        Self { app, tutor, pupils, lesson, receiver, secret: made.text("secret"), path }
    }

    async fn hook(&self) -> Value {
        self.tutor.get(&self.path).send().await.expect(200).json()
    }

    async fn change(&self, body: &Value) -> Value {
        self.tutor.patch(&self.path).json(body).send().await.expect(200).json()
    }

    /// Saves one more stroke, which is committed then.
    async fn save(&self, rev: u64) {
        self.tutor.save(&self.lesson, rev, json!([add_stroke(&format!("s{rev}"))])).await;
    }

    /// The webhook, once it is so.
    async fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || async {
            let hook = self.hook().await;
            is(&hook).then_some(hook)
        })
        .await
    }
}

/// The revisions that `board.saved` tells of, which must follow one another.
fn last_rev(parcels: &[Parcel], from: u64) -> u64 {
    let mut rev = from;
    let mut known = HashSet::new();
    for parcel in parcels.iter().filter(|parcel| parcel.kind() == "board.saved") {
        let body = parcel.json();
        // What came before is a repeat.
        if known.insert(parcel.header("m4sh-delivery").to_owned()) {
            assert_eq!(body["data"].number("from_rev"), rev + 1, "{body}");
            assert!(body["data"].number("rev") > rev, "{body}");
            rev = body["data"].number("rev");
        }
    }
    rev
}

#[tokio::test]
async fn g1_webhooks_are_their_tutors_and_the_secret_is_shown_once() {
    let wired = Wired::with(&["board.saved"], &[]).await;
    let (tutor, pupil, all) = (&wired.tutor, &wired.pupils[0], hooks(&wired.lesson));
    let body = json!({"url": "https://school.example/hook", "events": ["board.saved"]});
    pupil.post(&all).json(&body).send().await.refused(403, "forbidden");
    let other = wired.app.tutor().await;
    for (method, path) in [("GET", &all), ("GET", &wired.path), ("PATCH", &wired.path), ("DELETE", &wired.path)] {
        let method: reqwest::Method = method.parse().unwrap();
        pupil.call(method.clone(), path).send().await.refused(403, "forbidden");
        other.call(method.clone(), path).send().await.expect(404);
        wired.app.stranger().call(method, path).send().await.expect(401);
    }
    for tail in ["test/", "replay/", "deliveries/"] {
        let path = format!("{}{tail}", wired.path);
        let call = if tail == "deliveries/" { pupil.get(&path) } else { pupil.post(&path).json(&json!({"from": 0})) };
        call.send().await.refused(403, "forbidden");
    }
    // A webhook is found in its own class only.
    let foreign = other.create_class().await;
    let id = wired.path.trim_end_matches('/').rsplit('/').next().unwrap();
    other.get(&format!("/api/v1/classrooms/{}/hooks/{id}/", foreign.id)).send().await.expect(404);

    assert!(wired.secret.starts_with("whsec_"));
    for answer in [wired.hook().await, tutor.get(&all).send().await.expect(200).json()] {
        assert!(!answer.to_string().contains("secret\":"), "{answer}");
        assert!(!answer.to_string().contains(&wired.secret), "{answer}");
    }
    for _ in 1..20 {
        tutor.post(&all).json(&body).send().await.expect(201);
    }
    tutor.post(&all).json(&body).send().await.expect(400);
    assert_eq!(tutor.get(&all).send().await.expect(200).json()["count"], 20);
    tutor.delete(&wired.path).send().await.expect(204);
    tutor.get(&wired.path).send().await.expect(404);
    tutor.post(&all).json(&body).send().await.expect(201);
    let long = json!({"url": format!("https://school.example/{}", "x".repeat(2_030)), "events": ["board.saved"]});
    tutor.post(&all).json(&long).send().await.expect(400);
}

#[tokio::test]
async fn g2_a_lesson_is_told_from_its_start_to_its_end_signed_and_in_order() {
    let wired = Wired::with(&EVENTS, &[]).await;
    let class = Class { id: wired.lesson.class.clone(), code: String::new() };
    let lesson = wired.tutor.start_lesson(&class).await;
    let mut seat = wired.pupils[0].open(&lesson).await;
    seat.send(&json!({"t": "hand", "up": true})).await;
    seat.expect("hand").await;
    wired.receiver.until("a raised hand", |all| all.iter().any(|parcel| parcel.kind() == "hand.raised")).await;
    seat.draw(stroke("one")).await;
    wired.receiver.until("a saved board", |all| all.iter().any(|parcel| parcel.kind() == "board.saved")).await;
    let export = wired.tutor.post(&lesson.rest("export/")).json(&json!({"format": "json"})).send().await.expect(201);
    wired.receiver.until("an export", |all| all.iter().any(|parcel| parcel.kind() == "export.completed")).await;
    wired.tutor.end(&lesson).await;
    let all = wired.receiver.until("an end", |all| all.iter().any(|parcel| parcel.kind() == "session.ended")).await;

    let kinds: Vec<_> = all.iter().map(Parcel::kind).collect();
    assert_eq!(kinds, ["session.started", "hand.raised", "board.saved", "export.completed", "session.ended"]);
    for (number, parcel) in (1..).zip(&all) {
        let body = parcel.json();
        assert_eq!(
            (parcel.cursor(), &body["classroom"], &body["session"]),
            (number, &json!(class.id), &json!(lesson.id))
        );
        assert_eq!(parcel.header("m4sh-event"), body["type"]);
        assert_eq!(parcel.header("content-type"), "application/json");
        uuid::Uuid::parse_str(parcel.header("m4sh-delivery")).unwrap();
        assert!(parcel.is_signed_by(&[&wired.secret]), "{body}");
        assert!(body.text("id").len() == 36 && body.text("at").ends_with('Z'), "{body}");
    }
    assert_eq!(all[0].json()["data"], json!({"name": "Fractions"}));
    assert_eq!(all[1].json()["data"]["user"], json!(wired.pupils[0].id));
    assert_eq!(
        (&all[2].json()["board"], &all[2].json()["data"]),
        (&json!(lesson.board), &json!({"from_rev": 1, "rev": 1}))
    );
    assert_eq!(all[3].json()["data"]["export"], export.json()["id"]);
    assert_eq!(all[3].json()["data"]["format"], "json");
}

#[tokio::test]
async fn g2_a_webhook_is_told_what_it_asked_for_and_nothing_from_before_it_was() {
    let wired = Wired::with(&["session.ended"], &[]).await;
    wired.save(0).await;
    let other = Receiver::start().await;
    // The first webhook's feed goes on; the second begins now.
    wired.until("the save is numbered", |hook| hook.number("head") == 1).await;
    let body = json!({"url": other.url(), "events": ["board.saved", "session.ended"]});
    wired.tutor.post(&hooks(&wired.lesson)).json(&body).send().await.expect(201);
    wired.save(1).await;
    let told = other.at_least(1).await;
    assert_eq!(told[0].json()["data"], json!({"from_rev": 2, "rev": 2}));
    wired.tutor.end(&wired.lesson).await;
    let told = wired.receiver.at_least(1).await;
    assert_eq!((told.len(), told[0].kind()), (1, "session.ended".to_owned()));
    other.at_least(2).await;
}

#[tokio::test]
async fn g3_after_a_rotation_both_secrets_sign() {
    let wired = Wired::with(&["board.saved"], &[]).await;
    let rotated = wired.change(&json!({"rotate": true})).await;
    let new = rotated.text("secret");
    assert!(new != wired.secret && rotated["old_secret_until"].is_string());
    wired.save(0).await;
    let told = wired.receiver.at_least(1).await;
    assert!(told[0].is_signed_by(&[&new, &wired.secret]));
    // The one before the last signs no more.
    let newest = wired.change(&json!({"rotate": true})).await.text("secret");
    let tried = wired.tutor.post(&format!("{}test/", wired.path)).send().await.expect(200).json();
    assert_eq!((&tried["delivered"], &tried["answered"]), (&json!(true), &json!(204)));
    let told = wired.receiver.until("a test", |all| all.iter().any(|parcel| parcel.kind() == "hook.test")).await;
    let test = told.iter().find(|parcel| parcel.kind() == "hook.test").unwrap();
    assert!(test.is_signed_by(&[&newest, &new]) && test.json()["cursor"].is_null());
    assert_eq!(test.header("m4sh-delivery"), tried.text("delivery"));
}

#[tokio::test]
async fn g4_what_was_saved_is_told_though_the_server_is_killed_in_the_middle() {
    let mut wired = Wired::with(&["board.saved"], &[]).await;
    wired.receiver.answers(Manner::Silent);
    wired.save(0).await;
    // It is on its way and not noted when the server dies; more is saved that nobody has looked at yet.
    let first = wired.receiver.at_least(1).await;
    wired.save(1).await;
    wired.save(2).await;
    wired.app.kill_9();
    wired.receiver.answers(Manner::Status(200));
    wired.app.launch().await;
    let all = wired.receiver.until("all revisions", |all| last_rev(all, 0) == 3).await;
    assert_eq!(all[1].header("m4sh-delivery"), first[0].header("m4sh-delivery"), "the first is told again");
    assert_eq!(all[1].body, first[0].body);
    let cursors: Vec<u64> = all[1..].iter().map(Parcel::cursor).collect();
    assert!(cursors.windows(2).all(|pair| pair[0] < pair[1]), "{cursors:?}");
}

#[tokio::test]
async fn g4_two_servers_on_one_database_tell_each_event_once_and_in_order() {
    let wired = Wired::with(&EVENTS, &[]).await;
    let _second = Server::on(wired.app.database.clone().unwrap(), &[PRIVATE]).await;
    let class = Class { id: wired.lesson.class.clone(), code: String::new() };
    for _ in 0..8 {
        let lesson = wired.tutor.start_lesson(&class).await;
        wired.tutor.end(&lesson).await;
    }
    let all =
        wired.receiver.until("eight ends", |all| all.iter().filter(|one| one.kind() == "session.ended").count() == 8);
    let cursors: Vec<u64> = all.await.iter().map(Parcel::cursor).collect();
    assert_eq!(cursors, (1..=16).collect::<Vec<_>>());
}

#[tokio::test]
async fn g5_saves_of_a_board_are_told_together_and_at_most_every_two_seconds() {
    let wired = Wired::with(&["board.saved"], &[]).await;
    let began = Instant::now();
    let mut rev = 0;
    while wired.receiver.all().len() < 3 {
        wired.save(rev).await;
        rev += 1;
        assert!(began.elapsed() < DEADLINE, "{} deliveries of {rev} saves", wired.receiver.all().len());
    }
    let all = wired.receiver.until("all revisions", |all| last_rev(all, 0) == rev).await;
    assert!(all.len() >= 3 && (all.len() as u64) < rev, "{} deliveries of {rev} saves", all.len());
    let told = all.last().unwrap().at.duration_since(began).as_secs();
    assert!(2 * (all.len() as u64 - 1) <= told, "{} deliveries in {told} s", all.len());
}

#[tokio::test]
async fn g6_a_receiver_that_was_away_hears_everything_once_it_is_back() {
    let mut wired = Wired::with(&["board.saved", "session.ended"], &[]).await;
    wired.receiver.down().await;
    wired.save(0).await;
    let hook = wired.until("it fails", |hook| hook.number("failures") >= 2).await;
    assert!(hook["status"] == "failing" && hook["next_try"].is_string() && hook["failing_since"].is_string(), "{hook}");
    assert!(hook.text("last_error").starts_with("It could not be sent"), "{hook}");
    wired.save(1).await;
    wired.tutor.end(&wired.lesson).await;
    wired.until("the end is numbered", |hook| hook.number("head") >= 3).await;
    wired.receiver.answers(Manner::Status(500));
    wired.receiver.up().await;
    let refused = wired.receiver.at_least(1).await;
    wired.receiver.answers(Manner::Status(201));
    let all = wired.receiver.until("an end", |all| all.iter().any(|parcel| parcel.kind() == "session.ended")).await;
    assert_eq!(last_rev(&all, 0), 2);
    assert_eq!(all.last().unwrap().kind(), "session.ended");
    assert_eq!(all[1].header("m4sh-delivery"), refused[0].header("m4sh-delivery"));
    let hook = wired.until("it works", |hook| hook["status"] == "active").await;
    assert!(hook["next_try"].is_null() && hook["last_error"].is_null() && hook["failures"] == 0, "{hook}");
}

#[tokio::test]
async fn g6_a_receiver_that_fails_for_too_long_is_told_no_more_until_its_owner_says_so() {
    let wired = Wired::with(&["board.saved"], &[("M4SH_HOOKS_GIVE_UP", "3s")]).await;
    wired.receiver.answers(Manner::Status(503));
    wired.save(0).await;
    let hook = wired.until("it is paused", |hook| hook["status"] == "paused").await;
    assert_eq!(hook["last_error"], "The receiver answered 503.");
    assert!(hook["next_try"].is_null() && hook.number("failures") >= 2, "{hook}");
    let tries = wired.receiver.all().len();
    wired.receiver.answers(Manner::Status(204));
    wired.save(1).await;
    wired.until("the save is numbered", |hook| hook.number("head") == 2).await;
    assert_eq!(wired.receiver.all().len(), tries, "nothing is sent to a paused webhook");
    let hook = wired.change(&json!({"paused": false})).await;
    assert_eq!((&hook["status"], &hook["cursor"]), (&json!("active"), &json!(0)));
    let all = wired.receiver.at_least(tries + 2).await;
    assert_eq!(last_rev(&all, 0), 2);
    wired.change(&json!({"paused": true})).await;
    assert_eq!(wired.hook().await["status"], "paused");
}

#[tokio::test]
async fn g7_events_are_told_again_from_a_cursor_or_a_time() {
    let wired = Wired::with(&EVENTS, &[]).await;
    let class = Class { id: wired.lesson.class.clone(), code: String::new() };
    for _ in 0..3 {
        wired.tutor.start_lesson(&class).await;
    }
    let first = wired.receiver.at_least(3).await;
    wired.until("all is noted", |hook| hook["cursor"] == 3).await;
    let replay = format!("{}replay/", wired.path);
    let hook = wired.tutor.post(&replay).json(&json!({"from": 1})).send().await.expect(200).json();
    assert_eq!((&hook["cursor"], &hook["head"]), (&json!(1), &json!(3)));
    let again = wired.receiver.at_least(5).await;
    assert_eq!([again[3].cursor(), again[4].cursor()], [2, 3]);
    for (once, twice) in first[1..].iter().zip(&again[3..]) {
        assert_eq!((&once.body, once.header("m4sh-delivery")), (&twice.body, twice.header("m4sh-delivery")));
    }
    wired.until("all is noted", |hook| hook["cursor"] == 3).await;
    let time = first[2].json().text("at");
    wired.tutor.post(&replay).json(&json!({"from": time})).send().await.expect(200);
    assert_eq!(wired.receiver.at_least(6).await[5].body, first[2].body);
    // Beyond the last event there is nothing to tell.
    wired.until("all is noted", |hook| hook["cursor"] == 3).await;
    let hook = wired.tutor.post(&replay).json(&json!({"from": 1_000_000})).send().await.expect(200).json();
    assert_eq!(hook["cursor"], 3);
    for wrong in [json!("yesterday"), json!(u64::MAX), json!(-1)] {
        wired.tutor.post(&replay).json(&json!({"from": wrong})).send().await.expect(400);
    }
}

#[tokio::test]
async fn g8_private_addresses_are_refused_when_a_webhook_is_made_and_when_it_is_sent() {
    let app = Server::start().await;
    let (tutor, _, lesson) = app.lesson(0).await;
    let receiver = Receiver::start().await;
    for url in [receiver.url(), "http://[::1]/".to_owned(), "http://169.254.169.254/latest/meta-data/".to_owned()] {
        let body = json!({"url": url, "events": ["session.ended"]});
        let refused = tutor.post(&hooks(&lesson)).json(&body).send().await.expect(400).json();
        assert_eq!(refused["url"], json!(["The address is not a public one."]), "{refused}");
    }
    // What a name means is looked at when the connection is made.
    let body = json!({"url": format!("http://localhost:{}/", receiver.port()), "events": ["session.ended"]});
    let hook = tutor.post(&hooks(&lesson)).json(&body).send().await.expect(201).json();
    let path = format!("{}{}/", hooks(&lesson), hook.text("id"));
    let tried = tutor.post(&format!("{path}test/")).send().await.expect(200).json();
    assert_eq!((&tried["delivered"], &tried["answered"]), (&json!(false), &Value::Null));
    assert_eq!(tried["error"], "It could not be sent: The address is not a public one.");
    tutor.end(&lesson).await;
    let failing = eventually("it fails", || async {
        let hook = tutor.get(&path).send().await.expect(200).json();
        (hook["status"] == "failing").then_some(hook)
    });
    assert_eq!(failing.await["last_error"], tried["error"]);
    assert!(receiver.all().is_empty(), "nobody was connected to");
}

#[tokio::test]
async fn g9_redirects_are_not_followed_and_silence_ends_after_ten_seconds() {
    let wired = Wired::with(&["board.saved"], &[]).await;
    let elsewhere = Receiver::start().await;
    wired.receiver.answers(Manner::Redirect(elsewhere.url()));
    let test = format!("{}test/", wired.path);
    let tried = wired.tutor.post(&test).send().await.expect(200).json();
    assert_eq!((&tried["delivered"], &tried["answered"]), (&json!(false), &json!(302)));
    assert!(elsewhere.all().is_empty());
    wired.receiver.answers(Manner::Silent);
    let tried = wired.tutor.post(&test).send().await.expect(200).json();
    assert_eq!((&tried["delivered"], &tried["answered"]), (&json!(false), &Value::Null));
    assert_eq!(tried["error"], "There was no answer within 10 seconds.");
    assert!((10_000..15_000).contains(&tried.number("took_ms")), "{tried}");
}

#[tokio::test]
async fn g10_deliveries_are_listed_newest_first() {
    let wired = Wired::with(&["session.started"], &[]).await;
    wired.receiver.answers(Manner::Status(500));
    let class = Class { id: wired.lesson.class.clone(), code: String::new() };
    let lesson = wired.tutor.start_lesson(&class).await;
    let failed = wired.receiver.at_least(1).await;
    let path = format!("{}deliveries/", wired.path);
    let listed = eventually("a failure is listed", || async {
        wired.tutor.get(&path).send().await.expect(200).json().list("results").pop()
    });
    let listed = listed.await;
    assert_eq!((&listed["answered"], &listed["delivered_at"]), (&json!(500), &Value::Null));
    assert_eq!(listed["error"], "The receiver answered 500.");
    wired.receiver.answers(Manner::Status(204));
    wired.tutor.start_lesson(&class).await;
    wired.tutor.end(&lesson).await;
    wired.until("all is noted", |hook| hook["cursor"] == 3).await;
    let page = wired.tutor.get(&path).send().await.expect(200).json();
    // The end was not asked for.
    assert_eq!(page["count"], 2);
    let rows = page.list("results");
    assert_eq!((&rows[0]["cursor"], &rows[1]["cursor"]), (&json!(2), &json!(1)));
    assert!(rows[1].number("attempts") >= 2 && rows[1]["answered"] == 204 && rows[1]["error"].is_null(), "{page}");
    assert_eq!(rows[1]["delivery"], failed[0].header("m4sh-delivery"));
    assert_eq!(rows[1]["event"], failed[0].json()["id"]);
    let one = wired.tutor.get(&format!("{path}?limit=1&offset=1")).send().await.expect(200).json();
    assert_eq!((&one["count"], &one.list("results")[0]), (&json!(2), &rows[1]));
}

#[tokio::test]
async fn g2_a_planned_lesson_is_told_of_when_it_starts() {
    let wired = Wired::with(&["session.started", "session.ended"], &[]).await;
    let planned = json!({"scheduled_start": "2036-01-31T12:00:00Z", "classroom_id": wired.lesson.class});
    let (create, tutor) = ("/api/classroom/session/create/", &wired.tutor);
    let mut lessons = Vec::new();
    for _ in 0..2 {
        lessons.push(tutor.post(create).json(&planned).send().await.expect(201).json().text("uuid"));
    }
    // A later lesson that simply begins is told of: the planned ones were looked at before it, and were not.
    let class = Class { id: wired.lesson.class.clone(), code: String::new() };
    let begun = tutor.start_lesson(&class).await;
    let told = wired.receiver.at_least(1).await;
    assert_eq!(told[0].json()["session"], begun.id);
    tutor.post(&format!("/api/classroom/session/{}/start/", lessons[0])).send().await.expect(200);
    let told = wired.receiver.at_least(2).await;
    assert_eq!((&*told[1].kind(), &told[1].json()["session"]), ("session.started", &json!(lessons[0])));
    // One that never began has no end to be told.
    tutor.post(&format!("/api/classroom/session/{}/terminate/", lessons[1])).send().await.expect(200);
    tutor.end(&begun).await;
    let told = wired.receiver.at_least(3).await;
    assert_eq!((&*told[2].kind(), &told[2].json()["session"]), ("session.ended", &json!(begun.id)));
    assert!(told.iter().all(|parcel| parcel.json()["session"] != json!(lessons[1])));
}

#[tokio::test]
async fn g11_of_somebody_who_was_erased_a_replay_tells_no_more() {
    let wired = Wired::with(&["hand.raised"], &[]).await;
    let (tutor, pupil) = (&wired.tutor, &wired.pupils[0]);
    let mut seat = pupil.open(&wired.lesson).await;
    seat.send(&json!({"t": "hand", "up": true})).await;
    let first = wired.receiver.at_least(1).await;
    assert_eq!(first[0].json()["data"]["user"], pupil.id);
    wired.until("the hand is noted", |hook| hook["cursor"] == 1).await;
    let path = format!("/api/v1/classrooms/{}/", wired.lesson.class);
    let asked = tutor.post(&format!("{path}members/{}/erase/", pupil.id)).send().await.expect(202).json();
    let job = format!("{path}erasures/{}/", asked.text("id"));
    eventually("the pupil is erased", || async {
        (tutor.get(&job).send().await.expect(200).json()["status"] == "completed").then_some(())
    })
    .await;
    tutor.post(&format!("{}replay/", wired.path)).json(&json!({"from": 0})).send().await.expect(200);
    let again = wired.receiver.at_least(2).await;
    let body = again[1].json();
    assert_eq!((&*again[1].kind(), &body["cursor"], &body["data"]["user"]), ("hand.raised", &json!(1), &Value::Null));
    assert!(!body.to_string().contains(&pupil.id), "{body}");
}

#[tokio::test]
async fn g6_a_receiver_that_says_gone_is_not_asked_again() {
    let wired = Wired::with(&["board.saved"], &[]).await;
    wired.receiver.answers(Manner::Status(410));
    wired.save(0).await;
    let paused = wired.until("it is paused", |hook| hook["status"] == "paused").await;
    assert_eq!((&paused["cursor"], &paused["next_try"]), (&json!(0), &Value::Null), "{paused}");
    assert_eq!(wired.receiver.all().len(), 1);
    // Its tutor moved it: it goes on where it stopped.
    wired.receiver.answers(Manner::Status(204));
    wired.change(&json!({"paused": false})).await;
    wired.until("it is told", |hook| hook["cursor"] == 1).await;
}
