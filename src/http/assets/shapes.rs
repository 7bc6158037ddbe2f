//! How an asset is shown and named. Called by the handlers of assets and of shared boards. Never shows an object's key.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::{Services, extract::PublicBase, fields::Faults, operation::schemas::Moment, problem::Problem},
    objects::ObjectError,
};
use m4sh_domain::limits::{ASSET_URL_LIFE, NAME_CHARS};
use m4sh_store::AssetRow;

/// The name of a file that came without one.
const UNNAMED: &str = "Untitled";

/// The bytes of a picture or a document.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "only the description has it")]
pub struct FileResponse(Vec<u8>);

/// An asset of a board.
#[derive(Serialize, ToSchema)]
pub(super) struct AssetResponse {
    /// The SHA-256 of its bytes in hex.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    id: String,
    /// How operations name it.
    #[schema(example = "asset:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    r#ref: String,
    #[schema(example = "triangle.png")]
    name: String,
    #[schema(example = "image/png")]
    media_type: String,
    /// Bytes.
    #[schema(minimum = 1, example = 20480)]
    size: u64,
    /// Pixels, of a picture.
    #[schema(required = true, example = 640)]
    width: Option<u32>,
    #[schema(required = true, example = 480)]
    height: Option<u32>,
    /// Of a document.
    #[schema(required = true, example = json!(null))]
    pages: Option<u32>,
    /// Where its bytes are, for a while.
    #[schema(example = "https://board.school.example/blobs/…?expires=1767225600&signature=…")]
    url: String,
    created_at: Moment,
}

impl AssetResponse {
    pub(super) async fn of(services: &Services, row: AssetRow, base: &PublicBase) -> Result<Self, Problem> {
        let url = services.objects.blobs().signed_url(&row.key, ASSET_URL_LIFE, &base.0).await;
        let id = hex(&row.sha256);
        Ok(Self {
            r#ref: format!("asset:{id}"),
            id,
            name: row.name,
            media_type: row.media_type,
            size: row.size,
            width: row.width,
            height: row.height,
            pages: row.pages,
            url: url.map_err(ObjectError::from)?,
            created_at: Moment(row.created_at),
        })
    }
}

/// The name that an upload asks for: without the folders that some browsers send along.
pub(super) fn name(asked: Option<&str>) -> Result<String, Problem> {
    let asked = asked.unwrap_or_default();
    let name = asked.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if asked.chars().any(char::is_control) {
        return Err(Problem::Invalid(Faults::one("name", "A name has no control characters.")));
    }
    if name.chars().count() > NAME_CHARS {
        let words = format!("Ensure this field has no more than {NAME_CHARS} characters.");
        return Err(Problem::Invalid(Faults::one("name", &words)));
    }
    Ok(if name.is_empty() { UNNAMED.to_owned() } else { name.to_owned() })
}

pub(super) fn hex(sha256: &[u8; 32]) -> String {
    sha256.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash that a path names, with or without `asset:` before it.
pub(super) fn sha256(text: &str) -> Option<[u8; 32]> {
    sha256_of_hex(text.strip_prefix("asset:").unwrap_or(text))
}

/// 64 hexadecimal digits, in the one way in which operations write them.
pub(in crate::http) fn sha256_of_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut sha256 = [0; 32];
    for (at, byte) in sha256.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v12_a_name_loses_its_folders_and_has_no_control_characters() {
        assert_eq!(name(Some(" C:\\fake\\Дошка.png ")).unwrap(), "Дошка.png");
        assert_eq!(name(Some("../../x.png")).unwrap(), "x.png");
        assert_eq!(name(None).unwrap(), "Untitled");
        assert_eq!(name(Some("a/")).unwrap(), "Untitled");
        for wrong in ["a\0.png", "a\nb", &"x".repeat(NAME_CHARS + 1)] {
            assert_eq!(name(Some(wrong)).unwrap_err().status(), 400, "{wrong:?}");
        }
    }

    #[test]
    fn v11_an_id_is_the_hash_in_lower_case_hex() {
        let id = hex(&[0xab; 32]);
        assert_eq!(sha256(&id), Some([0xab; 32]));
        assert_eq!(sha256(&format!("asset:{id}")), Some([0xab; 32]));
        for wrong in ["", "ab", &id.to_uppercase(), &format!("{id}0"), &"я".repeat(32)] {
            assert_eq!(sha256(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn l18_an_asset_is_named_by_64_lower_case_digits() {
        assert_eq!(sha256_of_hex(&"0f".repeat(32)), Some([0x0f; 32]));
        for wrong in ["", "0f", &"0F".repeat(32), &"0f".repeat(33), &"0g".repeat(32), &"ä".repeat(32)] {
            assert_eq!(sha256_of_hex(wrong), None, "{wrong}");
        }
    }
}
