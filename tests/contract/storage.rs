//! Objects in a bucket, over a real S3 protocol: types, versions, presigned URLs, and a store that goes away.

use std::{process::Command, time::Instant};

use crate::{
    assets::{path, pdf, png, upload},
    harness::{
        Account, Room, Server,
        account::Fields,
        bucket::{self, Bucket, Door},
    },
};

async fn usage(who: &Account) -> (u64, u64) {
    let usage = who.get("/api/v1/auth/usage/").send().await.expect(200).json();
    (usage.number("used"), usage.number("reserved"))
}

#[tokio::test]
async fn v1_a_bucket_keeps_objects_with_their_type_their_board_and_a_version() {
    let bucket = Bucket::start().await;
    let server = Server::with(&bucket.settings()).await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let made = upload(&tutor, &board, png(1), "image/png").send().await.expect(201).json();
    let key = format!("solo/{}/{}/assets/{}", tutor.id, board.board(), made.text("id"));
    assert_eq!(bucket.keys().await, std::slice::from_ref(&key));
    let head = bucket.object(&key).await;
    let header =
        |name: &str| head.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("x-amz-meta-session_id"), board.board());
    let version =
        server.database.as_ref().unwrap().client().await.query_one("SELECT version FROM blob", &[]).await.unwrap();
    assert_eq!(version.get::<_, Option<String>>(0), Some(header("x-amz-version-id")));
    // Nothing lies in the data directory, and no route of this server serves it.
    assert!(!server.data.path().join("blobs").exists());
    let here =
        server.http().get(server.url(&format!("/blobs/{key}?expires=9999999999&signature=x"))).send().await.unwrap();
    assert_eq!(here.status(), 404);
    // What is longer than one part comes in parts, and is whole.
    let long = pdf(9 * 1024 * 1024);
    let made = upload(&tutor, &board, long.clone(), "application/pdf").send().await.expect(201).json();
    let key = format!("solo/{}/{}/assets/{}", tutor.id, board.board(), made.text("id"));
    let tag = bucket.object(&key).await.headers()["etag"].to_str().unwrap().to_owned();
    assert!(tag.ends_with("-2\""), "an upload of two parts, not {tag}");
    let read = bucket::client().get(made.text("url")).send().await.unwrap().bytes().await.unwrap();
    assert!(read == long);
}

/// What botocore, which is not ours, makes of a presigned URL's parts.
const RECKON: &str = "
import sys, urllib.parse as p
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
url = sys.argv[1]
parts = p.urlsplit(url)
query = [(k, v) for k, v in p.parse_qsl(parts.query, keep_blank_values=True) if k != 'X-Amz-Signature']
bare = p.urlunsplit(parts._replace(query='&'.join(p.quote(k, safe='-_.~') + '=' + p.quote(v, safe='-_.~') for k, v in query)))
auth = S3SigV4QueryAuth(Credentials('the-key', 'the-secret-of-the-key'), 's3', 'eu-central-1')
request = AWSRequest(method='GET', url=bare)
request.context['timestamp'] = dict(query)['X-Amz-Date']
request.headers['host'] = parts.netloc
canonical = auth.canonical_request(request)
print(auth.signature(auth.string_to_sign(request, canonical), request))
";

#[tokio::test]
async fn v4_a_presigned_url_is_what_another_implementation_would_sign_and_opens_for_anybody() {
    let bucket = Bucket::start().await;
    let server = Server::with(&bucket.settings()).await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    let made = upload(&tutor, &board, png(1), "image/png").send().await.expect(201).json();
    let url = made.text("url");
    assert!(url.starts_with(&format!("{}/boards/solo/", bucket.inside)), "for the public host: {url}");
    assert!(url.contains("X-Amz-Expires=3600") && !url.contains("the-secret"), "{url}");
    let read = bucket::client().get(&url).send().await.unwrap();
    assert_eq!(read.headers()["content-type"], "image/png");
    assert_eq!(read.bytes().await.unwrap(), png(1));
    let reckoned = Command::new(bucket::python_program("python")).args(["-c", RECKON, &url]).output().unwrap();
    let expected = String::from_utf8_lossy(&reckoned.stdout).trim().to_owned();
    assert!(reckoned.status.success(), "{}", String::from_utf8_lossy(&reckoned.stderr));
    let signature = url.split("X-Amz-Signature=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(signature, expected);
}

#[tokio::test]
async fn v4_with_a_cdn_and_its_key_urls_lead_there_and_without_a_key_they_do_not() {
    let bucket = Bucket::start().await;
    for (key, prefix) in [("0123456789abcdef", "https://cdn.example.org/solo/"), ("", bucket.inside.as_str())] {
        let mut settings = bucket.settings();
        settings.extend([("SOLO_CDN_DOMAIN", "cdn.example.org"), ("SOLO_CDN_SIGNING_KEY", key)]);
        let server = Server::with(&settings).await;
        let tutor = server.tutor().await;
        let board = tutor.create_board().await;
        let made = upload(&tutor, &board, png(1), "image/png").send().await.expect(201).json();
        let url = made.text("url");
        assert!(url.starts_with(prefix), "{url}");
        assert!(url.contains("ignature="), "never open for ever: {url}");
        assert!(!server.log().text().contains("the-secret-of-the-key"));
    }
}

#[tokio::test]
async fn v14_an_upload_without_its_store_is_refused_soon_and_leaves_nothing() {
    let bucket = Bucket::start().await;
    let server = Server::with(&bucket.settings()).await;
    let tutor = server.tutor().await;
    let board = tutor.create_board().await;
    upload(&tutor, &board, png(1), "image/png").send().await.expect(201);
    let before = usage(&tutor).await;
    for (colour, door) in [(2, Door::Shut), (3, Door::Silent), (4, Door::Deaf)] {
        bucket.door(door);
        let began = Instant::now();
        let refused = upload(&tutor, &board, png(colour), "image/png").send().await;
        assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
        refused.refused(503, "unavailable");
        assert!(began.elapsed().as_secs() < 18, "{door:?}: {:?}", began.elapsed());
        assert_eq!(usage(&tutor).await, before, "{door:?}");
        let rows = server.database.as_ref().unwrap().number("SELECT count(*) FROM blob").await;
        assert_eq!(rows, 1, "{door:?}: no row of what is not there");
    }
    // Drawing goes on.
    tutor.save(&board, 0, serde_json::json!([{"op": "add", "kind": "stroke", "value": {"id": "s1"}}])).await;
    bucket.door(Door::Open);
    // What a lost answer left in the store is known, so that the sweep can remove it.
    let doomed = server.database.as_ref().unwrap().client().await;
    let doomed = doomed.query("SELECT key FROM doomed_object", &[]).await.unwrap();
    let doomed: Vec<String> = doomed.iter().map(|row| row.get(0)).collect();
    let rows = server.database.as_ref().unwrap().client().await.query("SELECT key FROM blob", &[]).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for key in bucket.keys().await {
        assert!(rows.contains(&key) || doomed.contains(&key), "{key} is an orphan");
    }
    // The same picture passes when the store is back.
    upload(&tutor, &board, png(4), "image/png").send().await.expect(201);
    assert_eq!(tutor.get(&path(&board)).send().await.expect(200).json().number("count"), 2);
}
