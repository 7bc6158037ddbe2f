//! The existing web client, step by step (SPEC H18): its save coordinator, its worker, its board store and
//! what it sends as it leaves. The client is modelled with its own rules and faults, so that a test fails where that
//! client would. Never kinder than the original.

use serde_json::{Value, json};

use crate::harness::account::Call;
use crate::harness::*;

/// What the coordinator compares before it chooses an endpoint, in bytes.
const DIFF_LIMIT: usize = 512 * 1024;
const STREAM_LIMIT: usize = 2 * 1024 * 1024;

/// The coordinator: one save in flight, a tag that it learns from answers, one retry after a conflict.
struct Coordinator<'a> {
    account: &'a Account,
    board: &'a Solo,
    rev: u64,
    /// The last `ETag`, verbatim; `None` until an answer brought one.
    tag: Option<String>,
}

/// How a save ended for the application above.
#[derive(Debug, PartialEq)]
enum Outcome {
    Saved,
    /// Told to the caller at once: the status.
    Failed(u16),
}

impl<'a> Coordinator<'a> {
    fn new(account: &'a Account, board: &'a Solo, rev: u64) -> Self {
        Self { account, board, rev, tag: None }
    }

    fn with_revision(&self, call: Call) -> Call {
        match &self.tag {
            Some(tag) => call.header("If-Match", tag),
            None => call.header("X-Rev", &self.rev.to_string()),
        }
    }

    async fn attempt(&self, ops: &Value, state: Option<&Value>) -> Option<Answer> {
        let diff = json!({"rev": self.rev, "ops": ops, "client_ts": "2026-02-01T10:00:00.000Z"});
        let has_ops = ops.as_array().is_some_and(|ops| !ops.is_empty());
        let call = if has_ops && diff.to_string().len() <= DIFF_LIMIT {
            self.account.patch(&self.board.rest("diff/")).json(&diff)
        } else {
            let body = json!({"state": state?});
            if body.to_string().len() > STREAM_LIMIT {
                return None;
            }
            self.account.post(&self.board.rest("save-stream/")).json(&body)
        };
        Some(self.with_revision(call).send().await)
    }

    fn learn(&mut self, answer: &Answer) {
        // Without a JSON body the original throws.
        let body = answer.json();
        self.rev = body["next_rev"].as_u64().expect("a number named next_rev");
        assert!(body["server_ts"].is_string() || body["updated_at"].is_string(), "a time in {body}");
        let tag = answer.header("ETag");
        if !tag.is_empty() {
            self.tag = Some(tag);
        }
    }

    /// Saves operations, or a whole state where they are none or too large.
    async fn save(&mut self, ops: Value, state: Option<&Value>) -> Outcome {
        let Some(answer) = self.attempt(&ops, state).await else { return Outcome::Failed(413) };
        match answer.status {
            200 | 204 => {
                self.learn(&answer);
                Outcome::Saved
            }
            409 | 412 => self.after_conflict(ops, state.is_some()).await,
            status => Outcome::Failed(status),
        }
    }

    /// The original's recovery: it needs a tag that is another one and names a revision, and tries once more.
    async fn after_conflict(&mut self, ops: Value, whole: bool) -> Outcome {
        let now = self.account.get(&self.board.rest("")).send().await.expect(200);
        let tag = now.header("ETag");
        let named =
            tag.split("rev:").nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        let rev = named.and_then(|digits| digits.parse().ok());
        let Some(rev) = rev.filter(|_| Some(&tag) != self.tag.as_ref()) else { return Outcome::Failed(412) };
        (self.rev, self.tag) = (rev, Some(tag));
        // Its whole-state retry sends the server's state back: a fault of the client, which must not end in an error.
        let server_state = now.json()["state"].take();
        let answer =
            self.attempt(&ops, whole.then_some(&server_state)).await.expect("a state that came from the server");
        match answer.status {
            200 | 204 => {
                self.learn(&answer);
                Outcome::Saved
            }
            status => Outcome::Failed(status),
        }
    }
}

#[tokio::test]
async fn h18_the_coordinator_saves_by_diff_and_follows_the_tag() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut coordinator = Coordinator::new(&ann, &board, 0);
    for id in ["a", "b", "c"] {
        assert_eq!(coordinator.save(json!([add_stroke(id)]), None).await, Outcome::Saved);
    }
    assert_eq!((coordinator.rev, coordinator.tag.as_deref()), (3, Some("W/\"rev:3\"")));
    assert_eq!(stroke_ids(&ann.read(&board).await["state"]), ["a", "b", "c"]);
}

#[tokio::test]
async fn h18_the_coordinator_recovers_from_a_conflict_by_the_tag_of_a_read() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut here = Coordinator::new(&ann, &board, 0);
    let mut there = Coordinator::new(&ann, &board, 0);
    assert_eq!(here.save(json!([add_stroke("here 1")]), None).await, Outcome::Saved);
    // The other tab has no tag yet: X-Rev, 409. Later it has one that is stale: If-Match, 412.
    assert_eq!(there.save(json!([add_stroke("there 1")]), None).await, Outcome::Saved);
    assert_eq!(here.save(json!([add_stroke("here 2")]), None).await, Outcome::Saved);
    assert_eq!(there.save(json!([add_stroke("there 2")]), None).await, Outcome::Saved);
    let state = ann.read(&board).await;
    assert_eq!(stroke_ids(&state["state"]), ["here 1", "there 1", "here 2", "there 2"]);
    assert_eq!(state["rev"], 4);
}

#[tokio::test]
async fn h18_operations_that_no_longer_apply_after_a_conflict_are_a_final_refusal() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut here = Coordinator::new(&ann, &board, 0);
    let mut there = Coordinator::new(&ann, &board, 0);
    assert_eq!(here.save(json!([add_stroke("same")]), None).await, Outcome::Saved);
    assert_eq!(there.save(json!([add_stroke("same")]), None).await, Outcome::Failed(422));
    assert_eq!(ann.read(&board).await["rev"], 1);
}

#[tokio::test]
async fn h18_what_is_too_large_for_a_diff_goes_as_a_whole_state_and_then_not_at_all() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut coordinator = Coordinator::new(&ann, &board, 0);
    let mut state = one_page();
    let heavy: Vec<Value> = (0..10).map(|n| heavy_stroke(&format!("s{n}"), 60 * 1024)).collect();
    state["pages"][0]["strokes"] = json!(heavy);
    let ops: Vec<Value> = heavy.into_iter().map(add).collect();
    assert_eq!(coordinator.save(json!(ops), Some(&state)).await, Outcome::Saved);
    assert_eq!(coordinator.rev, 1);
    // The same again, now as a whole state only: unchanged, and still an answer that the client can read.
    assert_eq!(coordinator.save(json!([]), Some(&state)).await, Outcome::Saved);
    assert_eq!(coordinator.rev, 1);
    state["note"] = json!("x".repeat(STREAM_LIMIT));
    assert_eq!(coordinator.save(json!([]), Some(&state)).await, Outcome::Failed(413));
    assert_eq!(coordinator.save(json!([add_stroke("goes on")]), None).await, Outcome::Saved);
}

#[tokio::test]
async fn h18_a_whole_state_that_lost_a_race_ends_in_the_server_s_state_and_no_error() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut here = Coordinator::new(&ann, &board, 0);
    let mut there = Coordinator::new(&ann, &board, 0);
    assert_eq!(there.save(json!([add_stroke("there")]), None).await, Outcome::Saved);
    let mut mine = one_page();
    mine["pages"][0]["strokes"] = json!([stroke("here")]);
    assert_eq!(here.save(json!([]), Some(&mine)).await, Outcome::Saved);
    let state = ann.read(&board).await;
    assert_eq!((stroke_ids(&state["state"]), &state["rev"]), (vec!["there".to_owned()], &json!(1)));
}

#[tokio::test]
async fn h18_more_than_a_hundred_operations_are_refused_and_the_client_goes_on() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut coordinator = Coordinator::new(&ann, &board, 0);
    let many: Vec<Value> = (0..101).map(|n| add_stroke(&n.to_string())).collect();
    assert_eq!(coordinator.save(json!(many), None).await, Outcome::Failed(422));
    assert_eq!(coordinator.save(json!(many[..100]), None).await, Outcome::Saved);
}

#[tokio::test]
async fn h18_the_worker_reads_json_from_every_success_and_a_cut_request_leaves_a_board_that_can_be_saved() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    // It knows the revision it began with and never learns another.
    let work = |ops: Value| json!({"rev": 0, "ops": ops, "client_ts": "2026-02-01T10:00:00.000Z"});
    let first = ann.patch(&board.rest("diff/")).header("X-Rev", "0").json(&work(json!([add_stroke("a")]))).send().await;
    assert!((200..300).contains(&first.status));
    first.json();
    // It aborts a request when the next one comes: the server may have committed it all the same.
    let cut = ann.diff(&board, 1, &json!([add_stroke("b")])).try_send();
    drop(tokio::time::timeout(std::time::Duration::from_millis(1), cut).await);
    let stale = ann.patch(&board.rest("diff/")).header("X-Rev", "0").json(&work(json!([add_stroke("c")]))).send().await;
    let server_rev = stale.refused(409, "rev_mismatch")["server_rev"].as_u64().expect("the revision to go on from");
    assert!(server_rev == 1 || server_rev == 2, "{server_rev}");
    // Early Winterboard takes that number and resends everything it has.
    let mut mine = one_page();
    mine["pages"][0]["strokes"] = json!([stroke("a"), stroke("b"), stroke("c")]);
    let saved = eventually("the whole state is saved on the revision that the server named", || async {
        let rev = ann.read(&board).await.number("rev");
        let call = ann.post(&board.rest("save-stream/")).header("X-Rev", &rev.to_string());
        let answer = call.json(&json!({"state": mine})).send().await;
        (answer.status == 200).then_some(answer)
    });
    saved.await.json();
    assert_eq!(stroke_ids(&ann.read(&board).await["state"]), ["a", "b", "c"]);
}

#[tokio::test]
async fn h18_the_board_store_saves_whole_states_by_patch_without_a_revision() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let mut last = String::new();
    for n in 1..=3 {
        // The shape of v0.28 to v0.30: no active page.
        let strokes: Vec<Value> = (0..n).map(|n| stroke(&format!("s{n}"))).collect();
        let state = json!({"pages": [{"id": "page-1", "name": "Page 1", "strokes": strokes, "assets": []}], "currentPageIndex": 0});
        let body = json!({"name": "Алгебра", "state": state});
        let answer = ann.patch(&board.rest("")).json(&body).send().await.expect(200);
        assert_eq!(answer.etag_rev(), n, "every changed state is a revision that other writers can see");
        let updated_at = answer.json().text("updated_at");
        assert!(updated_at > last, "{updated_at} after {last}");
        last = updated_at;
    }
    let read = ann.read(&board).await;
    assert_eq!((&read["name"], &read["rev"]), (&json!("Алгебра"), &json!(3)));
    assert_eq!(read["state"]["currentPageIndex"], 0);
}

#[tokio::test]
async fn h18_what_the_client_sends_as_it_leaves_changes_nothing_and_fails_in_no_worse_way_than_401() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let (older, newer) = (ann.create_board().await, ann.create_board().await);
    ann.save(&older, 0, json!([add_stroke("kept")])).await;
    ann.save(&newer, 0, json!([add_stroke("kept")])).await;
    let order = || async {
        let list = ann.get("/api/v1/solo/sessions/").send().await.expect(200).json();
        list.list("results").iter().map(|row| row.text("id")).collect::<Vec<_>>()
    };
    let before = order().await;
    let state = json!({"state": {"pages": []}});
    // By `fetch` with its token, as the later clients do.
    ann.post(&older.rest("beacon/")).json(&state).send().await.expect(204);
    ann.post(&older.rest("beacon/")).json(&json!({"heartbeat": true})).send().await.expect(204);
    // By `sendBeacon`: no header, text/plain.
    let nobody = ann.with_token("");
    let plain = |body: String| nobody.post(&older.rest("beacon/")).header("Content-Type", "text/plain").body(body);
    plain(json!({"heartbeat": true, "token": ann.token}).to_string()).send().await.expect(204);
    plain(state.to_string()).send().await.refused(401, "unauthorized");
    // Its keepalive save has neither a token nor a revision.
    nobody.post(&older.rest("save-stream/")).json(&state).send().await.refused(401, "unauthorized");
    let read = ann.read(&older).await;
    assert_eq!((stroke_ids(&read["state"]), &read["rev"]), (vec!["kept".to_owned()], &json!(1)));
    assert_eq!(order().await, before, "a beacon does not reorder the list");
}
