//! Every error that a client can meet, as a schema, an example and a response: taken from the real [`Problem`], whose
//! bodies and headers these are. Used by `complete_spec`. Never words of its own where the problem has some.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::ResponseError;
use serde_json::{Map, Value, json};

use crate::http::{
    fields::Faults,
    problem::{Encoding, Problem},
};
use m4sh_domain::limits;
use m4sh_domain::{board::BoardRefusal, ids::Rev};

/// The request of all examples.
const REQUEST_ID: &str = "0190b2c4-7d1e-4f6a-9b3c-2f5d8e7a1c40";
const PATH: &str = "/api/v1/solo/sessions/0190b2c4-7d1e-7f6a-9b3c-2f5d8e7a1c40/diff/";

/// One of each, with what a client should know about it. A test compares the codes with those of `problem.rs`.
fn all() -> Vec<(Problem, &'static str)> {
    let refused = Problem::Refused;
    let wait = Duration::from_millis(1_500);
    let server_rev = Rev(7);
    vec![
        (
            Problem::Invalid(Faults::one("name", "This field is required.")),
            "Each wrong field is a key of its own with its reasons.",
        ),
        (Problem::Unparsable("expected value at byte 1".into()), "The body is no JSON that this server reads."),
        (Problem::InvalidJson, "A raw state is no JSON."),
        (Problem::InvalidPayload, "A beacon is no JSON."),
        (Problem::StateRequired, "A save-stream came without a state."),
        (Problem::InvalidGzip, "The compressed body is broken or cut off."),
        (
            Problem::InvalidHeader { name: "Idempotency-Key", must: "at most 200 visible ASCII characters".into() },
            "A header cannot be what it claims to be.",
        ),
        (Problem::IncompleteBody, "The connection broke inside the body."),
        (
            refused(BoardRefusal::InvalidState { message: "a state is an object".into() }),
            "No board can have this state.",
        ),
        (Problem::no_credentials(), "No access token, or one that is not good any more."),
        (Problem::InvalidCredentials, "Unknown e-mail address or wrong password: one answer for both."),
        (Problem::InvalidRefresh, "The refresh token is missing, unknown, expired or used up."),
        (Problem::Forbidden("You may not change this board."), "Seen, and not allowed."),
        (Problem::RegistrationClosed, "This server takes no registrations."),
        (Problem::NotFound, "No such thing, or nothing that the caller may know of."),
        (Problem::Pinned, "A pinned snapshot is not deleted."),
        (Problem::RangeNotSatisfiable { size: 1_480 }, "The object has no such bytes."),
        (Problem::DeadLink, "The link is unknown, ended, expired or used up: one answer for all."),
        (
            Problem::QuotaExceeded { used: 5_368_000_000, quota: 5_368_709_120 },
            "It does not fit into the storage quota of who would pay for it.",
        ),
        (
            Problem::UnsupportedMedia("Send a PNG, JPEG, GIF, WebP or PDF file.".into()),
            "An upload of a type that is not taken.",
        ),
        (
            Problem::InvalidAsset("This is not the image that it says it is.".into()),
            "An upload that is not what it says, or more than may be.",
        ),
        (Problem::InvalidFormat, "There is no export in this format."),
        (
            Problem::SessionTooLarge { bytes: limits::EXPORT_STATE + 1 },
            "The board's state is too large to be exported.",
        ),
        (Problem::UnknownRev, "The board never had this revision, or it is not saved yet."),
        (
            Problem::ExportFailed("The board is too large to be drawn.".into()),
            "The file cannot be made; the reason is in `detail`.",
        ),
        (Problem::ThumbnailFailed, "The picture cannot be made now."),
        (Problem::MethodNotAllowed { allow: "GET, HEAD".into() }, "The path exists for other methods."),
        (Problem::SlowBody, "The body did not arrive in time."),
        (Problem::RevMismatch { server_rev }, "`X-Rev` is not the board's revision, which is in the body."),
        (
            Problem::PreconditionFailed { server_rev },
            "`If-Match` is not the board's revision, which is in the body, or no revision was named.",
        ),
        (
            Problem::BodyTooLarge { limit: limits::DIFF_BODY, encoding: Encoding::Raw },
            "The body is over its limit, which counts after inflation. Told before the token is looked at.",
        ),
        (Problem::UnsupportedEncoding, "Only `gzip` and `identity` are read."),
        (
            refused(BoardRefusal::InvalidOp { index: 0, message: "there is no stroke with this id".into() }),
            "An operation cannot be done on this board; none of them was.",
        ),
        (
            refused(BoardRefusal::BoardTooLarge { got: limits::BOARD_BYTES + 1, limit: limits::BOARD_BYTES }),
            "The board would become larger than a board may be.",
        ),
        (refused(BoardRefusal::TooManyPages { limit: limits::BOARD_PAGES }), "The board would have too many pages."),
        (
            refused(BoardRefusal::Locked { index: Some(0) }),
            "Somebody else locked this item, and only those who lead change it.",
        ),
        (refused(BoardRefusal::NothingToUndo), "There is nothing of one's own left to take back."),
        (refused(BoardRefusal::UndoConflict), "What it changed was changed since; the batch before it comes next."),
        (
            refused(BoardRefusal::UndoTooLarge),
            "The change was too large to be taken back; the batch before it comes next.",
        ),
        (refused(BoardRefusal::NothingToClear), "There is nothing here that the caller may clear."),
        (refused(BoardRefusal::UnknownClear), "There is no such clear, or not any more."),
        (refused(BoardRefusal::NothingToRestore), "All of what the clear took is on the board."),
        (refused(BoardRefusal::KeyReused), "This idempotency key was used for something else."),
        (
            Problem::OpsQuota { max: limits::OPS_PER_BATCH, got: limits::OPS_PER_BATCH + 1 },
            "Too many operations in one batch.",
        ),
        (Problem::RateLimited { wait, limit: 120 }, "Over the rate of `x-m4sh-rate`. The wait is never zero."),
        (Problem::Unavailable { wait }, "Something is away. A save may still happen: its key, sent again, finds out."),
        (Problem::Internal(String::new()), "A fault of ours; the request id finds it in the log."),
    ]
}

/// One code.
pub struct Failure {
    /// Its status.
    pub status: u16,
    /// What it means.
    pub words: &'static str,
    /// A whole body.
    pub body: Value,
    /// The headers that come with it.
    headers: Vec<(String, String)>,
}

/// All failures by their code.
pub fn by_code() -> BTreeMap<&'static str, Failure> {
    all().into_iter().map(|(problem, words)| (problem.code(), Failure::of(&problem, words))).collect()
}

impl Failure {
    fn of(problem: &Problem, words: &'static str) -> Self {
        let headers = problem.error_response().headers().clone();
        Self {
            status: problem.status().as_u16(),
            words,
            body: serde_json::from_slice(&problem.body(REQUEST_ID, PATH)).unwrap_or_default(),
            headers: headers
                .iter()
                .filter_map(|(name, value)| Some((shown(name.as_str()), value.to_str().ok()?.to_owned())))
                .collect(),
        }
    }

    /// The problem with what this code adds to it.
    pub fn schema(&self) -> Value {
        let no_keys = Map::new();
        let keys = self.body.as_object().unwrap_or(&no_keys);
        let mut properties = Map::from_iter([("error".to_owned(), json!({"const": self.body["error"]}))]);
        // The field of a validation error is whichever was wrong.
        let fixed = keys.iter().filter(|_| self.body["error"] != "validation_error");
        for (key, value) in fixed.filter(|(key, _)| !["error", "detail", "request_id"].contains(&key.as_str())) {
            properties.insert(key.clone(), extra_key(key, value));
        }
        let required: Vec<_> = properties.keys().cloned().collect();
        json!({
            "description": self.words,
            "allOf": [{"$ref": "#/components/schemas/Problem"}],
            "properties": properties,
            "required": required,
        })
    }

    /// The headers of its response.
    pub fn headers(&self) -> Value {
        let described = |(name, sample): &(String, String)| {
            let schema = match sample.parse::<u64>() {
                Ok(number) => json!({"type": "integer", "minimum": 0, "examples": [number]}),
                Err(_) => json!({"type": "string", "examples": [sample]}),
            };
            (name.clone(), json!({"description": header_words(name), "required": true, "schema": schema}))
        };
        self.headers.iter().map(described).collect::<Map<_, _>>().into()
    }
}

/// The schema that all failures share.
pub fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "Every error, with the keys that are fixed for its code. Clients ignore keys they do not know.",
        "required": ["error", "detail", "request_id"],
        "properties": {
            "error": {"type": "string", "description": "The code, for programs.", "examples": ["not_found"]},
            "detail": {"type": "string", "description": "Words for a person.", "examples": ["Not found."]},
            "request_id": {
                "type": "string",
                "description": "The same as `X-Request-ID`; it finds the request in the server's log.",
                "examples": [REQUEST_ID],
            },
        },
    })
}

fn extra_key(key: &str, sample: &Value) -> Value {
    let kind = match sample {
        Value::Number(_) => "integer",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        _ => "string",
    };
    let mut schema = json!({"type": kind, "examples": [sample]});
    if let Some(words) = key_words(key) {
        schema["description"] = words.into();
    }
    if key == "code" {
        schema["const"] = sample.clone();
    }
    if key == "encoding" {
        schema["enum"] = json!(["raw", "gzip"]);
    }
    if kind == "array" {
        schema["items"] = json!({"type": "string"});
    }
    schema
}

fn key_words(key: &str) -> Option<&'static str> {
    Some(match key {
        "code" => "The code, for programs.",
        "server_rev" => "The board's revision.",
        "limit" => "What may be.",
        "got" => "What came.",
        "encoding" => "How the body came.",
        "endpoint" => "The request's path.",
        "index" => "The first operation at fault, counted from 0.",
        "message" => "What is wrong with it.",
        "max_ops" => "How many operations may be.",
        "your_ops" => "How many came.",
        "retry_after_ms" => "How long to wait, in milliseconds.",
        "max_bytes" => "Bytes that a state may have.",
        "state_bytes" => "Bytes that this one has.",
        "used" => "Bytes in use.",
        "quota" => "Bytes that may be used.",
        "remaining" => "Bytes that are left.",
        _ => return None,
    })
}

fn header_words(name: &str) -> &'static str {
    match name {
        "Retry-After" => "How long to wait, in seconds, rounded up.",
        "X-Backoff-Ms" => "The same in milliseconds.",
        "X-RateLimit-Limit" => "Requests in the scope's period.",
        "X-RateLimit-Remaining" => "Requests that are left.",
        "WWW-Authenticate" => "How to sign in.",
        "Content-Range" => "How many bytes there are.",
        "Referrer-Policy" | "X-Robots-Tag" => "Keeps links out of other sites' logs and of search engines.",
        "Allow" => "The methods that this path has.",
        _ => "Comes with this error.",
    }
}

/// A header's name as people write it.
fn shown(name: &str) -> String {
    match name {
        "www-authenticate" => "WWW-Authenticate".to_owned(),
        "x-ratelimit-limit" => "X-RateLimit-Limit".to_owned(),
        "x-ratelimit-remaining" => "X-RateLimit-Remaining".to_owned(),
        other => {
            let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
            other.split('-').filter(|word| !word.is_empty()).map(capital).collect::<Vec<_>>().join("-")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use m4sh_domain::refusal::RefusalCode;

    #[test]
    fn x2_every_code_of_the_problem_type_is_described() {
        let source = include_str!("../problem.rs");
        let arms = source.split("pub const fn refusal").nth(1).and_then(|rest| rest.split("\n    }\n").next()).unwrap();
        let variants =
            arms.split("RefusalCode::").skip(1).filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next());
        let variants: HashSet<&str> = variants.collect();
        let codes = RefusalCode::ALL.iter().filter(|code| variants.contains(format!("{code:?}").as_str()));
        let codes: Vec<_> = codes.map(|code| code.name()).collect();
        assert!(codes.len() > 20, "{codes:?}");
        let known = by_code();
        for code in codes {
            assert!(known.contains_key(code), "`{code}` is not described: add it to `failures.rs`");
        }
    }

    #[test]
    fn x2_a_failures_example_has_the_keys_that_its_schema_requires() {
        for (code, failure) in by_code() {
            // Old clients show the `error` of one code to people; it has its code beside it.
            assert!(failure.body["error"] == code || failure.body["code"] == code, "{code}");
            for key in failure.schema()["required"].as_array().unwrap() {
                assert!(failure.body.get(key.as_str().unwrap()).is_some(), "{code} lacks {key}");
            }
        }
    }
}
