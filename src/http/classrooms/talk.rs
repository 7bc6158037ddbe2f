//! What is said in a lesson, over REST: its chat, written, read in pages and taken out, and its polls. Called by the route
//! table. Never writes an event itself: the lesson does, in its order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::paths::{LessonPath, MessagePath};
use crate::{
    actors::classroom::CommandReply,
    http::{
        operation::{
            Area,
            answer::{Canonical, CreatedOrFound, Json, NoContent},
            argument::Call,
            body::{Body, request},
            delete, get,
            params::{Path, Query, RowLimit, Whole, query_params},
            post,
            schemas::{ChatText, MessageKey, Moment},
        },
        problem::Problem,
    },
};
use m4sh_domain::limits::{PAGE_DEFAULT, PAGE_MAX};
use m4sh_domain::{
    access::EffectiveRights,
    classroom::{AllowedSenders, ClassCommand, DeleteChat, SendChat},
    ids::UserId,
    json::{Object, Value},
    rate::Scope,
    refusal::RefusalCode,
};
use m4sh_store::{ChatCursor, EventCategory::Classroom};

/// Chat and polls.
pub fn area() -> Area {
    let about = "What is said in a lesson. Live it is told on the lesson's socket, in one order with everything else.";
    let operations = [
        get("/classrooms/{id}/sessions/{sid}/chat", "list_chat", list_chat)
            .about(
                "Messages of a lesson",
                "Those that the caller may read, in their order. Of a message that was taken out only its place is left.",
            )
            .answers(&["A part of them."]),
        post("/classrooms/{id}/sessions/{sid}/chat", "say", send_message)
            .about(
                "Write a message",
                "To the class, or to one person. It spends `ws_chat`, too. 403 when the chat is closed for the caller, or the \
                 lesson is over.",
            )
            .answers(&["Kept, and told.", "It was there already."])
            .errors(&["forbidden", "key_reused"])
            .audit_later(Classroom, "chat_said"),
        delete("/classrooms/{id}/sessions/{sid}/chat/{seq}", "delete_message", delete_message)
            .about(
                "Take a message out",
                "By its author within ten minutes, or at any time by those who lead the class. Its words are gone for good.",
            )
            .answers(&["Taken out, now or before."])
            .errors(&["forbidden"])
            .audit(Classroom, "chat_deleted"),
        get("/classrooms/{id}/sessions/{sid}/polls", "list_polls", list_polls)
            .about("Polls of a lesson", "The oldest first.")
            .answers(&["All of them."]),
    ];
    Area::new("Talk", about, operations).rate(Scope::ApiUser)
}

query_params! {
    /// Which messages; without `before` and `after` the last ones.
    struct ChatQuery {
        /// Those before the message with this number.
        before: Whole,
        /// Those after it; not together with `before`.
        after: Whole,
        /// Rows at most; 200 of them when more are asked for.
        limit: RowLimit,
    }
    check |faults| {
        if before.is_some() && after.is_some() {
            faults.add("after", "Either before or after.");
        }
    }
}

impl ChatQuery {
    fn page(&self) -> (ChatCursor, u32) {
        let before = self.before.as_ref().map_or(u64::MAX, |before| before.0);
        let page = self.after.as_ref().map_or(ChatCursor::Before(before), |after| ChatCursor::After(after.0));
        (page, self.limit.as_ref().map_or(PAGE_DEFAULT, |rows| rows.0.min(PAGE_MAX)))
    }
}

request! {
    /// A message to write.
    struct NewMessageRequest {
        text: ChatText,
        /// The author's own id of it: sent again it is the same message.
        id: Option<MessageKey>,
        /// The only one to read it beside the author; pupils write to those who teach.
        #[example(json!(null))]
        to: Option<UserId>,
    }
}

/// A message of a lesson.
#[derive(Serialize, Deserialize, ToSchema)]
struct MessageResponse {
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
#[derive(Serialize, ToSchema)]
struct MessagesResponse {
    results: Vec<MessageResponse>,
    /// Whether there are more in the direction that was asked for.
    has_more: bool,
}

/// A poll of a lesson.
#[derive(Serialize, Deserialize, ToSchema)]
struct ShownPollResponse {
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
#[derive(Serialize, ToSchema)]
struct PollsResponse {
    results: Vec<ShownPollResponse>,
}

async fn list_chat(
    call: Call,
    Path(lesson): Path<LessonPath>,
    Query(query): Query<ChatQuery>,
) -> Result<Json<Canonical<MessagesResponse>>, Problem> {
    participant(&call, &lesson).await?;
    let (page, limit) = query.page();
    let (chats, has_more) = call.services.store.class_chat(lesson.sid, call.user, page, limit).await?;
    let results = chats.iter().map(|chat| message(chat.row())).collect::<Result<_, _>>()?;
    Ok(Json(Canonical(MessagesResponse { results, has_more })))
}

async fn send_message(
    call: Call,
    Path(lesson): Path<LessonPath>,
    Body(NewMessageRequest { text, id, to }): Body<NewMessageRequest>,
) -> Result<CreatedOrFound<Canonical<MessageResponse>>, Problem> {
    participant(&call, &lesson).await?;
    // Without a name of its own each request is a message of its own.
    let id = id.unwrap_or_else(|| Uuid::now_v7().to_string()).into();
    let said = submit(&call, &lesson, SendChat { id, text, to }.into()).await?;
    call.audit.data(json!({"classroom": lesson.id, "session": lesson.sid, "fresh": said.fresh}));
    let body = Canonical(message(said.frame)?);
    Ok(if said.fresh { CreatedOrFound::Created(body) } else { CreatedOrFound::Found(body) })
}

async fn delete_message(call: Call, Path(path): Path<MessagePath>) -> Result<NoContent, Problem> {
    let lesson = LessonPath { id: path.id, sid: path.sid };
    participant(&call, &lesson).await?;
    submit(&call, &lesson, DeleteChat { chat: path.seq }.into()).await?;
    call.audit.data(json!({"classroom": path.id, "session": path.sid, "chat": path.seq}));
    Ok(NoContent)
}

async fn list_polls(call: Call, Path(lesson): Path<LessonPath>) -> Result<Json<Canonical<PollsResponse>>, Problem> {
    let leads = AllowedSenders::Leaders.allows(participant(&call, &lesson).await?);
    let state = call.services.store.class_state(lesson.sid).await?;
    let results = state.polls().map(|poll| typed(poll.row(lesson.sid, call.user, leads)));
    Ok(Json(Canonical(PollsResponse { results: results.collect::<Result<_, _>>()? })))
}

/// Who the caller is in a lesson; for those who are not in it, it does not exist.
async fn participant(call: &Call, lesson: &LessonPath) -> Result<EffectiveRights, Problem> {
    call.require_member(lesson.id).await?;
    let access = call.services.store.lesson_access(lesson.id, lesson.sid).await?.ok_or(Problem::NotFound)?;
    let standing = access.rights.effective(call.user, Timestamp::now()).ok_or(Problem::NotFound)?;
    Ok(standing)
}

async fn submit(call: &Call, lesson: &LessonPath, command: ClassCommand) -> Result<CommandReply, Problem> {
    let name = call.services.must_exist(call.user).await?.name;
    let directory = &call.services.directory;
    let place = (lesson.id, lesson.sid);
    directory.class_command(place, (call.user, name), command).await.map_err(|refusal| {
        match (refusal.code, refusal.retry_after) {
            (RefusalCode::RateLimited, Some(wait)) => {
                Problem::RateLimited { wait, limit: directory.boards().node().sizes.of(Scope::WsChat).rate.count }
            }
            _ => refusal.into(),
        }
    })
}

/// A message as the socket tells it. What a frame leaves out is empty or false.
fn message(mut row: Object) -> Result<MessageResponse, Problem> {
    for (key, value) in
        [("edited", Value::from(false)), ("removed", false.into()), ("name", "".into()), ("text", "".into())]
    {
        if row.get(key).is_none() {
            row.insert(key, value);
        }
    }
    typed(row)
}

/// A row of the class's state as the answer's type.
fn typed<T: DeserializeOwned>(row: Object) -> Result<T, Problem> {
    let typed = serde_json::to_value(Value::Object(row)).and_then(serde_json::from_value);
    typed.map_err(|error| Problem::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{fields::Fields, operation::params::QueryParams};

    #[test]
    fn f14_a_window_of_messages_is_bounded_and_nonsense_is_refused() {
        let window = |query: &str| ChatQuery::read(query).map(|query| query.page());
        assert_eq!(window("").unwrap(), (ChatCursor::Before(u64::MAX), PAGE_DEFAULT));
        assert_eq!(window("before=7&limit=900").unwrap(), (ChatCursor::Before(7), PAGE_MAX));
        assert_eq!(window("after=0&limit=3&_=1").unwrap(), (ChatCursor::After(0), 3));
        for wrong in ["limit=0", "limit=x", "before=-1", "after=", "before=1&after=2", "after=99999999999999999999"] {
            assert_eq!(window(wrong).unwrap_err().status(), 400, "{wrong}");
        }
    }

    #[test]
    fn f14_a_message_that_is_blank_long_or_to_nobody_is_refused_with_its_field() {
        let read = |body: &str| NewMessageRequest::of(Fields::parse(body.as_bytes())?);
        assert_eq!(&*read(r#"{"text":"a\nb","to":null}"#).unwrap().text, "a\nb");
        let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(1001));
        for wrong in
            ["", r#"{"text":" "}"#, r#"{"text":7}"#, &long, r#"{"text":"x","to":"Ann"}"#, r#"{"text":"x","id":""}"#]
        {
            assert_eq!(read(wrong).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong:.40}");
        }
    }
}
