//! Delivers one signed event to one URL over HTTP.
//! Called by the dispatcher, and by `http` to test a webhook. Never follows a redirect, never reads the body of an answer, never
//! connects to an address that is not public unless the operator allows it.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::{Client, redirect};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    address::{self, PublicResolver},
    signature,
};
use m4sh_domain::limits;
use m4sh_domain::{ids::ClassroomId, times};

/// Sends.
pub struct WebhookClient {
    client: Client,
    allow_private: bool,
}

/// An event on its way to a webhook.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Where to.
    pub url: &'a str,
    /// What signs, the newest first.
    pub secrets: &'a [String],
    /// Id of the delivery, the same for every attempt.
    pub delivery: Uuid,
    /// The event's id.
    pub id: Uuid,
    /// What happened.
    pub kind: &'a str,
    /// When.
    pub at: Timestamp,
    /// The event's number in its class.
    pub cursor: Option<u64>,
    /// In which class.
    pub classroom: ClassroomId,
    /// In which lesson.
    pub session: Option<Uuid>,
    /// On which board.
    pub board: Option<Uuid>,
    /// Details.
    pub data: &'a Value,
}

/// The outcome of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeliveryOutcome {
    /// The receiver answered 2xx in time.
    Arrived {
        /// The status.
        answered: u16,
    },
    /// It failed.
    Missed {
        /// The status, when there was one.
        answered: Option<u16>,
        /// The error, as a message for the owner of the webhook.
        error: String,
    },
}

impl WebhookClient {
    /// A client that may or may not use private addresses.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(allow_private: bool) -> Result<Self, reqwest::Error> {
        crate::tls::install_provider();
        let mut client = Client::builder()
            .timeout(limits::HOOK_ANSWER)
            .redirect(redirect::Policy::none())
            // A proxy would resolve names itself.
            .no_proxy()
            .referer(false)
            .user_agent(concat!("m4sh/", env!("CARGO_PKG_VERSION")));
        if !allow_private {
            client = client.dns_resolver(Arc::new(PublicResolver));
        }
        Ok(Self { client: client.build()?, allow_private })
    }

    /// Whether private addresses are allowed.
    #[must_use]
    pub fn allows_private_addresses(&self) -> bool {
        self.allow_private
    }

    /// Sends it once.
    pub async fn send(&self, letter: &Delivery<'_>) -> DeliveryOutcome {
        let missed = |answered, error: &str| {
            let error = error.chars().take(limits::HOOK_ERROR_CHARS).collect();
            DeliveryOutcome::Missed { answered, error }
        };
        // Checked again for each delivery: the setting may have changed since the webhook was created, and a numeric address
        // is not resolved.
        let url = match address::check(letter.url, self.allow_private) {
            Ok(url) => url,
            Err(why) => return missed(None, why),
        };
        let body = letter.body();
        let now = Timestamp::now().as_second();
        let request = self
            .client
            .post(url)
            .header("Content-Type", "application/json")
            .header("M4SH-Event", letter.kind)
            .header("M4SH-Delivery", letter.delivery.to_string())
            .header("M4SH-Signature", signature::header(letter.secrets, now, body.as_bytes()))
            .body(body);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                DeliveryOutcome::Arrived { answered: answer.status().as_u16() }
            }
            Ok(answer) => {
                let status = answer.status();
                missed(Some(status.as_u16()), &format!("The receiver answered {}.", status.as_u16()))
            }
            Err(error) => missed(None, &words(&error)),
        }
    }
}

impl Delivery<'_> {
    fn body(&self) -> String {
        let mut body = json!({
            "id": self.id,
            "type": self.kind,
            "at": times::utc_field(self.at),
            "cursor": self.cursor,
            "classroom": self.classroom,
            "data": self.data,
        });
        for (name, id) in [("session", self.session), ("board", self.board)] {
            if let Some(id) = id {
                body[name] = json!(id);
            }
        }
        body.to_string()
    }
}

/// The innermost cause helps the operator of the receiver: a refused connection, a certificate, a name.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("There was no answer within {} seconds.", limits::HOOK_ANSWER.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(beneath) = cause.source() {
        cause = beneath;
    }
    format!("It could not be sent: {cause}")
}
