//! The transport of a request to the rendering process: a length, a MessagePack header of at most [`HEAD_BYTES`], and then the
//! state and the images, with the lengths of the header. Called on both sides. Never copies what it sends.

use std::io::{self, Read};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{PictureFormat, PictureRequest, draw::RenderTask};
use m4sh_domain::limits;

/// Most bytes of the header: a title and [`limits::RENDER_IMAGES`] hashes take a tenth of it.
const HEAD_BYTES: usize = 1024 * 1024;

/// A request without its long parts.
#[derive(Serialize, Deserialize)]
struct RequestHeader {
    format: PictureFormat,
    page: Option<u32>,
    longest_side: Option<u32>,
    title: String,
    state: usize,
    images: Vec<(String, usize)>,
}

/// The parts of a request, to be written one after the other; `None` when it exceeds a limit.
pub fn parts(request: &PictureRequest) -> Option<Vec<Bytes>> {
    let images: Vec<_> = request.images.iter().map(|(hash, bytes)| (hash.clone(), bytes.len())).collect();
    let head = RequestHeader {
        format: request.format,
        page: request.page,
        longest_side: request.longest_side,
        title: request.title.clone(),
        state: request.state.len(),
        images,
    };
    if !head.is_within_bounds() {
        return None;
    }
    let head = rmp_serde::to_vec(&head).ok().filter(|head| head.len() <= HEAD_BYTES)?;
    let length = u32::try_from(head.len()).ok()?.to_be_bytes();
    let mut parts = vec![Bytes::copy_from_slice(&length), head.into(), request.state.clone()];
    parts.extend(request.images.iter().map(|(_, bytes)| bytes.clone()));
    Some(parts)
}

/// A received request.
pub struct ReceivedRequest {
    head: RequestHeader,
    state: Vec<u8>,
    images: Vec<Vec<u8>>,
}

impl ReceivedRequest {
    /// Reads a whole request.
    ///
    /// # Errors
    /// When it ends early, or exceeds a limit.
    pub fn read(mut from: impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let head = read_part(&mut from, u32::from_be_bytes(length) as usize, HEAD_BYTES)?;
        let head: RequestHeader = rmp_serde::from_slice(&head).map_err(|error| wrong(&error.to_string()))?;
        if !head.is_within_bounds() {
            return Err(wrong("a request beyond its bounds"));
        }
        let state = read_part(&mut from, head.state, limits::BOARD_BYTES)?;
        let part = |(_, length): &(String, usize)| read_part(&mut from, *length, limits::RENDER_IMAGE_BYTES);
        let images = head.images.iter().map(part).collect::<io::Result<_>>()?;
        Ok(Self { head, state, images })
    }

    /// What to draw.
    pub fn task(&self) -> RenderTask<'_> {
        let hashes = self.head.images.iter().map(|(hash, _)| hash.as_str());
        RenderTask {
            format: self.head.format,
            page: self.head.page.map(|page| page as usize),
            longest_side: self.head.longest_side,
            title: &self.head.title,
            state: &self.state,
            images: hashes.zip(self.images.iter().map(Vec::as_slice)).collect(),
        }
    }
}

impl RequestHeader {
    fn is_within_bounds(&self) -> bool {
        let images = self.images.iter().fold(0usize, |sum, (_, length)| sum.saturating_add(*length));
        self.state <= limits::BOARD_BYTES
            && images <= limits::RENDER_IMAGE_BYTES
            && self.images.len() <= limits::RENDER_IMAGES
            && self.title.chars().count() <= 4 * limits::NAME_CHARS
    }
}

fn read_part(from: &mut impl Read, length: usize, most: usize) -> io::Result<Vec<u8>> {
    if length > most {
        return Err(wrong("a part that is too long"));
    }
    let mut part = Vec::with_capacity(length);
    from.take(length as u64).read_to_end(&mut part)?;
    if part.len() == length { Ok(part) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> PictureRequest {
        PictureRequest {
            format: PictureFormat::Png,
            page: Some(3),
            longest_side: None,
            title: "Урок".to_owned(),
            state: Bytes::from_static(b"{}"),
            images: vec![("ab".repeat(32), Bytes::from_static(b"image"))],
        }
    }

    #[test]
    fn an_order_arrives_as_it_was_sent() {
        let sent = parts(&request()).unwrap().concat();
        let received = ReceivedRequest::read(sent.as_slice()).unwrap();
        let task = received.task();
        assert_eq!((task.format, task.page, task.title, task.state), (PictureFormat::Png, Some(3), "Урок", &b"{}"[..]));
        assert_eq!(task.images, [("ab".repeat(32).as_str(), &b"image"[..])]);
    }

    #[test]
    fn e13_an_order_beyond_its_bounds_is_neither_sent_nor_read() {
        let large = PictureRequest { state: vec![b' '; limits::BOARD_BYTES + 1].into(), ..request() };
        assert!(parts(&large).is_none());
        let sent = parts(&request()).unwrap().concat();
        assert!(ReceivedRequest::read(&sent[..sent.len() - 1]).is_err());
        assert!(ReceivedRequest::read(&[0xff; 64][..]).is_err());
    }
}
