//! The pictures of a shared board: addresses for those that its state names, and one at a time for pages that grow.
//! Called by the public page and the route table. Never gives a picture of another board.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, http::header, web};
use bytes::Bytes;
use serde::Deserialize;

use super::{opened, shown};
use crate::{
    http::{
        Services,
        extract::{ClientOrigin, PublicBase},
        problem::Problem,
    },
    objects::ObjectError,
};
use m4sh_domain::limits::ASSET_URL_LIFE;
use m4sh_domain::{ids::BoardId, rate::Scope};
use m4sh_render::assets_of;

/// States up to this size are searched in less time than a hop to another thread takes.
const SMALL: usize = 128 * 1024;

/// The ticket of the public page, for a link whose views are all taken.
#[derive(Deserialize)]
pub struct Wanted {
    ticket: Option<String>,
}

/// `GET /solo/public/{token}/assets/{sha256}/`: where the picture is, for a short while.
pub async fn picture(
    services: web::Data<Services>,
    path: web::Path<(String, String)>,
    wanted: web::Query<Wanted>,
    base: PublicBase,
    from: ClientOrigin,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloAnonAsset, from.address)?;
    let (token, asset) = path.into_inner();
    let link = opened(&services, &token, wanted.ticket.as_deref()).await?;
    let sha256 = hash(&asset).ok_or(Problem::NotFound)?;
    let row = services.store.asset(link.board, &sha256).await?.ok_or(Problem::NotFound)?;
    if !services.pictures_for_guests(link.board).await?.has(&row.sha256, None) {
        return Err(Problem::NotFound);
    }
    let url = address(&services, &base, &row.key).await?;
    Ok(shown::guarded(HttpResponse::Found()).insert_header((header::LOCATION, url)).finish())
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
        web::block(move || assets_of(&state)).await.map_err(|error| Problem::Internal(error.to_string()))?
    };
    let named: Vec<[u8; 32]> = named.iter().filter_map(|text| hash(text)).collect();
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

/// 64 hexadecimal digits, in the one way in which operations write them.
fn hash(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f').then(|| char::from(byte).to_digit(16)).flatten();
    let pairs = text.as_bytes().as_chunks::<2>();
    if pairs.0.len() != bytes.len() || !pairs.1.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs.0) {
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l18_an_asset_is_named_by_64_lower_case_digits() {
        assert_eq!(hash(&"0f".repeat(32)), Some([0x0f; 32]));
        for wrong in ["", "0f", &"0F".repeat(32), &"0f".repeat(33), &"0g".repeat(32), &"ä".repeat(32)] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }
}
