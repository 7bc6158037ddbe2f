//! The pictures of a shared board: addresses for those that its state names, and one at a time for pages that grow
//! (SPEC L18). Called by the public board and the route table. Never gives a picture of another board.

use std::collections::BTreeMap;

use actix_web::web;
use bytes::Bytes;

use super::{opened, shown::Unlisted};
use crate::{
    http::{
        Services,
        assets::sha256_of_hex,
        extract::PublicBase,
        operation::{
            Operation,
            answer::Redirect,
            get,
            params::{Path, Query, Unescaped, path_params, query_params},
        },
        problem::Problem,
        states::off_thread,
    },
    objects::ObjectError,
};
use m4sh_domain::limits::ASSET_URL_LIFE;
use m4sh_domain::{ids::BoardId, rate::Scope};
use m4sh_render::assets_of;

/// States up to this size are searched in less time than a change of threads takes.
const SMALL: usize = 128 * 1024;

/// A picture.
pub(super) fn operation() -> Operation {
    get("/solo/public/{token}/assets/{sha256}", "public_asset", public_asset)
        .about("A picture of a shared board", "Takes no view.")
        .answers(&["Where it is, for a short while."])
        .errors(&["share_link_invalid", "not_found"])
        .rate(Scope::SoloAnonAsset)
}

path_params! {
    /// A picture of a shared board.
    struct PublicAssetPath {
        /// Of the link.
        token: String,
        /// As the state names it after `asset:`.
        sha256: String,
    }
}

query_params! {
    /// The right to use a link whose views are all taken.
    struct TicketQuery {
        /// Of the public page: opens a link whose views are all taken to those who took one.
        ticket: Unescaped,
    }
}

async fn public_asset(
    Path(PublicAssetPath { token, sha256 }): Path<PublicAssetPath>,
    Query(TicketQuery { ticket }): Query<TicketQuery>,
    base: PublicBase,
    services: web::Data<Services>,
) -> Result<Unlisted<Redirect>, Problem> {
    let ticket = ticket.map(|ticket| ticket.0);
    let link = opened(&services, &token, ticket.as_deref()).await?;
    let sha256 = sha256_of_hex(&sha256).ok_or(Problem::NotFound)?;
    let row = services.store.asset(link.board, &sha256).await?.ok_or(Problem::NotFound)?;
    if !services.pictures_for_guests(link.board).await?.has(&row.sha256, None) {
        return Err(Problem::NotFound);
    }
    Ok(Unlisted(Redirect(address(&services, &base, &row.key).await?)))
}

/// Addresses for the pictures that a state names as `asset:<sha256>`, as far as the board has them.
pub(super) async fn of_state(
    services: &Services,
    base: &PublicBase,
    board: BoardId,
    state: &Bytes,
) -> Result<BTreeMap<String, String>, Problem> {
    let named = if state.len() <= SMALL {
        assets_of(state)
    } else {
        let state = state.clone();
        off_thread(move || assets_of(&state)).await?
    };
    let named: Vec<[u8; 32]> = named.iter().filter_map(|text| sha256_of_hex(text)).collect();
    let mut urls = BTreeMap::new();
    if named.is_empty() {
        return Ok(urls);
    }
    for (sha256, key) in services.store.asset_keys(board, &named).await? {
        let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        urls.insert(format!("asset:{hex}"), address(services, base, &key).await?);
    }
    Ok(urls)
}

async fn address(services: &Services, base: &PublicBase, key: &str) -> Result<String, Problem> {
    Ok(services.objects.blobs().signed_url(key, ASSET_URL_LIFE, &base.0).await.map_err(ObjectError::from)?)
}
