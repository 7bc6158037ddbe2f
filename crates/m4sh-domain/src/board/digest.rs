//! SHA-256 of a document, recomputed from the first change on. Called by `Board` only.
//! Keeps the hasher's state at checkpoints about 32 KiB apart: a change invalidates the later ones, and the
//! next digest begins at the last one before it. Never hashes when nothing changed.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{
    batch::Digest,
    document::Document,
    stream::{self, TextPosition, TextVisitor, WalkStart},
};

/// Distance of two checkpoints, in bytes: what a change costs at most besides the text that follows it.
const STEP: usize = 32 * 1024;

/// A position with a hasher that was fed everything before it.
#[derive(Clone, Debug)]
struct HashCheckpoint {
    place: OwnedPosition,
    first: bool,
    fed: usize,
    hasher: Sha256,
}

/// An owned [`TextPosition`].
#[derive(Clone, PartialEq, Eq, Debug)]
struct OwnedPosition {
    root: Box<str>,
    page: u32,
    member: Option<Box<str>>,
    item: u32,
}

impl OwnedPosition {
    fn of(place: TextPosition<'_>) -> Self {
        Self { root: place.root.into(), page: place.page, member: place.member.map(Into::into), item: place.item }
    }

    fn as_place(&self) -> TextPosition<'_> {
        TextPosition { root: &self.root, page: self.page, member: self.member.as_deref(), item: self.item }
    }
}

/// The digest of one document and what is needed to update it.
#[derive(Clone, Debug, Default)]
pub(super) struct IncrementalDigest {
    checkpoints: Vec<HashCheckpoint>,
    /// The first position that changed since the last digest. The next change is likely near it: a checkpoint goes there.
    changed: Option<OwnedPosition>,
    digest: Option<Digest>,
}

impl IncrementalDigest {
    /// The digest of the document. Every change since the last call must have been reported by `invalidate`.
    pub(super) fn digest(&mut self, document: &Document) -> Digest {
        if let Some(digest) = self.digest {
            return digest;
        }
        let changed = self.changed.take();
        let last = self.checkpoints.last().cloned();
        let mut feed = HashVisitor {
            buffer: Vec::with_capacity(1024),
            fed: last.as_ref().map_or(0, |border| border.fed),
            hasher: last.as_ref().map_or_else(Sha256::new, |border| border.hasher.clone()),
            borders: &mut self.checkpoints,
            hot: changed.as_ref().map(OwnedPosition::as_place),
        };
        let start = last.as_ref().map(|border| WalkStart { place: border.place.as_place(), first: border.first });
        stream::walk(document, start, &mut feed);
        feed.flush();
        let digest = Digest(feed.hasher.finalize().into());
        self.digest = Some(digest);
        digest
    }

    /// The text at this position or after it changes.
    pub(super) fn invalidate(&mut self, place: TextPosition<'_>) {
        self.digest = None;
        self.forget_after(place);
        if self.changed.as_ref().is_none_or(|changed| place < changed.as_place()) {
            self.changed = Some(OwnedPosition::of(place));
        }
    }

    /// The slots after this position were renumbered; the text is the same.
    pub(super) fn forget_after(&mut self, place: TextPosition<'_>) {
        while self.checkpoints.last().is_some_and(|border| border.place.as_place() > place) {
            self.checkpoints.pop();
        }
    }

    /// Forgets everything: the whole text changed.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Hashes the text and leaves checkpoints.
struct HashVisitor<'a> {
    buffer: Vec<u8>,
    fed: usize,
    hasher: Sha256,
    borders: &'a mut Vec<HashCheckpoint>,
    hot: Option<TextPosition<'a>>,
}

impl HashVisitor<'_> {
    fn flush(&mut self) {
        self.hasher.update(&self.buffer);
        self.fed += self.buffer.len();
        self.buffer.clear();
    }

    fn leave_checkpoint(&mut self, place: TextPosition<'_>, first: bool) {
        self.flush();
        if self.borders.last().is_some_and(|last| last.place.as_place() == place) {
            return;
        }
        // Without this one, its neighbours are still near enough: checkpoints stay about STEP apart.
        if let [.., before, _] = self.borders.as_slice()
            && self.fed - before.fed < STEP
        {
            self.borders.pop();
        }
        self.borders.push(HashCheckpoint {
            place: OwnedPosition::of(place),
            first,
            fed: self.fed,
            hasher: self.hasher.clone(),
        });
    }
}

impl TextVisitor for HashVisitor<'_> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    fn at(&mut self, place: TextPosition<'_>, first: bool) {
        let hot = self.hot.is_some_and(|hot| place >= hot);
        if hot {
            self.hot = None;
        }
        let last = self.borders.last().map_or(0, |border| border.fed);
        if hot || self.fed + self.buffer.len() >= last + STEP {
            self.leave_checkpoint(place, first);
        }
    }

    fn shared(&mut self, piece: &Arc<[u8]>) {
        if piece.len() < STEP {
            self.buffer.extend_from_slice(piece);
        } else {
            // Hashed without a copy.
            self.flush();
            self.hasher.update(piece);
            self.fed += piece.len();
        }
    }
}
