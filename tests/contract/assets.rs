//! Assets of boards: uploaded, listed, referred to, read by signed URL, and what is kept out.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Account, Answer, Database, Room, Server, account::Call, account::Fields, bucket, is_rate_limited,
};

/// A picture of some colour.
pub fn png(colour: u8) -> Vec<u8> {
    encoded(colour, ImageFormat::Png)
}

fn encoded(colour: u8, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(RgbImage::from_pixel(20, 10, image::Rgb([colour, 2, 3])))
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

/// A document of so many bytes.
pub fn pdf(bytes: usize) -> Vec<u8> {
    let head = b"%PDF-1.4\n1 0 obj<</Type /Page>>endobj\n%".to_vec();
    let tail = b"\nstartxref\n9\n%%EOF\n";
    let filling = bytes - head.len() - tail.len();
    [head, vec![b'x'; filling], tail.to_vec()].concat()
}

pub fn path(room: &impl Room) -> String {
    format!("/api/v1/boards/{}/assets/", room.board())
}

pub fn upload(who: &Account, room: &impl Room, bytes: Vec<u8>, media_type: &str) -> Call {
    who.post(&format!("{}?name=picture.png", path(room))).header("Content-Type", media_type).body(bytes)
}

async fn uploaded(who: &Account, room: &impl Room, colour: u8) -> Value {
    upload(who, room, png(colour), "image/png").send().await.expect(201).json()
}

async fn fetched(url: &str, headers: &[(&str, &str)], method: Method) -> Answer {
    let mut request = bucket::client().request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
}

async fn got(url: &str) -> Answer {
    fetched(url, &[], Method::GET).await
}

async fn usage(who: &Account) -> Value {
    who.get("/api/v1/auth/usage/").send().await.expect(200).json()
}

async fn set_quota(database: &Database, who: &Account, bytes: u64) {
    database.execute(&format!("UPDATE account SET quota_bytes = {bytes} WHERE id = '{}'", who.id)).await;
}

#[tokio::test]
async fn v11_an_asset_is_uploaded_listed_read_and_deleted() {
    let server = Server::start().await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let bytes = png(1);
    let made = upload(&tutor, &board, bytes.clone(), "image/png").send().await.expect(201).json();
    assert_eq!((made.text("name"), made.text("media_type")), ("picture.png".into(), "image/png".into()));
    assert_eq!((made.number("size"), made.number("width"), made.number("height")), (bytes.len() as u64, 20, 10));
    assert_eq!(made.text("ref"), format!("asset:{}", made.text("id")));
    assert!(made["pages"].is_null() && made["created_at"].is_string());
    assert_eq!(got(&made.text("url")).await.expect(200).body, bytes);

    // The same bytes once more, under whatever name, are the same asset.
    let again = tutor.post(&path(&board)).header("Content-Type", "image/png").body(bytes.clone()).send().await;
    assert_eq!(again.expect(200).json().text("name"), "picture.png");
    let document = upload(&tutor, &board, pdf(500), "application/pdf").send().await.expect(201).json();
    assert_eq!((document.number("pages"), &document["width"]), (1, &Value::Null));

    let listed = tutor.get(&path(&board)).send().await.expect(200).json();
    assert_eq!(listed.number("count"), 2);
    assert_eq!(listed.list("results")[0]["id"], document["id"], "the newest first");
    let one = format!("{}{}/", path(&board), made.text("id"));
    assert_eq!(tutor.get(&one).send().await.expect(200).json()["ref"], made["ref"]);
    // The same under the address of old clients.
    let alias = format!("{}{}/", board.rest("assets/"), made.text("id"));
    assert_eq!(tutor.get(&alias).send().await.expect(200).json()["ref"], made["ref"]);

    // An operation refers to it instead of carrying it.
    let item = json!([{"op": "add", "kind": "asset", "value": {"id": "a1", "src": made["ref"]}}]);
    tutor.save(&board, 0, item).await;
    tutor.delete(&one).send().await.expect(204);
    tutor.get(&one).send().await.refused(404, "not_found");
    tutor.delete(&one).send().await.refused(404, "not_found");
    for odd in ["x", "asset:", &made.text("id").to_uppercase()] {
        tutor.get(&format!("{}{odd}/", path(&board))).send().await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn v11_a_form_carries_one_file() {
    let server = Server::start().await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let form = |parts: &[(&str, &[u8])]| {
        let mut body = Vec::new();
        for (head, bytes) in parts {
            body.extend_from_slice(format!("--xx\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--xx--\r\n");
        tutor.post(&path(&board)).header("Content-Type", "multipart/form-data; boundary=xx").body(body)
    };
    let picture = png(7);
    let file: (&str, &[u8]) = ("name=\"file\"; filename=\"C:\\Нові\\дошка.png\"\r\nContent-Type: image/png", &picture);
    let made = form(&[("name=\"note\"", b"hello"), file]).send().await.expect(201).json();
    assert!(made.text("name").ends_with("дошка.png"), "{made}");
    assert_eq!(got(&made.text("url")).await.expect(200).body, picture);
    form(&[("name=\"note\"", b"hello")]).send().await.refused(400, "validation_error");
    let lie: (&str, &[u8]) = ("name=\"file\"; filename=\"a.gif\"\r\nContent-Type: image/gif", &picture);
    form(&[lie]).send().await.refused(415, "unsupported_asset");
    let many = vec![0; 10 * 1024 * 1024 + 1];
    let large: (&str, &[u8]) = ("name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png", &many);
    assert_eq!(form(&[large]).send().await.refused(413, "payload_too_large").number("limit"), 10 * 1024 * 1024);
    let broken =
        tutor.post(&path(&board)).header("Content-Type", "multipart/form-data; boundary=xx").body("--xx\r\nnothing");
    assert_eq!(broken.send().await.status, 400);
    let bare = tutor.post(&path(&board)).header("Content-Type", "multipart/form-data").body("x").send().await;
    bare.refused(400, "validation_error");
}

#[tokio::test]
async fn v11_who_reads_the_board_reads_its_assets_and_who_may_upload_uploads() {
    let server = Server::start().await;
    let (tutor, pupils, lesson) = server.lesson(2).await;
    let (pupil, other) = (&pupils[0], &pupils[1]);
    let stranger = server.tutor().await;
    let made = uploaded(pupil, &lesson, 1).await;
    let one = format!("{}{}/", path(&lesson), made.text("id"));
    for reader in [&tutor, pupil, other] {
        let read = reader.get(&one).send().await.expect(200).json();
        got(&read.text("url")).await.expect(200);
        assert_eq!(reader.get(&path(&lesson)).send().await.expect(200).json().number("count"), 1);
    }
    for call in [
        stranger.get(&one),
        stranger.get(&path(&lesson)),
        upload(&stranger, &lesson, png(2), "image/png"),
        stranger.delete(&one),
    ] {
        call.send().await.refused(404, "not_found");
    }
    for call in [server.stranger().get(&one), upload(&server.stranger(), &lesson, png(2), "image/png")] {
        call.send().await.refused(401, "unauthorized");
    }
    other.delete(&one).send().await.refused(403, "forbidden");
    // The class's owner pays.
    assert_eq!(usage(pupil).await.number("used"), 0);
    assert_eq!(usage(&tutor).await.number("used"), png(1).len() as u64);
    pupil.delete(&one).send().await.expect(204);
    let left = uploaded(pupil, &lesson, 3).await;
    let left = format!("{}{}/", path(&lesson), left.text("id"));
    tutor.end(&lesson).await;
    upload(pupil, &lesson, png(4), "image/png").send().await.refused(403, "forbidden");
    pupil.delete(&left).send().await.refused(403, "forbidden");
    pupil.get(&left).send().await.expect(200);
    uploaded(&tutor, &lesson, 5).await;
    tutor.delete(&left).send().await.expect(204);
}

#[tokio::test]
async fn v3_a_signed_url_opens_one_object_and_nothing_else() {
    let server = Server::start().await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let (one, two) = (uploaded(&tutor, &board, 1).await, uploaded(&tutor, &board, 2).await);
    let url = one.text("url");
    got(&url).await.expect(200);
    let part = |name: &str| url.split(&format!("{name}=")).nth(1).unwrap().split('&').next().unwrap().to_owned();
    let (expires, signature) = (part("expires"), part("signature"));
    let later = (expires.parse::<i64>().unwrap() + 60).to_string();
    let bare = url.split('?').next().unwrap();
    let changed = [
        url.replace(&expires, &later),
        url.replace(&one.text("id"), &two.text("id")),
        url.replace(&signature, &signature.to_lowercase()),
        format!("{url}&name=evil.exe"),
        format!("{bare}?expires={expires}"),
        format!("{bare}?signature={signature}"),
        format!("{bare}?expires=1&signature={signature}"),
        format!("{bare}?expires=x&signature={signature}"),
        bare.to_owned(),
        server.url(&format!("/blobs/..%2f..%2fjwt-secret?expires={expires}&signature={signature}")),
        server.url(&format!("/blobs/../jwt-secret?expires={expires}&signature={signature}")),
        server.url(&format!("/blobs//etc/passwd?expires={expires}&signature={signature}")),
        server.url(&format!("/blobs/%00?expires={expires}&signature={signature}")),
    ];
    for wrong in changed {
        let answer = got(&wrong).await;
        assert!([403, 404].contains(&answer.status), "{wrong}: {}", answer.status);
        assert!(answer.status == 403 || !wrong.contains("/assets/"), "{wrong}");
    }
    // A good signature of another server's secret.
    let mut other =
        Server::prepared(server.database.clone(), &[("M4SH_JWT_SECRET", "another-secret-for-tests-only-0123456789")]);
    other.launch().await;
    got(&url.replace(&server.address(), &other.address())).await.refused(403, "forbidden");
    // Deleted is gone, whatever the URL says.
    tutor.delete(&format!("{}{}/", path(&board), one.text("id"))).send().await.expect(204);
    server
        .database
        .as_ref()
        .unwrap()
        .execute("DELETE FROM blob WHERE NOT EXISTS (SELECT FROM asset WHERE blob = blob.id)")
        .await;
    got(&url).await.refused(404, "not_found");
}

#[tokio::test]
async fn v5_an_object_is_served_as_data_in_parts_and_only_once() {
    let server = Server::with(&[("M4SH_CORS_ORIGINS", "https://board.example")]).await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let bytes = png(1);
    let url = uploaded(&tutor, &board, 1).await.text("url");
    let whole = got(&url).await.expect(200);
    assert_eq!(whole.header("content-type"), "image/png");
    assert_eq!(whole.header("content-length"), bytes.len().to_string());
    assert_eq!(whole.header("content-disposition"), "inline");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert!(whole.header("content-security-policy").contains("sandbox"));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let life = whole.header("cache-control");
    let seconds = life.strip_prefix("private, max-age=").and_then(|rest| rest.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (3_500..=3_600).contains(&seconds)), "{life}");
    let tag = whole.header("etag");
    assert_eq!(tag.len(), 66);

    let head = fetched(&url, &[], Method::HEAD).await.expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), (bytes.len().to_string(), 0));
    assert!(fetched(&url, &[("if-none-match", &tag)], Method::GET).await.expect(304).body.is_empty());
    fetched(&url, &[("if-none-match", "\"other\"")], Method::GET).await.expect(200);
    let part = fetched(&url, &[("range", "bytes=4-9")], Method::GET).await.expect(206);
    assert_eq!((part.header("content-range"), &part.body[..]), (format!("bytes 4-9/{}", bytes.len()), &bytes[4..10]));
    let last = fetched(&url, &[("range", "bytes=-3"), ("if-range", &tag)], Method::GET).await.expect(206);
    assert_eq!(last.body, bytes[bytes.len() - 3..]);
    assert_eq!(
        fetched(&url, &[("range", "bytes=0-1"), ("if-range", "\"old\"")], Method::GET).await.expect(200).body,
        bytes
    );
    let beyond = fetched(&url, &[("range", "bytes=99999-")], Method::GET).await;
    assert_eq!(beyond.header("content-range"), format!("bytes */{}", bytes.len()));
    beyond.refused(416, "range_not_satisfiable");

    let document = upload(&tutor, &board, pdf(500), "application/pdf").send().await.expect(201).json();
    let saved = got(&document.text("url")).await.expect(200);
    assert!(saved.header("content-disposition").starts_with("attachment; filename=\""));
    assert_eq!(saved.header("content-type"), "application/pdf");
    fetched(&url, &[], Method::POST).await.refused(405, "method_not_allowed");
    // A name behind a slash is no other object.
    got(&url.replace('?', "/x?")).await.refused(403, "forbidden");
}

#[tokio::test]
async fn v5_pages_of_the_configured_origins_may_read_objects_without_cookies() {
    let server = Server::with(&[("M4SH_CORS_ORIGINS", "https://board.example")]).await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let url = uploaded(&tutor, &board, 1).await.text("url");
    let ask = [
        ("origin", "https://board.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    let allowed = fetched(&url, &ask, Method::OPTIONS).await.expect(204);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://board.example");
    assert_eq!(allowed.header("access-control-allow-methods"), "GET, HEAD, OPTIONS");
    assert_eq!(allowed.header("access-control-max-age"), "86400");
    let sent = allowed.header("access-control-allow-headers");
    assert!(
        ["Authorization", "Content-Encoding", "Range", "Content-Type"].iter().all(|name| sent.contains(name)),
        "{sent}"
    );
    let read = fetched(&url, &[ask[0]], Method::GET).await.expect(200);
    assert_eq!(read.header("access-control-allow-origin"), "https://board.example");
    assert_eq!(read.header("access-control-expose-headers"), "Content-Length, Content-Range, ETag");
    assert_eq!(read.header("access-control-allow-credentials"), "");
    assert!(read.header("vary").contains("Origin"));
    let foreign = fetched(&url, &[("origin", "https://evil.example")], Method::GET).await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
    // The API keeps its own.
    let api = fetched(&server.url("/api/v1/auth/me/"), &[ask[0]], Method::GET).await;
    assert_eq!(api.header("access-control-allow-credentials"), "true");
    let open = Server::with(&[("M4SH_CORS_ORIGINS", "*")]).await;
    let anybody = fetched(&open.url("/blobs/x"), &[("origin", "https://any.example")], Method::GET).await;
    assert_eq!(anybody.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn v12_hostile_uploads_are_refused_with_a_reason() {
    let server = Server::start().await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let good = png(1);
    let mut bomb = good.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    let crc = crc32fast::hash(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&crc);
    let jpeg = encoded(1, ImageFormat::Jpeg);
    let hostile: [(Vec<u8>, &str, u16, &str); 9] = [
        (bomb, "image/png", 422, "pixels"),
        (good[..good.len() / 2].to_vec(), "image/png", 422, "cut off"),
        (jpeg[..jpeg.len() - 2].to_vec(), "image/jpeg", 422, "cut off"),
        ([&good[..], b"PK\x03\x04<script>"].concat(), "image/png", 422, "something else"),
        (good.clone(), "image/gif", 415, "image/png"),
        (good.clone(), "text/html", 415, "image/png"),
        (b"<html><script>alert(1)</script>".to_vec(), "image/png", 415, "Only"),
        (b"%PDF-1.4 and no more".to_vec(), "application/pdf", 422, "end is missing"),
        (Vec::new(), "image/png", 415, "Only"),
    ];
    for (bytes, media_type, status, word) in hostile {
        let answer = upload(&tutor, &board, bytes, media_type).send().await;
        let body = answer.refused(status, if status == 415 { "unsupported_asset" } else { "invalid_asset" });
        assert!(body.text("detail").contains(word), "{body}");
    }
    for name in ["a%00.png", "a%0d%0aSet-Cookie:x", &"x".repeat(256)] {
        let call =
            tutor.post(&format!("{}?name={name}", path(&board))).header("Content-Type", "image/png").body(good.clone());
        let body = call.send().await.refused(400, "validation_error");
        assert!(body["name"].is_array(), "{body}");
    }
    let over = vec![0; 10 * 1024 * 1024 + 1];
    upload(&tutor, &board, over, "image/png").send().await.refused(413, "payload_too_large");
    assert_eq!(tutor.get(&path(&board)).send().await.expect(200).json().number("count"), 0);
    let account = usage(&tutor).await;
    assert_eq!((account.number("used"), account.number("reserved")), (0, 0));
}

#[tokio::test]
async fn v13_svg_is_no_asset() {
    let server = Server::start().await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    for media_type in ["image/svg+xml", "image/png", "application/octet-stream"] {
        let body = upload(&tutor, &board, svg.into(), media_type).send().await.refused(415, "unsupported_asset");
        assert!(body.text("detail").contains("SVG"), "{body}");
    }
}

#[tokio::test]
async fn v7_what_does_not_fit_into_the_quota_is_told_in_numbers() {
    let server = Server::start().await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let database = server.database.as_ref().unwrap();
    let size = 500;
    let document = |filling: u8| [pdf(499), vec![filling]].concat();
    let fresh = usage(&tutor).await;
    assert_eq!((fresh.number("used"), fresh.number("reserved"), fresh.number("quota")), (0, 0, 5 << 30));
    set_quota(database, &tutor, 3 * size).await;
    // Many at once: three fit.
    let tries = (b'a'..b'm').map(|filling| upload(&tutor, &board, document(filling), "application/pdf").send());
    let answers = futures_util::future::join_all(tries).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 3, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        let body = refused.refused(403, "quota_exceeded");
        assert_eq!(body.number("quota"), 3 * size);
        assert_eq!(body.number("remaining"), 3 * size - body.number("used"));
    }
    let full = usage(&tutor).await;
    assert_eq!((full.number("used"), full.number("reserved"), full.number("remaining")), (3 * size, 0, 0));
    // A quota of 0 is none.
    set_quota(database, &tutor, 0).await;
    uploaded(&tutor, &board, 99).await;
    assert!(usage(&tutor).await["remaining"].is_null());
}

#[tokio::test]
async fn v9_a_copy_has_the_assets_and_a_deleted_board_frees_them() {
    let server = Server::start().await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let size = png(1).len() as u64;
    let made = uploaded(&tutor, &board, 1).await;
    let copy = tutor.post(&board.rest("duplicate/")).send().await.expect(201).json();
    let copy = crate::harness::Solo(copy.text("id"));
    assert_eq!(usage(&tutor).await.number("used"), 2 * size);
    tutor.delete(&board.rest("")).send().await.expect(204);
    assert_eq!(usage(&tutor).await.number("used"), size);
    let kept = tutor.get(&format!("{}{}/", path(&copy), made.text("id"))).send().await.expect(200).json();
    assert_eq!(got(&kept.text("url")).await.expect(200).body, png(1));
    // A lesson from a template has them, too.
    let class = tutor.create_class().await;
    let body = json!({"name": "x", "template_board_id": copy.0});
    let open = format!("/api/v1/classrooms/{}/sessions/", class.id);
    let lesson = tutor.post(&open).json(&body).send().await.expect(201).json();
    let lesson = crate::harness::Solo(lesson.text("board_id"));
    assert_eq!(tutor.get(&path(&lesson)).send().await.expect(200).json().number("count"), 1);
    assert_eq!(usage(&tutor).await.number("used"), 2 * size);
    // A copy that does not fit is none.
    set_quota(server.database.as_ref().unwrap(), &tutor, 2 * size).await;
    tutor.post(&copy.rest("duplicate/")).send().await.refused(403, "quota_exceeded");
    tutor.post(&open).json(&body).send().await.refused(403, "quota_exceeded");
    let boards = tutor.get("/api/v1/solo/sessions/").send().await.expect(200).json();
    assert_eq!(boards.number("count"), 1);
}

#[tokio::test]
async fn b2_uploads_have_a_rate() {
    let server = Server::with(&[("M4SH_RATES_UPLOAD", "2/min")]).await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    uploaded(&tutor, &board, 1).await;
    uploaded(&tutor, &board, 2).await;
    is_rate_limited(&upload(&tutor, &board, png(3), "image/png").send().await);
}
