//! Watching a shared board over its socket: who may, what a guest sees and can do, and how it ends.
//! What the links themselves promise has its own module.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::harness::*;
use crate::sharing::{page, share};

/// What a visitor of the public page gets for watching on.
async fn ticket(app: &Server, link: &Value) -> String {
    app.stranger().get(&page(link)).send().await.expect(200).json()["live"].text("ticket")
}

/// A handshake with a link's token.
fn by_token(app: &Server, room: &impl Room, link: &Value) -> Knock {
    app.knock(&room.path()).authorization(&format!("Share {}", link.text("token")))
}

/// A handshake with a ticket, as a browser makes it.
fn by_ticket(app: &Server, path: &str, ticket: &str) -> Knock {
    app.knock(path).offering(Dialect::Json, &["m4sh.json", &format!("view.{ticket}")])
}

#[tokio::test]
async fn l7_a_guest_watches_every_stroke_live_in_both_full_dialects() {
    let app = Server::with(&[("M4SH_ADMIN_BIND", "127.0.0.1:0")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let link = share(&ann, &board, json!({})).await;
    let token = link.text("token");
    let mut owner = ann.open(&board).await;
    owner.draw(stroke("before")).await;
    let shown = app.stranger().get(&page(&link)).send().await.expect(200).json();
    let pass = shown["live"].text("ticket");
    let offered = |dialect, names: &[&str]| app.knock(&board.path()).offering(dialect, names);
    let mut guests = vec![
        by_token(&app, &board, &link).sit().await,
        offered(Dialect::Json, &["m4sh.json", &format!("share.{token}")]).sit().await,
        offered(Dialect::MessagePack, &[&format!("share.{token}"), "m4sh.msgpack"]).sit().await,
        offered(Dialect::Json, &["m4sh.json", &format!("view.{pass}")]).sit().await,
        offered(Dialect::MessagePack, &["m4sh.msgpack", &format!("view.{pass}")]).sit().await,
    ];
    assert_eq!(guests[2].protocol.as_deref(), Some("m4sh.msgpack"), "the token is not echoed");
    // From the public page a client goes on without getting the state twice.
    let (epoch, rev) = (shown["live"].number("epoch"), shown.number("rev"));
    let replica = replica::Replica { epoch, rev, state: shown["state"].clone() };
    guests.push(by_ticket(&app, &board.path(), &pass).resume(epoch, rev).sit_with(replica).await);
    assert_eq!(guests[5].welcome["resumed"], true);
    for number in 0..5 {
        owner.draw(stroke(&format!("s{number}"))).await;
    }
    for guest in &mut guests {
        guest.until_rev(6).await;
        assert_eq!(guest.board().state, owner.board().state);
        guest.until_saved(6).await;
    }
    let views = ann.get(&board.rest("share/")).send().await.expect(200).json().number("view_count");
    assert_eq!(views, 4, "the page and three hellos with the token; tickets take none");
    let metrics = format!("http://{}/metrics", app.admin_address().await);
    let count = |what: &'static str| {
        let asked = app.http().get(&metrics).send();
        async move { asked.await.unwrap().text().await.unwrap().lines().any(|line| line == what).then_some(()) }
    };
    for line in ["m4sh_guests 6", "m4sh_share_views_total{by=\"page\"} 1", "m4sh_share_views_total{by=\"socket\"} 3"] {
        eventually(line, || count(line)).await;
    }
    drop(guests);
    eventually("guests that went are counted no more", || count("m4sh_guests 0")).await;
}

#[tokio::test]
async fn l7_a_link_opens_no_other_door_and_never_from_the_address() {
    let app = Server::start().await;
    let (tutor, _, lesson) = app.lesson(0).await;
    let board = Solo(lesson.board.clone());
    let link = share(&tutor, &lesson, json!({})).await;
    let (token, pass) = (link.text("token"), ticket(&app, &link).await);
    let (share, view) = (format!("share.{token}"), format!("view.{pass}"));
    let other = tutor.create_board().await;
    for (what, knock, code) in [
        ("the token in the address", app.knock(&format!("{}?share={token}", board.path())), 4401),
        ("also beside a good one", by_token(&app, &board, &link).at_path(&format!("{}?token=x", board.path())), 4401),
        ("the class' door", by_token(&app, &lesson, &link), 4401),
        ("the class' door with a ticket", by_ticket(&app, &lesson.path(), &pass), 4401),
        (
            "the presence dialect",
            app.knock(&board.path()).offering(Dialect::Presence, &["m4sh.presence", &share]),
            4400,
        ),
        (
            "the same with a ticket",
            app.knock(&board.path()).offering(Dialect::Presence, &["m4sh.presence", &view]),
            4400,
        ),
        ("another board", by_token(&app, &other, &link), 4403),
        ("another board with a ticket", by_ticket(&app, &other.path(), &pass), 4403),
        ("no board", by_ticket(&app, &format!("/ws/board/{}/", Uuid::new_v4()), &pass), 4403),
        ("an unknown token", app.knock(&board.path()).authorization(&format!("Share {}", "A".repeat(43))), 4403),
        ("no token at all", app.knock(&board.path()).authorization("Share x"), 4403),
        ("a ticket as a token", app.knock(&board.path()).authorization(&format!("Share {pass}")), 4403),
        ("a token as a bearer", app.knock(&board.path()).bearer(&token), 4401),
        ("a token as a ticket", by_ticket(&app, &board.path(), &token), 4401),
        ("a forged ticket", by_ticket(&app, &board.path(), &format!("B{}", &pass[1..])), 4401),
    ] {
        let mut seat = knock.connect().await;
        let _ = seat.try_send(&hello(seat.client, seat.protocol.as_deref())).await;
        assert_eq!(seat.closed().await, code, "{what}");
    }
    by_token(&app, &board, &link).sit().await;
}

fn hello(client: Uuid, protocol: Option<&str>) -> Value {
    let key = if protocol == Some("m4sh.presence") { "type" } else { "t" };
    json!({key: "hello", "client": client})
}

#[tokio::test]
async fn l7_each_hello_with_the_token_takes_one_view_and_a_race_gives_exactly_as_many_as_there_are() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let link = share(&ann, &board, json!({"max_views": 5})).await;
    let crowd = (0..20).map(|_| by_token(&app, &board, &link).try_sit());
    let seats: Vec<_> = within("a crowd knocks", futures_util::future::join_all(crowd)).await;
    let seated = seats.iter().filter(|seat| seat.is_ok()).count();
    assert_eq!(seated, 5);
    assert_eq!(by_token(&app, &board, &link).turned_away().await, 4403);
    let status = ann.get(&board.rest("share/")).send().await.expect(200).json();
    assert_eq!(status["view_count"], 5);
    app.stranger().get(&page(&link)).send().await.expect(404);
    // A handshake without a hello takes none.
    let link = share(&ann, &board, json!({"max_views": 1})).await;
    drop(by_token(&app, &board, &link).connect().await);
    by_token(&app, &board, &link).sit().await;
}

#[tokio::test]
async fn l8_a_ticket_opens_its_board_while_its_link_lives_and_ends_by_itself() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let database = app.database.as_ref().unwrap();
    let link = share(&ann, &board, json!({"max_views": 1})).await;
    let pass = ticket(&app, &link).await;
    for _ in 0..3 {
        by_ticket(&app, &board.path(), &pass).sit().await.leave().await;
    }
    let status = ann.get(&board.rest("share/")).send().await.expect(200).json();
    assert_eq!(status["view_count"], 1, "the view was taken by the page");
    ann.delete(&board.rest("share/")).send().await.expect(204);
    assert_eq!(by_ticket(&app, &board.path(), &pass).turned_away().await, 4403);

    // A ticket never outlives the link as it was then, also when the link does.
    let link = share(&ann, &board, json!({})).await;
    database.execute("UPDATE share_link SET expires_at = now() + interval '3 s' WHERE revoked_at IS NULL").await;
    let pass = ticket(&app, &link).await;
    database.execute("UPDATE share_link SET expires_at = now() + interval '1 day' WHERE revoked_at IS NULL").await;
    eventually("the ticket ends", || async {
        let closed = by_ticket(&app, &board.path(), &pass).try_sit().await.err()?;
        assert!(closed.contains("4401"), "{closed}");
        Some(())
    })
    .await;
    by_ticket(&app, &board.path(), &ticket(&app, &link).await).sit().await;
}

#[tokio::test]
async fn l9_guests_are_let_go_at_once_when_their_link_ends_or_expires_or_their_board_goes() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut owner = ann.open(&board).await;
    let database = app.database.as_ref().unwrap();
    let first = share(&ann, &board, json!({})).await;
    let pass = ticket(&app, &first).await;
    let mut guests = [by_token(&app, &board, &first).sit().await, by_ticket(&app, &board.path(), &pass).sit().await];
    ann.delete(&board.rest("share/")).send().await.expect(204);
    let began = Instant::now();
    for guest in &mut guests {
        guest.dismissed(4403).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "at once, and not at the next look: {:?}", began.elapsed());
    assert_eq!(by_token(&app, &board, &first).turned_away().await, 4403);
    assert_eq!(by_ticket(&app, &board.path(), &pass).turned_away().await, 4403);

    // A new link ends the former.
    let second = share(&ann, &board, json!({})).await;
    let mut guest = by_token(&app, &board, &second).sit().await;
    let third = share(&ann, &board, json!({})).await;
    guest.dismissed(4403).await;

    // It expires while somebody watches.
    database.execute("UPDATE share_link SET expires_at = now() + interval '2 s' WHERE revoked_at IS NULL").await;
    let mut guest = by_token(&app, &board, &third).sit().await;
    let began = Instant::now();
    guest.dismissed(4403).await;
    assert!(began.elapsed() < Duration::from_secs(8), "by its own clock: {:?}", began.elapsed());

    // It is ended by somebody who tells this process nothing.
    let fourth = share(&ann, &board, json!({})).await;
    let mut guest = by_token(&app, &board, &fourth).sit().await;
    database.execute("UPDATE share_link SET revoked_at = now()").await;
    guest.dismissed(4403).await;

    let fifth = share(&ann, &board, json!({})).await;
    let mut guest = by_token(&app, &board, &fifth).sit().await;
    owner.draw(stroke("the owner is still here")).await;
    guest.until_rev(1).await;
    ann.delete(&board.rest("")).send().await.expect(204);
    guest.dismissed(4403).await;
    owner.dismissed(4404).await;
    assert_eq!(by_token(&app, &board, &fifth).turned_away().await, 4403);
}

#[tokio::test]
async fn l10_a_link_has_at_most_three_hundred_guests() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let link = share(&ann, &board, json!({})).await;
    let pass = ticket(&app, &link).await;
    let mut guests = Vec::new();
    while guests.len() < 300 {
        let more = (0..50).map(|_| by_ticket(&app, &board.path(), &pass).sit());
        guests.extend(within("guests sit down", futures_util::future::join_all(more)).await);
    }
    let mut late = by_ticket(&app, &board.path(), &pass).connect().await;
    late.send(&json!({"t": "hello", "client": late.client})).await;
    assert!(late.dismissed(4429).await.number("retry_after_ms") > 0);
    // The owner is not crowded out, and a place that was given back is given again.
    let mut owner = ann.open(&board).await;
    assert_eq!(owner.welcome.list("roster").len(), 301);
    guests.pop().unwrap().leave().await;
    let again = || async { by_ticket(&app, &board.path(), &pass).try_sit().await.ok() };
    guests.push(eventually("the place is free", again).await);
    owner.draw(stroke("s")).await;
    for guest in &mut guests {
        guest.until_rev(1).await;
    }
}

#[tokio::test]
async fn l11_a_guest_changes_nothing_by_any_frame_and_is_not_seen_pointing() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut owner = ann.open(&board).await;
    owner.draw(stroke("s")).await;
    let link = share(&ann, &board, json!({"allow_download": true})).await;
    let mut guest = by_token(&app, &board, &link).sit().await;
    let you = &guest.welcome["you"];
    assert_eq!((&you["role"], &you["name"]), (&json!("guest"), &json!("Guest")));
    let can = you["can"].as_object().unwrap();
    assert!(can.len() == 12 && can.values().all(|flag| *flag == false), "{you}");
    let writes = [
        add_stroke("mine"),
        recolour("s", "#f00"),
        erase("s"),
        json!({"op": "add", "kind": "page", "value": {"id": "p2", "strokes": [], "assets": []}}),
        json!({"op": "remove", "kind": "page", "id": "p1"}),
        json!({"op": "add", "kind": "meta", "value": {"a": 1}}),
        json!({"op": "add", "kind": "asset", "value": {"id": "a", "src": "x"}}),
        json!({"op": "add", "kind": "text", "value": {"id": "t", "text": "x"}}),
    ];
    for op in writes {
        let id = guest.submit(std::slice::from_ref(&op)).await;
        assert_eq!(guest.refused(&id).await["code"], "forbidden", "{op}");
    }
    for kind in ["undo", "redo", "clear", "lock", "kick", "chat"] {
        guest.send(&json!({"t": kind, "id": "x", "user": ann.id, "text": "x", "locked": true})).await;
        let refused = guest.expect("refused").await;
        assert!(
            ["forbidden", "nothing_to_undo", "not_in_class"].contains(&&*refused.text("code")),
            "{kind}: {refused}"
        );
    }
    for frame in [
        json!({"t": "cursor", "x": 1, "y": 2}),
        json!({"t": "view", "page": "p1", "x": 0, "y": 0, "zoom": 1}),
        json!({"t": "status", "state": "typing"}),
    ] {
        guest.send(&frame).await;
    }
    guest.catch_up().await;
    assert_eq!(owner.draw(stroke("s2")).await, 2, "nothing happened in between");
    guest.until_rev(2).await;
    owner.catch_up().await;
    for kind in ["cursors", "view", "status"] {
        assert!(owner.seen(kind).is_empty(), "{kind} of a guest");
    }
    // Over REST it has no account, so there is nothing to ask with.
    let rest =
        app.stranger().patch(&board.rest("diff/")).header("Authorization", &format!("Share {}", link.text("token")));
    rest.json(&json!({"rev": 2, "ops": [add_stroke("x")]})).send().await.refused(401, "unauthorized");
    // A long frame is not even read.
    let long = json!({"t": "ops", "id": "l", "ops": [add(heavy_stroke("l", 4096))]});
    guest.send_raw(Message::text(long.to_string())).await.unwrap();
    assert_eq!(guest.closed().await, 4400);
}

#[tokio::test]
async fn l12_a_class_sees_its_guests_and_a_guest_is_told_nobodys_name() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let board = Solo(lesson.board.clone());
    let mut first = pupils[0].open(&lesson).await;
    let link = share(&tutor, &lesson, json!({})).await;
    let mut guest = by_token(&app, &board, &link).client(Uuid::new_v4()).sit().await;
    let you = guest.welcome["you"].text("user");
    let roster = guest.welcome.list("roster");
    assert_eq!((roster.len(), &roster[0]["user"]), (1, &json!(you)), "{roster:?}");
    assert!(guest.welcome["class"].is_null());
    let joined = first.expect_that("joined", |frame| frame["user"] == you).await;
    assert_eq!((&joined["role"], &joined["name"]), (&json!("guest"), &json!("Guest")));
    assert!(!joined.to_string().contains("127.0.0.1"));

    // Somebody comes, says how they are, draws, points and goes: the guest sees the board, and a pen without a name.
    let mut second = pupils[1].open(&lesson).await;
    assert_eq!(second.welcome.list("roster").len(), 3);
    second.send(&json!({"t": "status", "state": "typing"})).await;
    second.move_cursor(3.0, 4.0).await;
    let rev = second.draw(stroke("s")).await;
    second.leave().await;
    first.expect("left").await;
    guest.until_rev(rev).await;
    guest.expect("cursors").await;
    guest.catch_up().await;
    for kind in ["joined", "left", "status"] {
        assert!(guest.seen(kind).is_empty(), "a guest hears `{kind}`");
    }

    // The same tab is the same guest: it replaces its older socket, and a second tab is another.
    let again = by_token(&app, &board, &link).client(guest.client).sit().await;
    assert_eq!(again.welcome["you"]["user"], you);
    guest.dismissed(4409).await;
    let another = by_token(&app, &board, &link).sit().await;
    assert_ne!(another.welcome["you"]["user"], you);

    // Changes in the class do not throw a guest out; its end does, and the still board may be watched again.
    let role = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, pupils[1].id);
    tutor.patch(&role).json(&json!({"role": "viewer"})).send().await.expect(200);
    let mut guest = again;
    guest.catch_up().await;
    tutor.end(&lesson).await;
    guest.dismissed(4410).await;
    let late = by_token(&app, &board, &link).sit().await;
    assert_eq!(stroke_ids(&late.board().state), ["s"]);
}

#[tokio::test]
async fn l16_sockets_are_opened_only_so_often_by_one_user_and_by_guests_of_one_address() {
    let app = Server::with(&[("M4SH_RATES_WS_OPEN", "4/min"), ("M4SH_RATES_WS_OPEN_GUEST", "3/min")]).await;
    let (ann, ben) = (app.pupil("Ann").await, app.pupil("Ben").await);
    let (board, bens) = (ann.create_board().await, ben.create_board().await);
    let mut seats = Vec::new();
    for _ in 0..4 {
        seats.push(ann.open(&board).await);
    }
    let mut over = ann.knock(&board).connect().await;
    assert!(over.dismissed(4429).await.number("retry_after_ms") > 0);
    assert_eq!(ann.knock(&board).turned_away().await, 4429);
    seats[0].draw(stroke("those who sit are left alone")).await;
    ben.open(&bens).await;
    let link = share(&ben, &bens, json!({})).await;
    for _ in 0..2 {
        by_token(&app, &bens, &link).sit().await;
    }
    let wrong = app.knock(&bens.path()).authorization(&format!("Share {}", "A".repeat(43)));
    assert_eq!(wrong.turned_away().await, 4403);
    assert_eq!(by_token(&app, &bens, &link).turned_away().await, 4429);
    ben.open(&bens).await;
}

#[tokio::test]
async fn l16_a_school_behind_one_address_comes_back_at_once() {
    let app = Server::with(&[("M4SH_RATES_WS_OPEN", "60/min")]).await;
    let (_, _, lesson) = app.lesson(0).await;
    const PEOPLE: usize = 300;
    let sql = format!(
        "INSERT INTO account (id, email, password_hash, first_name, role, quota_bytes)
             SELECT md5('p' || i)::uuid, i || '@school.test', 'x', 'P' || i, 'student', 0 FROM generate_series(1, {PEOPLE}) i;
         INSERT INTO member (\"group\", account, role)
             SELECT '{}', md5('p' || i)::uuid, 'student' FROM generate_series(1, {PEOPLE}) i",
        lesson.class
    );
    let database = app.database.as_ref().unwrap();
    database.execute(&sql).await;
    let rows =
        database.client().await.query("SELECT id::text FROM account WHERE first_name LIKE 'P%'", &[]).await.unwrap();
    let tokens: Vec<String> =
        rows.iter().map(|row| token(&json!({"sub": row.get::<_, &str>(0), "exp": now() + 600}), SECRET)).collect();
    assert_eq!(tokens.len(), PEOPLE);
    for _ in 0..2 {
        let crowd = tokens.iter().map(|token| app.knock(&lesson.path()).bearer(token).try_sit());
        let seats = within("a school sits down", futures_util::future::join_all(crowd)).await;
        let refused: Vec<_> = seats.iter().filter_map(|seat| seat.as_ref().err()).collect();
        assert!(refused.is_empty(), "{refused:?}");
    }
}
