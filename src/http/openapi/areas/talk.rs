//! Talk in a lesson: chat and polls.

use std::collections::BTreeMap;

use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use super::super::words::{ChatText, MessageKey, Moment};
use m4sh_domain::limits::SMALL_BODY;
use m4sh_domain::rate::Scope;

const TALK: &str = "Talk";

#[derive(OpenApi)]
#[openapi(
    paths(list_chat, say, delete_message, list_polls),
    tags((name = TALK, description = "What is said in a lesson. Live it is told on the lesson's socket, in one order with everything else.")),
)]
pub struct Api;

/// Which messages; without `before` and `after` the last ones.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct Window {
    /// Those before the message with this number.
    #[param(required = false, minimum = 0, maximum = 9007199254740991_i64)]
    before: u64,
    /// Those after it; not together with `before`.
    #[param(required = false, minimum = 0, maximum = 9007199254740991_i64)]
    after: u64,
    /// Rows at most; 200 of them when more are asked for.
    #[param(required = false, minimum = 1, maximum = 4294967295_i64)]
    limit: u64,
}

/// A message to write.
#[derive(ToSchema)]
struct NewMessage {
    text: ChatText,
    /// The author's own id of it: sent again it is the same message.
    #[schema(required = false)]
    id: Option<MessageKey>,
    /// The only one to read it beside the author; pupils write to those who teach.
    #[schema(required = false, example = json!(null))]
    to: Option<Uuid>,
}

/// A message of a lesson.
#[derive(ToSchema)]
struct Message {
    /// Its number in the order of the lesson's events.
    #[schema(minimum = 1, example = 17)]
    seq: u64,
    at: Moment,
    /// Who wrote it.
    user: Uuid,
    /// Their name at that time; empty when the message was taken out.
    #[schema(example = "Anna Petrenko")]
    name: String,
    /// The author's own id of it.
    #[schema(example = "m-1")]
    id: String,
    /// The words; empty when the message was taken out.
    #[schema(example = "Which side is the hypotenuse?")]
    text: String,
    /// The only one to read it beside the author; `null`: everybody.
    #[schema(required = true, example = json!(null))]
    to: Option<Uuid>,
    edited: bool,
    removed: bool,
}

/// Messages in their order.
#[derive(ToSchema)]
struct Messages {
    results: Vec<Message>,
    /// Whether there are more in the direction that was asked for.
    has_more: bool,
}

/// A poll of a lesson.
#[derive(ToSchema)]
struct ShownPoll {
    /// Its number.
    #[schema(minimum = 1, example = 21)]
    poll: u64,
    at: Moment,
    /// Who opened it.
    #[schema(required = true)]
    user: Option<Uuid>,
    #[schema(example = "Ready?")]
    question: String,
    #[schema(example = json!(["yes", "no"]))]
    options: Vec<String>,
    multiple: bool,
    anonymous: bool,
    ended: bool,
    revealed: bool,
    /// What the caller chose, as places of options.
    #[schema(required = true)]
    mine: Option<Vec<u64>>,
    /// How often each option was chosen; for pupils `null` until it is revealed.
    #[schema(required = true)]
    counts: Option<Vec<u64>>,
    /// How many voted.
    #[schema(required = true)]
    voters: Option<u64>,
    /// Who chose what, for those who lead; `null` for others and in an anonymous poll.
    #[schema(required = true, example = json!(null))]
    votes: Option<BTreeMap<String, Vec<u64>>>,
}

/// All polls of a lesson.
#[derive(ToSchema)]
struct Polls {
    results: Vec<ShownPoll>,
}

/// Messages of a lesson
///
/// Those that the caller may read, in their order. Of a message that was taken out only its place is left.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/chat/", tag = TALK,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson."), Window),
    responses((status = 200, description = "A part of them.", body = Messages)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn list_chat() {}

/// Write a message
///
/// To the class, or to one person. It spends `ws_chat`, too. 403 when the chat is closed for the caller, or the lesson is over.
#[utoipa::path(
    post, path = "/api/v1/classrooms/{id}/sessions/{sid}/chat/", tag = TALK,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    request_body = NewMessage,
    responses(
        (status = 201, description = "Kept, and told.", body = Message),
        (status = 200, description = "It was there already.", body = Message),
    ),
    extensions(
        ("x-m4sh-rate" = json!(Scope::ApiUser.name())),
        ("x-m4sh-body-limit" = json!(SMALL_BODY)),
        ("x-m4sh-errors" = json!(["forbidden", "key_reused"])),
    ),
)]
fn say() {}

/// Take a message out
///
/// By its author within ten minutes, or at any time by those who lead the class. Its words are gone for good.
#[utoipa::path(
    delete, path = "/api/v1/classrooms/{id}/sessions/{sid}/chat/{seq}/", tag = TALK,
    params(
        ("id" = Uuid, Path, description = "The classroom."),
        ("sid" = Uuid, Path, description = "The lesson."),
        ("seq" = u64, Path, description = "The message's number."),
    ),
    responses((status = 204, description = "Taken out, now or before.")),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name())), ("x-m4sh-errors" = json!(["forbidden"]))),
)]
fn delete_message() {}

/// Polls of a lesson
///
/// The oldest first.
#[utoipa::path(
    get, path = "/api/v1/classrooms/{id}/sessions/{sid}/polls/", tag = TALK,
    params(("id" = Uuid, Path, description = "The classroom."), ("sid" = Uuid, Path, description = "The lesson.")),
    responses((status = 200, description = "All of them.", body = Polls)),
    extensions(("x-m4sh-rate" = json!(Scope::ApiUser.name()))),
)]
fn list_polls() {}
