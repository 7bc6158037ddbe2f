//! The three sockets of the v0.24 room client, over a plain WebSocket client: what opens them, what they are told, and what
//! they do not tell (SPEC Q15 to Q18). Speaks that client's words only.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::harness::*;

/// One of them.
struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(app: &Server, lesson: &Lesson, channel: &str, token: &str) -> Self {
        let url = format!("ws://{}/ws/classroom/{}/{channel}/?token={token}", app.address(), lesson.id);
        let (stream, _) =
            within("a handshake is done", connect_async(url)).await.expect("the handshake is always done");
        Self(stream)
    }

    async fn say(&mut self, frame: &Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next frame, or the code that it was closed with.
    async fn next(&mut self) -> Result<Value, u16> {
        within("a frame or a close", async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let frame: Value = serde_json::from_str(&text).unwrap();
                        // A socket that was not let in says goodbye in the full protocol's words.
                        if frame["t"] != "bye" {
                            return Ok(frame);
                        }
                    }
                    Some(Ok(Message::Close(Some(close)))) => return Err(close.code.into()),
                    Some(Ok(_)) => {}
                    end => panic!("it ended without a code: {end:?}"),
                }
            }
        })
        .await
    }

    async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await.unwrap_or_else(|code| panic!("closed with {code} before `{kind}`"));
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    /// Whatever was said to this socket before now.
    async fn caught_up(&mut self) -> Vec<Value> {
        self.say(&json!({"type": "ping"})).await;
        let mut heard = Vec::new();
        loop {
            match self.next().await.expect("it lives") {
                frame if frame["type"] == "pong" => return heard,
                frame => heard.push(frame),
            }
        }
    }
}

fn event(kind: &str, data: Value, version: u64) -> Value {
    json!({"type": "board_event", "event_type": kind, "data": data, "version": version, "timestamp": 1})
}

fn path(lesson: &Lesson, tail: &str) -> String {
    format!("/api/classroom/session/{}/{tail}", lesson.id)
}

async fn number(who: &Account, lesson: &Lesson) -> Value {
    who.post(&path(lesson, "join/")).json(&json!({})).send().await.expect(200).json()["participant"]["user_id"].clone()
}

#[tokio::test]
async fn q15_a_room_opens_with_a_token_in_the_url_and_no_other_socket_does() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let stranger = app.pupil("Stranger").await;
    for channel in ["webrtc", "board", "system"] {
        let mut room = Socket::open(&app, &lesson, channel, &pupils[0].token).await;
        assert!(room.caught_up().await.is_empty(), "nothing is said unasked");
        room.say(&json!({"type": "sing"})).await;
        assert_eq!(room.expect("error").await["code"], "unknown_type");
        room.0.send(Message::text("no JSON")).await.unwrap();
        assert_eq!(room.closed().await, 4400);
        assert_eq!(Socket::open(&app, &lesson, channel, "no.such.token").await.closed().await, 4401);
        assert_eq!(Socket::open(&app, &lesson, channel, &stranger.token).await.closed().await, 4403);
    }
    // No such socket, so its token is in a URL where none is taken.
    assert_eq!(Socket::open(&app, &lesson, "drums", &tutor.token).await.closed().await, 4401);
    let nowhere = Lesson { id: lesson.class.clone(), ..lesson.clone() };
    assert_eq!(Socket::open(&app, &nowhere, "board", &tutor.token).await.closed().await, 4404);
    let url = format!("ws://{}{}?token={}", app.address(), lesson.path(), tutor.token);
    let (stream, _) = connect_async(url).await.unwrap();
    assert_eq!(Socket(stream).closed().await, 4401, "the new sockets take none from the URL");
    assert!(!app.log().text().contains(&*tutor.token), "the log has no token");
}

#[tokio::test]
async fn q16_the_system_socket_tells_who_comes_and_goes_and_what_one_may_do() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (mine, theirs) = (number(&pupils[0], &lesson).await, number(&pupils[1], &lesson).await);
    let mut system = Socket::open(&app, &lesson, "system", &pupils[0].token).await;
    system.caught_up().await;
    let other = Socket::open(&app, &lesson, "board", &pupils[1].token).await;
    let joined = system.expect("participant_joined").await;
    assert_eq!(joined["participant"]["user_id"], theirs);
    assert_eq!(
        (&joined["participant"]["role"], &joined["participant"]["status"]),
        (&json!("student"), &json!("connected"))
    );
    // A second socket is nobody new.
    let _again = Socket::open(&app, &lesson, "board", &pupils[0].token).await;
    tutor.post(&path(&lesson, "pause/")).send().await.expect(200);
    assert_eq!(system.expect("session_updated").await["session"]["status"], "paused");
    let lock = format!("/api/v1/classrooms/{}/sessions/{}/lock/", lesson.class, lesson.id);
    tutor.post(&lock).json(&json!({"user": pupils[0].id, "locked": true})).send().await.expect(200);
    let rights = system.expect("permissions_updated").await;
    assert_eq!(
        (&rights["permissions"]["can_draw"], &rights["permissions"]["can_toggle_video"]),
        (&json!(false), &json!(true))
    );
    drop(other);
    assert_eq!(system.expect("participant_left").await["user_id"], theirs);
    let heard = system.caught_up().await;
    assert!(heard.iter().all(|frame| frame["participant"]["user_id"] != mine), "{heard:?}");
    tutor.post(&path(&lesson, "kick/")).json(&json!({"user_id": mine})).send().await.expect(200);
    assert_eq!(system.closed().await, 4403);
}

#[tokio::test]
async fn q17_what_is_drawn_on_a_room_s_board_is_committed_told_and_given_whole() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    tutor.save(&lesson, 0, json!([add_stroke("before")])).await;
    let drawer = number(&pupils[0], &lesson).await;
    let mut board = Socket::open(&app, &lesson, "board", &pupils[0].token).await;
    let mut reader = Socket::open(&app, &lesson, "board", &pupils[1].token).await;
    for socket in [&mut board, &mut reader] {
        socket.say(&json!({"type": "sync_request"})).await;
        let sync = socket.expect("sync_response").await;
        assert_eq!((sync["version"].clone(), stroke_ids(&sync["state"])), (json!(1), vec!["before".to_owned()]));
    }
    board.say(&event("stroke_add", stroke("drawn"), 1)).await;
    assert_eq!(board.expect("ack").await["version"], 2);
    assert_eq!(stroke_ids(&tutor.read(&lesson).await["state"]), ["before", "drawn"]);
    let told = reader.expect("board_update").await;
    assert_eq!((&told["event_type"], &told["version"], &told["user_id"]), (&json!("stroke_add"), &json!(2), &drawer));
    assert_eq!(told["data"]["id"], "drawn");
    board.say(&event("erase_stroke", json!({"id": "drawn"}), 2)).await;
    assert_eq!(board.expect("ack").await["version"], 3);
    let told = reader.expect("board_update").await;
    assert_eq!((&told["event_type"], &told["data"]["id"]), (&json!("erase_stroke"), &json!("drawn")));
    // Made for a board that is another by now: the client takes the server's.
    reader.say(&event("erase_stroke", json!({"id": "drawn"}), 2)).await;
    let conflict = reader.expect("conflict").await;
    assert_eq!((&conflict["local_version"], &conflict["server_version"]), (&json!(2), &json!(3)));
    assert_eq!(stroke_ids(&conflict["server_state"]), ["before"]);
    reader.say(&event("erase_stroke", json!({"id": "nothing"}), 3)).await;
    assert_eq!(reader.expect("error").await["code"], "invalid_ops");
    reader.say(&event("layer_add", json!({"id": "l"}), 3)).await;
    assert_eq!(reader.expect("error").await["code"], "unsupported_event");
    // What that client has no word for comes as the whole board.
    tutor
        .save(&lesson, 3, json!([{"op": "update", "kind": "stroke", "id": "before", "patch": {"color": "#00ff00"}}]))
        .await;
    let sync = reader.expect("sync_response").await;
    assert!(sync["version"] == 4 && sync["state"].to_string().contains("#00ff00"), "{sync}");
    tutor.end(&lesson).await;
    assert_eq!((board.closed().await, reader.closed().await), (4410, 4410));
}

#[tokio::test]
async fn q17_a_room_s_board_shows_no_hidden_work_and_takes_nothing_from_a_locked_pen() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let below = format!("/api/v1/classrooms/{}/sessions/{}/", lesson.class, lesson.id);
    tutor.post(&format!("{below}isolate/")).json(&json!({"on": true})).send().await.expect(200);
    let mut ann = Socket::open(&app, &lesson, "board", &pupils[0].token).await;
    let mut ben = Socket::open(&app, &lesson, "board", &pupils[1].token).await;
    ben.caught_up().await;
    ann.say(&event("stroke_add", stroke("hidden"), 0)).await;
    ann.expect("ack").await;
    ann.say(&json!({"type": "sync_request"})).await;
    assert_eq!(stroke_ids(&ann.expect("sync_response").await["state"]), ["hidden"]);
    ben.say(&json!({"type": "sync_request"})).await;
    let sync = ben.expect("sync_response").await;
    assert!(!sync.to_string().contains("hidden"), "{sync}");
    // Theirs and nobody's: not a word of why.
    ben.say(&event("erase_stroke", json!({"id": "hidden"}), 0)).await;
    let answer = loop {
        match ben.next().await.expect("it lives") {
            frame if frame["type"] == "error" || frame["type"] == "conflict" => break frame,
            frame => assert!(!frame.to_string().contains("hidden"), "{frame}"),
        }
    };
    assert!(!answer.to_string().contains("hidden"), "{answer}");
    let lock = json!({"user": pupils[1].id, "locked": true});
    tutor.post(&format!("{below}lock/")).json(&lock).send().await.expect(200);
    ben.say(&event("stroke_add", stroke("stolen"), 1)).await;
    assert_eq!(ben.expect("error").await["code"], "forbidden");
    assert!(!tutor.read(&lesson).await.to_string().contains("stolen"));
}

#[tokio::test]
async fn q18_signals_reach_whom_they_are_for_and_nobody_else() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let (tutors, anns) = (number(&tutor, &lesson).await, number(&pupils[0], &lesson).await);
    let mut lead = Socket::open(&app, &lesson, "webrtc", &tutor.token).await;
    let mut ann = Socket::open(&app, &lesson, "webrtc", &pupils[0].token).await;
    let mut ben = Socket::open(&app, &lesson, "webrtc", &pupils[1].token).await;
    for socket in [&mut lead, &mut ann, &mut ben] {
        socket.caught_up().await;
    }
    lead.say(&json!({"type": "offer", "sdp": "v=0", "to": anns, "from": 99, "user_id": 99})).await;
    let offer = ann.expect("offer").await;
    assert_eq!((&offer["sdp"], &offer["from"], &offer["user_id"]), (&json!("v=0"), &tutors, &tutors));
    ann.say(&json!({"type": "answer", "sdp": "v=1", "target": tutor.id})).await;
    assert_eq!(lead.expect("answer").await["from"], anns);
    ann.say(&json!({"type": "ice_candidate", "candidate": "c"})).await;
    assert_eq!(
        (&lead.expect("ice_candidate").await["from"], &ben.expect("ice_candidate").await["candidate"]),
        (&anns, &json!("c"))
    );
    assert!(ben.caught_up().await.is_empty() && ann.caught_up().await.is_empty());
    let outsider = app.pupil("Outsider").await;
    for nobody in [json!(987_654_321), json!("x")] {
        ann.say(&json!({"type": "offer", "sdp": "v=0", "to": nobody})).await;
        assert_eq!(ann.expect("error").await["code"], "unknown_user");
    }
    // As long as a frame may be, for one and not for seven.
    let long = "x".repeat(60_000);
    let mut more = Vec::new();
    for _ in 0..4 {
        let mut socket = Socket::open(&app, &lesson, "webrtc", &tutor.token).await;
        socket.caught_up().await;
        more.push(socket);
    }
    ann.say(&json!({"type": "offer", "sdp": long})).await;
    assert_eq!(ann.expect("error").await["code"], "too_large");
    ann.say(&json!({"type": "offer", "sdp": long, "to": pupils[1].id})).await;
    assert_eq!(ben.expect("offer").await["sdp"], long);
    ann.say(&json!({"type": "offer", "sdp": "v=0", "to": outsider.id})).await;
    assert_eq!(ann.expect("error").await["code"], "not_here");
}
