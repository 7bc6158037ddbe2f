//! Files that the server made: asked for, fetched as a browser would, and looked into with other people's readers.
//! Used by the tests of exports, thumbnails and links. Never trusts a header about what a file is.

use std::{io::Read, time::Duration};

use flate2::read::ZlibDecoder;
use image::RgbaImage;
use serde_json::Value;

use super::{Account, Answer, DEADLINE, Fields, Room, Server, within};

/// A GET without a token, following nothing.
pub async fn fetch(server: &Server, url: &str) -> Answer {
    let asked = async {
        let response = server.http().get(url).send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.expect("a body").to_vec() }
    };
    within("a file is fetched", asked).await
}

impl Account {
    /// Asks for an export and waits until it is completed.
    pub async fn exported(&self, room: &impl Room, wish: &Value) -> Value {
        let asked = self.post(&room.rest("export/")).json(wish).send().await.expect(201).json();
        let done = self.export_ended(&asked.text("id")).await;
        assert_eq!(done["status"], "completed", "{done}");
        done
    }

    /// The same, and the file's bytes.
    pub async fn export_file(&self, server: &Server, room: &impl Room, wish: &Value) -> Vec<u8> {
        let done = self.exported(room, wish).await;
        let file = fetch(server, &done.text("file_url")).await.expect(200);
        assert_eq!(done["file_size"], file.body.len(), "{done}");
        file.body
    }

    /// Polls an export until it is completed or failed. A hostile board may take all the time that drawing has.
    pub async fn export_ended(&self, id: &str) -> Value {
        let path = format!("/api/v1/exports/{id}/");
        let ended = async {
            loop {
                let seen = self.get(&path).send().await.expect(200).json();
                if ["completed", "failed"].contains(&&*seen.text("status")) {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE * 4, ended).await.expect("an export ends")
    }
}

/// A picture's pixels.
#[track_caller]
pub fn pixels(bytes: &[u8]) -> RgbaImage {
    image::load_from_memory(bytes).expect("a picture that can be decoded").to_rgba8()
}

/// Whether the pixel at a place between 0 and 1 of both sides is much darker than white.
pub fn has_ink(picture: &RgbaImage, x: f64, y: f64) -> bool {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place within the picture")]
    let at = |part: f64, side: u32| ((part * f64::from(side)) as u32).min(side - 1);
    let [red, green, blue, _] = picture.get_pixel(at(x, picture.width()), at(y, picture.height())).0;
    u32::from(red) + u32::from(green) + u32::from(blue) < 384
}

/// How many pages a PDF has, counted in its objects, also those in compressed streams.
#[track_caller]
pub fn pdf_pages(bytes: &[u8]) -> usize {
    assert!(bytes.starts_with(b"%PDF-"), "a PDF");
    let mut all = bytes.to_vec();
    let mut rest = bytes;
    while let Some(at) = find(rest, b"stream") {
        rest = &rest[at + b"stream".len()..];
        let data = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
        let mut plain = Vec::new();
        if ZlibDecoder::new(data).read_to_end(&mut plain).is_ok() {
            all.push(b'\n');
            all.extend(plain);
        }
    }
    let text = String::from_utf8_lossy(&all).replace("/Type/Page", "/Type /Page");
    text.matches("/Type /Page").count() - text.matches("/Type /Pages").count()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
