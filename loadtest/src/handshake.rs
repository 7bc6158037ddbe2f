//! The WebSocket handshake, both sides: our request and the check of its answer, the relay's answer to a request.
//! Called once a connection. Never keeps a token longer than it takes to write it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};
use uuid::Uuid;

/// Bytes of a handshake's head at most.
pub const HEAD_LIMIT: usize = 8 * 1024;
const HEADERS: usize = 48;

/// The answer to `key` that proves a WebSocket server (RFC 6455, 4.2.2).
pub fn accept_of(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

/// A fresh `Sec-WebSocket-Key`.
pub fn new_key() -> String {
    STANDARD.encode(Uuid::new_v4().as_bytes())
}

/// A client's request for `path`, offering `protocol` and the token beside it, as a browser must.
pub fn request(host: &str, path: &str, protocol: &str, token: &str, key: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Protocol: {protocol}, bearer.{token}\r\n\r\n"
    )
}

/// Where the head at the start of `bytes` ends (one past its blank line).
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// Checks a server's answer: 101, the right proof, and the dialect echoed without the token.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn check_answer(head: &[u8], key: &str, protocol: &str) -> Result<(), String> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    answer.parse(head).map_err(|error| format!("no HTTP answer: {error}"))?;
    if answer.code != Some(101) {
        return Err(format!("the handshake was answered {}", answer.code.unwrap_or(0)));
    }
    let find = |name: &str| {
        let header = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok()).unwrap_or_default()
    };
    if find("sec-websocket-accept") != accept_of(key) {
        return Err("the proof of the handshake is wrong".to_owned());
    }
    if find("sec-websocket-protocol") != protocol {
        return Err(format!("asked for {protocol}, got `{}`", find("sec-websocket-protocol")));
    }
    Ok(())
}

/// What the relay wants to know of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// The path: the room's name.
    pub path: String,
    /// The key to be proven.
    pub key: String,
    /// The token offered in the protocol list; empty when there is none.
    pub token: String,
}

/// Reads a client's request; `None` when it is no WebSocket handshake.
pub fn read_request(head: &[u8]) -> Option<Asked> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(head).ok()?;
    let find = |name: &str| {
        let header = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    let offered = find("sec-websocket-protocol").unwrap_or_default();
    let token = offered.split(',').find_map(|item| item.trim().strip_prefix("bearer.")).unwrap_or_default();
    Some(Asked { path: request.path?.to_owned(), key: find("sec-websocket-key")?.to_owned(), token: token.to_owned() })
}

/// The relay's answer.
pub fn answer(key: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: m4sh.json\r\n\r\n",
        accept_of(key)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_the_example_of_the_rfc() {
        assert_eq!(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_request_is_read_back_and_its_answer_passes_the_check() {
        let key = new_key();
        let request = request("h:1", "/ws/board/b/", "m4sh.json", "a.b.c", &key);
        assert_eq!(head_end(request.as_bytes()), Some(request.len()));
        let asked = read_request(request.as_bytes()).unwrap();
        assert_eq!(asked, Asked { path: "/ws/board/b/".into(), key: key.clone(), token: "a.b.c".into() });
        let answer = answer(&key);
        assert_eq!(check_answer(answer.as_bytes(), &key, "m4sh.json"), Ok(()));
        assert!(check_answer(answer.as_bytes(), &new_key(), "m4sh.json").is_err());
        assert!(check_answer(answer.as_bytes(), &key, "m4sh.msgpack").is_err());
        assert!(check_answer(b"HTTP/1.1 401 No\r\n\r\n", &key, "m4sh.json").is_err());
    }
}
