//! Solo sessions over REST: boards of one's own, and class boards for those with the right (contract/boards.md 2.1).
//! Called by the route table. Never reads or writes a document itself: the directory does, in the board's order.

pub mod beacon;
pub mod detail;
pub mod diff;
pub mod exports;
pub mod sharing;
pub mod snapshots;
pub mod state;
pub mod stream;
pub mod thumbnails;
pub mod undo;
pub mod visits;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use uuid::Uuid;

use super::{
    Services,
    audit::AuditContext,
    extract::{Paging, PublicBase, SessionBody, Signed, SignedBody, base_when_given, idempotency_key},
    fields::{Fields, whole},
    problem::Problem,
};
use crate::actors::board::ReplaceState;
use crate::actors::messages::{BoardView, Precondition, Save};
use m4sh_domain::limits::{BOARD_PAGES, NAME_CHARS, URL_CHARS};
use m4sh_domain::{
    ids::{BoardId, Rev, UserId},
    json::Value,
    rate::Scope,
};
use m4sh_store::{BoardPatch, BoardSummary, CopyAssetsResult, NewBoard};

type Id = web::Path<(BoardId,)>;

/// The name of a session that was given none.
const UNTITLED: &str = "Untitled";

/// `GET /solo/sessions/`: one's own boards, the last changed first, without their states.
pub async fn list(
    services: web::Data<Services>,
    Signed(who): Signed,
    address: PublicBase,
    paging: Paging,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    // Old clients do not page: they get as many as one answer may hold.
    let page = paging.widest_page();
    let (count, cards) = services.store.list_boards(who.user, page).await?;
    let mut rows = Vec::with_capacity(cards.len());
    for card in &cards {
        rows.push(detail::Row::of(card, services.picture_of(card, &address).await?));
    }
    Ok(paging.answer(page, count, rows))
}

/// `POST /solo/sessions/`: a new board at revision 0.
pub async fn create(
    services: web::Data<Services>,
    trail: AuditContext,
    body: SignedBody<SessionBody>,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, body.who.user)?;
    let wanted = Wanted::read(without_falsy_state(state::parse(body.bytes).await?))?;
    let fresh = state::fresh(wanted.state.unwrap_or(Value::Object(m4sh_domain::json::Object::default()))).await?;
    let name = wanted.card.name.unwrap_or_else(|| UNTITLED.to_owned());
    let page_count = wanted.card.page_count.unwrap_or(fresh.page_count);
    let thumbnail_url = wanted.card.thumbnail_url.flatten();
    let card = make(&services, &trail, body.who.user, name, thumbnail_url, page_count, &fresh).await?;
    Ok(detail::new_board(&card, &fresh.state))
}

/// `GET /solo/sessions/{id}/` and `GET /boards/{id}/`: the board with its whole state.
pub async fn read(
    services: web::Data<Services>,
    path: Id,
    Signed(who): Signed,
    address: PublicBase,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let (card, view) = look(&services, path.0, who.user).await?;
    let picture = services.picture_of(&card, &address).await?;
    Ok(detail::answer(HttpResponse::Ok(), &card, picture, &view))
}

/// `PATCH /solo/sessions/{id}/`: another name or picture, and with a `state` a whole save (design: a full write).
pub async fn change(
    services: web::Data<Services>,
    path: Id,
    request: HttpRequest,
    address: PublicBase,
    trail: AuditContext,
    body: SignedBody<SessionBody>,
) -> Result<HttpResponse, Problem> {
    trail.node(path.0.0);
    let (id, who) = (path.0, body.who.user);
    services.limiter.check(Scope::SoloUser, who)?;
    let key = idempotency_key(request.headers())?;
    let base = base_when_given(request.headers());
    let mut wanted = Wanted::read(state::parse(body.bytes).await?)?;
    let card = services.store.board_summary(id, who).await?.ok_or(Problem::NotFound)?;
    if wanted.state.is_some() {
        // The pages of a saved state are counted, not claimed.
        wanted.card.page_count = None;
    }
    let changes_card = wanted.card != BoardPatch::default();
    if changes_card && card.owner != who {
        return Err(Problem::Forbidden("Only the owner of this board may change its name, picture or page count."));
    }
    if let Some(state) = wanted.state {
        let document = state::document(state).await?;
        let saved = services.directory.boards().save(id, Save::new(who, base, key, ReplaceState(document))).await?;
        trail.action("board_saved");
        trail.note("rev", saved.rev.0);
    } else if base != Precondition::Any {
        must_match(base, services.directory.boards().read(id, who).await?.rev)?;
    }
    if changes_card && !services.store.update_board(id, who, wanted.card).await? {
        return Err(Problem::NotFound);
    }
    let (card, view) = look(&services, id, who).await?;
    let picture = services.picture_of(&card, &address).await?;
    Ok(detail::answer(HttpResponse::Ok(), &card, picture, &view))
}

/// `DELETE /solo/sessions/{id}/`.
pub async fn delete(
    services: web::Data<Services>,
    path: Id,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    trail.node(path.0.0);
    if services.store.delete_board(path.0, who.user).await? {
        services.visits.forget(who.user, path.0);
        services.directory.boards().close_deleted(path.0).await;
        return Ok(HttpResponse::NoContent().finish());
    }
    match services.store.board_summary(path.0, who.user).await? {
        Some(_) => Err(Problem::Forbidden("The board of a class session is deleted with its classroom.")),
        None => Err(Problem::NotFound),
    }
}

/// `POST /solo/sessions/{id}/duplicate/`: a copy of one's own, at revision 0.
pub async fn duplicate(
    services: web::Data<Services>,
    path: Id,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let (card, view) = look(&services, path.0, who.user).await?;
    let fresh = state::fresh(state::parse(view.state).await?).await?;
    let page_count = fresh.page_count;
    trail.note("of", path.0.to_string());
    let copy = make(&services, &trail, who.user, name_of_copy(&card.name), None, page_count, &fresh).await?;
    if let Err(problem) = services.copy_assets(path.0, copy.id, who.user, &fresh.state).await {
        // A copy without its pictures is none.
        services.store.delete_board(copy.id, who.user).await?;
        return Err(problem);
    }
    Ok(detail::new_board(&copy, &fresh.state))
}

async fn look(services: &Services, id: BoardId, who: UserId) -> Result<(BoardSummary, BoardView), Problem> {
    let card = services.store.board_summary(id, who).await?.ok_or(Problem::NotFound)?;
    let view = services.directory.boards().read(id, who).await?;
    Ok((card, view))
}

async fn make(
    services: &Services,
    trail: &AuditContext,
    owner: UserId,
    name: String,
    thumbnail_url: Option<String>,
    page_count: u32,
    fresh: &state::Fresh,
) -> Result<BoardSummary, Problem> {
    services.must_exist(owner).await?;
    let id = BoardId(Uuid::now_v7());
    let new = NewBoard { id, owner, name, thumbnail_url, page_count, checkpoint: fresh.checkpoint.clone() };
    let card = services.store.create_board(new).await?;
    trail.node(id.0);
    Ok(card)
}

fn must_match(base: Precondition, server_rev: Rev) -> Result<(), Problem> {
    match base {
        Precondition::Any => Ok(()),
        Precondition::IfMatch(Some(rev)) | Precondition::XRev(Some(rev)) if rev == server_rev => Ok(()),
        Precondition::IfMatch(_) | Precondition::Missing => Err(Problem::PreconditionFailed { server_rev }),
        Precondition::XRev(_) => Err(Problem::RevMismatch { server_rev }),
    }
}

/// `<name> (Copy)`, cut so that it stays a name.
fn name_of_copy(name: &str) -> String {
    const MARK: &str = " (Copy)";
    let kept: String = name.chars().take(NAME_CHARS - MARK.len()).collect();
    format!("{kept}{MARK}")
}

/// A new board may be asked for with `null` or `[]` as its state, which old clients send for an empty one (SPEC D16).
/// A change may not: it would clear the board by accident.
fn without_falsy_state(body: Value) -> Value {
    match body {
        Value::Object(mut fields) if fields.get("state").is_some_and(Value::is_falsy) => {
            fields.remove("state");
            Value::Object(fields)
        }
        other => other,
    }
}

/// What a create or change body asks for.
struct Wanted {
    card: BoardPatch,
    state: Option<Value>,
}

impl Wanted {
    fn read(body: Value) -> Result<Self, Problem> {
        let mut fields = Fields::from_value(body)?;
        let name = fields.name("name", NAME_CHARS);
        let page_count = fields.value("page_count").and_then(|value| {
            let count = whole(&value).and_then(|count| u32::try_from(count).ok());
            let count = count.filter(|count| (1..=BOARD_PAGES as u64).contains(&u64::from(*count)));
            if count.is_none() {
                fields.fault("page_count", &format!("A whole number from 1 to {BOARD_PAGES} is required."));
            }
            count
        });
        let thumbnail_url = fields.nullable_text("thumbnail_url", URL_CHARS);
        let state = fields.value("state");
        if state.as_ref().is_some_and(|state| state.as_object().is_none()) {
            fields.fault("state", "A state must be an object.");
        }
        fields.finish()?;
        Ok(Self { card: BoardPatch { name, thumbnail_url, page_count }, state })
    }
}

impl Services {
    /// Passes when a copy of the board's pictures would fit: for those who cannot take back what they make of it.
    ///
    /// # Errors
    /// 403 `quota_exceeded`.
    pub(super) async fn holds_assets(&self, from: BoardId, owner: UserId) -> Result<(), Problem> {
        let bytes = self.store.assets_size(from).await?;
        let Some(usage) = self.store.usage(owner).await? else { return Ok(()) };
        let used = usage.used.saturating_add(usage.reserved);
        let fits = bytes == 0 || usage.quota == 0 || used.saturating_add(bytes) <= usage.quota;
        if fits { Ok(()) } else { Err(Problem::QuotaExceeded { used, quota: usage.quota }) }
    }

    /// Gives a copy of a board the pictures that its state refers to, at the cost of the copy's owner.
    ///
    /// # Errors
    /// 403 `quota_exceeded`; then nothing was copied.
    pub(super) async fn copy_assets(
        &self,
        from: BoardId,
        to: BoardId,
        owner: UserId,
        state: &Bytes,
    ) -> Result<(), Problem> {
        match self.store.copy_assets(from, to, owner).await? {
            CopyAssetsResult::Assets(_) => self.forget_hidden_pictures(from, to, state).await,
            CopyAssetsResult::Full(usage) => {
                let used = usage.used.saturating_add(usage.reserved);
                Err(Problem::QuotaExceeded { used, quota: usage.quota })
            }
        }
    }

    /// A token of another issuer may name somebody without an account here; such a one can own nothing.
    pub(super) async fn must_exist(&self, user: UserId) -> Result<crate::identity::UserProfile, Problem> {
        let card = self.people.profile(user).await?;
        card.ok_or_else(|| Problem::Unauthenticated("This account does not exist.".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h6_a_copy_of_the_longest_name_still_has_a_legal_name() {
        assert_eq!(name_of_copy("Дошка"), "Дошка (Copy)");
        let copy = name_of_copy(&"я".repeat(NAME_CHARS));
        assert_eq!(copy.chars().count(), NAME_CHARS);
        assert!(copy.ends_with("я (Copy)"));
    }

    #[test]
    fn h4_a_change_without_a_state_honours_the_revision_it_names() {
        let rev = Rev(4);
        assert_eq!(must_match(Precondition::Any, rev), Ok(()));
        assert_eq!(must_match(Precondition::IfMatch(Some(rev)), rev), Ok(()));
        assert_eq!(must_match(Precondition::XRev(Some(rev)), rev), Ok(()));
        assert_eq!(
            must_match(Precondition::IfMatch(Some(Rev(3))), rev),
            Err(Problem::PreconditionFailed { server_rev: rev })
        );
        assert_eq!(must_match(Precondition::IfMatch(None), rev), Err(Problem::PreconditionFailed { server_rev: rev }));
        assert_eq!(must_match(Precondition::XRev(None), rev), Err(Problem::RevMismatch { server_rev: rev }));
    }

    #[test]
    fn h5_a_session_body_is_checked_field_by_field() {
        let read =
            |body: &str| Wanted::read(Value::parse(body.as_bytes(), m4sh_domain::json::Bounds::default()).unwrap());
        let fine =
            read(r#"{"name":" Лінії ","state":{"pages":[]},"page_count":2,"thumbnail_url":null,"zoom":1}"#).unwrap();
        assert_eq!(fine.card.name.as_deref(), Some("Лінії"));
        assert_eq!((fine.card.page_count, fine.card.thumbnail_url), (Some(2), Some(None)));
        assert!(fine.state.is_some());
        assert!(read("{}").unwrap().state.is_none());
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(NAME_CHARS + 1));
        for wrong in [
            r#"{"name":""}"#,
            r#"{"name":7}"#,
            r#"{"name":null}"#,
            r#"{"state":[]}"#,
            r#"{"state":null}"#,
            r#"{"state":"{}"}"#,
            r#"{"page_count":0}"#,
            r#"{"page_count":1.5}"#,
            r#"{"page_count":2001}"#,
            r#"{"thumbnail_url":7}"#,
            "[]",
            &long,
        ] {
            assert_eq!(read(wrong).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong}");
        }
    }
}
