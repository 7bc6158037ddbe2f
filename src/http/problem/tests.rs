//! What clients may rely on in an error's status, headers and body.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

fn body(problem: &Problem) -> Value {
    serde_json::from_slice(&problem.body("req-1", "/api/v1/solo/sessions/x/diff/")).unwrap()
}

fn samples() -> Vec<Problem> {
    let rev = Rev(7);
    let wait = Duration::from_millis(1);
    vec![
        Problem::Invalid(Faults::one("name", "This field is required.")),
        Problem::EmptyOps,
        Problem::Unparsable("unexpected end at byte 3".to_owned()),
        Problem::InvalidJson,
        Problem::InvalidPayload,
        Problem::StateRequired,
        Problem::InvalidGzip,
        Problem::InvalidHeader { name: "Idempotency-Key", must: "short".into() },
        Problem::IncompleteBody,
        Problem::no_credentials(),
        Problem::InvalidCredentials,
        Problem::InvalidRefresh,
        Problem::Forbidden("No."),
        Problem::RegistrationClosed,
        Problem::NotFound,
        Problem::DeadLink,
        Problem::MethodNotAllowed { allow: "GET, HEAD".into() },
        Problem::SlowBody,
        Problem::RevMismatch { server_rev: rev },
        Problem::PreconditionFailed { server_rev: rev },
        Problem::BodyTooLarge { limit: 524_288, encoding: Encoding::Gzip },
        Problem::UnsupportedEncoding,
        Problem::InvalidFormat,
        Problem::SessionTooLarge { bytes: 11_000_000 },
        Problem::UnknownRev,
        Problem::ExportFailed("The page is too large.".to_owned()),
        Problem::ThumbnailFailed,
        Problem::Refused(BoardRefusal::InvalidOp { index: 2, message: "no such page".to_owned() }),
        Problem::Refused(BoardRefusal::BoardTooLarge { got: 2, limit: 1 }),
        Problem::Refused(BoardRefusal::TooManyPages { limit: 1 }),
        Problem::Refused(BoardRefusal::InvalidState { message: "not an object".to_owned() }),
        Problem::Refused(BoardRefusal::KeyReused),
        Problem::OpsQuota { max: 100, got: 101 },
        Problem::QuotaExceeded { used: 5, quota: 10 },
        Problem::UnsupportedMedia("SVG is not taken.".into()),
        Problem::InvalidAsset("The image is cut off.".into()),
        Problem::RangeNotSatisfiable { size: 9 },
        Problem::RateLimited { wait, limit: 120 },
        Problem::Unavailable { wait },
        Problem::Internal("password=hunter2".to_owned()),
    ]
}

#[test]
fn h14_every_problem_says_error_detail_and_request_id() {
    for problem in samples() {
        let body = body(&problem);
        assert_eq!(body["error"], problem.error(), "{problem:?}");
        assert_eq!(body["request_id"], "req-1");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem:?}");
        assert!(problem.status().is_client_error() || problem.status().is_server_error());
        assert_eq!(problem.error_response().status(), problem.status());
    }
}

#[test]
fn h14_codes_are_snake_case_and_only_validation_shares_one() {
    let codes: Vec<_> = samples().iter().map(Problem::code).collect();
    assert!(codes.iter().all(|code| code.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())));
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len() - 1);
}

#[test]
fn v7_a_full_quota_is_403_with_the_contracts_numbers() {
    let full = body(&Problem::QuotaExceeded { used: 5, quota: 10 });
    assert_eq!((&full["used"], &full["quota"], &full["remaining"]), (&json!(5), &json!(10), &json!(5)));
    let over = Problem::QuotaExceeded { used: 12, quota: 10 };
    assert_eq!((over.status().as_u16(), &body(&over)["remaining"]), (403, &json!(0)));
}

#[test]
fn h10_a_413_has_exactly_the_six_keys_of_the_contract() {
    let problem = Problem::BodyTooLarge { limit: 524_288, encoding: Encoding::Gzip };
    assert_eq!(
        body(&problem),
        json!({
            "error": "payload_too_large", "detail": "payload_too_large", "limit": 524_288, "encoding": "gzip",
            "endpoint": "/api/v1/solo/sessions/x/diff/", "request_id": "req-1",
        })
    );
    assert_eq!(problem.status(), 413);
}

#[test]
fn e30_old_clients_show_the_text_under_error() {
    assert_eq!(body(&Problem::InvalidFormat)["error"], "Invalid format. Use: png, pdf, json");
    assert_eq!(body(&Problem::ThumbnailFailed)["error"], "Failed to generate thumbnail");
    let large = body(&Problem::SessionTooLarge { bytes: 10_485_761 });
    assert_eq!(large["detail"], "session_too_large");
    assert_eq!((&large["max_bytes"], &large["state_bytes"]), (&json!(10_485_760), &json!(10_485_761)));
}

#[test]
fn h15_conflicts_carry_the_revision_of_the_server() {
    let conflict = Problem::RevMismatch { server_rev: Rev(7) };
    assert_eq!((conflict.status().as_u16(), &body(&conflict)["server_rev"]), (409, &json!(7)));
    let failed = Problem::PreconditionFailed { server_rev: Rev(7) };
    assert_eq!((failed.status().as_u16(), &body(&failed)["server_rev"]), (412, &json!(7)));
}

#[test]
fn d3_a_refused_operation_is_named_by_its_index() {
    let problem = Problem::Refused(BoardRefusal::InvalidOp { index: 2, message: "no such page".to_owned() });
    let body = body(&problem);
    assert_eq!(problem.status(), 422);
    assert_eq!(body["detail"], "invalid_ops");
    assert_eq!((&body["message"], &body["index"]), (&json!("no such page"), &json!(2)));
    let quota = Problem::OpsQuota { max: 100, got: 101 };
    let keys = super::tests::body(&quota);
    assert_eq!(
        (&keys["max_ops"], &keys["your_ops"], &keys["detail"]),
        (&json!(100), &json!(101), &json!("ops_quota_exceeded"))
    );
}

#[test]
fn b2_a_wait_is_rounded_up_and_never_zero() {
    for (wait, seconds, millis) in [
        (Duration::ZERO, "1", "1"),
        (Duration::from_nanos(1), "1", "1"),
        (Duration::from_millis(1_000), "1", "1000"),
        (Duration::from_micros(1_000_001), "2", "1001"),
        (Duration::from_millis(59_500), "60", "59500"),
    ] {
        let answer = Problem::RateLimited { wait, limit: 120 }.error_response();
        let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!((&*header("retry-after"), &*header("x-backoff-ms")), (seconds, millis), "{wait:?}");
        assert_eq!((&*header("x-ratelimit-limit"), &*header("x-ratelimit-remaining")), ("120", "0"));
    }
    let away = Problem::Unavailable { wait: Duration::ZERO }.error_response();
    assert_eq!(away.headers().get("retry-after").unwrap(), "1");
}

#[test]
fn h14_a_cause_of_ours_reaches_the_log_and_not_the_client() {
    let problem = Problem::Internal("password=hunter2".to_owned());
    assert_eq!(problem.cause(), Some("password=hunter2"));
    assert!(!body(&problem).to_string().contains("hunter2"));
}

#[test]
fn h9_validation_keeps_the_field_keys_beside_the_common_ones() {
    let body = body(&Problem::Invalid(Faults::one("name", "This field is required.")));
    assert_eq!(body["name"], json!(["This field is required."]));
    assert_eq!(super::tests::body(&Problem::EmptyOps)["ops"], "At least one operation is required");
}
