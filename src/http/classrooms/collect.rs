//! Pupils' pages, or groups', on the shared board: one page for each, in one revision, and back in one. Called by the route
//! table. All of them fit or none is taken.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    call::Tutor,
    pages,
    paths::{CollectPath, LessonPath},
    push,
};
use crate::{
    actors::{
        board::ApplyOps,
        messages::{BoardError, Precondition, Save},
    },
    http::{
        operation::{
            Operation,
            answer::{Created, Json},
            argument::{Call, IdempotencyHeader},
            body::{Body, Omittable, request},
            params::Path,
            post,
            reading::{PageId, PageSources},
            schemas::AllOrGroups,
        },
        problem::Problem,
    },
};
use m4sh_domain::limits::{FEED_BOARDS, PUSHES_AT_ONCE};
use m4sh_domain::{
    access::BoardAssignment,
    board::Op,
    ids::{ClassroomId, UserId},
    json::Value,
};
use m4sh_store::{EventCategory::Board, LessonBoard};

pub(super) fn operations() -> [Operation; 2] {
    [
        post("/classrooms/{id}/sessions/{sid}/collect", "collect_pages", collect_pages)
            .about(
                "Collect pages onto the shared board",
                "By a tutor, in one revision; each page is named after whom it is of. Under an `Idempotency-Key` a repeat is the same.",
            )
            .answers(&["Collected."])
            .errors(&["board_too_large", "too_many_pages", "invalid_ops"])
            .audit(Board, "pages_collected"),
        post("/classrooms/{id}/sessions/{sid}/collects/{collect}/undo", "undo_collect", undo_collect)
            .about("Take a collection back", "")
            .answers(&["Gone, in one revision."])
            .audit(Board, "collect_undone"),
    ]
}

request! {
    /// Whose pages are collected.
    struct CollectingRequest {
        from: AllOrGroups,
        /// The page; each board's open one when not told.
        #[example(json!("page-1"))]
        page: Omittable<PageId>,
    }
}

/// Pages that were collected.
#[derive(Serialize, ToSchema)]
struct CollectedResponse {
    board: Uuid,
    collect: Uuid,
    pages: Vec<CollectedPageResponse>,
    #[schema(example = 3)]
    rev: u64,
}

#[derive(Serialize, ToSchema)]
struct CollectedPageResponse {
    board: Uuid,
    #[schema(example = "collect-0-0")]
    page: String,
}

/// Pages that went again.
#[derive(Serialize, ToSchema)]
struct UncollectedResponse {
    collect: Uuid,
    #[schema(value_type = u64, example = 2)]
    pages: usize,
    #[schema(example = 4)]
    rev: u64,
}

async fn collect_pages(
    call: Call,
    Path(path): Path<LessonPath>,
    IdempotencyHeader(key): IdempotencyHeader,
    Body(CollectingRequest { from, page }): Body<CollectingRequest>,
    _: Tutor,
) -> Result<Created<CollectedResponse>, Problem> {
    let lesson = path.lesson();
    let shared = call.open_lesson(lesson).await?.board;
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
    let mut collected = Vec::new();
    let mut ops = Vec::new();
    for (row, op) in copies {
        let Some(op) = op else { continue };
        let page = op.value.as_ref().and_then(|page| page.get("id")?.as_str()).unwrap_or_default();
        collected.push(CollectedPageResponse { board: row.board.0, page: page.to_owned() });
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
    call.audit.node(shared.0);
    call.audit.data(json!({"session": lesson.1, "collect": collect, "pages": collected.len()}));
    Ok(Created(CollectedResponse { board: shared.0, collect, pages: collected, rev: saved.rev.0 }))
}

/// Takes those pages away again, all in one revision.
async fn undo_collect(
    call: Call,
    Path(CollectPath { id, sid, collect }): Path<CollectPath>,
    _: Tutor,
) -> Result<Json<UncollectedResponse>, Problem> {
    let shared = call.open_lesson((id, sid)).await?.board;
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
                call.audit.node(shared.0);
                call.audit.data(json!({"session": sid, "collect": collect, "undone": ours.len()}));
                return Ok(Json(UncollectedResponse { collect, pages: ours.len(), rev: saved.rev.0 }));
            }
        }
    }
    Err(Problem::Unavailable { wait: std::time::Duration::from_secs(1) })
}

impl PageSources {
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
