//! `PATCH …/diff/`: a batch of operations on a known revision (SPEC H8, H15, H16).
//! Called by the route table. Never answers before the batch is committed; the order of checks is part of the contract.

use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::BoardPath;
use crate::http::operation::op_schemas::OpRequest;
use crate::{
    actors::{board::ApplyOps, messages::Save},
    http::{
        fields::Fields,
        operation::{
            Operation,
            answer::{AtRevision, Json},
            argument::{Call, IdempotencyHeader, RequiredBase},
            body::{Body, RawBody, RequestBody, request},
            params::Path,
            patch,
            reading::KnownRev,
            schemas::{Batch, ServerMoment},
            signature::Schemas,
        },
        problem::Problem,
    },
};
use m4sh_domain::{
    board::Op,
    json::{Bounds, Value},
    limits::DIFF_BODY,
    rate::Scope,
};
use m4sh_store::EventCategory::Board;

/// Saving a batch.
pub fn operation() -> Operation {
    patch("/solo/sessions/{id}/diff", "save_diff", save_diff)
        .about(
            "Save operations",
            "Applies a batch to the named revision. Of several faults the first in this order is told: 415 and 413, 401, 429, \
             400, 422 for too many operations, the repeat of a key, 404, 412 and 409, 422 for operations that cannot be done.",
        )
        .answers(&["Committed."])
        .errors(&[
            "forbidden",
            "precondition_failed",
            "rev_mismatch",
            "invalid_ops",
            "ops_quota_exceeded",
            "board_too_large",
            "too_many_pages",
            "key_reused",
        ])
        .rate(Scope::SoloDiff)
        .body_limit(DIFF_BODY)
        .audit_later(Board, "board_saved")
}

request! {
    /// A batch of operations, applied whole or not at all.
    struct DiffRequest {
        /// Looked at for its form only: the header is what counts.
        rev: KnownRev,
        ops: Batch,
    }
}

/// A saved batch.
#[derive(Serialize, ToSchema)]
struct DiffSavedResponse {
    /// SHA-256 of the canonical state in hex.
    #[schema(example = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    digest: String,
    /// The board's revision now.
    #[schema(minimum = 1)]
    next_rev: u64,
    server_ts: ServerMoment,
}

/// A diff's body.
struct Diff {
    ops: Vec<Op>,
    /// The key that the operations' own ids give the batch.
    key: Option<Box<str>>,
}

impl Diff {
    fn of(body: &[u8]) -> Result<Self, Problem> {
        // An empty body is no JSON here.
        let fields = Fields::from_value(Value::parse(body, Bounds::default())?)?;
        let DiffRequest { rev: _ignored, ops } = DiffRequest::of(fields)?;
        let key = key_of_op_ids(&ops);
        Ok(Self { ops: Op::parse_list(ops)?, key })
    }
}

impl RequestBody for Diff {
    fn describe(schemas: &mut Schemas) -> serde_json::Value {
        schemas.of::<OpRequest>();
        DiffRequest::describe(schemas)
    }

    async fn read(raw: RawBody) -> Result<Self, Problem> {
        Self::of(&raw.bytes)
    }
}

async fn save_diff(
    Path(BoardPath { id }): Path<BoardPath>,
    call: Call,
    Body(diff): Body<Diff>,
    IdempotencyHeader(key): IdempotencyHeader,
    RequiredBase(base): RequiredBase,
) -> Result<AtRevision<Json<DiffSavedResponse>>, Problem> {
    call.audit.node(id.0);
    let save = Save::new(call.user, base, key.or(diff.key), ApplyOps(diff.ops));
    let saved = call.services.directory.boards().save(id, save).await?;
    call.audit.note("rev", saved.rev.0);
    let (digest, next_rev) = (saved.digest.to_string(), saved.rev.0);
    Ok(AtRevision(saved.rev, Json(DiffSavedResponse { digest, next_rev, server_ts: ServerMoment(saved.at) })))
}

/// When every operation has an `op_id`, the ids are the batch's key, so that a resend without a key is recognised. The
/// space keeps such keys apart from those of clients, which have none.
fn key_of_op_ids(ops: &Value) -> Option<Box<str>> {
    let ops = ops.as_array().filter(|ops| !ops.is_empty())?;
    let mut hash = Sha256::new();
    for op in ops {
        let id = op.get("op_id")?.as_str().filter(|id| !id.is_empty())?;
        hash.update((id.len() as u64).to_le_bytes());
        hash.update(id.as_bytes());
    }
    Some(format!("op_ids {}", m4sh_domain::board::Digest(hash.finalize().into())).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status_and_body(body: &str) -> (u16, serde_json::Value) {
        let Err(problem) = Diff::of(body.as_bytes()) else { panic!("{body} was read") };
        (problem.status().as_u16(), serde_json::from_slice(&problem.body("r", "/")).unwrap())
    }

    #[test]
    fn h9_a_diffs_shape_is_refused_as_the_old_server_did() {
        let (status, body) = status_and_body("{}");
        assert_eq!(status, 400);
        assert_eq!(body["rev"], json!(["This field is required."]));
        assert_eq!(body["ops"], json!(["This field is required."]));

        let (status, body) = status_and_body(r#"{"rev":0,"ops":[]}"#);
        assert_eq!((status, &body["ops"]), (400, &json!("At least one operation is required")));

        let (status, body) = status_and_body(r#"{"rev":0,"ops":"#);
        assert_eq!(status, 400);
        assert!(body["detail"].as_str().unwrap().starts_with("JSON parse error - "));

        for wrong in [
            r#"{"rev":-1,"ops":[{}]}"#,
            r#"{"rev":"x","ops":[{}]}"#,
            r#"{"rev":true,"ops":[{}]}"#,
            r#"{"rev":0,"ops":{}}"#,
            r#"{"rev":0,"ops":null}"#,
            "[]",
            "7",
        ] {
            assert_eq!(status_and_body(wrong).0, 400, "{wrong}");
        }
    }

    #[test]
    fn d2_the_101st_operation_is_over_the_quota() {
        let diff = |count: usize| {
            let op = r#"{"op":"update","kind":"meta","id":"m","value":{"a":1}}"#;
            format!(r#"{{"rev":0,"ops":[{}]}}"#, vec![op; count].join(","))
        };
        assert_eq!(Diff::of(diff(100).as_bytes()).map(|diff| diff.ops.len()).ok(), Some(100));
        let (status, body) = status_and_body(&diff(101));
        assert_eq!((status, &body["detail"]), (422, &json!("ops_quota_exceeded")));
        assert_eq!((&body["max_ops"], &body["your_ops"]), (&json!(100), &json!(101)));
    }

    #[test]
    fn r4_operations_that_all_have_ids_name_their_batch() {
        let key = |ops: &str| key_of_op_ids(&Value::parse(ops.as_bytes(), Bounds::default()).unwrap());
        let one = key(r#"[{"op_id":"a"},{"op_id":"b"}]"#);
        assert!(
            one.as_ref()
                .is_some_and(|key| key.contains(' ') && key.len() <= m4sh_domain::limits::IDEMPOTENCY_KEY_BYTES)
        );
        assert_eq!(one, key(r#"[{"op_id":"a","x":1},{"op_id":"b"}]"#));
        assert_ne!(one, key(r#"[{"op_id":"b"},{"op_id":"a"}]"#));
        assert_ne!(one, key(r#"[{"op_id":"ab"},{"op_id":""}]"#));
        assert_ne!(key(r#"[{"op_id":"ab"}]"#), key(r#"[{"op_id":"a"},{"op_id":"b"}]"#));
        for none in ["[]", "{}", r#"[{"op_id":"a"},{}]"#, r#"[{"op_id":7}]"#, r#"[{"op_id":""}]"#] {
            assert_eq!(key(none), None, "{none}");
        }
    }
}
