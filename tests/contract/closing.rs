//! Every end of a socket that this server can cause: its code, its goodbye, and who else is left alone.
//! Tells clients when to come back and when not. Slow readers have their own module.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::harness::*;

#[tokio::test]
async fn w2_a_token_is_taken_from_the_header_and_from_every_listed_form_of_the_protocols() {
    let app = Server::start().await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let pupil = &pupils[0];
    let (token, dotted) = (pupil.token.as_str(), format!("bearer.{}", pupil.token));
    // What is offered, the dialect that follows, and what may be echoed: never the token when there is a name.
    let table: Vec<(Vec<&str>, Dialect, Vec<&str>)> = vec![
        (vec!["m4sh.json", &dotted], Dialect::Json, vec!["m4sh.json"]),
        (vec![&dotted, "m4sh.json"], Dialect::Json, vec!["m4sh.json"]),
        (vec!["m4sh.msgpack", &dotted], Dialect::MessagePack, vec!["m4sh.msgpack"]),
        (vec!["m4sh.presence", &dotted], Dialect::Presence, vec!["m4sh.presence"]),
        (vec!["m4sh.json", "access_token", token], Dialect::Json, vec!["m4sh.json", "access_token"]),
        (vec!["access_token", token], Dialect::Presence, vec!["access_token"]),
        (vec!["jwt", token], Dialect::Presence, vec!["jwt"]),
        (vec!["bearer", token], Dialect::Presence, vec!["bearer"]),
        (vec![&dotted], Dialect::Presence, vec![&dotted]),
        (vec![token], Dialect::Presence, vec![token]),
    ];
    for (offered, dialect, echoes) in table {
        let mut seat = app.knock(&lesson.path()).offering(dialect, &offered).connect().await;
        let echoed = seat.protocol.clone().expect("a browser fails a handshake without an echo");
        assert!(echoes.contains(&&*echoed), "{offered:.40?} is answered by {echoed:.40}");
        if dialect == Dialect::Presence {
            seat.expect("presence.sync").await;
        } else {
            seat.send(&json!({"t": "hello", "client": seat.client})).await;
            seat.expect("welcome").await;
        }
    }
    let mut bare = app.knock(&lesson.path()).offering(Dialect::Presence, &[]).bearer(token).connect().await;
    assert_eq!(bare.protocol, None, "nothing offered, nothing echoed");
    bare.expect("presence.sync").await;
}

#[tokio::test]
async fn w10_no_token_a_bad_one_or_one_in_the_url_is_closed_with_4401() {
    let app = Server::start().await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let path = lesson.path();
    let query = format!("{path}?token={}", pupils[0].token);
    let bad = tampered(&pupils[0].token);
    let expired = token(&json!({"sub": pupils[0].id, "iat": now() - 900, "exp": now() - 60}), SECRET);
    let knocks = [
        ("none", app.knock(&path)),
        ("in the URL", app.knock(&query)),
        ("in the URL and no protocol", app.knock(&query).offering(Dialect::Presence, &[])),
        ("tampered", app.knock(&path).bearer(&bad)),
        ("tampered in a protocol", app.knock(&path).offering(Dialect::Json, &["m4sh.json", &format!("bearer.{bad}")])),
        ("expired", app.knock(&path).bearer(&expired)),
        ("empty", app.knock(&path).offering(Dialect::Json, &["m4sh.json", "bearer."])),
    ];
    for (what, knock) in knocks {
        let mut seat = knock.connect().await;
        let closed = seat.end().await;
        assert_eq!(closed.code, Some(4401), "{what}: {closed:?}");
    }
}

#[tokio::test]
async fn w10_strangers_get_4403_and_rooms_that_are_none_4404() {
    let app = Server::start().await;
    let (tutor, _, lesson) = app.lesson(0).await;
    let other = tutor.create_class().await;
    let stranger = app.pupil("Stranger").await;
    assert_eq!(stranger.knock(&lesson).turned_away().await, 4403);
    let nowhere = Uuid::new_v4();
    for path in [
        format!("/ws/classroom/{nowhere}/session/{}/", lesson.id),
        format!("/ws/classroom/{}/session/{nowhere}/", lesson.class),
        format!("/ws/classroom/{}/session/{}/", other.id, lesson.id),
        format!("/ws/board/{nowhere}/"),
        "/ws/board/not-a-uuid/".to_owned(),
        format!("/ws/classroom/x/session/{}/", lesson.id),
    ] {
        assert_eq!(tutor.knock_at(&path).turned_away().await, 4404, "{path}");
    }
}

#[tokio::test]
async fn w4_broken_frames_over_long_ones_and_those_before_hello_are_closed_with_4400() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let long = |bytes: usize| json!({"t": "ops", "id": "l", "ops": [add(heavy_stroke("l", bytes))]}).to_string();
    let deep = format!("{{\"t\":\"ops\",\"id\":\"d\",\"ops\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let json_frames = [
        Message::text("{"),
        Message::text(""),
        Message::text("[]"),
        Message::text("7"),
        Message::text("{\"t\": 7}"),
        Message::text("{}"),
        Message::text("{\"t\":\"ping\",\"n\":NaN}"),
        Message::text(long(70_000)),
        Message::text(deep),
        Message::binary(vec![0x81, 0xa1, b't', 0xa4, b'p', b'i', b'n', b'g']),
    ];
    let binary_frames = [
        Message::binary(vec![]),
        Message::binary(vec![0xc1]),
        Message::binary(vec![0x81, 0xa1]),
        Message::binary(vec![0xdf, 0xff, 0xff, 0xff, 0xff]),
        Message::binary(vec![0xc6, 0x7f, 0xff, 0xff, 0xff, 1]),
        Message::binary([vec![0x91; 30_000], vec![0x01]].concat()),
        Message::binary(vec![0x01]),
        Message::text("{\"t\":\"ping\",\"n\":1}"),
    ];
    for (dialect, frames) in [(Dialect::Json, json_frames.to_vec()), (Dialect::MessagePack, binary_frames.to_vec())] {
        for frame in frames {
            let what = format!("{frame:.60?}");
            let mut seat = pupils[0].open_in(dialect, &lesson).await;
            let _ = seat.send_raw(frame).await;
            let closed = seat.end().await;
            assert_eq!(closed.code, Some(4400), "{dialect:?} {what}: {closed:?}");
        }
        for frame in [
            json!({"t": "ping", "n": 1}),
            json!({"t": "ops", "id": "x", "ops": [add(stroke("x"))]}),
            json!({"t": "hello"}),
        ] {
            let mut seat = pupils[0].knock(&lesson).dialect(dialect).connect().await;
            seat.send(&frame).await;
            assert_eq!(seat.closed().await, 4400, "{dialect:?} {frame} as the first frame");
        }
    }
    let mut seat = pupils[0].open(&lesson).await;
    let frame = json!({"t": "ops", "id": "fits", "ops": [add(heavy_stroke("fits", 64_000))]});
    assert!(frame.to_string().len() < 64 * 1024);
    seat.submit_as("fits", &[add(heavy_stroke("fits", 64_000))]).await;
    assert_eq!(seat.accepted("fits").await, 1);
    watcher.until_rev(1).await;
}

#[tokio::test]
async fn w6_a_socket_that_says_no_hello_in_ten_seconds_is_closed_with_4408() {
    let app = Server::start().await;
    let (_, pupils, lesson) = app.lesson(1).await;
    let started = Instant::now();
    let mut seat = pupils[0].knock(&lesson).connect().await;
    assert_eq!(seat.closed().await, 4408);
    let took = started.elapsed();
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(14), "{took:?}");
}

#[tokio::test]
async fn j8_a_silent_socket_leaves_the_roster_within_its_limit_and_is_closed_with_4408() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut sleeper = pupils[0].open(&lesson).await;
    let started = Instant::now();
    // Nothing is read, so no WebSocket ping is answered; the TCP connection stays.
    sleeper.stop_reading();
    let left = async {
        loop {
            let frame = watcher.heard().await.expect("the watcher answers its pings and stays");
            if frame["t"] == "left" {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), left).await.expect("the sleeper leaves");
    let took = started.elapsed();
    assert!(took > Duration::from_secs(25) && took < Duration::from_secs(46), "{took:?}");
    sleeper.read_on();
    assert_eq!(sleeper.closed().await, 4408);
}

#[tokio::test]
async fn j4_the_same_tab_again_replaces_its_older_socket_with_4409() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut old = pupils[0].open(&lesson).await;
    old.draw(stroke("s1")).await;
    let mut new = pupils[0].knock(&lesson).resuming(&old).sit().await;
    let bye = old.dismissed(4409).await;
    assert!(!bye.text("reason").is_empty() && bye.get("retry_after_ms").is_none(), "stay away: {bye}");
    new.draw(stroke("s2")).await;
    watcher.until_rev(2).await;
    assert!(watcher.seen("left").is_empty(), "the person never left");
    let mut impostor = tutor.knock(&lesson).client(new.client).sit().await;
    impostor.catch_up().await;
    new.catch_up().await;
}

#[tokio::test]
async fn k7_ending_a_lesson_says_so_and_closes_its_sockets_with_4410() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut seats = vec![
        tutor.open(&lesson).await,
        pupils[0].open(&lesson).await,
        pupils[0].open_in(Dialect::MessagePack, &lesson).await,
    ];
    let mut presence = pupils[0].knock(&lesson).dialect(Dialect::Presence).connect().await;
    presence.expect("presence.sync").await;
    seats[1].draw(stroke("last")).await;
    tutor.end(&lesson).await;
    for seat in &mut seats {
        seat.expect("ended").await;
        seat.dismissed(4410).await;
    }
    assert_eq!(presence.closed().await, 4410);
    assert_eq!(pupils[0].knock(&lesson).turned_away().await, 4410, "and nobody comes back");
    let read = tutor.read(&lesson).await;
    assert_eq!(stroke_ids(&read["state"]), ["last"], "and nothing of it is lost");
}

#[tokio::test]
async fn w3_deleting_a_board_closes_its_sockets_with_4404() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut seats = [ann.open(&board).await, ann.open(&board).await];
    seats[0].draw(stroke("s")).await;
    ann.delete(&board.rest("")).send().await.expect(204);
    for seat in &mut seats {
        assert_eq!(seat.closed().await, 4404);
    }
    assert_eq!(ann.knock(&board).turned_away().await, 4404);
    ann.diff(&board, 1, &json!([add_stroke("x")])).send().await.expect(404);
}

#[tokio::test]
async fn b5_a_flood_of_frames_is_closed_with_4429_and_the_room_goes_on() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut watcher = tutor.open(&lesson).await;
    let mut flooder = pupils[0].open(&lesson).await;
    let started = Instant::now();
    let mut sent = 0;
    while flooder.try_send(&json!({"t": "status", "state": "idle"})).await.is_ok() {
        sent += 1;
        if let Ok(None) = tokio::time::timeout(Duration::ZERO, flooder.heard()).await {
            break;
        }
        assert!(started.elapsed() < DEADLINE, "never closed after {sent} frames");
    }
    let code = flooder.closed().await;
    assert_eq!(code, 4429);
    watcher.draw(stroke("goes on")).await;
}

#[tokio::test]
async fn w8_every_goodbye_says_its_code_its_reason_and_when_to_come_back() {
    let mut app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut seats = [tutor.open(&lesson).await, pupils[0].open_in(Dialect::MessagePack, &lesson).await];
    let stopping = app.sigterm();
    let status = stopping.await;
    assert!(status.success(), "{status}");
    for seat in &mut seats {
        let bye = seat.dismissed(4503).await;
        assert!(!bye.text("reason").is_empty());
        assert!(bye.number("retry_after_ms") > 0, "come back soon: {bye}");
    }
}

#[tokio::test]
async fn w13_a_socket_ends_with_its_login_and_with_its_token() {
    let app = Server::start().await;
    let (_, pupils, lesson) = app.lesson(2).await;
    let mut leaving = pupils[0].open(&lesson).await;
    let mut staying = pupils[1].open(&lesson).await;
    pupils[0].post("/api/v1/auth/logout/").send().await.expect(204);
    leaving.dismissed(4401).await;
    let short = token(&json!({"sub": pupils[1].id, "iat": now() - 10, "exp": now() + 3}), SECRET);
    let mut expiring = pupils[1].with_token(&short).open(&lesson).await;
    expiring.draw(stroke("in time")).await;
    expiring.dismissed(4401).await;
    staying.until_rev(1).await;
    staying.catch_up().await;
}

#[tokio::test]
async fn w9_goodbyes_advise_as_their_codes_mean() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let mut flooder = pupils[0].open(&lesson).await;
    for x in 0..300 {
        let _ = flooder.try_send(&json!({"t": "cursor", "x": x, "y": 0})).await;
    }
    assert!(flooder.dismissed(4429).await.number("retry_after_ms") >= 1000, "after a flood, later");
    let mut broken = tutor.open(&lesson).await;
    broken.send_raw(Message::text("{")).await.unwrap();
    assert!(broken.dismissed(4400).await.get("retry_after_ms").is_none(), "a broken client stays away");
}
