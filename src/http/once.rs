//! Answers that may be asked for twice: a request under an `Idempotency-Key` is done once, its repeats get its answer,
//! also while it is under way and on whichever node they arrive. Called by handlers whose work is no board's batch.
//! Never remembers a refusal: its key may be used again.

use std::{
    marker::PhantomData,
    time::{Duration, Instant},
};

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::ContentType},
};

use super::{
    Services,
    operation::{
        answer::{Answer, Created, JsonBody},
        signature::{Schemas, Success},
    },
    problem::Problem,
};
use m4sh_domain::limits;
use m4sh_domain::{board::BoardRefusal, ids::UserId};
use m4sh_store::{IdempotencyKey, IdempotentRequest};

/// How long a repeat waits for the answer of the first.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it looks.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// 201 with the body of the first request of its key.
pub struct CreatedOnce<T> {
    status: StatusCode,
    body: Vec<u8>,
    kind: PhantomData<T>,
}

impl<T: JsonBody> Answer for CreatedOnce<T> {
    fn describe(schemas: &mut Schemas) -> Vec<Success> {
        Created::<T>::describe(schemas)
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        Ok(HttpResponse::build(self.status).content_type(ContentType::json()).body(self.body))
    }
}

/// Which request it is: a second one that is the same in all of these is a repeat of the first.
pub struct RepeatableRequest<'a> {
    /// Who sent it.
    pub who: UserId,
    /// What the key belongs to.
    pub scope: &'a str,
    /// Without a key each request is one of its own.
    pub key: Option<&'a str>,
    /// The hash of its body.
    pub fingerprint: [u8; 32],
}

/// Does `work` unless the same was asked for within `limits::ANSWER_LIFE`; then answers what was answered. Every request
/// runs to its end, also when its client hangs up, so that no key stays taken.
///
/// # Errors
/// Those of `work`; 422 when the key was used with another fingerprint; 503 when the first is still under way after a long
/// time.
pub async fn create_once<T: JsonBody>(
    services: &Services,
    request: RepeatableRequest<'_>,
    work: impl AsyncFnOnce() -> Result<T, Problem>,
) -> Result<CreatedOnce<T>, Problem> {
    let RepeatableRequest { who, scope, key, fingerprint } = request;
    let answer = |status, body| Ok(CreatedOnce { status, body, kind: PhantomData });
    let Some(key) = key else { return answer(StatusCode::CREATED, work().await?.write()?) };
    let named = IdempotencyKey { account: who, scope, key };
    let until = Instant::now() + PATIENCE;
    let claim = loop {
        match services.store.begin_idempotent(named, &fingerprint, limits::ANSWER_WITHIN).await? {
            IdempotentRequest::Mine(claim) => break claim,
            IdempotentRequest::Answered { status, body } => {
                let status = StatusCode::from_u16(status).map_err(|error| Problem::Internal(error.to_string()))?;
                return answer(status, body);
            }
            IdempotentRequest::Reused => return Err(Problem::Refused(BoardRefusal::KeyReused)),
            IdempotentRequest::Waiting if Instant::now() < until => actix_web::rt::time::sleep(POLL_INTERVAL).await,
            IdempotentRequest::Waiting => return Err(Problem::Unavailable { wait: Duration::from_secs(1) }),
        }
    };
    match work().await.and_then(|made| made.write()) {
        Ok(body) => {
            let status = StatusCode::CREATED;
            let stored = services.store.store_response(named, claim, status.as_u16(), &body, limits::ANSWER_LIFE).await;
            // What was done is done, also when the answer could not be stored.
            if let Err(error) = stored {
                tracing::warn!(scope, %error, "an answer could not be stored for its repeats");
            }
            answer(status, body)
        }
        Err(problem) => {
            if let Err(error) = services.store.forget_idempotency_key(named, claim).await {
                tracing::warn!(scope, %error, "the key of a refused request stays taken for a while");
            }
            Err(problem)
        }
    }
}
