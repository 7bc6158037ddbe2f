//! `PATCH …/diff/`: a batch of operations on a known revision (contract/boards.md 2.2).
//! Called by the route table. Never answers before the batch is committed; the order of checks is law.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Id, detail};
use crate::{
    actors::board::ApplyOps,
    actors::messages::Save,
    http::{
        Services,
        audit::AuditContext,
        extract::{DiffBody, SignedBody, base_required, idempotency_key},
        fields::{Fields, whole},
        problem::Problem,
        times,
    },
};
use m4sh_domain::{
    board::{Op, OpsError},
    json::{Bounds, Value},
    rate::Scope,
};

/// 415/413 and 401 are behind us: they are in the arguments.
pub async fn save(
    services: web::Data<Services>,
    path: Id,
    request: HttpRequest,
    trail: AuditContext,
    body: SignedBody<DiffBody>,
) -> Result<HttpResponse, Problem> {
    let who = body.who.user;
    trail.node(path.0.0);
    services.limiter.check(Scope::SoloDiff, who)?;
    let diff = Diff::read(&body.bytes)?;
    let key = idempotency_key(request.headers())?.or(diff.key);
    let save = Save::new(who, base_required(request.headers()), key, ApplyOps(diff.ops));
    let saved = services.directory.boards().save(path.0, save).await?;
    trail.note("rev", saved.rev.0);
    Ok(HttpResponse::Ok().insert_header((header::ETAG, detail::etag(saved.rev))).json(json!({
        "server_ts": times::server_ts(saved.at),
        "next_rev": saved.rev.0,
        "digest": saved.digest.to_string(),
    })))
}

/// A diff's body.
struct Diff {
    ops: Vec<Op>,
    /// The name that the operations' own ids give the batch.
    key: Option<Box<str>>,
}

impl Diff {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::from_value(Value::parse(body, Bounds::default())?)?;
        // Required and checked as ever, and then ignored: the header is what counts.
        if let Some(rev) = fields.required_value("rev")
            && whole(&rev).is_none()
        {
            fields.fault("rev", "A whole number of at least 0 is required.");
        }
        let ops = fields.required_value("ops");
        fields.finish()?;
        let ops = ops.ok_or(OpsError::NotAList)?;
        let key = key_of_op_ids(&ops);
        Ok(Self { ops: Op::parse_list(ops)?, key })
    }
}

/// When every operation has an `op_id`, the ids name the batch, so that a blind resend is recognised. The space keeps
/// such names apart from keys of clients, which have none.
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

    fn status_and_body(body: &str) -> (u16, serde_json::Value) {
        let Err(problem) = Diff::read(body.as_bytes()) else { panic!("{body} was read") };
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
        assert_eq!(Diff::read(diff(100).as_bytes()).map(|diff| diff.ops.len()).ok(), Some(100));
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
