//! Objects in a folder: what comes back, what is refused, what a URL opens. Buckets are tested from outside.

use std::fs;

use super::*;
use crate::config::{BucketSettings, CdnSettings, StorageSettings};

const SECRET: &[u8] = b"a secret for tests only, 32 bytes";

fn folder() -> (tempfile::TempDir, Blobs) {
    let place = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&StorageSettings::Local(place.path().join("blobs")), SECRET).unwrap();
    (place, blobs)
}

async fn put(blobs: &Blobs, key: &str, bytes: &'static [u8]) {
    blobs.put(key, BlobContent::Bytes(bytes.into()), "text/plain", &[("rev", "7".into())]).await.unwrap();
}

async fn keys(blobs: &Blobs) -> Vec<String> {
    let mut keys: Vec<_> = blobs.list("solo").map_ok(|object| object.key).try_collect().await.unwrap();
    keys.sort();
    keys
}

#[tokio::test]
async fn v1_what_was_put_comes_back_and_what_was_deleted_does_not() {
    let (_place, blobs) = folder();
    put(&blobs, "solo/u/b/7.json", b"hello").await;
    put(&blobs, "solo/u/b/8.json", b"").await;
    assert_eq!(blobs.get("solo/u/b/7.json", 5).await.unwrap(), "hello");
    assert_eq!(blobs.get("solo/u/b/8.json", 5).await.unwrap(), "");
    assert_eq!(keys(&blobs).await, ["solo/u/b/7.json", "solo/u/b/8.json"]);
    put(&blobs, "solo/u/b/7.json", b"again").await;
    assert_eq!(blobs.get("solo/u/b/7.json", 5).await.unwrap(), "again");
    for _ in 0..2 {
        blobs.delete("solo/u/b/7.json").await.unwrap();
        assert!(matches!(blobs.get("solo/u/b/7.json", 5).await, Err(BlobError::Missing)));
        assert!(!blobs.exists("solo/u/b/7.json").await.unwrap());
    }
}

#[tokio::test]
async fn v1_too_large_missing_and_away_are_three_things() {
    let (place, blobs) = folder();
    put(&blobs, "solo/a", b"123456").await;
    assert!(matches!(blobs.get("solo/a", 5).await, Err(BlobError::TooLarge { limit: 5 })));
    assert!(matches!(blobs.get("solo/b", 5).await, Err(BlobError::Missing)));
    fs::remove_dir_all(place.path().join("blobs")).unwrap();
    fs::write(place.path().join("blobs"), "no folder").unwrap();
    let away = blobs.put("solo/c", BlobContent::Bytes(Bytes::new()), "text/plain", &[]).await;
    assert!(matches!(away, Err(BlobError::Unavailable(_))), "{away:?}");
}

#[tokio::test]
async fn v1_a_file_of_many_parts_is_streamed_and_ranges_of_it_can_be_read() {
    let (place, blobs) = folder();
    let bytes: Vec<u8> = (0..limits::OBJECT_PART * 2 + 12_345).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let file = place.path().join("file");
    fs::write(&file, &bytes).unwrap();
    let size = bytes.len() as u64;
    blobs.put("solo/large", BlobContent::File(file.clone(), size), "application/pdf", &[]).await.unwrap();
    blobs.put("solo/memory", BlobContent::Bytes(bytes.clone().into()), "application/pdf", &[]).await.unwrap();
    for key in ["solo/large", "solo/memory"] {
        assert!(blobs.get(key, bytes.len()).await.unwrap() == bytes, "{key}");
        let middle = 8_388_000..8_389_000_u64;
        let parts: Vec<Bytes> = blobs.read(key, middle).await.unwrap().try_collect().await.unwrap();
        assert!(parts.concat() == bytes[8_388_000..8_389_000], "{key}");
    }
    // A file that is shorter than it was said to be is no object.
    let cut = blobs.put("solo/cut", BlobContent::File(file, size + 1), "application/pdf", &[]).await;
    assert!(matches!(cut, Err(BlobError::Unavailable(_))), "{cut:?}");
    assert!(!blobs.exists("solo/cut").await.unwrap());
}

#[tokio::test]
async fn v2_no_key_leads_out_of_the_folder() {
    let (place, blobs) = folder();
    fs::write(place.path().join("secret"), "s").unwrap();
    let long = "x".repeat(limits::OBJECT_KEY_BYTES + 1);
    for wrong in [
        "",
        "/",
        "..",
        "../secret",
        "solo/../../secret",
        "/etc/passwd",
        "solo//a",
        "solo/./a",
        "a\0b",
        "a b",
        "a%2e",
        "ключ",
        "solo/a#1",
        "solo/",
        "a\\b",
        &long,
    ] {
        assert!(matches!(blobs.get(wrong, 9).await, Err(BlobError::Key(_))), "{wrong}");
        assert!(matches!(blobs.signed_url(wrong, Duration::from_secs(9), "http://h").await, Err(BlobError::Key(_))));
    }
}

#[tokio::test]
async fn v8_what_a_crash_left_half_written_is_cleared_and_nothing_else() {
    let (place, blobs) = folder();
    put(&blobs, "solo/u/kept", b"1").await;
    fs::write(place.path().join("blobs/solo/u/kept#1"), "half").unwrap();
    assert_eq!(keys(&blobs).await, ["solo/u/kept"]);
    assert_eq!(blobs.clear_staged(Duration::from_secs(60)).await.unwrap(), 0);
    assert_eq!(blobs.clear_staged(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(blobs.get("solo/u/kept", 9).await.unwrap(), "1");
}

/// The parts of a local URL.
fn taken_apart(url: &str) -> (String, i64, Option<String>, String) {
    let url = url::Url::parse(url).unwrap();
    let of = |name: &str| url.query_pairs().find(|pair| pair.0 == name).map(|pair| pair.1.into_owned());
    let key = url.path().strip_prefix("/blobs/").unwrap().to_owned();
    (key, of("expires").unwrap().parse().unwrap(), of("name"), of("signature").unwrap())
}

#[tokio::test]
async fn v3_a_local_url_opens_its_own_object_until_it_expires_and_nothing_else() {
    let (_place, blobs) = folder();
    let now = Timestamp::now();
    let url = blobs.signed_download("solo/u/a.pdf", Duration::from_secs(60), "https://h/", "Дроби.pdf").await.unwrap();
    assert!(url.starts_with("https://h/blobs/solo/u/a.pdf?expires="), "{url}");
    let (key, expires, name, signature) = taken_apart(&url);
    let admits = |key: &str, expires, name: Option<&str>, signature: &str, at| {
        blobs.admits(key, &SignedUrlQuery { expires, name, signature }, at)
    };
    let name = name.as_deref();
    assert!(admits(&key, expires, name, &signature, now));
    let last = Timestamp::from_second(expires).unwrap();
    assert!(!admits(&key, expires, name, &signature, last));
    assert!(!admits(&key, expires + 60, name, &signature, now));
    assert!(!admits("solo/u/b.pdf", expires, name, &signature, now));
    assert!(!admits(&key, expires, Some("evil.exe"), &signature, now));
    assert!(!admits(&key, expires, None, &signature, now));
    for wrong in ["", "AAAA", &signature[1..], &signature.replace(&signature[..1], "_"), "%", &"A".repeat(9_999)] {
        assert!(*wrong == *signature || !admits(&key, expires, name, wrong, now), "{wrong}");
    }
    // Another server's secret signs nothing here, and a life has an end.
    let other =
        Blobs::open(&StorageSettings::Local(_place.path().join("other")), b"another secret of at least 32 bytes")
            .unwrap();
    assert!(!other.admits(&key, &SignedUrlQuery { expires, name, signature: &signature }, now));
    let long = blobs.signed_url("solo/u/a.pdf", Duration::MAX, "http://h").await.unwrap();
    assert!(taken_apart(&long).1 <= now.as_second() + 8 * 24 * 3600);
}

fn bucket(cdn: Option<&str>) -> StorageSettings {
    let settings = [
        "--storage-backend",
        "s3",
        "--s3-access-key-id",
        "id",
        "--s3-secret-access-key",
        "the secret",
        "--s3-endpoint-url",
        "http://10.0.0.1:9000",
        "--s3-public-endpoint-url",
        "https://objects.example.org",
    ];
    let mut arguments: Vec<_> = std::iter::once("m4sh").chain(settings).collect();
    if let Some(key) = cdn {
        arguments.extend(["--cdn-domain", "cdn.example.org", "--cdn-signing-key", key]);
    }
    let cli = <crate::config::Cli as clap::Parser>::try_parse_from(arguments).unwrap();
    cli.resolve(std::iter::empty()).unwrap().1.storage
}

#[tokio::test]
async fn v4_a_presigned_url_is_signed_for_the_host_that_browsers_ask() {
    let blobs = Blobs::open(&bucket(None), SECRET).unwrap();
    let url = blobs.signed_download("solo/u/a.pdf", Duration::from_secs(60), "http://h", "a.pdf").await.unwrap();
    assert!(url.starts_with("https://objects.example.org/solo-workspace/solo/u/a.pdf?"), "{url}");
    assert!(url.contains("X-Amz-Expires=60") && url.contains("response-content-disposition=attachment"), "{url}");
    assert!(!url.contains("10.0.0.1") && !url.contains("the secret"));
    assert!(!blobs.admits(
        "solo/u/a.pdf",
        &SignedUrlQuery { expires: i64::MAX, name: None, signature: "" },
        Timestamp::now()
    ));
}

#[tokio::test]
async fn v4_a_cdns_url_has_the_contracts_signature() {
    let StorageSettings::S3(BucketSettings { cdn: Some(CdnSettings { domain, .. }), .. }) =
        bucket(Some("0123456789abcdef"))
    else {
        panic!()
    };
    assert_eq!(domain, "cdn.example.org");
    let blobs = Blobs::open(&bucket(Some("0123456789abcdef")), SECRET).unwrap();
    let url = blobs.signed_url("solo/u/a.pdf", Duration::from_secs(60), "http://h").await.unwrap();
    let expires = url.split("expires=").nth(1).unwrap().split('&').next().unwrap();
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"0123456789abcdef").unwrap();
    mac.update(format!("/solo/u/a.pdf:{expires}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(url, format!("https://cdn.example.org/solo/u/a.pdf?expires={expires}&signature={}", &hex[..32]));
}
