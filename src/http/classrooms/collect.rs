//! Pupils' pages, or groups', on the shared board: one page for each, in one revision, and back in one. Called by the route
//! table. All of them fit or none is taken.

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use uuid::Uuid;

use super::{
    boards::{LessonPath, people},
    call::Call,
    pages, push,
};
use crate::{
    actors::board::ApplyOps,
    actors::messages::{BoardError, Precondition, Save},
    http::{extract::idempotency_key, problem::Problem},
};
use m4sh_domain::limits::{FEED_BOARDS, ITEM_ID_BYTES, PUSHES_AT_ONCE};
use m4sh_domain::{
    access::BoardAssignment,
    board::Op,
    ids::{ClassroomId, LessonId, UserId},
    json::Value,
};
use m4sh_store::LessonBoard;

type CollectId = web::Path<(ClassroomId, LessonId, Uuid)>;

/// `POST /classrooms/{id}/sessions/{sid}/collect/`: `{from: "all" | "groups" | [user], page?}`, by a tutor.
pub async fn create(call: Call, path: LessonPath, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let lesson = *path;
    let key = idempotency_key(request.headers())?;
    let mut fields = call.fields()?;
    let from = fields.required_value("from").and_then(|from| {
        let from = From::read(&from);
        if from.is_none() {
            fields.fault("from", "Must be \"all\", \"groups\" or a list of 1 to 300 ids.");
        }
        from
    });
    let page = fields.name("page", ITEM_ID_BYTES);
    fields.finish()?;
    call.require_tutor(lesson.0).await?;
    let shared = call.open_lesson(lesson).await?.board;
    // Whoever has no value had a fault, and was told.
    let from = from.unwrap_or(From::Everybody);
    let sources: Vec<LessonBoard> = call
        .services
        .store
        .lesson_boards(lesson.1, FEED_BOARDS + 1)
        .await?
        .into_iter()
        .filter(|row| from.takes(&row.whose))
        .collect();
    let names = call.names(lesson.0).await?;
    // The same id under the same key, so that a repeat is the same batch.
    let collect = key.as_deref().map_or_else(Uuid::now_v7, |key| Uuid::new_v5(&lesson.1.0, key.as_bytes()));
    let read = |(number, row): (usize, LessonBoard)| {
        let (call, page, name) = (&call, page.as_deref(), title(&row, &names));
        async move {
            let view = call.services.directory.boards().read(row.board, call.user).await?;
            let state = push::parsed(&view.state)?;
            let found =
                pages::find(&state, page).map(|found| pages::copy(found, &page_id(collect, number), Some(&name)));
            Ok::<_, Problem>((row, found))
        }
    };
    let copies: Vec<(LessonBoard, Option<Op>)> =
        stream::iter(sources.into_iter().enumerate().map(read)).buffered(PUSHES_AT_ONCE).try_collect().await?;
    let mut shown = Vec::new();
    let mut ops = Vec::new();
    for (row, op) in copies {
        let Some(op) = op else { continue };
        let page = op.value.as_ref().and_then(|page| page.get("id")?.as_str()).unwrap_or_default();
        shown.push(json!({"board": row.board, "page": page}));
        ops.push(op);
    }
    if ops.is_empty() {
        return Err(Problem::NotFound);
    }
    let key = Some(format!("collect:{collect}").into());
    let saved = call
        .services
        .directory
        .boards()
        .save(shared, Save::new(call.user, Precondition::Any, key, ApplyOps(ops)))
        .await?;
    call.trail.node(shared.0);
    call.trail.data(json!({"session": lesson.1, "collect": collect, "pages": shown.len()}));
    Ok(HttpResponse::Created().json(json!({"collect": collect, "rev": saved.rev.0, "board": shared, "pages": shown})))
}

/// `POST …/collects/{collect}/undo/`: takes those pages away again, all in one revision.
pub async fn undo(call: Call, path: CollectId) -> Result<HttpResponse, Problem> {
    let (id, session, collect) = *path;
    call.require_tutor(id).await?;
    let shared = call.open_lesson((id, session)).await?.board;
    let key: Box<str> = format!("collect-undo:{collect}").into();
    for _ in 0..8 {
        let view = call.services.directory.boards().read(shared, call.user).await?;
        let state = push::parsed(&view.state)?;
        let pages = state.get("pages").and_then(Value::as_array).unwrap_or_default();
        let ids = pages.iter().filter_map(|page| page.get("id")?.as_str());
        let ours: Vec<&str> = ids.filter(|page| page.starts_with(&prefix(collect))).collect();
        if ours.is_empty() {
            return Err(Problem::NotFound);
        }
        let ops: Vec<Op> = ours.iter().map(|page| pages::remove_page(page)).collect();
        let save = Save::new(call.user, Precondition::IfMatch(Some(view.rev)), Some(key.clone()), ApplyOps(ops));
        match call.services.directory.boards().save(shared, save).await {
            Err(BoardError::PreconditionFailed { .. }) => {}
            saved => {
                let saved = saved?;
                call.trail.node(shared.0);
                call.trail.data(json!({"session": session, "collect": collect, "undone": ours.len()}));
                return Ok(
                    HttpResponse::Ok().json(json!({"collect": collect, "rev": saved.rev.0, "pages": ours.len()}))
                );
            }
        }
    }
    Err(Problem::Unavailable { wait: std::time::Duration::from_secs(1) })
}

/// Whose pages are collected.
enum From {
    Everybody,
    Groups,
    Of(Vec<UserId>),
}

impl From {
    fn read(value: &Value) -> Option<Self> {
        if value.as_str() == Some("groups") {
            return Some(Self::Groups);
        }
        people(value, "all").map(|users| users.map_or(Self::Everybody, Self::Of))
    }

    fn takes(&self, whose: &BoardAssignment) -> bool {
        match (self, whose) {
            (Self::Groups, BoardAssignment::Group(members)) => !members.is_empty(),
            (Self::Everybody, BoardAssignment::Pupil(_)) => true,
            (Self::Of(users), BoardAssignment::Pupil(pupil)) => users.contains(pupil),
            _ => false,
        }
    }
}

impl Call {
    /// The names that people of a class are shown by.
    pub(super) async fn names(&self, id: ClassroomId) -> Result<std::collections::HashMap<UserId, String>, Problem> {
        let people = self.services.store.lesson_people(id).await?;
        let name = |person: &m4sh_store::LessonPerson| {
            crate::identity::display_name(&person.first_name, &person.last_name, &person.email)
        };
        Ok(people.iter().map(|person| (person.user, name(person))).collect())
    }
}

/// What a collected page is called: by whom it is.
fn title(row: &LessonBoard, names: &std::collections::HashMap<UserId, String>) -> String {
    let users: &[UserId] = match &row.whose {
        BoardAssignment::Pupil(pupil) => std::slice::from_ref(pupil),
        BoardAssignment::Group(members) => members,
        BoardAssignment::Everybody => &[],
    };
    let names: Vec<&str> = users.iter().filter_map(|user| names.get(user)).map(String::as_str).collect();
    if names.is_empty() { row.name.clone() } else { names.join(", ").chars().take(255).collect() }
}

fn prefix(collect: Uuid) -> String {
    format!("collect-{}-", collect.simple())
}

fn page_id(collect: Uuid, number: usize) -> String {
    format!("{}{number}", prefix(collect))
}
