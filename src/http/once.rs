//! Answers that may be asked for twice: a request under an `Idempotency-Key` is done once, its repeats get its answer,
//! also while it is under way and on whichever node they arrive. Called by handlers whose work is no board's batch.
//! Never remembers a refusal: its key may be used again.

use std::time::{Duration, Instant};

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::ContentType},
};
use serde_json::Value;

use super::{Services, problem::Problem};
use m4sh_domain::limits;
use m4sh_domain::{board::BoardRefusal, ids::UserId};
use m4sh_store::{IdempotencyKey, IdempotentRequest};

/// How long a repeat waits for the answer of the first.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it looks.
const LOOK_EACH: Duration = Duration::from_millis(50);

/// Does `work` unless the same was asked for under `key` within `life`; then answers what was answered. Without a key it
/// is just done. Every request runs to its end, also when its client hangs up, so no turn is left lying.
///
/// # Errors
/// Those of `work`; 422 when the key was used for something with another `fingerprint`; 503 when the first is still
/// under way after a long time.
pub async fn once(
    services: &Services,
    who: UserId,
    scope: &str,
    key: Option<&str>,
    fingerprint: [u8; 32],
    life: Duration,
    work: impl AsyncFnOnce() -> Result<(StatusCode, Value), Problem>,
) -> Result<HttpResponse, Problem> {
    let Some(key) = key else {
        let (status, body) = work().await?;
        return Ok(answer(status, body.to_string().into_bytes()));
    };
    let asked = IdempotencyKey { account: who, scope, key };
    let until = Instant::now() + PATIENCE;
    let turn = loop {
        match services.store.begin_idempotent(asked, &fingerprint, limits::ANSWER_WITHIN).await? {
            IdempotentRequest::Mine(turn) => break turn,
            IdempotentRequest::Answered { status, body } => {
                let status = StatusCode::from_u16(status).map_err(|error| Problem::Internal(error.to_string()))?;
                return Ok(answer(status, body));
            }
            IdempotentRequest::Reused => return Err(Problem::Refused(BoardRefusal::KeyReused)),
            IdempotentRequest::Waiting if Instant::now() < until => actix_web::rt::time::sleep(LOOK_EACH).await,
            IdempotentRequest::Waiting => return Err(Problem::Unavailable { wait: Duration::from_secs(1) }),
        }
    };
    match work().await {
        Ok((status, body)) => {
            let body = body.to_string().into_bytes();
            // What was done is done, also when the answer could not be noted.
            if let Err(error) = services.store.store_response(asked, turn, status.as_u16(), &body, life).await {
                tracing::warn!(scope, %error, "an answer could not be kept for its repeats");
            }
            Ok(answer(status, body))
        }
        Err(problem) => {
            if let Err(error) = services.store.forget_idempotency_key(asked, turn).await {
                tracing::warn!(scope, %error, "a refused key stays taken for a while");
            }
            Err(problem)
        }
    }
}

fn answer(status: StatusCode, body: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status).content_type(ContentType::json()).body(body)
}
