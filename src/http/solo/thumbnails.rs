//! Thumbnails: requested, looked at, and their addresses in lists (SPEC E41, E42).
//! Called by the route table and by handlers that show boards. Never draws: `jobs` does.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::BoardPath;
use crate::{
    http::{
        Services,
        extract::PublicBase,
        operation::{
            Operation,
            answer::{Json, Redirect},
            argument::Call,
            get,
            params::Path,
            post,
        },
        problem::Problem,
    },
    jobs::{JobHandler, JobStatus, NewJob, thumbnail::ThumbnailJob},
    objects::ObjectError,
};
use m4sh_domain::limits;
use m4sh_store::{BoardSummary, EventCategory::Board, StoredThumbnail};

/// The thumbnail of a board.
pub fn operations() -> [Operation; 2] {
    [
        post("/solo/sessions/{id}/thumbnail", "make_thumbnail", make_thumbnail)
            .about(
                "Make a board's thumbnail",
                "Of what is saved now. The server also makes one by itself after changes.",
            )
            .answers(&["Made, or there already."])
            .errors(&["thumbnail_failed"])
            .audit_later(Board, "thumbnail_refreshed"),
        get("/solo/sessions/{id}/thumbnail", "see_thumbnail", see_thumbnail)
            .about("A board's thumbnail", "")
            .answers(&["There is one."]),
    ]
}

/// A picture of a board.
#[derive(Serialize, ToSchema)]
struct PictureResponse {
    #[schema(example = "success", pattern = "^success$")]
    status: &'static str,
    #[schema(example = "https://board.school.example/blobs/solo/…/thumbnails/….webp?expires=…&signature=…")]
    thumbnail_url: String,
}

/// Draws if there is no picture of this revision.
async fn make_thumbnail(
    Path(BoardPath { id }): Path<BoardPath>,
    base: PublicBase,
    call: Call,
) -> Result<Json<PictureResponse>, Problem> {
    let services = &call.services;
    call.audit.node(id.0);
    let board = services.store.board_summary(id, call.user).await?.ok_or(Problem::NotFound)?;
    let picture = match board.thumbnail.clone().filter(|made| made.rev >= board.rev) {
        Some(made) => made,
        None => services.draw_thumbnail(&board).await?,
    };
    let thumbnail_url = services.thumbnail_url(&picture, &base).await?;
    Ok(Json(PictureResponse { status: "success", thumbnail_url }))
}

async fn see_thumbnail(
    Path(BoardPath { id }): Path<BoardPath>,
    base: PublicBase,
    call: Call,
) -> Result<Redirect, Problem> {
    let board = call.services.store.board_summary(id, call.user).await?.ok_or(Problem::NotFound)?;
    let picture = board.thumbnail.as_ref().ok_or(Problem::NotFound)?;
    call.services.thumbnail_url(picture, &base).await.map(Redirect)
}

impl Services {
    /// The `thumbnail_url` of a board: the picture that the server made, else the address that a client gave.
    pub(in crate::http) async fn picture_of(
        &self,
        board: &BoardSummary,
        base: &PublicBase,
    ) -> Result<Option<String>, Problem> {
        self.picture(board.thumbnail.as_ref(), board.thumbnail_url.as_deref(), base).await
    }

    /// The address of the picture `made`, else the one that was `given`.
    pub(in crate::http) async fn picture(
        &self,
        made: Option<&StoredThumbnail>,
        given: Option<&str>,
        base: &PublicBase,
    ) -> Result<Option<String>, Problem> {
        match made {
            Some(made) => self.thumbnail_url(made, base).await.map(Some),
            None => Ok(given.map(str::to_owned)),
        }
    }

    async fn thumbnail_url(&self, picture: &StoredThumbnail, base: &PublicBase) -> Result<String, Problem> {
        let life = steady_life(Timestamp::now());
        Ok(self.objects.blobs().signed_url(&picture.key, life, &base.0).await.map_err(ObjectError::from)?)
    }

    async fn draw_thumbnail(&self, board: &BoardSummary) -> Result<StoredThumbnail, Problem> {
        // One job for all who ask for the same board at once would need a key that a failure gives back; drawing
        // twice is harmless, and the second run finds the first one's picture.
        let job = NewJob {
            id: Uuid::now_v7(),
            kind: ThumbnailJob::KIND,
            account: None,
            node: Some(board.id),
            key: None,
            fingerprint: None,
            params: json!({ "rev": board.rev.0 }),
            expires_at: None,
        };
        let asked = self.jobs.enqueue(job).await?.into_row();
        let done = self.jobs.finished(asked.id, limits::RENDER_WAIT).await?;
        if done.is_none_or(|job| job.status != JobStatus::Completed) {
            return Err(Problem::ThumbnailFailed);
        }
        self.store.thumbnail(board.id).await?.ok_or(Problem::ThumbnailFailed)
    }
}

/// The time to the end of the hour after this one: the signed address is the same for an hour, so that a browser that
/// lists the same boards again keeps their pictures.
fn steady_life(now: Timestamp) -> Duration {
    let period = limits::THUMBNAIL_LINK_LIFE.as_secs();
    let into = now.as_second().rem_euclid(period.cast_signed()).cast_unsigned();
    Duration::from_secs(2 * period - into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e42_an_address_stays_for_an_hour_and_is_good_for_another() {
        let end = |text: &str| {
            let now: Timestamp = text.parse().unwrap();
            now.as_second() + steady_life(now).as_secs().cast_signed()
        };
        assert_eq!(end("2026-01-31T10:00:00Z"), end("2026-01-31T10:59:59.9Z"));
        assert_eq!(end("2026-01-31T10:00:00Z") + 3600, end("2026-01-31T11:00:00Z"));
        assert_eq!(steady_life("2026-01-31T10:59:59Z".parse().unwrap()).as_secs(), 3601);
    }
}
