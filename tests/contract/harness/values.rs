//! The values that tests send: strokes, operations, tokens, random bytes and digests.
//! Used by every test. Never talks to a server.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use super::account::{Fields, gzip, is_rate_limited};
pub use super::server::{LOUD, SECRET};

/// An empty board as clients write it.
pub fn one_page() -> Value {
    json!({"pages": [{"id": "p1", "strokes": [], "assets": []}], "activePageId": "p1"})
}

/// A short pen stroke.
pub fn stroke(id: &str) -> Value {
    json!({"id": id, "tool": "pen", "color": "#111", "size": 2, "points": [{"x": 0, "y": 0}, {"x": 3, "y": 4}]})
}

/// A stroke of about so many bytes.
pub fn heavy_stroke(id: &str, bytes: usize) -> Value {
    json!({"id": id, "tool": "pen", "color": "#111", "note": "x".repeat(bytes)})
}

/// The operation that adds a stroke to the active page.
pub fn add(stroke: Value) -> Value {
    json!({"op": "add", "kind": "stroke", "value": stroke})
}

/// The operation that adds a stroke named `id` to the active page.
pub fn add_stroke(id: &str) -> Value {
    add(stroke(id))
}

/// The operation that changes the colour of a stroke on the active page.
pub fn recolour(id: &str, color: &str) -> Value {
    json!({"op": "update", "kind": "stroke", "id": id, "patch": {"color": color}})
}

/// The operation that removes a stroke from the active page.
pub fn erase(id: &str) -> Value {
    json!({"op": "remove", "kind": "stroke", "id": id})
}

/// The ids of a state's strokes, page by page, in their order.
pub fn stroke_ids(state: &Value) -> Vec<String> {
    let pages = state["pages"].as_array().cloned().unwrap_or_default();
    let strokes = pages.iter().flat_map(|page| page["strokes"].as_array().cloned().unwrap_or_default());
    strokes.map(|stroke| stroke.text("id")).collect()
}

/// The digest of a state whose text is ASCII and whose numbers are integers: there the contract's canonical form
/// and `serde_json`'s agree.
pub fn plain_digest(state: &Value) -> String {
    let sum = Sha256::digest(state.to_string().as_bytes());
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// A token signed with `secret`.
pub fn token(claims: &Value, secret: &str) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let text = format!("{}.{}", part(br#"{"typ":"JWT","alg":"HS256"}"#), part(claims.to_string().as_bytes()));
    let tag = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&text).finalize();
    format!("{text}.{}", part(&tag.into_bytes()))
}

/// A token that claims to need no signature.
pub fn unsigned_token(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(claims))
}

/// A token with one character of its payload changed.
pub fn tampered(token: &str) -> String {
    let middle = token.find('.').unwrap() + 6;
    let other = if token.as_bytes()[middle] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &token[..middle], &token[middle + 1..])
}

/// A small generator that gives the same numbers for the same seed, everywhere (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll().to_le_bytes()[0]).collect()
    }
}
