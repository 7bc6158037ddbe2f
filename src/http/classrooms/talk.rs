//! What was said in a lesson, over REST: its chat, written, read in pages and taken out, and its polls. Called by the route
//! table. Never writes an event itself: the lesson does, in its order.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, web};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::call::Call;
use crate::http::{
    fields::{Faults, Fields},
    problem::Problem,
};
use m4sh_domain::limits::{BATCH_ID_BYTES, CHAT_CHARS, PAGE_DEFAULT, PAGE_MAX};
use m4sh_domain::{
    classroom::{ClassCommand, Requester, chat_row, is_phrase, poll_row},
    ids::{ClassroomId, LessonId, UserId},
    json::{Object, Value},
    rate::Scope,
};
use m4sh_store::ChatCursor;

type LessonPath = web::Path<(ClassroomId, LessonId)>;
type MessageId = web::Path<(ClassroomId, LessonId, u64)>;

/// `GET /classrooms/{id}/sessions/{sid}/chat/`: the last messages, or those before or after one.
pub async fn list(call: Call, path: LessonPath, window: Window) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    stands(&call, id, session).await?;
    let (chats, more) = call.services.store.class_chat(session, call.user, window.page, window.limit).await?;
    let rows: Vec<Value> = chats.iter().map(|chat| message(chat_row(chat)).into()).collect();
    Ok(answer(&mut HttpResponse::Ok(), [("results", rows.into()), ("has_more", more.into())]))
}

/// `POST /classrooms/{id}/sessions/{sid}/chat/`: `{text, id?, to?}`, as on the socket.
pub async fn say(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let NewMessage { id: word, text, to } = NewMessage::read(call.fields()?)?;
    stands(&call, id, session).await?;
    let said = ask(&call, id, session, ClassCommand::Chat { id: word, text, to }).await?;
    call.trail.data(json!({"classroom": id, "session": session, "fresh": said.fresh}));
    let mut status = if said.fresh { HttpResponse::Created() } else { HttpResponse::Ok() };
    let bytes = Value::Object(message(said.frame)).to_canonical();
    Ok(status.content_type("application/json").body(bytes))
}

/// `DELETE /classrooms/{id}/sessions/{sid}/chat/{seq}/`: by its author within ten minutes, or by those who lead.
pub async fn take_out(call: Call, path: MessageId) -> Result<HttpResponse, Problem> {
    let (id, session, chat) = *path;
    stands(&call, id, session).await?;
    ask(&call, id, session, ClassCommand::ChatDelete { chat }).await?;
    call.trail.data(json!({"classroom": id, "session": session, "chat": chat}));
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /classrooms/{id}/sessions/{sid}/polls/`: all of them, the oldest first.
pub async fn polls(call: Call, path: LessonPath) -> Result<HttpResponse, Problem> {
    let (id, session) = *path;
    let who = stands(&call, id, session).await?;
    let state = call.services.store.class_state(session).await?;
    let row = |poll| {
        let mut row = poll_row(poll, session, call.user, who.leads);
        row.remove("id");
        complete(&mut row, &["user", "mine", "counts", "voters", "votes"]);
        Value::from(row)
    };
    let rows: Vec<Value> = state.polls().map(row).collect();
    Ok(answer(&mut HttpResponse::Ok(), [("results", rows.into())]))
}

/// Who the caller is in a lesson; for those who are not in it, it does not exist.
async fn stands(call: &Call, id: ClassroomId, session: LessonId) -> Result<Requester, Problem> {
    call.require_member(id).await?;
    let access = call.services.store.lesson_access(id, session).await?.ok_or(Problem::NotFound)?;
    let standing = access.rights.effective(call.user, Timestamp::now()).ok_or(Problem::NotFound)?;
    Ok(Requester::new(call.user, "".into(), standing))
}

async fn ask(
    call: &Call,
    id: ClassroomId,
    session: LessonId,
    ask: ClassCommand,
) -> Result<crate::actors::classroom::CommandReply, Problem> {
    let name = call.services.must_exist(call.user).await?.name;
    let directory = &call.services.directory;
    directory.class_command((id, session), (call.user, name), ask).await.map_err(|refused| match refused.retry_after {
        Some(wait) if refused.code == "rate_limited" => {
            Problem::RateLimited { wait, limit: directory.sizes().of(Scope::WsChat).rate.count }
        }
        _ => refused.into(),
    })
}

/// A message as the socket tells it, with every key.
fn message(mut row: Object) -> Object {
    row.remove("t");
    for (key, value) in
        [("edited", false.into()), ("removed", false.into()), ("name", "".into()), ("text", Value::from(""))]
    {
        if row.get(key).is_none() {
            row.insert(key, value);
        }
    }
    complete(&mut row, &["to"]);
    row
}

/// What is not there is `null`.
fn complete(row: &mut Object, keys: &[&str]) {
    for key in keys {
        if row.get(key).is_none() {
            row.insert(*key, Value::Null);
        }
    }
}

fn answer<const N: usize>(status: &mut actix_web::HttpResponseBuilder, members: [(&str, Value); N]) -> HttpResponse {
    let body: Object = members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    status.content_type("application/json").body(Value::Object(body).to_canonical())
}

/// What a writing body asks for.
struct NewMessage {
    id: Box<str>,
    text: Arc<str>,
    to: Option<UserId>,
}

impl NewMessage {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let text: Arc<str> = match fields.required_value("text") {
            Some(Value::String(text)) if is_phrase(&text, CHAT_CHARS) => text.into(),
            Some(_) => {
                fields.fault(
                    "text",
                    "A text of 1 to 1000 characters is required, not blank, without control characters.",
                );
                "".into()
            }
            None => "".into(),
        };
        let id = match fields.nullable_text("id", BATCH_ID_BYTES).flatten() {
            Some(id) if id.is_empty() || id.len() > BATCH_ID_BYTES => {
                fields.fault("id", "A text of 1 to 64 bytes is required.");
                id
            }
            Some(id) => id,
            // Without a name of its own each request is a message of its own.
            None => Uuid::now_v7().to_string(),
        };
        let to = fields.nullable_text("to", 64).flatten().and_then(|text| {
            let user = text.parse().ok();
            if user.is_none() {
                fields.fault("to", "Must be a valid UUID.");
            }
            user
        });
        fields.finish()?;
        Ok(Self { id: id.into(), text, to })
    }
}

/// Which messages: `?limit=`, and `?before=` or `?after=` a message's number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    page: ChatCursor,
    limit: u32,
}

impl FromRequest for Window {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(window(request.query_string()))
    }
}

fn window(query: &str) -> Result<Window, Problem> {
    const NUMBER: &str = "A whole number of at least 0 is required.";
    let (mut before, mut after, mut limit) = (None, None, PAGE_DEFAULT);
    let mut faults = Faults::default();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let number = value.parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok());
        match (name, number) {
            ("before", Some(seq)) => before = Some(seq),
            ("before", None) => faults.add("before", NUMBER),
            ("after", Some(seq)) => after = Some(seq),
            ("after", None) => faults.add("after", NUMBER),
            ("limit", Some(rows)) if rows > 0 => limit = u32::try_from(rows).unwrap_or(PAGE_MAX).min(PAGE_MAX),
            ("limit", _) => faults.add("limit", "A whole number of at least 1 is required."),
            // Clients add parameters of their own against caches.
            (_, _) => {}
        }
    }
    if before.is_some() && after.is_some() {
        faults.add("after", "Either before or after.");
    }
    faults.into_result()?;
    let page = after.map_or(ChatCursor::Before(before.unwrap_or(u64::MAX)), ChatCursor::After);
    Ok(Window { page, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f14_a_window_of_messages_is_bounded_and_nonsense_is_refused() {
        assert_eq!(window("").unwrap(), Window { page: ChatCursor::Before(u64::MAX), limit: PAGE_DEFAULT });
        assert_eq!(window("before=7&limit=900").unwrap(), Window { page: ChatCursor::Before(7), limit: PAGE_MAX });
        assert_eq!(window("after=0&limit=3&_=1").unwrap(), Window { page: ChatCursor::After(0), limit: 3 });
        for wrong in ["limit=0", "limit=x", "before=-1", "after=", "before=1&after=2", "after=99999999999999999999"] {
            assert_eq!(window(wrong).unwrap_err().status(), 400, "{wrong}");
        }
    }

    #[test]
    fn f14_a_message_that_is_blank_long_or_to_nobody_is_refused_with_its_field() {
        let read = |body: &str| NewMessage::read(Fields::parse(body.as_bytes())?);
        assert_eq!(&*read(r#"{"text":"a\nb","to":null}"#).unwrap().text, "a\nb");
        let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(1001));
        for wrong in
            ["", r#"{"text":" "}"#, r#"{"text":7}"#, &long, r#"{"text":"x","to":"Ann"}"#, r#"{"text":"x","id":""}"#]
        {
            assert_eq!(read(wrong).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong:.40}");
        }
    }
}
