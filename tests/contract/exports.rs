//! Exports: what is asked for, what comes, for whom and for how long. What goes wrong is `exports_faults`.
//! Every file is fetched without a token and looked into.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::harness::*;

/// A page of 400 × 300 with one thick black stroke from its left upper corner to its middle.
fn page(id: &str) -> Value {
    let points: Vec<_> = (4..=20).map(|step| json!({"x": step * 10, "y": step * 15 / 2})).collect();
    json!({
        "id": id, "width": 400, "height": 300, "assets": [],
        "strokes": [{"id": format!("s-{id}"), "tool": "pen", "color": "#000000", "size": 12, "points": points}],
    })
}

fn pages(count: usize) -> Value {
    let pages: Vec<_> = (1..=count).map(|number| page(&format!("p{number}"))).collect();
    json!({"pages": pages, "activePageId": "p1"})
}

fn wish(format: &str) -> Value {
    json!({ "format": format })
}

#[tokio::test]
async fn e30_an_export_is_asked_for_and_comes_back_completed() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board_with(&pages(1)).await;
    let made = ann.post(&board.rest("export/")).json(&wish("json")).send().await.expect(201).json();
    let keys: BTreeSet<_> = made.as_object().unwrap().keys().map(String::as_str).collect();
    let expected: BTreeSet<_> =
        "id session_id format rev status progress file_url signed_url file_size error page_count \
                                 is_expired expires_at created_at updated_at"
            .split_whitespace()
            .collect();
    assert_eq!(keys, expected);
    assert_eq!((&made["session_id"], &made["format"], &made["rev"]), (&json!(board.0), &json!("json"), &json!(0)));
    let done = ann.export_ended(&made.text("id")).await;
    assert_eq!((&done["status"], &done["progress"]), (&json!("completed"), &json!(100)), "{done}");
    assert_eq!((&done["error"], &done["page_count"], &done["is_expired"]), (&Value::Null, &json!(1), &json!(false)));
    assert!(done["file_size"].as_u64().unwrap() > 100);
    assert_eq!(done["file_url"], done["signed_url"]);
    assert!(done.text("file_url").starts_with("http://"), "{done}");
    // The alias prefix has it, too, and so has a path without the last slash.
    let alias = ann.get(&format!("/api/exports/{}", made.text("id"))).send().await.expect(200).json();
    assert_eq!(alias["id"], made["id"]);
    // Nothing said: a PNG.
    for body in [json!({}), json!({"format": null})] {
        let made = ann.post(&board.rest("export/")).json(&body).send().await.expect(201).json();
        assert_eq!(made["format"], "png");
    }
    let empty = ann.post(&board.rest("export/")).send().await.expect(201).json();
    assert_eq!(empty["format"], "png");
}

#[tokio::test]
async fn e30_what_is_no_wish_is_refused_and_told_why() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let ask = |body: &str| ann.post(&board.rest("export/")).raw_json(body.to_owned()).send();
    for body in [r#"{"format":"docx"}"#, r#"{"format":"PNG"}"#, r#"{"format":7}"#, r#"{"format":""}"#] {
        let refused = ask(body).await.refused(400, "Invalid format. Use: png, pdf, json");
        assert_eq!(refused["code"], "invalid_format");
        assert!(refused["request_id"].is_string());
    }
    for (body, field) in [
        (r#"{"rev":-1}"#, "rev"),
        (r#"{"rev":"1"}"#, "rev"),
        (r#"{"page":1.5}"#, "page"),
        (r#"{"page":1}"#, "page"),
        (r#"{"format":"json","page":0}"#, "page"),
    ] {
        let refused = ask(body).await.refused(400, "validation_error");
        assert!(refused[field].is_array(), "{body}: {refused}");
    }
    ask("{").await.refused(400, "parse_error");
    ask("[]").await.refused(400, "validation_error");
    ask(&format!("{{\"x\":\"{}\"}}", "x".repeat(20_000))).await.refused(413, "payload_too_large");
    app.stranger().post(&board.rest("export/")).json(&json!({})).send().await.refused(401, "unauthorized");
    ann.get(&board.rest("export/")).send().await.refused(405, "method_not_allowed");
    let long = ann.post(&board.rest("export/")).header("Idempotency-Key", &"k".repeat(201)).json(&json!({}));
    long.send().await.refused(400, "invalid_header");
    let nobody = Solo(Uuid::now_v7().to_string());
    ann.post(&nobody.rest("export/")).json(&json!({})).send().await.refused(404, "not_found");
    ann.post("/api/v1/solo/sessions/7/export/").json(&json!({})).send().await.refused(404, "not_found");
    ann.get("/api/v1/exports/7/").send().await.refused(404, "not_found");
    ann.get(&format!("/api/v1/exports/{}/", Uuid::now_v7())).send().await.refused(404, "not_found");
}

#[tokio::test]
async fn e30_asking_is_limited_to_the_rate_of_exports() {
    let app = Server::with(&[("M4SH_RATES_SOLO_EXPORT", "2/min")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for _ in 0..2 {
        ann.post(&board.rest("export/")).json(&wish("json")).send().await.expect(201);
    }
    is_rate_limited(&ann.post(&board.rest("export/")).json(&wish("json")).send().await);
    ann.get(&board.rest("exports/")).send().await.expect(200);
}

#[tokio::test]
async fn e31_an_export_is_of_the_revision_that_was_asked_for() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    for rev in 0..3 {
        ann.save(&board, rev, json!([add_stroke(&format!("s{}", rev + 1))])).await;
    }
    for (rev, strokes) in [(json!(0), 0), (json!(1), 1), (json!(3), 3), (Value::Null, 3)] {
        let made = ann.exported(&board, &json!({"format": "json", "rev": rev})).await;
        let file = fetch(&app, &made.text("file_url")).await.expect(200).json();
        assert_eq!(stroke_ids(&file["state"]).len(), strokes, "rev {rev}");
        assert_eq!(made["rev"], if rev.is_null() { json!(3) } else { rev });
    }
    let unknown = json!({"format": "png", "rev": 4});
    ann.post(&board.rest("export/")).json(&unknown).send().await.refused(404, "unknown_rev");
    // What was asked for stays what it is when the board goes on.
    let third = ann.exported(&board, &wish("json")).await;
    ann.save(&board, 3, json!([add_stroke("s4")])).await;
    let file = fetch(&app, &third.text("file_url")).await.expect(200).json();
    assert_eq!(stroke_ids(&file["state"]).len(), 3);
}

#[tokio::test]
async fn e31_a_board_is_exported_while_others_draw_on_it() {
    let app = Server::with(LOUD).await;
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let drawing = tokio::spawn({
        let (pupil, lesson) = (pupils[0].clone(), lesson.clone());
        async move {
            for rev in 0..60 {
                pupil.save(&lesson, rev, json!([add_stroke(&format!("s{rev}"))])).await;
            }
        }
    });
    let mut seen = BTreeSet::new();
    while !drawing.is_finished() {
        let made = tutor.exported(&lesson, &wish("json")).await;
        let file = fetch(&app, &made.text("file_url")).await.expect(200).json();
        // Every revision added one stroke.
        assert_eq!(json!(stroke_ids(&file["state"]).len()), made["rev"]);
        seen.insert(made.number("rev"));
    }
    drawing.await.unwrap();
    assert!(seen.len() > 1, "{seen:?}");
}

#[tokio::test]
async fn e31_an_export_wakes_no_board() {
    let mut app = Server::with(&[("M4SH_ADMIN_BIND", "127.0.0.1:0")]).await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.save(&board, 0, json!([add_stroke("s")])).await;
    app.kill_and_restart().await;
    for format in ["json", "png"] {
        ann.exported(&board, &wish(format)).await;
    }
    ann.post(&board.rest("thumbnail/")).send().await.expect(200);
    let awake = async || {
        let metrics = fetch(&app, &format!("http://{}/metrics", app.admin_address().await)).await.expect(200).text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("m4sh_boards_awake ")).map(str::to_owned);
        line.unwrap_or_else(|| "0".to_owned())
    };
    assert_eq!(awake().await, "0");
    ann.read(&board).await;
    assert_eq!(awake().await, "1", "the number is one that can change");
}

#[tokio::test]
async fn e32_a_state_over_ten_mebibytes_is_refused_with_its_size() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    // Six bytes for each of these letters in the canonical text, two in the request.
    let note = "ї".repeat(1_800_000);
    let board = ann.create_board_with(&json!({"pages": [{"id": "p1", "strokes": [], "assets": []}], "n": note})).await;
    let refused = ann.post(&board.rest("export/")).json(&wish("json")).send().await.expect(413).json();
    assert_eq!((&refused["detail"], &refused["max_bytes"]), (&json!("session_too_large"), &json!(10_485_760)));
    assert!((10_800_000..10_801_000).contains(&refused.number("state_bytes")), "{refused}");
    let fits = ann.create_board_with(&json!({"pages": [], "n": "ї".repeat(1_700_000)})).await;
    let file = ann.export_file(&app, &fits, &wish("json")).await;
    let file: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(file["state"]["n"].as_str().unwrap().chars().count(), 1_700_000);
}

#[tokio::test]
async fn e33_a_json_export_has_the_state_with_every_number_as_it_was() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let state = r#"{"pages":[{"id":"p1","strokes":[],"assets":[],"name":"Дошка \"1\", {a}: [b]"}],
        "x":1.0,"y":1e16,"z":123456789012345678901234567890,"w":-0.0,"v":-0,"u":1E-7,"t":0.1,"s":1e300,"e":{},"f":[]}"#;
    let body = format!(r#"{{"name":"Лінії \\ \"x\"","state":{state}}}"#);
    let made = ann.post("/api/v1/solo/sessions/").raw_json(body).send().await.expect(201).json();
    let board = Solo(made.text("id"));
    let text = String::from_utf8(ann.export_file(&app, &board, &wish("json")).await).unwrap();
    for number in [
        "\"x\": 1.0",
        "\"y\": 1e+16",
        "\"z\": 123456789012345678901234567890",
        "\"w\": -0.0",
        "\"v\": 0",
        "\"u\": 1e-07",
        "\"t\": 0.1",
        "\"s\": 1e+300",
        "\"e\": {}",
        "\"f\": []",
    ] {
        assert!(text.contains(number), "{number} in {text}");
    }
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() > 15 && lines[1].starts_with("  \"id\""), "indented: {text}");
    let file: Value = serde_json::from_str(&text).unwrap();
    let keys: BTreeSet<_> = file.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["id", "name", "state", "page_count", "created_at", "updated_at"]));
    let detail = ann.read(&board).await;
    for key in ["id", "name", "state", "page_count", "created_at"] {
        assert_eq!(file[key], detail[key], "{key}");
    }
    assert_eq!(file["name"], "Лінії \\ \"x\"");
    assert_eq!(file["state"]["pages"][0]["name"], "Дошка \"1\", {a}: [b]");
    // The numbers as the board itself shows them, digit by digit.
    let shown = ann.get(&board.rest("")).send().await.expect(200).text();
    let numbers = |text: &str| {
        let state = text.split("\"state\"").nth(1).unwrap().to_owned();
        let of = |key: char| state.split(&format!("\"{key}\":")).nth(1).unwrap().trim_start().to_owned();
        "xyzwvuts".chars().map(|key| of(key).split([',', '}', '\n']).next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&text), numbers(&shown));
}

#[tokio::test]
async fn e34_pictures_show_what_was_drawn_and_a_pdf_has_a_page_for_each() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board_with(&pages(3)).await;
    let png = ann.exported(&board, &wish("png")).await;
    assert_eq!(png["page_count"], 1);
    let file = fetch(&app, &png.text("file_url")).await.expect(200);
    assert_eq!(file.header("content-type"), "image/png");
    let picture = pixels(&file.body);
    assert_eq!(picture.width() * 3, picture.height() * 4, "{} × {}", picture.width(), picture.height());
    assert!(picture.width() >= 400);
    assert!(has_ink(&picture, 0.3, 0.3), "the stroke");
    assert!(!has_ink(&picture, 0.8, 0.2) && !has_ink(&picture, 0.2, 0.8), "the paper");

    let pdf = ann.exported(&board, &wish("pdf")).await;
    assert_eq!(pdf["page_count"], 3);
    let file = fetch(&app, &pdf.text("file_url")).await.expect(200);
    assert_eq!(file.header("content-type"), "application/pdf");
    assert_eq!(pdf_pages(&file.body), 3);
    let one = ann.exported(&board, &json!({"format": "pdf", "page": 2})).await;
    assert_eq!(one["page_count"], 1);
    assert_eq!(pdf_pages(&fetch(&app, &one.text("file_url")).await.expect(200).body), 1);
    let none = json!({"format": "pdf", "page": 3});
    ann.post(&board.rest("export/")).json(&none).send().await.refused(400, "validation_error");

    let svg = ann.exported(&board, &wish("svg")).await;
    let file = fetch(&app, &svg.text("file_url")).await.expect(200);
    assert_eq!(file.header("content-type").split(';').next(), Some("image/svg+xml"));
    let tree = resvg::usvg::Tree::from_data(&file.body, &resvg::usvg::Options::default()).expect("an SVG");
    assert!((tree.size().width() * 3.0 - tree.size().height() * 4.0).abs() < 0.1, "{:?}", tree.size());
    assert!(tree.root().has_children());
}

/// A red square that lies in the object store as an asset of the board, and the state that shows it.
async fn with_asset(app: &Server, owner: &Account) -> Solo {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbaImage::from_pixel(8, 8, image::Rgba([200, 0, 0, 255]))
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    let png = png.into_inner();
    let hash: String = Sha256::digest(&png).iter().map(|byte| format!("{byte:02x}")).collect();
    let asset = json!({"id": "a", "type": "image", "src": format!("asset:{hash}"), "x": 100, "y": 100, "width": 200, "height": 100});
    let page = json!({"id": "p1", "width": 400, "height": 300, "strokes": [], "assets": [asset]});
    let board = owner.create_board_with(&json!({"pages": [page]})).await;
    let key = format!("solo/{}/{}/assets/{hash}", owner.id, board.0);
    let file = app.data.path().join("blobs").join(&key);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, &png).unwrap();
    let (size, board_id) = (png.len(), &board.0);
    let sql = format!(
        "INSERT INTO blob (id, key, sha256, size, media_type, stored_at)
             VALUES (gen_random_uuid(), '{key}', '\\x{hash}', {size}, 'image/png', now());
         INSERT INTO asset (id, node, sha256, blob, name)
             SELECT gen_random_uuid(), '{board_id}', sha256, id, 'red.png' FROM blob WHERE key = '{key}'"
    );
    app.database.as_ref().unwrap().execute(&sql).await;
    board
}

#[tokio::test]
async fn e34_a_picture_shows_the_images_of_its_own_board() {
    let app = Server::start().await;
    let (ann, bob) = (app.pupil("Ann").await, app.pupil("Bob").await);
    let board = with_asset(&app, &ann).await;
    let red = |picture: &image::RgbaImage| {
        let [red, green, _, _] = picture.get_pixel(picture.width() / 2, picture.height() / 2).0;
        red > 150 && green < 50
    };
    assert!(red(&pixels(&ann.export_file(&app, &board, &wish("png")).await)));
    // Who knows the hash of somebody else's image has not got the image.
    let stolen = bob.create_board_with(&ann.read(&board).await["state"]).await;
    assert!(!red(&pixels(&bob.export_file(&app, &stolen, &wish("png")).await)));
}

#[tokio::test]
async fn e43_a_shared_board_is_downloaded_as_a_picture() {
    let app = Server::start().await;
    let database = app.database.clone().unwrap();
    let ann = app.pupil("Ann").await;
    let board = ann.create_board_with(&pages(2)).await;
    let share = async |allow: bool| {
        let link = ann.post(&board.rest("share/")).json(&json!({ "allow_download": allow })).send().await.expect(201);
        format!("/api/v1/solo/public/{}/download/", link.json().text("token"))
    };
    let http = http_client().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let download = async |path: &str, format: &str| {
        let answer = within("a download", http.get(app.url(&format!("{path}?format={format}"))).send()).await.unwrap();
        let location = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location)
    };
    assert_eq!(download(&share(false).await, "png").await, (403, None));
    let link = share(true).await;
    for (format, opening) in [("png", &b"\x89PNG"[..]), ("pdf", b"%PDF-"), ("svg", b"<")] {
        let (status, location) = download(&link, format).await;
        assert_eq!(status, 302);
        let file = fetch(&app, &location.unwrap()).await.expect(200).body;
        assert!(file.starts_with(opening), "{format}");
        assert_eq!(download(&link, format).await.0, 302);
    }
    assert_eq!(download(&link, "docx").await, (400, None));
    let made = "SELECT count(*) FROM job WHERE kind = 'export'";
    assert_eq!(database.number(made).await, 3, "each is made once");
    ann.save(&board, 0, json!([add_stroke("s")])).await;
    assert_eq!(download(&link, "svg").await.0, 302);
    assert_eq!(database.number(made).await, 4, "and anew for a new revision");
    // How much the owner stores is no visitor's business.
    database.execute("UPDATE account SET quota_bytes = 1").await;
    ann.save(&board, 1, json!([add_stroke("t")])).await;
    let refused = app.stranger().get(&format!("{link}?format=svg")).send().await.refused(422, "export_failed");
    assert!(refused.get("quota").is_none() && refused.get("used").is_none(), "{refused}");
}

#[tokio::test]
async fn e35_the_same_key_and_wish_give_the_same_export() {
    let app = Server::start().await;
    let (ann, bob) = (app.pupil("Ann").await, app.pupil("Bob").await);
    let board = ann.create_board().await;
    let ask = |name: &'static str, key: &'static str, body: Value| {
        ann.post(&board.rest("export/")).header(name, key).json(&body).send()
    };
    let first = ask("Idempotency-Key", "k1", wish("json")).await.expect(201).json();
    let again = ask("X-Idempotency-Key", "k1", wish("json")).await.expect(200).json();
    assert_eq!(first["id"], again["id"]);
    // The key means the same wish, also when the board has gone on.
    ann.save(&board, 0, json!([add_stroke("s")])).await;
    assert_eq!(ask("Idempotency-Key", "k1", wish("json")).await.expect(200).json()["id"], first["id"]);
    ask("Idempotency-Key", "k1", wish("svg")).await.expect(422);
    ask("Idempotency-Key", "k1", json!({"format": "json", "rev": 0})).await.expect(422);
    let other = ask("Idempotency-Key", "k2", wish("json")).await.expect(201).json();
    assert_ne!(other["id"], first["id"]);
    // Keys are a person's and a board's own.
    let second = ann.create_board().await;
    let elsewhere = ann.post(&second.rest("export/")).header("Idempotency-Key", "k1").json(&wish("svg"));
    elsewhere.send().await.expect(201);
    let bobs = bob.create_board().await;
    let his = bob.post(&bobs.rest("export/")).header("Idempotency-Key", "k1").json(&wish("json"));
    assert_ne!(his.send().await.expect(201).json()["id"], first["id"]);
    // Without a key every request is its own.
    let [one, two] = [0, 1].map(|_| ann.post(&board.rest("export/")).json(&wish("json")).send());
    assert_ne!(one.await.expect(201).json()["id"], two.await.expect(201).json()["id"]);
}

#[tokio::test]
async fn e35_requests_with_one_key_at_the_same_moment_make_one_export() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board_with(&pages(1)).await;
    let all =
        (0..12).map(|_| ann.post(&board.rest("export/")).header("Idempotency-Key", "k").json(&wish("png")).send());
    let answers = futures_util::future::join_all(all).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let known = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((made, known), (1, 11));
    let ids: BTreeSet<_> = answers.iter().map(|answer| answer.json().text("id")).collect();
    assert_eq!(ids.len(), 1);
    let database = app.database.as_ref().unwrap();
    assert_eq!(database.number("SELECT count(*) FROM job WHERE kind = 'export'").await, 1);
}

#[tokio::test]
async fn e35_a_failed_or_expired_export_gives_its_key_back() {
    let app = Server::start().await;
    let database = app.database.clone().unwrap();
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let ask = |body: Value| ann.post(&board.rest("export/")).header("Idempotency-Key", "k").json(&body).send();
    let first = ask(wish("json")).await.expect(201).json();
    ann.export_ended(&first.text("id")).await;
    database.execute("UPDATE job SET expires_at = now() - interval '1 second'").await;
    let second = ask(wish("svg")).await.expect(201).json();
    assert_ne!(second["id"], first["id"]);
    ann.export_ended(&second.text("id")).await;
    database.execute("UPDATE job SET status = 'failed', error = 'no' WHERE expires_at > now()").await;
    let third = ask(wish("svg")).await.expect(201).json();
    assert_ne!(third["id"], second["id"]);
    // The earlier ones are still told of.
    let list = ann.get(&board.rest("exports/")).send().await.expect(200).json();
    let ids: Vec<_> = list.list("results").iter().map(|row| row.text("id")).collect();
    assert_eq!(ids, [third.text("id"), second.text("id"), first.text("id")]);
}

#[tokio::test]
async fn e36_exports_are_listed_newest_first_and_paged() {
    let app = Server::start().await;
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    ann.exported(&ann.create_board().await, &wish("json")).await;
    let mut ids = Vec::new();
    for format in ["json", "svg", "json"] {
        ids.insert(0, ann.exported(&board, &wish(format)).await.text("id"));
    }
    let list = ann.get(&board.rest("exports/")).send().await.expect(200).json();
    assert_eq!(list["count"], 3);
    let listed = |list: &Value| list.list("results").iter().map(|row| row.text("id")).collect::<Vec<_>>();
    assert_eq!(listed(&list), ids);
    let one = ann.get(&format!("/api/v1/exports/{}/", ids[1])).send().await.expect(200).json();
    for key in ["format", "status", "file_size", "rev", "expires_at"] {
        assert_eq!(list["results"][1][key], one[key], "{key}");
    }
    let page = ann.get(&board.rest("exports/?limit=1&offset=1")).send().await.expect(200).json();
    assert_eq!((page["count"].as_u64(), listed(&page)), (Some(3), vec![ids[1].clone()]));
    assert!(page["next"].is_string() && page["previous"].is_string());
    let past = ann.get(&board.rest("exports/?offset=9")).send().await.expect(200).json();
    assert_eq!((past["count"].as_u64(), listed(&past).len()), (Some(3), 0));
}

#[tokio::test]
async fn e36_a_files_address_is_signed_opens_without_a_token_and_ends() {
    let app = Server::start().await;
    let database = app.database.clone().unwrap();
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let made = ann.exported(&board, &wish("json")).await;
    let url = made.text("file_url");
    let file = fetch(&app, &url).await.expect(200);
    assert!(file.header("content-disposition").contains("Mine.json"), "{}", file.header("content-disposition"));
    let (bare, query) = url.split_once('?').expect("a signature");
    assert!([403, 404].contains(&fetch(&app, bare).await.status));
    let forged = format!("{bare}?{}", query.replace("expires=", "expires=9"));
    assert!([403, 404].contains(&fetch(&app, &forged).await.status), "{forged}");
    let expires: u64 = query.split('&').find_map(|pair| pair.strip_prefix("expires=")).unwrap().parse().unwrap();
    assert!((now() + 3500..=now() + 3600).contains(&expires), "an hour");
    // Twenty-four hours after it was asked for.
    let path = format!("/api/v1/exports/{}/", made.text("id"));
    let span = "SELECT extract(epoch FROM expires_at - created_at)::bigint FROM job WHERE kind = 'export'";
    assert!((86_399..=86_401).contains(&database.number(span).await));
    database.execute("UPDATE job SET expires_at = now() + interval '60 seconds'").await;
    let short = ann.get(&path).send().await.expect(200).json().text("file_url");
    let expires: u64 = short.split("expires=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
    assert!(expires <= now() + 61, "never past its end");
    database.execute("UPDATE job SET expires_at = now() - interval '1 second'").await;
    let seen = ann.get(&path).send().await.expect(200).json();
    assert_eq!(
        (&seen["is_expired"], &seen["file_url"], &seen["status"]),
        (&json!(true), &Value::Null, &json!("completed"))
    );
    assert_eq!(seen["signed_url"], Value::Null);
}

#[tokio::test]
async fn e37_a_class_exports_its_board_and_sees_its_own_exports() {
    let app = Server::start().await;
    let (tutor, pupils, lesson) = app.lesson(2).await;
    let [ann, bob] = &pupils[..] else { panic!("two pupils") };
    ann.save(&lesson, 0, json!([add_stroke("s")])).await;
    let hers = ann.exported(&lesson, &wish("json")).await;
    let path = format!("/api/v1/exports/{}/", hers.text("id"));
    let seen = |who: &Account| {
        let (one, list) = (who.get(&path).send(), who.get(&lesson.rest("exports/")).send());
        async { (one.await.status, list.await.expect(200).json()["count"].as_u64()) }
    };
    assert_eq!(seen(ann).await, (200, Some(1)));
    assert_eq!(seen(bob).await, (404, Some(0)), "another pupil");
    assert_eq!(seen(&tutor).await, (200, Some(1)), "whoever pays for it");
    let stranger = app.tutor().await;
    stranger.get(&path).send().await.refused(404, "not_found");
    stranger.get(&lesson.rest("exports/")).send().await.refused(404, "not_found");
    stranger.post(&lesson.rest("export/")).json(&wish("json")).send().await.refused(404, "not_found");
    for who in [bob, &stranger] {
        who.delete(&path).send().await.refused(404, "not_found");
    }
    // A pupil may take the board home when the lesson is over; whoever only watches may not.
    tutor.end(&lesson).await;
    bob.exported(&lesson, &wish("json")).await;
    let role = format!("/api/v1/classrooms/{}/members/{}/", lesson.class, bob.id);
    tutor.patch(&role).json(&json!({"role": "viewer"})).send().await.expect(200);
    bob.post(&lesson.rest("export/")).json(&wish("json")).send().await.refused(403, "forbidden");
    // Who has left the class has no export of it any more.
    tutor.delete(&format!("/api/v1/classrooms/{}/members/{}/", lesson.class, ann.id)).send().await.expect(204);
    ann.get(&path).send().await.refused(404, "not_found");
    tutor.delete(&path).send().await.expect(204);
    tutor.get(&path).send().await.refused(404, "not_found");
}

#[tokio::test]
async fn e38_an_export_is_charged_to_the_boards_owner_until_it_is_deleted() {
    let app = Server::start().await;
    let database = app.database.clone().unwrap();
    let (tutor, pupils, lesson) = app.lesson(1).await;
    let used = |who: &Account| {
        let sql = format!("SELECT used FROM account_usage WHERE account = '{}'", who.id);
        let database = database.clone();
        async move { database.number(&sql).await }
    };
    let made = pupils[0].exported(&lesson, &wish("json")).await;
    let size = made["file_size"].as_i64().unwrap();
    assert_eq!((used(&tutor).await, used(&pupils[0]).await), (size, 0));
    let two = tutor.exported(&lesson, &wish("svg")).await;
    assert_eq!(used(&tutor).await, size + two["file_size"].as_i64().unwrap());
    for id in [made.text("id"), two.text("id")] {
        tutor.delete(&format!("/api/v1/exports/{id}/")).send().await.expect(204);
    }
    assert_eq!(used(&tutor).await, 0);
    assert_eq!(database.number("SELECT count(*) FROM ledger").await, 0);
}

#[tokio::test]
async fn e38_what_does_not_fit_is_refused_or_fails_and_costs_nothing() {
    let app = Server::start().await;
    let database = app.database.clone().unwrap();
    let ann = app.pupil("Ann").await;
    let board = ann.create_board().await;
    let made = ann.exported(&board, &wish("json")).await;
    let size = made.number("file_size");
    // Room for half an export more.
    database.execute(&format!("UPDATE account SET quota_bytes = {}", size + size / 2)).await;
    let asked = ann.post(&board.rest("export/")).json(&wish("json")).send().await.expect(201).json();
    let ended = ann.export_ended(&asked.text("id")).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("failed"), &json!("quota_exceeded")));
    assert_eq!((&ended["file_url"], &ended["file_size"]), (&Value::Null, &json!(0)));
    let sums = "SELECT used + 1000000 * reserved FROM account_usage";
    assert_eq!(database.number(sums).await, i64::try_from(size).unwrap());
    // No room at all: told beforehand.
    database.execute(&format!("UPDATE account SET quota_bytes = {size}")).await;
    let refused = ann.post(&board.rest("export/")).json(&wish("json")).send().await.refused(403, "quota_exceeded");
    assert_eq!((refused.number("used"), refused.number("quota"), refused.number("remaining")), (size, size, 0));
    // Room again.
    ann.delete(&format!("/api/v1/exports/{}/", made.text("id"))).send().await.expect(204);
    ann.exported(&board, &wish("json")).await;
}
