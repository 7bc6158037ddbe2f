//! Share links: made, shown and ended by who may share, opened by whoever has them, counted exactly, and looked back on.
//! Watching by a link over a socket has its own module.

use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::http::StatusCode;

use crate::harness::*;

const DEAD: &str = "Invalid or expired share link";

/// Shares a board; answers the body.
pub async fn share(who: &Account, room: &impl Room, wanted: Value) -> Value {
    who.post(&room.rest("share/")).json(&wanted).send().await.expect(201).json()
}

/// The path of a link's public page.
pub fn page(link: &Value) -> String {
    format!("/api/v1/solo/public/{}/", link.text("token"))
}

/// What everybody gets for a link that opens nothing.
#[track_caller]
fn is_dead(answer: Answer) {
    let body = answer.expect(404).json();
    assert_eq!(body["error"], DEAD, "{body}");
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The headers that keep a shared board out of caches, search engines and other sites' logs.
#[track_caller]
fn is_guarded(answer: &Answer) {
    assert!(answer.header("Cache-Control").contains("no-store"), "{:?}", answer.headers);
    assert_eq!(answer.header("Referrer-Policy"), "no-referrer");
    assert!(answer.header("X-Robots-Tag").contains("noindex"));
}

#[tokio::test]
async fn l1_a_board_is_shared_for_seven_days_unless_its_owner_says_otherwise() {
    let app = Server::with(&[("FRONTEND_URL", "https://board.school.test/")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let path = board.rest("share/");
    assert_eq!(ann.get(&path).send().await.expect(200).json(), json!({"is_shared": false}));
    let link = share(&ann, &board, json!({})).await;
    assert_eq!(
        keys(&link),
        ["allow_download", "created_at", "expires_at", "max_views", "session_id", "token", "url"],
        "{link}"
    );
    assert_eq!(link["url"], format!("https://board.school.test/solo/shared/{}", link.text("token")));
    assert_eq!((&link["max_views"], &link["allow_download"]), (&Value::Null, &json!(false)));
    let days = "SELECT round(extract(epoch FROM expires_at - created_at) / 86400)::bigint FROM share_link";
    let database = app.database.as_ref().unwrap();
    assert_eq!(database.number(days).await, 7);
    let status = ann.get(&path).send().await.expect(200).json();
    assert_eq!((&status["token"], &status["url"]), (&link["token"], &link["url"]), "its owner sees it again");
    assert_eq!(
        (&status["is_shared"], &status["is_valid"], &status["view_count"]),
        (&json!(true), &json!(true), &json!(0))
    );

    let endless = share(&ann, &board, json!({"expires_in_days": 0, "max_views": null, "allow_download": true})).await;
    assert_eq!(
        (&endless["expires_at"], &endless["max_views"], &endless["allow_download"]),
        (&Value::Null, &Value::Null, &json!(true))
    );
    let bounded = share(&ann, &board, json!({"expires_in_days": 30, "max_views": 5})).await;
    assert_eq!(bounded["max_views"], 5);
    for (wanted, field) in [
        (json!({"expires_in_days": -1}), "expires_in_days"),
        (json!({"expires_in_days": "7"}), "expires_in_days"),
        (json!({"expires_in_days": 3651}), "expires_in_days"),
        (json!({"max_views": 2.5}), "max_views"),
        (json!({"max_views": 1_000_001}), "max_views"),
        (json!({"allow_download": "yes"}), "allow_download"),
    ] {
        let body = ann.post(&path).json(&wanted).send().await.refused(400, "validation_error");
        assert!(body[field][0].is_string(), "{wanted}: {body}");
    }
    assert_eq!(ann.get(&path).send().await.expect(200).json()["token"], bounded["token"], "a refusal ended nothing");
}

#[tokio::test]
async fn l1_only_the_owner_or_a_tutor_of_the_class_shares_a_board() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let path = board.rest("share/");
    for stranger in [&tutor, &pupils[0]] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            stranger.call(method, &path).send().await.refused(404, "not_found");
        }
        stranger.get(&board.rest("share/access-log/")).send().await.refused(404, "not_found");
    }
    app.stranger().post(&path).send().await.refused(401, "unauthorized");
    ann.post("/api/v1/solo/sessions/no-uuid/share/").send().await.refused(404, "not_found");
    let link = share(&tutor, &lesson, json!({})).await;
    app.stranger().get(&page(&link)).send().await.expect(200);
    for method in [Method::GET, Method::POST, Method::DELETE] {
        pupils[0].call(method, &lesson.rest("share/")).send().await.refused(403, "forbidden");
    }
    pupils[0].get(&lesson.rest("share/access-log/")).send().await.refused(403, "forbidden");
    app.stranger().get(&page(&link)).send().await.expect(200);
}

#[tokio::test]
async fn l2_the_token_is_in_no_table_and_no_log_and_its_owner_sees_it_again_after_a_restart() {
    let mut app = Server::with(&[("RUST_LOG", "debug")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let link = share(&ann, &board, json!({"allow_download": true})).await;
    let token = link.text("token");
    assert_eq!(token.len(), 43);
    let shown = app.stranger().get(&page(&link)).send().await.expect(200).json();
    let ticket = shown["live"].text("ticket");
    app.stranger().get(&format!("{}download/?ticket={ticket}", page(&link))).send().await.expect(200);
    app.stranger().get(&format!("/api/v1/solo/public/{token}/nothing/")).send().await.expect(404);
    app.knock(&board.path()).authorization(&format!("Share {token}")).sit().await.leave().await;
    app.knock(&board.path())
        .offering(Dialect::Json, &["m4sh.json", &format!("view.{ticket}")])
        .sit()
        .await
        .leave()
        .await;
    app.knock(&format!("{}?share={token}", board.path())).connect().await.closed().await;
    let log = app.log().text();
    for secret in [&token, &ticket] {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert!(line.is_none(), "logged: {}", line.unwrap_or_default());
    }

    let client = app.database.as_ref().unwrap().client().await;
    let sql = "SELECT format('%I', table_name) FROM information_schema.tables WHERE table_schema = 'public'";
    let tables: Vec<String> = client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(tables.len() > 15, "{tables:?}");
    let hex: String = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    for table in tables {
        for text in [&token, &ticket, &hex] {
            let sql = format!("SELECT count(*) FROM {table} AS t WHERE position($1 in t::text) > 0");
            let rows: i64 = client.query_one(&sql, &[text]).await.unwrap().get(0);
            assert_eq!(rows, 0, "{table} holds a secret");
        }
    }
    app.sigterm().await;
    app.launch().await;
    assert_eq!(ann.get(&board.rest("share/")).send().await.expect(200).json()["token"], token);

    // Under another secret the link can be shown no more, and still opens its board; ending it works.
    app.sigterm().await;
    app.set("M4SH_JWT_SECRET", "another-secret-for-tests-0123456789abcdef");
    app.launch().await;
    let again = json!({"email": ann.email, "password": "correct horse 7"});
    let login = app.stranger().post("/api/v1/auth/login/").json(&again).send().await.expect(200).json();
    let ann = Account::of_login(&login, &app);
    let status = ann.get(&board.rest("share/")).send().await.expect(200).json();
    assert_eq!((&status["is_shared"], &status["token"], &status["url"]), (&json!(true), &Value::Null, &Value::Null));
    app.stranger().get(&page(&link)).send().await.expect(200);
    ann.delete(&board.rest("share/")).send().await.expect(204);
    is_dead(app.stranger().get(&page(&link)).send().await);
}

#[tokio::test]
async fn l3_a_board_has_one_live_link_and_ending_it_twice_is_ending_it_once() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.delete(&board.rest("share/")).send().await.expect(204);
    let first = share(&ann, &board, json!({})).await;
    let second = share(&ann, &board, json!({})).await;
    assert_ne!(first["token"], second["token"]);
    is_dead(app.stranger().get(&page(&first)).send().await);
    app.stranger().get(&page(&second)).send().await.expect(200);

    // However many share at once, one link is live afterwards.
    let crowd = (0..10).map(|_| share(&ann, &board, json!({})));
    let made = futures_util::future::join_all(crowd).await;
    let mut live = 0;
    for link in &made {
        live += i32::from(app.stranger().get(&page(link)).send().await.status == 200);
    }
    assert_eq!(live, 1);
    for _ in 0..2 {
        ann.delete(&board.rest("share/")).send().await.expect(204);
        assert_eq!(ann.get(&board.rest("share/")).send().await.expect(200).json(), json!({"is_shared": false}));
    }
    for link in made.iter().chain([&second]) {
        is_dead(app.stranger().get(&page(link)).send().await);
    }
}

#[tokio::test]
async fn l3_a_link_ends_with_its_board_and_with_the_right_of_who_made_it() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let helper = &pupils[0];
    let role = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, helper.id);
    tutor.patch(&role).json(&json!({"role": "tutor"})).send().await.expect(200);
    let link = share(helper, &lesson, json!({})).await;
    app.stranger().get(&page(&link)).send().await.expect(200);
    tutor.patch(&role).json(&json!({"role": "student"})).send().await.expect(200);
    is_dead(app.stranger().get(&page(&link)).send().await);

    let board = helper.create_board().await;
    let link = share(helper, &board, json!({})).await;
    helper.delete(&board.rest("")).send().await.expect(204);
    is_dead(app.stranger().get(&page(&link)).send().await);
}

#[tokio::test]
async fn l4_of_fifty_who_come_at_once_exactly_so_many_see_the_board_as_its_link_allows() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let link = share(&ann, &board, json!({"max_views": 7})).await;
    let crowd = (0..50).map(|_| {
        let (stranger, path) = (app.stranger(), page(&link));
        tokio::spawn(async move { stranger.get(&path).send().await.status })
    });
    let statuses: Vec<u16> = futures_util::future::join_all(crowd).await.into_iter().map(Result::unwrap).collect();
    let of = |status: StatusCode| statuses.iter().filter(|got| **got == status.as_u16()).count();
    assert_eq!((of(StatusCode::OK), of(StatusCode::NOT_FOUND)), (7, 43), "{statuses:?}");
    let status = ann.get(&board.rest("share/")).send().await.expect(200).json();
    assert_eq!((status.number("view_count"), &status["is_valid"]), (7, &json!(false)));
    assert!(status["last_accessed_at"].is_string());
    let visits = ann.get(&board.rest("share/access-log/")).send().await.expect(200).json();
    assert_eq!(visits.number("count"), 7, "a row for each view and none for those who were turned away");
}

#[tokio::test]
async fn l4_asking_for_the_head_or_guessing_takes_no_view_and_shows_nothing() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let link = share(&ann, &board, json!({"max_views": 1})).await;
    let head = app.stranger().call(Method::HEAD, &page(&link)).send().await.expect(200);
    assert!(head.body.is_empty());
    is_guarded(&head);
    for (name, value) in [("Sec-Purpose", "prefetch"), ("Purpose", "prefetch"), ("X-Moz", "prefetch")] {
        let guess = app.stranger().get(&page(&link)).header(name, value).send().await.expect(204);
        assert!(guess.body.is_empty());
    }
    let status = ann.get(&board.rest("share/")).send().await.expect(200).json();
    assert_eq!(status["view_count"], 0);
    app.stranger().get(&page(&link)).send().await.expect(200);
    app.stranger().call(Method::HEAD, &page(&link)).send().await.expect(404);
}

#[tokio::test]
async fn l5_a_stranger_sees_the_board_and_never_an_address_of_anybody() {
    let app = Server::start().await;
    let body = json!({"email": "olena.k@school.test", "password": "correct horse 7", "first_name": "Olena",
        "last_name": "Kovalenko", "role": "tutor"});
    let answer = app.stranger().post("/api/v1/auth/register/").json(&body).send().await.expect(201).json();
    let olena = Account::of_login(&answer, &app);
    let board = olena.create_board().await;
    let saved = olena.save(&board, 0, json!([add_stroke("s1")])).await;
    let link = share(&olena, &board, json!({})).await;
    let answer = app.stranger().get(&page(&link)).send().await.expect(200);
    is_guarded(&answer);
    assert_eq!(answer.etag_rev(), 1);
    let shown = answer.json();
    let expected = [
        "allow_download",
        "assets",
        "created_at",
        "expires_at",
        "id",
        "live",
        "name",
        "owner",
        "page_count",
        "rev",
        "state",
        "thumbnail_url",
    ];
    assert_eq!(keys(&shown), expected, "{shown}");
    assert_eq!((&shown["id"], &shown["name"]), (&json!(board.0), &json!("Mine")));
    assert_eq!(
        (&shown["owner"], &shown["rev"], &shown["page_count"]),
        (&json!("Olena Kovalenko"), &json!(1), &json!(1))
    );
    assert_eq!(stroke_ids(&shown["state"]), ["s1"]);
    assert_eq!(plain_digest(&shown["state"]), saved["digest"].as_str().unwrap());
    assert_eq!(shown["live"]["path"], board.path());

    // The answer is the same under the drive's prefix and without the slash.
    app.stranger().get(&format!("/api/solo/public/{}", link.text("token"))).send().await.expect(200);
    let mut sockets =
        vec![app.knock(&board.path()).authorization(&format!("Share {}", link.text("token"))).sit().await];
    for first_name in ["", "nobody@school.test"] {
        let email = if first_name.is_empty() { "secret.name@school.test" } else { first_name };
        let body = json!({"email": email, "password": "correct horse 7", "first_name": first_name, "role": "student"});
        let answer = app.stranger().post("/api/v1/auth/register/").json(&body).send().await.expect(201).json();
        let nameless = Account::of_login(&answer, &app);
        let board = nameless.create_board().await;
        let mut owner = nameless.open(&board).await;
        let link = share(&nameless, &board, json!({"allow_download": true})).await;
        let answer = app.stranger().get(&page(&link)).send().await.expect(200);
        assert_eq!(answer.json()["owner"], "Somebody");
        let file = app.stranger().get(&format!("{}download/", page(&link))).send().await.expect(200);
        let mut guest = app.knock(&board.path()).authorization(&format!("Share {}", link.text("token"))).sit().await;
        owner.draw(stroke("s")).await;
        guest.until_rev(1).await;
        let texts = [answer.text(), format!("{:?}", answer.headers), file.text(), guest.welcome.to_string()];
        for text in texts {
            assert!(!text.contains("@school") && !text.contains("secret.name"), "{text}");
        }
        sockets.push(guest);
    }
}

#[tokio::test]
async fn l6_an_unknown_an_ended_an_expired_and_a_used_up_link_get_one_answer() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let database = app.database.as_ref().unwrap();
    let get = |path: String| app.stranger().get(&path).send();
    let unknown = format!("/api/v1/solo/public/{}/", "A".repeat(43));
    let first = get(unknown.clone()).await;
    is_guarded(&first);
    let mut body = first.expect(404).json();
    assert_eq!(body["error"], DEAD);
    body["request_id"] = Value::Null;
    let same = |answer: Answer| {
        let mut other = answer.expect(404).json();
        other["request_id"] = Value::Null;
        assert_eq!(other, body);
    };
    for wrong in ["x", "%00", "ä", &"A".repeat(44), "a.b.c"] {
        same(get(format!("/api/v1/solo/public/{wrong}/")).await);
        same(get(format!("/api/v1/solo/public/{wrong}/download/")).await);
    }
    let board = ann.create_board().await;
    let used_up = share(&ann, &board, json!({"max_views": 1, "allow_download": true})).await;
    get(page(&used_up)).await.expect(200);
    same(get(page(&used_up)).await);
    same(get(format!("{}download/", page(&used_up))).await);
    let ended = share(&ann, &board, json!({})).await;
    ann.delete(&board.rest("share/")).send().await.expect(204);
    same(get(page(&ended)).await);
    let expired = share(&ann, &board, json!({"expires_in_days": 1, "allow_download": true})).await;
    get(page(&expired)).await.expect(200);
    database.execute("UPDATE share_link SET expires_at = now() WHERE revoked_at IS NULL").await;
    same(get(page(&expired)).await);
    same(get(format!("{}download/", page(&expired))).await);
    let status = ann.get(&board.rest("share/")).send().await.expect(200).json();
    assert_eq!((&status["is_shared"], &status["is_valid"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn l13_a_shared_board_is_downloaded_only_where_that_is_allowed_and_takes_no_view() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.patch(&board.rest("")).json(&json!({"name": "Дроби \"1/2\""})).send().await.expect(200);
    let link = share(&ann, &board, json!({"max_views": 1})).await;
    let file = |link: &Value, query: &str| app.stranger().get(&format!("{}download/{query}", page(link))).send();
    let refused = file(&link, "").await;
    assert!(refused.refused(403, "forbidden").text("detail").contains("download"));
    app.stranger().get(&page(&link)).send().await.expect(200);

    let link = share(&ann, &board, json!({"max_views": 1, "allow_download": true})).await;
    for format in ["json", "pdf"] {
        let path = format!("{}download/?format={format}", page(&link));
        app.stranger().call(Method::HEAD, &path).send().await.expect(200);
    }
    let answer = file(&link, "?format=json").await.expect(200);
    is_guarded(&answer);
    assert!(answer.header("Content-Disposition").starts_with("attachment; filename=\"board.json\"; filename*=UTF-8''"));
    assert_eq!(answer.json()["state"], ann.read(&board).await["state"]);
    let body = file(&link, "?format=exe").await.expect(400).json();
    assert!(!body["error"].is_null(), "{body}");
    let status = ann.get(&board.rest("share/")).send().await.expect(200).json();
    assert_eq!((status.number("view_count"), status.number("download_count")), (0, 1));

    // Whoever took the last view may still download what they see, and nobody else.
    let ticket = app.stranger().get(&page(&link)).send().await.expect(200).json()["live"].text("ticket");
    is_dead(file(&link, "").await);
    is_dead(file(&link, "?ticket=nonsense").await);
    file(&link, &format!("?ticket={ticket}")).await.expect(200);
    let other = ann.create_board().await;
    let others = share(&ann, &other, json!({"max_views": 1, "allow_download": true})).await;
    app.stranger().get(&page(&others)).send().await.expect(200);
    is_dead(file(&others, &format!("?ticket={ticket}")).await);
    ann.delete(&board.rest("share/")).send().await.expect(204);
    is_dead(file(&link, &format!("?ticket={ticket}")).await);
}

#[tokio::test]
async fn l13_a_shared_board_is_downloaded_in_every_form_and_each_download_counts_once() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("s")])).await;
    let link = share(&ann, &board, json!({"allow_download": true})).await;
    for (format, begins) in [("png", &b"\x89PNG"[..]), ("pdf", b"%PDF-"), ("svg", b"<svg"), ("json", b"{")] {
        let path = format!("{}download/?format={format}", page(&link));
        let file = eventually("the file is made", || async {
            let answer = app.stranger().get(&path).send().await;
            match answer.status {
                202 => None,
                _ => Some(answer.expect(200)),
            }
        })
        .await;
        let start = String::from_utf8_lossy(&file.body[..file.body.len().min(200)]).into_owned();
        assert!(file.body.windows(begins.len()).take(200).any(|bytes| bytes == begins), "{format}: {start}");
    }
    let status = ann.get(&board.rest("share/")).send().await.expect(200).json();
    assert_eq!((status.number("view_count"), status.number("download_count")), (0, 4));
    let log = ann.get(&board.rest("share/access-log/")).send().await.expect(200).json();
    assert_eq!(log["count"], 4);
}

#[tokio::test]
async fn l14_the_access_log_tells_who_came_also_by_links_that_ended() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let first = share(&ann, &board, json!({"allow_download": true})).await;
    let stranger = app.stranger();
    stranger.get(&page(&first)).header("User-Agent", "one/1.0").send().await.expect(200);
    stranger.get(&format!("{}download/", page(&first))).header("User-Agent", "two/2.0").send().await.expect(200);
    let second = share(&ann, &board, json!({})).await;
    let token = format!("Share {}", second.text("token"));
    app.knock(&board.path()).authorization(&token).sit().await.leave().await;
    let log = ann.get(&board.rest("share/access-log/")).send().await.expect(200).json();
    assert_eq!(log.number("count"), 3, "{log}");
    let rows = log.list("results");
    let actions: Vec<String> = rows.iter().map(|row| row.text("action")).collect();
    assert_eq!(actions, ["share_watched", "share_downloaded", "share_viewed"], "the newest first");
    assert_eq!((&rows[1]["user_agent"], &rows[2]["user_agent"]), (&json!("two/2.0"), &json!("one/1.0")));
    for row in &rows {
        assert_eq!(row["ip"], "127.0.0.1");
        assert!(row.text("accessed_at").ends_with('Z'));
    }
    assert!(rows[0]["link"] != rows[1]["link"] && rows[1]["link"] == rows[2]["link"]);
    let path = board.rest("share/access-log/?limit=1&offset=1");
    let one = ann.get(&path).send().await.expect(200).json();
    assert_eq!((one.list("results").len(), one.number("count")), (1, 3));
    assert_eq!(one["results"][0]["action"], "share_downloaded");
    // Another board's visitors are another matter.
    let other = ann.create_board().await;
    assert_eq!(ann.get(&other.rest("share/access-log/")).send().await.expect(200).json()["count"], 0);
}

#[tokio::test]
async fn l15_people_see_what_happened_to_their_account_and_those_who_manage_a_board_what_happened_there() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let login = json!({"email": tutor.email, "password": "correct horse 7"});
    app.stranger().post("/api/v1/auth/login/").json(&login).send().await.expect(200);
    let wrong = json!({"email": tutor.email, "password": "a wrong guess 77"});
    app.stranger().post("/api/v1/auth/login/").json(&wrong).send().await.expect(401);
    let mine = eventually("a refused login is kept", || async {
        let mine = tutor.get("/api/v1/auth/events/").send().await.expect(200).json();
        (mine["results"][0]["action"] == "login_refused").then_some(mine)
    })
    .await;
    assert_eq!(mine["results"][1]["action"], "logged_in", "{mine}");
    assert_eq!((&mine["results"][0]["ip"], &mine["results"][1]["ip"]), (&json!("127.0.0.1"), &json!("127.0.0.1")));
    assert!(!mine.to_string().contains("wrong guess"));
    let theirs = pupils[0].get("/api/v1/auth/events/").send().await.expect(200).json();
    assert!(theirs.list("results").iter().all(|row| row["action"] != "login_refused"), "{theirs}");
    app.stranger().get("/api/v1/auth/events/").send().await.refused(401, "unauthorized");
    tutor.get("/api/v1/auth/events/?limit=0").send().await.expect(400);

    let path = format!("/api/v1/boards/{}/events/", lesson.board);
    let link = share(&tutor, &lesson, json!({})).await;
    app.stranger().get(&page(&link)).send().await.expect(200);
    let shared = tutor.get("/api/v1/auth/events/").send().await.expect(200).json();
    assert_eq!(
        (&shared["results"][0]["action"], &shared["results"][0]["node"]),
        (&json!("share_created"), &json!(lesson.board))
    );
    let happened = tutor.get(&path).send().await.expect(200);
    assert!(!happened.text().contains("127.0.0.1") && !happened.text().contains('@'), "{}", happened.text());
    let viewed = happened.json().list("results").into_iter().find(|row| row["action"] == "share_viewed");
    assert!(viewed.is_some_and(|row| row["category"] == "share" && row["user"].is_null() && row["link"].is_string()));
    pupils[0].get(&path).send().await.refused(403, "forbidden");
    app.pupil("Stranger").await.get(&path).send().await.refused(404, "not_found");
}

#[tokio::test]
async fn l17_strangers_are_limited_for_each_address_and_others_are_not() {
    let app = Server::with(&[("M4SH_RATES_SOLO_ANON", "3/min")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let link = share(&ann, &board, json!({})).await;
    for _ in 0..2 {
        app.stranger().get(&page(&link)).send().await.expect(200);
    }
    is_dead(app.stranger().get(&format!("/api/v1/solo/public/{}/", "A".repeat(43))).send().await);
    is_rate_limited(&app.stranger().get(&page(&link)).send().await);
    is_rate_limited(&app.stranger().get(&format!("{}download/", page(&link))).send().await);
    let status = ann.get(&board.rest("share/")).send().await.expect(200).json();
    assert_eq!(status["view_count"], 2, "who is turned away takes no view");
}

#[tokio::test]
async fn l18_the_pictures_of_a_shared_board_have_signed_addresses_and_those_of_others_have_none() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let (mine, absent, theirs) = ("ab".repeat(32), "cd".repeat(32), "ef".repeat(32));
    let (board, other) = (ann.create_board().await, ann.create_board().await);
    let picture = |id: &str, sha256: &str| json!({"op": "add", "kind": "asset", "value": {"id": id, "type": "image", "src": format!("asset:{sha256}")}});
    ann.save(
        &board,
        0,
        json!([picture("a", &mine), picture("b", &mine), picture("c", &absent), picture("d", &theirs)]),
    )
    .await;
    for (room, sha256) in [(&board, &mine), (&other, &theirs)] {
        let key = format!("solo/{}/{}/assets/{sha256}", ann.id, room.0);
        let sql = format!(
            "WITH b AS (
                INSERT INTO blob (id, key, sha256, size, media_type, stored_at)
                VALUES (gen_random_uuid(), '{key}', decode('{sha256}', 'hex'), 1, 'image/png', now()) RETURNING id
            )
            INSERT INTO asset (id, node, sha256, blob, name)
            SELECT gen_random_uuid(), '{}', decode('{sha256}', 'hex'), id, 'p.png' FROM b",
            room.0
        );
        app.database.as_ref().unwrap().execute(&sql).await;
    }
    let link = share(&ann, &board, json!({"max_views": 1})).await;
    let shown = app.stranger().get(&page(&link)).send().await.expect(200).json();
    assert_eq!(keys(&shown["assets"]), [format!("asset:{mine}")], "{shown}");
    let signed = shown["assets"].text(&format!("asset:{mine}"));
    assert!(signed.starts_with(&app.url("/")) && signed.contains(&mine) && signed.contains("signature="), "{signed}");

    let patient = http_client().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let ticket = shown["live"].text("ticket");
    let ask =
        |sha256: &str, query: &str| patient.get(app.url(&format!("{}assets/{sha256}/{query}", page(&link)))).send();
    let found = ask(&mine, &format!("?ticket={ticket}")).await.unwrap();
    assert_eq!(found.status().as_u16(), 302);
    let to = found.headers()["Location"].to_str().unwrap().to_owned();
    assert!(to.contains(&mine) && found.headers()["Cache-Control"].to_str().unwrap().contains("no-store"), "{to}");
    for wrong in [&absent, &theirs, "x", &"AB".repeat(32)] {
        let answer = ask(wrong, &format!("?ticket={ticket}")).await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{wrong}");
    }
    assert_eq!(
        ask(&mine, "").await.unwrap().status().as_u16(),
        404,
        "the only view is taken, and this shows no ticket"
    );
    let status = ann.get(&board.rest("share/")).send().await.expect(200).json();
    assert_eq!(status["view_count"], 1);
}
