//! Thumbnails: asked for, looked at, and their addresses in lists (contract/boards.md 2.8).
//! Called by the route table and by `detail`. Never draws: `jobs` does.

use actix_web::{HttpResponse, http::header, web};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

use super::Id;
use crate::{
    http::{
        Services,
        audit::AuditContext,
        extract::{PublicBase, Signed},
        problem::Problem,
    },
    jobs::{JobHandler, JobStatus, NewJob, thumbnail::ThumbnailJob as Drawing},
    objects::ObjectError,
};
use m4sh_domain::limits;
use m4sh_domain::rate::Scope;
use m4sh_store::{BoardSummary, StoredThumbnail};

/// `POST /solo/sessions/{id}/thumbnail/`: the board's picture as it is now, drawn if there is none of this revision.
pub async fn refresh(
    services: web::Data<Services>,
    path: Id,
    base: PublicBase,
    trail: AuditContext,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    trail.node(path.0.0);
    let card = services.store.board_summary(path.0, who.user).await?.ok_or(Problem::NotFound)?;
    let picture = match card.thumbnail.clone().filter(|made| made.rev >= card.rev) {
        Some(made) => made,
        None => services.draw_thumbnail(&card).await?,
    };
    let url = services.thumbnail_url(&picture, &base).await?;
    Ok(HttpResponse::Ok().json(json!({ "thumbnail_url": url, "status": "success" })))
}

/// `GET /solo/sessions/{id}/thumbnail/`: on to the picture.
pub async fn look(
    services: web::Data<Services>,
    path: Id,
    base: PublicBase,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloUser, who.user)?;
    let card = services.store.board_summary(path.0, who.user).await?.ok_or(Problem::NotFound)?;
    let picture = card.thumbnail.as_ref().ok_or(Problem::NotFound)?;
    let url = services.thumbnail_url(picture, &base).await?;
    Ok(HttpResponse::Found().insert_header((header::LOCATION, url)).finish())
}

impl Services {
    /// What a card shows under `thumbnail_url`: the picture that the server made, else the address that a client gave.
    pub(in crate::http) async fn picture_of(
        &self,
        card: &BoardSummary,
        base: &PublicBase,
    ) -> Result<Option<String>, Problem> {
        self.picture(card.thumbnail.as_ref(), card.thumbnail_url.as_deref(), base).await
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

    async fn draw_thumbnail(&self, card: &BoardSummary) -> Result<StoredThumbnail, Problem> {
        // One job for all who ask for the same board at once would need a key that a failure gives back; drawing
        // twice is harmless, and the second run finds the first one's picture.
        let job = NewJob {
            id: Uuid::now_v7(),
            kind: Drawing::KIND,
            account: None,
            node: Some(card.id),
            key: None,
            fingerprint: None,
            params: json!({ "rev": card.rev.0 }),
            expires_at: None,
        };
        let asked = self.jobs.enqueue(job).await?.into_row();
        let done = self.jobs.finished(asked.id, limits::RENDER_WAIT).await?;
        if done.is_none_or(|job| job.status != JobStatus::Completed) {
            return Err(Problem::ThumbnailFailed);
        }
        self.store.thumbnail(card.id).await?.ok_or(Problem::ThumbnailFailed)
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
