//! The black-box harness: a real server process, a real Postgres, and the verbs of a pupil and a tutor.
//! Used by every module of the `contract` binary and by `simulation`. Never reaches into the server's code:
//! all it knows is the wire, the settings and the process.

#![allow(dead_code, unused_imports, reason = "two test binaries share the harness; neither uses all of it")]

pub mod account;
pub mod artist;
pub mod bucket;
pub mod files;
pub mod postgres;
pub mod receiver;
pub mod replica;
pub mod schema;
pub mod server;
pub mod socket;
pub mod values;

pub use account::{Account, Answer, Call, Class, Lesson, Room, Solo};
pub use files::{fetch, has_ink, pdf_pages, pixels};
pub use postgres::{Cluster, Database};
pub use receiver::{Manner, Parcel, Receiver};
pub use server::Server;
pub use socket::{Dialect, Knock, Seat};
pub use values::*;

use std::time::Duration;

/// How long anything that must happen may take before the test fails: generous, since machines are shared.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A builder of HTTP clients that use no proxy.
pub fn http_client() -> reqwest::ClientBuilder {
    // An error says that another test installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

/// Asks again and again until `question` answers, for facts that no frame announces.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut question: impl FnMut() -> F) -> T {
    let asked = tokio::time::timeout(DEADLINE, async {
        loop {
            if let Some(answer) = question().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    asked.await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// Waits for `future`, or fails naming what was waited for.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited {DEADLINE:?} in vain: {what}"))
}
