//! Images on a page: found, checked, decoded within limits and prepared for the writer. Called by `extent` and `svg`.
//! Never fetches, and never passes on bytes that it has not decoded itself.

mod data_url;
mod nested;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, io::Cursor, sync::Arc};

use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, metadata::Orientation};
use resvg::usvg::ImageKind;

use super::scene::ImageSource;
pub use nested::written;

/// Most pixels of one image: a large camera's. Decoded it takes 200 MB.
const MOST_PIXELS: u64 = 50_000_000;
/// Longest side of one image, in pixels.
const LONGEST_SIDE: u32 = 32_768;

/// What images are prepared for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ImagePurpose {
    /// For display at that many pixels per board unit: larger images are scaled down, which looks better and costs less.
    Pixels(f32),
    /// Kept as they are.
    Vectors,
    /// Encoded again, because the writer could not read the original.
    Anew,
}

/// An image that any writer can use.
#[derive(Clone, Debug)]
pub struct DecodedImage {
    pub kind: ImageKind,
    /// Its own size.
    pub size: (f32, f32),
}

/// All images of one request.
pub struct Images<'a> {
    stored: HashMap<&'a str, &'a [u8]>,
    purpose: ImagePurpose,
    known: HashMap<(ImageSource<'a>, (u32, u32)), Option<usize>>,
    ready: Vec<DecodedImage>,
}

impl<'a> Images<'a> {
    /// Starts with the stored images of a request, by hash.
    pub fn new(stored: impl IntoIterator<Item = (&'a str, &'a [u8])>, purpose: ImagePurpose) -> Self {
        Self { stored: stored.into_iter().collect(), purpose, known: HashMap::new(), ready: Vec::new() }
    }

    /// An image's own size, or `None` when it cannot be drawn.
    pub fn size(&self, source: ImageSource<'a>) -> Option<(f32, f32)> {
        let bytes = self.bytes(source)?;
        match format(&bytes) {
            Some(format) => {
                let mut decoder = reader(&bytes, format).into_decoder().ok()?;
                let (width, height) = decoder.dimensions();
                let size = (width as f32, height as f32);
                Some(if lies_on_its_side(turn(&mut decoder)) { (size.1, size.0) } else { size })
            }
            None => nested::size(&bytes),
        }
    }

    /// Prepares an image to be drawn in this size (in board units), and returns its number. `None` when it
    /// is missing, is no image, or is too large.
    pub fn prepare(&mut self, source: ImageSource<'a>, drawn: (f32, f32)) -> Option<usize> {
        let pixels = match self.purpose {
            ImagePurpose::Pixels(scale) => ((drawn.0 * scale).ceil() as u32, (drawn.1 * scale).ceil() as u32),
            ImagePurpose::Vectors | ImagePurpose::Anew => (0, 0),
        };
        if let Some(known) = self.known.get(&(source, pixels)) {
            return *known;
        }
        let made = self.bytes(source).and_then(|bytes| self.make(bytes.into_owned(), pixels));
        let number = made.map(|ready| {
            self.ready.push(ready);
            self.ready.len() - 1
        });
        self.known.insert((source, pixels), number);
        number
    }

    /// An image by its number.
    #[must_use]
    pub fn ready(&self, number: usize) -> Option<&DecodedImage> {
        self.ready.get(number)
    }

    fn bytes(&self, source: ImageSource<'a>) -> Option<std::borrow::Cow<'a, [u8]>> {
        match source {
            ImageSource::Data(url) => data_url::decode(url).map(Into::into),
            ImageSource::Stored(hash) => self.stored.get(hash).map(|bytes| (*bytes).into()),
            ImageSource::Elsewhere(_) => None,
        }
    }

    fn make(&self, bytes: Vec<u8>, pixels: (u32, u32)) -> Option<DecodedImage> {
        let Some(format) = format(&bytes) else { return nested::read(&bytes) };
        let (picture, turned) = decode(&bytes, format)?;
        let size = (picture.width() as f32, picture.height() as f32);
        let kind = match (self.purpose, format) {
            (ImagePurpose::Pixels(_), _) if is_larger(&picture, pixels) => {
                let smaller = picture.thumbnail_exact(pixels.0.max(1), pixels.1.max(1));
                ImageKind::PNG(Arc::new(encode(&smaller, ImageFormat::Png)?))
            }
            (ImagePurpose::Pixels(_) | ImagePurpose::Vectors, ImageFormat::Png) if !turned => {
                ImageKind::PNG(Arc::new(bytes))
            }
            (ImagePurpose::Pixels(_) | ImagePurpose::Vectors, ImageFormat::Jpeg) if !turned => {
                ImageKind::JPEG(Arc::new(bytes))
            }
            (_, ImageFormat::Jpeg) => ImageKind::JPEG(Arc::new(encode(&picture, ImageFormat::Jpeg)?)),
            _ => ImageKind::PNG(Arc::new(encode(&picture, ImageFormat::Png)?)),
        };
        Some(DecodedImage { kind, size })
    }
}

/// Whether an image has many more pixels than are visible.
fn is_larger(picture: &DynamicImage, pixels: (u32, u32)) -> bool {
    let larger = |own: u32, seen: u32| u64::from(own) * 2 > u64::from(seen.max(1)) * 3;
    larger(picture.width(), pixels.0) && larger(picture.height(), pixels.1)
}

fn format(bytes: &[u8]) -> Option<ImageFormat> {
    use ImageFormat::{Gif, Jpeg, Png, WebP};
    image::guess_format(bytes).ok().filter(|format| matches!(format, Png | Jpeg | Gif | WebP))
}

fn reader(bytes: &[u8], format: ImageFormat) -> ImageReader<Cursor<&[u8]>> {
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_PIXELS * 8);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    reader
}

/// The upright image, and whether the camera had recorded a rotation.
fn decode(bytes: &[u8], format: ImageFormat) -> Option<(DynamicImage, bool)> {
    let mut decoder = reader(bytes, format).into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return None;
    }
    let turn = turn(&mut decoder);
    let mut picture = DynamicImage::from_decoder(decoder).ok()?;
    picture.apply_orientation(turn);
    Some((picture, turn != Orientation::NoTransforms))
}

/// The recorded rotation.
fn turn(decoder: &mut impl image::ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

fn lies_on_its_side(turn: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(turn, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Option<Vec<u8>> {
    use image::codecs::{jpeg::JpegEncoder, png};
    let mut out = Vec::new();
    if format == ImageFormat::Jpeg {
        picture.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut out, 90)).ok()?
    } else {
        let (quick, filter) = (png::CompressionType::Fast, png::FilterType::Adaptive);
        let encoder = png::PngEncoder::new_with_quality(&mut out, quick, filter);
        if picture.color().has_alpha() {
            picture.to_rgba8().write_with_encoder(encoder).ok()?;
        } else {
            picture.to_rgb8().write_with_encoder(encoder).ok()?;
        }
    }
    Some(out)
}
