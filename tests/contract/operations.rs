//! The grammar of operations, rule by rule, over REST: what each does to a state and what it is refused for.
//! Tells clients what a batch means. Order, repeats and limits are in `saving` and `repeating`.

use serde_json::{Value, json};

use crate::harness::*;

/// A board in a known state, and its owner.
struct Easel {
    _app: Server,
    owner: Account,
    board: Solo,
    rev: u64,
}

impl Easel {
    async fn with(state: Value) -> Self {
        let app = Server::start().await;
        let owner = app.pupil("Ann").await;
        let board = owner.create_board_with(&state).await;
        Self { _app: app, owner, board, rev: 0 }
    }

    /// A batch that is taken; answers the state after it.
    async fn does(&mut self, ops: Value) -> Value {
        self.owner.save(&self.board, self.rev, ops).await;
        self.rev += 1;
        self.state().await
    }

    /// A batch that is refused and changes nothing.
    async fn refuses(&mut self, status: u16, ops: Value) {
        let before = self.state().await;
        let answer = self.owner.diff(&self.board, self.rev, &ops).send().await;
        assert_eq!(answer.status, status, "{ops}: {}", answer.text());
        assert_eq!(answer.json()["index"], ops.as_array().unwrap().len() - 1, "{ops}: {}", answer.text());
        assert_eq!(self.state().await, before);
    }

    async fn state(&self) -> Value {
        self.owner.read(&self.board).await["state"].clone()
    }
}

fn two_pages() -> Value {
    json!({"pages": [{"id": "p1", "strokes": [stroke("s1")], "assets": []}, {"id": "p2", "strokes": [], "assets": []}],
        "activePageId": "p2"})
}

#[tokio::test]
async fn d7_fields_nobody_knows_are_dropped_and_numbers_serve_as_ids() {
    let mut easel = Easel::with(one_page()).await;
    let op =
        json!({"op": "add", "kind": "stroke", "value": {"id": "42", "own": true}, "client_seq": 7, "color": "red"});
    let state = easel.does(json!([op])).await;
    assert_eq!(state["pages"][0]["strokes"], json!([{"id": "42", "own": true}]));
    let state = easel.does(json!([{"op": "update", "kind": "stroke", "id": 42, "patch": {"x": 1}}])).await;
    assert_eq!(state["pages"][0]["strokes"], json!([{"id": "42", "own": true, "x": 1}]));
    let state = easel.does(json!([{"op": "remove", "kind": "stroke", "id": " 42 "}])).await;
    assert_eq!(state["pages"][0]["strokes"], json!([]), "ids lose their outer blanks");
    for (op, kind) in [("put", "stroke"), ("ADD", "stroke"), ("add", "strokes"), ("add", ""), ("", "stroke")] {
        easel.refuses(400, json!([{"op": op, "kind": kind, "id": "a", "value": {"id": "a"}, "patch": {"b": 1}}])).await;
    }
}

#[tokio::test]
async fn d8_an_item_is_appended_once_for_each_page_and_collection() {
    let mut easel = Easel::with(two_pages()).await;
    easel.refuses(422, json!([{"op": "add", "kind": "stroke", "page_id": "p1", "value": stroke("s1")}])).await;
    let state = easel
        .does(json!([
            {"op": "add", "kind": "stroke", "page_id": "p2", "value": stroke("s1")},
            {"op": "add", "kind": "asset", "page_id": "p1", "value": {"id": "s1"}},
            {"op": "add", "kind": "stroke", "page_id": "p1", "value": stroke("s2")},
        ]))
        .await;
    assert_eq!(stroke_ids(&state), ["s1", "s2", "s1"], "appended, page by page");
    assert_eq!(state["pages"][0]["assets"], json!([{"id": "s1"}]));
    let twice = json!({"op": "add", "kind": "stroke", "value": stroke("twin")});
    easel.refuses(422, json!([twice, twice])).await;
    for value in
        [json!({}), json!({"id": null}), json!({"id": ""}), json!([]), json!("s"), json!({"id": "i".repeat(257)})]
    {
        easel.refuses(422, json!([{"op": "add", "kind": "stroke", "value": value}])).await;
    }
}

#[tokio::test]
async fn d9_an_update_merges_one_level_deep_keeps_the_id_and_stores_null() {
    let mut easel = Easel::with(one_page()).await;
    easel.does(json!([add(json!({"id": "s", "style": {"a": 1, "b": 2}, "color": "red", "w": 1.0}))])).await;
    let patch = json!({"id": "other", "style": {"c": 3}, "color": null, "new": [1.0, 2]});
    let state = easel.does(json!([{"op": "update", "kind": "stroke", "id": "s", "patch": patch}])).await;
    assert_eq!(
        state["pages"][0]["strokes"][0],
        json!({"id": "s", "style": {"c": 3}, "color": null, "new": [1.0, 2], "w": 1.0})
    );
    let op = json!({"op": "update", "kind": "stroke", "id": "s", "patch": {}, "value": {"via": "value"}});
    assert_eq!(easel.does(json!([op])).await["pages"][0]["strokes"][0]["via"], "value");
    let op = json!({"op": "update", "kind": "stroke", "id": "s", "patch": {"k": "patch"}, "value": {"k": "value"}});
    assert_eq!(easel.does(json!([op])).await["pages"][0]["strokes"][0]["k"], "patch");
    easel.refuses(422, json!([{"op": "update", "kind": "stroke", "id": "s", "patch": {}}])).await;
    easel.refuses(422, json!([{"op": "update", "kind": "stroke", "id": "s", "patch": [1]}])).await;
}

#[tokio::test]
async fn d10_what_is_not_there_is_neither_changed_nor_removed() {
    let mut easel = Easel::with(two_pages()).await;
    for kind in ["stroke", "asset", "shape", "text"] {
        easel.refuses(422, json!([{"op": "remove", "kind": kind, "id": "nobody"}])).await;
        easel.refuses(422, json!([{"op": "update", "kind": kind, "id": "nobody", "patch": {"a": 1}}])).await;
    }
    easel.refuses(422, json!([{"op": "remove", "kind": "stroke", "page_id": "p2", "id": "s1"}])).await;
    let remove = json!({"op": "remove", "kind": "stroke", "page_id": "p1", "id": "s1"});
    easel.refuses(422, json!([remove, remove])).await;
    assert_eq!(stroke_ids(&easel.does(json!([remove])).await), Vec::<String>::new());
    easel.refuses(422, json!([remove])).await;
}

#[tokio::test]
async fn d11_a_page_is_named_by_the_operation_or_its_value_or_is_the_active_one() {
    let mut easel = Easel::with(two_pages()).await;
    let on = |page: &Value, id: &str| json!({"op": "add", "kind": "stroke", "page_id": page, "value": {"id": id}});
    let state = easel
        .does(json!([
            on(&json!("p1"), "by-op"),
            {"op": "add", "kind": "stroke", "value": {"id": "by-value", "page_id": "p1"}},
            {"op": "add", "kind": "stroke", "value": {"id": "active"}},
            on(&json!(""), "blank"),
            {"op": "add", "kind": "stroke", "page_id": "p2", "value": {"id": "op-wins", "page_id": "p1"}},
        ]))
        .await;
    let ids = |page: usize| stroke_ids(&json!({"pages": [state["pages"][page]]}));
    assert_eq!(ids(0), ["s1", "by-op", "by-value"]);
    assert_eq!(ids(1), ["active", "blank", "op-wins"]);
    assert_eq!(state["pages"][0]["strokes"][2]["page_id"], "p1", "what a value says of its page stays in it");
    for page in [json!("p3"), json!(7)] {
        easel.refuses(422, json!([on(&page, "nowhere")])).await;
    }
    easel.refuses(422, json!([{"op": "add", "kind": "stroke", "value": {"id": "x", "page_id": "p3"}}])).await;
}

#[tokio::test]
async fn d12_a_state_is_completed_before_the_first_operation_and_only_then() {
    let meta = json!([{"op": "add", "kind": "meta", "value": {"m": 1}}]);
    let blank = |id: &str| json!([{"id": id, "strokes": [], "assets": []}]);
    let table = [
        (json!({}), blank("page-1"), "page-1"),
        (json!({"pages": []}), blank("page-1"), "page-1"),
        (json!({"pages": [], "activePageId": "mine"}), blank("mine"), "mine"),
        (
            json!({"pages": [{"id": "a", "strokes": [], "other": 1}, {"id": "b"}], "currentPageIndex": 1}),
            json!([{"id": "a", "strokes": [], "assets": [], "other": 1}, {"id": "b", "strokes": [], "assets": []}]),
            "b",
        ),
    ];
    let mut easel = Easel::with(json!({})).await;
    for (state, pages, active) in table {
        easel.board = easel.owner.create_board_with(&state).await;
        easel.rev = 0;
        assert_eq!(easel.state().await, state, "nothing is added by storing it");
        let after = easel.does(meta.clone()).await;
        assert_eq!((&after["pages"], after["activePageId"].as_str()), (&pages, Some(active)), "{state}");
    }
}

#[tokio::test]
async fn d13_pages_are_added_changed_and_removed_like_items() {
    let mut easel = Easel::with(two_pages()).await;
    let page = |id: &str| json!({"op": "add", "kind": "page", "value": {"id": id, "name": "New"}});
    let state =
        easel.does(json!([page("p3"), {"op": "add", "kind": "stroke", "page_id": "p3", "value": stroke("s")}])).await;
    assert_eq!(state["pages"][2], json!({"id": "p3", "name": "New", "strokes": [stroke("s")], "assets": []}));
    easel.refuses(422, json!([page("p3")])).await;
    let state =
        easel.does(json!([{"op": "update", "kind": "page", "id": "p3", "patch": {"name": "Old", "id": "x"}}])).await;
    assert_eq!((&state["pages"][2]["name"], &state["pages"][2]["id"]), (&json!("Old"), &json!("p3")));
    let state = easel.does(json!([{"op": "remove", "kind": "page", "id": "p1"}])).await;
    assert_eq!(stroke_ids(&state), ["s"], "with what was on it");
    for op in [
        json!({"op": "remove", "kind": "page", "id": "p1"}),
        json!({"op": "update", "kind": "page", "id": "p1", "patch": {"a": 1}}),
        json!({"op": "add", "kind": "page", "value": {"name": "no id"}}),
    ] {
        easel.refuses(422, json!([op])).await;
    }
}

#[tokio::test]
async fn d14_meta_is_merged_and_forgetting_what_it_does_not_hold_is_fine() {
    let mut easel = Easel::with(one_page()).await;
    let state = easel.does(json!([{"op": "remove", "kind": "meta", "id": "nothing"}])).await;
    assert!(state["meta"].is_null() || state["meta"] == json!({}));
    let state = easel
        .does(json!([
            {"op": "add", "kind": "meta", "value": {"a": 1, "b": {"x": 1}}},
            {"op": "update", "kind": "meta", "id": "any", "patch": {"b": {"y": 2}}},
        ]))
        .await;
    assert_eq!(state["meta"], json!({"a": 1, "b": {"y": 2}}));
    let state = easel.does(json!([{"op": "remove", "kind": "meta", "id": "a"}])).await;
    assert_eq!(state["meta"], json!({"b": {"y": 2}}));
    for op in [
        json!({"op": "add", "kind": "meta", "value": []}),
        json!({"op": "add", "kind": "meta", "value": {}}),
        json!({"op": "update", "kind": "meta", "patch": {"a": 1}}),
        json!({"op": "remove", "kind": "meta"}),
    ] {
        easel.refuses(400, json!([op])).await;
    }
}

#[tokio::test]
async fn d15_the_state_as_a_whole_is_not_for_operations_of_clients() {
    let mut easel = Easel::with(one_page()).await;
    for op in [
        json!({"op": "add", "kind": "state", "value": {"pages": []}}),
        json!({"op": "update", "kind": "state", "id": "x", "patch": {"a": 1}}),
        json!({"op": "remove", "kind": "state", "id": "pages"}),
    ] {
        easel.refuses(400, json!([add_stroke("first"), op])).await;
    }
}

#[tokio::test]
async fn d16_a_falsy_state_is_an_empty_one_and_what_is_no_object_is_refused() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    for state in [json!(null), json!({}), json!([]), json!(0), json!(""), json!(false)] {
        let made = ann.post("/api/v1/solo/sessions/").json(&json!({"state": state})).send().await.expect(201).json();
        assert_eq!(made["state"], json!({}), "{state}");
    }
    for state in [json!([1]), json!("text"), json!(7), json!(true)] {
        let answer = ann.post("/api/v1/solo/sessions/").json(&json!({"state": state})).send().await;
        assert_eq!(answer.status, 400, "{state}: {}", answer.text());
    }
}

#[tokio::test]
async fn d17_the_page_count_follows_every_way_of_writing() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let pages = |count: usize| json!({"pages": (0..count).map(|n| json!({"id": format!("p{n}")})).collect::<Value>()});
    let board = ann.create_board_with(&json!({})).await;
    assert_eq!(ann.read(&board).await["page_count"], 1, "at least one");
    let count = |value: Value| value["page_count"].clone();
    ann.stream(&board, 0, &pages(3)).send().await.expect(200);
    assert_eq!(count(ann.read(&board).await), 3);
    ann.save(&board, 1, json!([{"op": "add", "kind": "page", "value": {"id": "x"}}])).await;
    assert_eq!(count(ann.read(&board).await), 4);
    let patched = ann.patch(&board.rest("")).json(&json!({"state": pages(2)})).send().await.expect(200).json();
    assert_eq!(count(patched), 2);
    let mut seat = ann.open(&board).await;
    let id = seat.submit(&[json!({"op": "remove", "kind": "page", "id": "p1"})]).await;
    let rev = seat.accepted(&id).await;
    seat.until_saved(rev).await;
    assert_eq!(count(ann.read(&board).await), 1);
    let list = ann.get("/api/v1/solo/sessions/").send().await.expect(200).json();
    assert_eq!(count(list["results"][0].clone()), 1);
    ann.stream(&board, rev, &json!({"pages": [], "empty": true})).send().await.expect(200);
    assert_eq!(count(ann.read(&board).await), 1);
}

#[tokio::test]
async fn b3_json_is_bounded_in_depth_and_strict_in_form_everywhere() {
    let app = Server::with(LOUD).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let diff = |inner: &str, rev: u64| {
        let body = format!(r#"{{"rev":{rev},"ops":[{{"op":"add","kind":"meta","value":{{"n":{inner}}}}}]}}"#);
        ann.patch(&board.rest("diff/")).header("If-Match", &format!("\"{rev}\"")).raw_json(body).send()
    };
    diff(&nested(50), 0).await.expect(200);
    assert_eq!(ann.get(&board.rest("")).send().await.expect(200).text().matches('[').count(), 50 + 3, "it comes back");
    let bad = [&*nested(70), "NaN", "Infinity", "-Infinity", "1e999", "\"\\ud800\"", "\"\\u0000\"", "01", "1.", "'x'"];
    for inner in bad.iter().chain(&["tru", "\"\u{1}\"", "[1,]", "{\"a\":1,}", "/**/1"]) {
        let answer = diff(inner, 1).await;
        assert_eq!(answer.status, 400, "{inner:.30}: {}", answer.text());
        let mut seat = ann.open(&board).await;
        let frame = format!(r#"{{"t":"ops","id":"x","ops":[{{"op":"add","kind":"meta","value":{{"n":{inner}}}}}]}}"#);
        seat.send_raw(tokio_tungstenite::tungstenite::Message::text(frame)).await.unwrap();
        assert_eq!(seat.closed().await, 4400, "{inner:.30}");
    }
    assert_eq!(ann.read(&board).await["rev"], 1);
}
