//! Large JSON of requests, above all whole states: parsed and encoded off the reactor threads.
//! Called by the bodies of requests and by the handlers of boards and lessons. Never keeps a document.

use actix_web::web;
use bytes::Bytes;

use crate::http::problem::Problem;
use m4sh_domain::{
    board::{Board, BoardRefusal, Document},
    ids::Rev,
    json::{Bounds, JsonError, Value},
};

/// Bytes that take about a millisecond to parse. Above it a change of threads costs less than a blocked reactor.
const SMALL: usize = 128 * 1024;

/// A board's first state, ready to be stored.
pub struct Fresh {
    /// Pages in it.
    pub page_count: u32,
    /// The checkpoint of revision 0.
    pub checkpoint: Vec<u8>,
    /// The state's canonical JSON.
    pub state: Bytes,
}

/// Parses a body; an empty one is an empty object.
///
/// # Errors
/// 400 with the parser's message.
pub async fn parse(text: Bytes) -> Result<Value, Problem> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(m4sh_domain::json::Object::default()));
    }
    parse_strictly(text).await?.map_err(Problem::from)
}

/// Parses a body that must not be empty. The outer error is the server's, the inner one the client's.
///
/// # Errors
/// 500 when the other thread is gone.
pub async fn parse_strictly(text: Bytes) -> Result<Result<Value, JsonError>, Problem> {
    if text.len() <= SMALL {
        return Ok(Value::parse(&text, Bounds::default()));
    }
    off_thread(move || Value::parse(&text, Bounds::default())).await
}

/// Reads `state` as a document: a large one takes tens of milliseconds.
///
/// # Errors
/// 400 for a state that no board can be.
pub async fn document(state: Value) -> Result<Document, Problem> {
    off_thread(move || Document::from_value(state)).await?.map_err(Problem::from)
}

/// Encodes `state` as the first state of a new board.
///
/// # Errors
/// 400 for a state that no board can be.
pub async fn fresh(state: Value) -> Result<Fresh, Problem> {
    off_thread(move || encode(state)).await?.map_err(Problem::from)
}

fn encode(state: Value) -> Result<Fresh, BoardRefusal> {
    let document = Document::from_value(state)?;
    let mut text = Vec::with_capacity(document.byte_len());
    document.write_state(&mut text);
    let page_count = document.page_count();
    let checkpoint = Board::new(document, Rev(0)).checkpoint().encode();
    Ok(Fresh { page_count, checkpoint, state: text.into() })
}

/// Runs `work` on a thread that may block.
///
/// # Errors
/// 500 when that thread is gone.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    web::block(work).await.map_err(|error| Problem::Internal(error.to_string()))
}
