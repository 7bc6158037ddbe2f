//! Isolation on a lesson's shared board: what a pupil draws is hidden from the others until it is revealed, whichever way
//! a hand-made client asks. Tells a front-end developer which frames come, and a tutor what is promised.

use serde_json::{Value, json};

use crate::harness::{
    files::{fetch, pixels},
    *,
};
use crate::sharing::{page, share};

/// Stands in every hidden item, and must never reach the wrong hands.
const SECRET: &str = "sixty-seven-secrets";

fn secret(id: &str) -> Value {
    json!({"id": id, "tool": "pen", "color": "#111111", "size": 40, "note": SECRET,
        "points": [{"x": 100, "y": 100}, {"x": 500, "y": 500}]})
}

fn leaks(what: impl AsRef<[u8]>) -> bool {
    what.as_ref().windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

/// A lesson with an empty page, a tutor's seat, and two pupils'.
struct Room3 {
    app: Server,
    tutor: Account,
    ann: Account,
    ben: Account,
    lesson: Lesson,
    seats: [Seat; 3],
}

impl Room3 {
    async fn open() -> Self {
        let app = Server::start().await;
        let (tutor, mut pupils, lesson) = app.lesson(2).await;
        let (ann, ben) = (pupils.remove(0), pupils.remove(0));
        let mut seats = [tutor.open(&lesson).await, ann.open(&lesson).await, ben.open(&lesson).await];
        seats[0].draw(stroke("task")).await;
        for seat in &mut seats {
            seat.until_rev(1).await;
        }
        Self { app, tutor, ann, ben, lesson, seats }
    }

    /// The tutor hides pupils' work from one another, or stops.
    async fn isolate(&mut self, on: bool) {
        self.seats[0].send(&json!({"t": "isolate", "on": on})).await;
        for seat in &mut self.seats {
            assert_eq!(seat.expect("isolated").await["on"], on);
        }
    }

    /// The tutor reveals; the revision that everybody is told.
    async fn reveal(&mut self, users: &Value) -> u64 {
        self.seats[0].send(&json!({"t": "reveal", "users": users})).await;
        let mut revs = Vec::new();
        for seat in &mut self.seats {
            let told = seat.expect("revealed").await;
            assert_eq!(&told["users"], users);
            revs.push(told.number("rev"));
        }
        assert!(revs.iter().all(|rev| *rev == revs[0]), "{revs:?}");
        revs[0]
    }

    /// What each of the three seats has by now is what REST shows its person, to the letter.
    async fn agree(&mut self) {
        let rev = self.tutor.read(&self.lesson).await.number("rev");
        for (seat, who) in self.seats.iter_mut().zip([&self.tutor, &self.ann, &self.ben]) {
            seat.until_rev(rev).await;
            let read = who.read(&self.lesson).await;
            assert_eq!((seat.board().rev, &seat.board().state), (read.number("rev"), &read["state"]));
            assert_eq!(read.text("state_digest"), plain_digest(&read["state"]), "the digest is of what is shown");
        }
    }

    fn path(&self, what: &str) -> String {
        format!("/api/v1/classrooms/{}/sessions/{}/{what}/", self.lesson.class, self.lesson.id)
    }
}

#[tokio::test]
async fn i4_a_pupils_work_is_seen_by_them_and_the_tutor_and_the_others_hear_only_that_a_revision_was() {
    let mut room = Room3::open().await;
    room.isolate(true).await;
    let rev = room.seats[1].draw(secret("a")).await;
    let [tutor, _, ben] = &mut room.seats;
    assert!(leaks(tutor.expect_that("ops", |ops| ops["rev"] == rev).await.to_string()));
    let ops = ben.expect_that("ops", |ops| ops["rev"] == rev).await;
    assert_eq!(ops, json!({"t": "ops", "rev": rev, "ops": [], "by": "00000000-0000-0000-0000-000000000000", "id": ""}));
    room.agree().await;
    assert_eq!(room.seats.each_ref().map(|seat| seat.board().count("a")), [1, 1, 0]);

    // Who comes late, comes back, or comes after the server died, sees the same.
    let late = room.app.pupil("Late").await;
    let class = room.tutor.get(&format!("/api/v1/classrooms/{}/", room.lesson.class)).send().await.expect(200).json();
    let code = class.text("invite_code");
    late.post("/api/v1/classrooms/join/").json(&json!({"invite_code": code})).send().await.expect(200);
    let late = late.open(&room.lesson).await;
    assert_eq!((late.welcome["class"]["isolated"].clone(), late.board().count("a")), (json!(true), 0));
    assert!(!leaks(late.welcome.to_string()));
    let before = room.ben.knock(&room.lesson).resuming(&room.seats[2]);
    room.seats[1].draw(secret("b")).await;
    let again = before.sit().await;
    assert!(again.welcome["resumed"] == true && !leaks(again.welcome.to_string()), "{}", again.welcome);
    room.seats[1].until_saved(rev + 1).await;
    room.app.kill_and_restart().await;
    for (who, strokes) in [(&room.tutor, 2), (&room.ann, 2), (&room.ben, 0)] {
        let seat = who.open(&room.lesson).await;
        assert_eq!(seat.board().count("a") + seat.board().count("b"), strokes);
        assert_eq!(seat.welcome["class"]["isolated"], true);
    }
}

#[tokio::test]
async fn i6_one_some_and_all_are_revealed_each_in_one_revision() {
    let mut room = Room3::open().await;
    room.isolate(true).await;
    for number in 0..3 {
        room.seats[1].draw(secret(&format!("a{number}"))).await;
        room.seats[2].draw(secret(&format!("b{number}"))).await;
    }
    room.agree().await;
    let before = room.seats[0].board().rev;
    let rev = room.reveal(&json!([room.ann.id])).await;
    assert_eq!(rev, before + 1);
    room.agree().await;
    assert_eq!(room.seats.each_ref().map(|seat| stroke_ids(&seat.board().state).len()), [7, 4, 7]);
    // Isolation goes on: what is drawn now is hidden again, and switching it off reveals nothing.
    room.seats[1].draw(secret("later")).await;
    room.isolate(false).await;
    room.agree().await;
    assert_eq!(room.seats[2].board().count("later"), 0);
    assert_eq!(room.seats[1].board().count("b0"), 0);
    let open = room.seats[2].draw(stroke("open")).await;
    assert_eq!(room.reveal(&json!("all")).await, open + 1);
    room.agree().await;
    let [one, two, three] = room.seats.each_ref().map(|seat| seat.board().state.clone());
    assert!(one == two && two == three, "everybody sees the same in the same order");
    assert_eq!(stroke_ids(&one).len(), 9);
    assert_eq!(room.reveal(&json!("all")).await, open + 1, "nothing was left to reveal");
}

#[tokio::test]
async fn i3_a_hand_made_client_changes_neither_anothers_work_nor_the_tutors_marks() {
    let mut room = Room3::open().await;
    room.isolate(true).await;
    room.seats[1].draw(secret("a")).await;
    let rev = room.seats[0].draw(stroke("mark")).await;
    for seat in &mut room.seats {
        seat.until_rev(rev).await;
    }
    let ben = &mut room.seats[2];
    assert_eq!(ben.board().count("mark"), 1, "the tutor's mark is for everybody's eyes");
    let tries = [
        (erase("a"), "invalid_ops"),
        (recolour("a", "#fff"), "invalid_ops"),
        (add_stroke("a"), "invalid_ops"),
        (erase("mark"), "forbidden"),
        (recolour("mark", "#fff"), "forbidden"),
        (recolour("task", "#fff"), "forbidden"),
        (json!({"op": "update", "kind": "page", "id": "page-1", "patch": {"note": "psst"}}), "forbidden"),
        (json!({"op": "add", "kind": "meta", "value": {"note": "psst"}}), "forbidden"),
    ];
    let unknown = {
        let id = ben.submit(&[erase("nobody")]).await;
        ben.refused(&id).await
    };
    for (op, code) in &tries {
        let id = ben.submit(std::slice::from_ref(op)).await;
        let refused = ben.refused(&id).await;
        assert_eq!((&refused["code"], &refused["index"]), (&json!(code), &json!(0)), "{op}");
        if *op == erase("a") {
            assert_eq!(refused["detail"], unknown["detail"], "no different from an item that is nowhere");
        }
        let status = if *code == "forbidden" { 403 } else { 422 };
        let answer = room.ben.diff(&room.lesson, rev, &json!([op])).send().await.expect(status);
        assert!(!leaks(&answer.body));
    }
    // A layer is not for clients to name.
    let id = ben.submit(&[json!({"op": "add", "kind": "stroke", "layer": "tutor", "value": secret("b")})]).await;
    let rev = ben.accepted(&id).await;
    room.seats[1].until_rev(rev).await;
    assert_eq!(room.seats[1].board().count("b"), 0);
    let state = room.ben.read(&room.lesson).await["state"].clone();
    room.ben.stream(&room.lesson, rev, &state).send().await.expect(403);
    room.agree().await;
    assert_eq!(room.seats[0].board().count("a"), 1);
}

#[tokio::test]
async fn i9_no_route_shows_hidden_work_to_a_pupil_a_viewer_or_a_guest() {
    let mut room = Room3::open().await;
    let link = share(&room.tutor, &room.lesson, json!({"allow_download": true})).await;
    room.isolate(true).await;
    let hidden = room.seats[1].draw(secret("a")).await;
    room.seats[1].until_saved(hidden).await;
    room.tutor.post(&room.lesson.rest("snapshot/")).send().await.expect(201);
    let (app, tutor, lesson) = (&room.app, &room.tutor, &room.lesson);
    // Somebody who only watches.
    let viewer = app.pupil("Viewer").await;
    let class = tutor.get(&format!("/api/v1/classrooms/{}/", lesson.class)).send().await.expect(200).json();
    let code = json!({"invite_code": class.text("invite_code")});
    viewer.post("/api/v1/classrooms/join/").json(&code).send().await.expect(200);
    let member = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, viewer.id);
    tutor.patch(&member).json(&json!({"role": "viewer"})).send().await.expect(200);

    for who in [&room.ben, &viewer] {
        for path in ["", "thumbnail/", "snapshots/", "snapshot/latest/", "assets/", "exports/"] {
            assert!(!leaks(&who.get(&lesson.rest(path)).send().await.body), "{path}");
        }
        for path in ["snapshots/", "snapshot/latest/", &format!("snapshots/{hidden}/")] {
            who.get(&lesson.rest(path)).send().await.expect(403);
        }
        for path in [format!("/api/v1/boards/{}/", lesson.board), format!("/api/v1/boards/{}/events/", lesson.board)] {
            assert!(!leaks(&who.get(&path).send().await.body), "{path}");
        }
        let copy = who.post(&lesson.rest("duplicate/")).send().await.expect(201);
        assert!(!leaks(&copy.body), "a copy is of what one sees");
    }
    for wish in [json!({"format": "json"}), json!({"format": "json", "rev": hidden})] {
        assert!(!leaks(room.ben.export_file(app, lesson, &wish).await), "{wish}");
        assert!(leaks(room.ann.export_file(app, lesson, &wish).await), "their own work is theirs to take home");
        assert!(leaks(tutor.export_file(app, lesson, &wish).await));
    }
    let pictures = async |who: &Account| pixels(&who.export_file(app, lesson, &json!({"format": "png"})).await);
    assert_ne!(pictures(&room.ben).await, pictures(&room.ann).await, "what is hidden is not drawn");
    // The picture in lists is one for all.
    let made = tutor.post(&lesson.rest("thumbnail/")).send().await.expect(200).json().text("thumbnail_url");
    let with_secret = pixels(&fetch(app, &made).await.expect(200).body);

    let guest = app.stranger().get(&page(&link)).send().await.expect(200);
    assert!(!leaks(&guest.body));
    let told = app
        .knock(&Solo(lesson.board.clone()).path())
        .authorization(&format!("Share {}", link.text("token")))
        .sit()
        .await;
    assert!(!leaks(told.welcome.to_string()));
    let file = app.stranger().get(&format!("{}download/", page(&link))).send().await.expect(200);
    assert!(!leaks(&file.body));
    let drawn = eventually("the picture of a link", || async {
        let answer = app.stranger().get(&format!("{}download/?format=png", page(&link))).send().await;
        (answer.status == 200).then_some(answer.body)
    })
    .await;
    assert_eq!(pixels(&drawn), pictures(&room.ben).await, "a guest's picture is that of a pupil without work");

    // Another lesson begins as a copy of what is everybody's.
    let opening = json!({"template_board_id": lesson.board});
    let path = format!("/api/v1/classrooms/{}/sessions/", lesson.class);
    let next = tutor.post(&path).json(&opening).send().await.expect(201).json();
    let board = Solo(next.text("board_id"));
    assert!(!leaks(&tutor.get(&board.rest("")).send().await.expect(200).body));

    // Once it is revealed, the past stays as it was and the present is everybody's.
    let rev = room.reveal(&json!("all")).await;
    let (app, lesson) = (&room.app, &room.lesson);
    room.seats[0].until_saved(rev).await;
    assert!(!leaks(room.ben.export_file(app, lesson, &json!({"format": "json", "rev": hidden})).await));
    assert!(leaks(room.ben.export_file(app, lesson, &json!({"format": "json"})).await));
    let made = room.tutor.post(&lesson.rest("thumbnail/")).send().await.expect(200).json().text("thumbnail_url");
    assert_ne!(pixels(&fetch(app, &made).await.expect(200).body), with_secret);
}

#[tokio::test]
async fn i10_a_picture_that_only_hidden_work_names_is_not_given_away() {
    let mut room = Room3::open().await;
    let link = share(&room.tutor, &room.lesson, json!({})).await;
    room.isolate(true).await;
    let upload = |who: &Account, pixel: u8| {
        let mut png = Vec::new();
        let picture = image::RgbaImage::from_pixel(2, 2, image::Rgba([pixel, 7, 7, 255]));
        picture.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
        who.post(&room.lesson.rest("assets/?name=p.png")).header("Content-Type", "image/png").body(png).send()
    };
    let hers = upload(&room.ann, 1).await.expect(201).json();
    let his = upload(&room.ben, 2).await.expect(201).json();
    let place = json!({"op": "add", "kind": "asset", "value": {"id": "p", "src": hers["ref"], "x": 0, "y": 0}});
    let id = room.seats[1].submit(&[place]).await;
    room.seats[1].accepted(&id).await;
    let asset = |row: &Value| room.lesson.rest(&format!("assets/{}/", row.text("id")));
    let public = |row: &Value| format!("{}assets/{}/", page(&link), row.text("id"));
    for (who, status) in [(&room.ann, 200), (&room.tutor, 200), (&room.ben, 404)] {
        who.get(&asset(&hers)).send().await.expect(status);
    }
    room.ben.delete(&asset(&hers)).send().await.expect(404);
    room.app.stranger().get(&public(&hers)).send().await.expect(404);
    let list = room.ben.get(&room.lesson.rest("assets/")).send().await.expect(200).json();
    assert_eq!((list.number("count"), &list["results"][0]["id"]), (1, &his["id"]));
    let copy = Solo(room.ben.post(&room.lesson.rest("duplicate/")).send().await.expect(201).json().text("id"));
    assert_eq!(room.ben.get(&copy.rest("assets/")).send().await.expect(200).json().number("count"), 0);
    let (shown, seen) = (asset(&hers), public(&hers));
    room.reveal(&json!("all")).await;
    room.ben.get(&shown).send().await.expect(200);
    assert_ne!(room.app.stranger().get(&seen).send().await.status, 404);
}

#[tokio::test]
async fn i11_where_pupils_are_is_told_to_those_who_lead_only() {
    let mut room = Room3::open().await;
    room.isolate(true).await;
    room.seats[1].move_cursor(11.0, 12.0).await;
    room.seats[0].expect("cursors").await;
    // The tutor's own pen is everybody's to see, and it comes after what was kept from Ben.
    room.seats[0].move_cursor(70.0, 71.0).await;
    let heard = room.seats[2].expect("cursors").await.to_string();
    assert!(heard.contains(&room.tutor.id) && !heard.contains(&room.ann.id), "{heard}");
    room.seats[2].catch_up().await;
    assert!(!room.seats[2].seen("cursors").iter().any(|frame| frame.to_string().contains(&room.ann.id)));
}

#[tokio::test]
async fn i12_whoever_comes_to_see_more_or_less_gets_the_state_anew() {
    let mut room = Room3::open().await;
    room.isolate(true).await;
    room.seats[1].draw(secret("a")).await;
    room.agree().await;
    let member = format!("/api/v1/classrooms/{}/members/{}/", room.lesson.class, room.ben.id);
    for (role, strokes) in [("assistant", 1), ("student", 0)] {
        let knock = room.ben.knock(&room.lesson).resuming(&room.seats[2]);
        room.tutor.patch(&member).json(&json!({"role": role})).send().await.expect(200);
        assert_eq!(room.seats[2].closed().await, 4503, "{role}");
        let again = knock.sit().await;
        assert!(again.welcome["resumed"] != true, "{role}: {}", again.welcome);
        assert_eq!(again.board().count("a"), strokes, "{role}");
        room.seats[2] = again;
    }
}

#[tokio::test]
async fn i8_over_rest_those_who_may_lock_pens_isolate_and_reveal_and_nobody_else() {
    let mut room = Room3::open().await;
    let (isolate, reveal) = (room.path("isolate"), room.path("reveal"));
    let stranger = room.app.pupil("Stranger").await;
    for (path, body) in [(&isolate, json!({"on": true})), (&reveal, json!({"users": "all"}))] {
        room.ben.post(path).json(&body).send().await.refused(403, "forbidden");
        stranger.post(path).json(&body).send().await.refused(404, "not_found");
        room.app.stranger().post(path).json(&body).send().await.expect(401);
        room.tutor.post(path).json(&json!({})).send().await.refused(400, "validation_error");
    }
    room.tutor.post(&isolate).json(&json!({"on": true})).send().await.expect(200);
    for seat in &mut room.seats {
        assert_eq!(seat.expect("isolated").await["on"], true);
    }
    let rev = room.seats[1].draw(secret("a")).await;
    let wish = json!({"users": [room.ann.id]});
    let answer = room.tutor.post(&reveal).json(&wish).send().await.expect(200).json();
    assert_eq!((answer.number("rev"), &answer["users"]), (rev + 1, &wish["users"]));
    assert_eq!(room.seats[2].expect("revealed").await.number("rev"), rev + 1);
    room.agree().await;
    assert_eq!(room.seats[2].board().count("a"), 1);
    // Over the socket a pupil is refused, and a frame that says nothing is named.
    for frame in [json!({"t": "isolate", "on": false}), json!({"t": "reveal", "users": "all"})] {
        room.seats[2].send(&frame).await;
        assert_eq!(room.seats[2].expect("refused").await["code"], "forbidden");
    }
    room.seats[0].send(&json!({"t": "reveal", "users": "some"})).await;
    assert_eq!(room.seats[0].expect("refused").await["code"], "bad_frame");
}

#[tokio::test]
async fn i6_a_reveal_in_the_middle_of_which_the_server_dies_is_there_whole_or_not_at_all() {
    let mut room = Room3::open().await;
    room.isolate(true).await;
    let mut last = 0;
    for number in 0..20 {
        last = room.seats[1].draw(secret(&format!("a{number}"))).await;
    }
    room.seats[1].until_saved(last).await;
    let mut whole = 0;
    // Killed at once, then later and later within the flight of the commit.
    for pause in 0..6_u64 {
        if whole == 0 {
            let mut tutor = room.tutor.open(&room.lesson).await;
            tutor.send(&json!({"t": "reveal", "users": "all"})).await;
            let until = std::time::Instant::now() + std::time::Duration::from_micros(300 * pause * pause);
            let _ = tokio::time::timeout_at(until.into(), tutor.heard()).await;
        }
        room.app.kill_and_restart().await;
        let seen = room.ben.read(&room.lesson).await["state"].clone();
        whole = stroke_ids(&seen).len() - 1;
        assert!(whole == 0 || whole == 20, "{whole} of 20 strokes are seen");
        let all = stroke_ids(&room.tutor.read(&room.lesson).await["state"]);
        assert_eq!(all.len(), 21, "nothing is lost or doubled: {all:?}");
    }
    if whole == 0 {
        room.tutor.post(&room.path("reveal")).json(&json!({"users": "all"})).send().await.expect(200);
    }
    assert_eq!(stroke_ids(&room.ben.read(&room.lesson).await["state"]).len(), 21);
}

#[tokio::test]
async fn i9_a_page_that_is_given_to_every_pupil_brings_no_hidden_work_along() {
    let mut room = Room3::open().await;
    room.isolate(true).await;
    let hidden = room.seats[1].draw(secret("a")).await;
    room.seats[1].until_saved(hidden).await;
    let body = json!({"for": "everybody", "template_board_id": room.lesson.board});
    room.tutor.post(&room.path("boards")).json(&body).send().await.expect(201);
    let asked = room.tutor.post(&room.path("push")).json(&json!({"to": "all"})).send().await.expect(202);
    let push = room.path(&format!("pushes/{}", asked.json().text("push")));
    eventually("a push is done", || async {
        (room.tutor.get(&push).send().await.expect(200).json()["status"] == "completed").then_some(())
    })
    .await;
    let mine = room.ben.get(&room.path("boards/mine")).send().await.expect(200).json();
    let board = Solo(mine["mine"].text("board"));
    let state = room.ben.read(&board).await["state"].clone();
    assert_eq!(state["pages"].as_array().map(Vec::len), Some(2), "the template's page, and the one that was given");
    assert!(!leaks(state.to_string()));
    assert_eq!(stroke_ids(&state), ["task", "task"], "what is everybody's came along");
}
