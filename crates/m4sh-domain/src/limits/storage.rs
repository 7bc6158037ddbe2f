//! Limits of objects, exports and rendering.

use std::time::Duration;

// --- objects ---------------------------------------------------------------------------------------------

/// Deadline of a small request to the object store (delete, head, one page of a list), with retries. Shorter than the
/// idle limit of a transaction, since garbage collection waits for a deletion within one.
pub const OBJECT_CALL: Duration = Duration::from_secs(10);
/// Deadline of one part of an upload or download.
pub const OBJECT_PART_CALL: Duration = Duration::from_secs(30);
/// Slowest accepted upload to the store, in bytes a second: a small upload that hangs fails sooner than a large one.
pub const OBJECT_PACE: u64 = 512 * 1024;
/// A larger object is uploaded in parts of this size, in bytes; S3 requires at least 5 MiB.
pub const OBJECT_PART: usize = 8 * 1024 * 1024;
/// Key of an object, in bytes, as its column allows.
pub const OBJECT_KEY_BYTES: usize = 512;
/// Deadline of an upload.
pub const UPLOAD_DEADLINE: Duration = Duration::from_secs(120);
/// How long an upload waits for another one of the same key before the client is told to retry.
pub const UPLOAD_KEY_WAIT: Duration = Duration::from_secs(10);
/// Reservations and rows of unfinished uploads are deleted after this (SPEC V8).
pub const UPLOAD_LIFE: Duration = Duration::from_secs(3600);
/// An object without a row is deleted when it is older than this: a younger one may be an upload in progress.
pub const ORPHAN_GRACE: Duration = Duration::from_secs(24 * 3600);
/// Asset of a board, in bytes.
pub const ASSET_BYTES: usize = 10 * 1024 * 1024;
/// Pixels of an uploaded image; decoded it has 160 MB.
pub const ASSET_PIXELS: u64 = 40_000_000;
/// Memory for decoding one image, in bytes.
pub const ASSET_DECODE_BYTES: u64 = 256 * 1024 * 1024;
/// Images decoded at once: bounds their total memory.
pub const ASSET_DECODES: usize = 2;
/// Lifetime of the signed URL of an asset.
pub const ASSET_URL_LIFE: Duration = Duration::from_secs(3600);

// --- exports ---------------------------------------------------------------------------------------------

/// Largest exported state, in bytes of its canonical text (SPEC E32).
pub const EXPORT_STATE: usize = 10 * 1024 * 1024;
/// How long the file of an export is available (SPEC E36).
pub const EXPORT_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Lifetime of a link to the file of an export: long enough to start a slow download, short enough to limit the harm of
/// passing it on by mistake.
pub const EXPORT_LINK_LIFE: Duration = Duration::from_secs(3600);
/// How long `POST …/export/` waits for the file, so that the client of a small board need not poll.
pub const EXPORT_WAIT: Duration = Duration::from_secs(1);
/// How long a public download, and a request for a thumbnail, wait for the picture.
pub const RENDER_WAIT: Duration = Duration::from_secs(20);
/// Pictures drawn at the same time: each may use a core and `RENDER_MEMORY`.
pub const RENDERS_AT_ONCE: usize = 2;
/// The link of a thumbnail stays the same for this long, so that browsers cache it, and is valid for at least as long.
pub const THUMBNAIL_LINK_LIFE: Duration = Duration::from_secs(3600);

// --- rendering -------------------------------------------------------------------------------------------

/// Bytes of all stored images in one picture.
pub const RENDER_IMAGE_BYTES: usize = 64 * 1024 * 1024;
/// Stored images in one picture.
pub const RENDER_IMAGES: usize = 1_000;
/// Address space of the rendering process, in bytes. A 16 MiB state with large photographs needs less than half of it.
pub const RENDER_MEMORY: u64 = 1024 * 1024 * 1024;
/// CPU time of one picture …
pub const RENDER_CPU: Duration = Duration::from_secs(25);
/// … and wall time, without waiting for a free process.
pub const RENDER_DEADLINE: Duration = Duration::from_secs(30);
/// Largest output of the rendering process, in bytes.
pub const RENDER_OUTPUT: u64 = 256 * 1024 * 1024;
/// Pixels of one PNG, twice a 4K screen. Larger pages are scaled down.
pub const RENDER_PIXELS: u32 = 16 * 1024 * 1024;
/// Default longer side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 320;
/// Target size of a thumbnail, in bytes: first colours are reduced, then its size.
pub const THUMBNAIL_BYTES: usize = 20 * 1024;
