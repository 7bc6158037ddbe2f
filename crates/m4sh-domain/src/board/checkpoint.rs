//! A board's state as stored bytes: a MessagePack header, then the canonical state, compressed.
//! Called by the board actor (encoded off its thread) and at recovery. Never trusts a length that it reads, and
//! never panics on bytes that are not its own. Version 1 is pinned by `tests/fixtures/checkpoint-v1.bin`; version 2 says on
//! which layers items lie, and is written only when some do.

use std::io::Read as _;

use serde::{Deserialize, Serialize};

use super::{
    document::{Document, Pieces},
    layers,
    refusal::Corrupt,
};
use crate::ids::Rev;
use crate::limits;

/// The layout of a document without layers.
const VERSION: u8 = 1;
/// The same with the text of the layers behind the state.
const VERSION_LAYERS: u8 = 2;
/// Fast, and within a few percent of the next levels on JSON.
const ZSTD_LEVEL: i32 = 1;
/// A state may pass the board's limit a little by shrinking from a larger one.
const MAX_STATE: usize = limits::BOARD_BYTES + 1024 * 1024;

/// A board's state at one revision, ready to be encoded elsewhere.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The revision.
    pub rev: Rev,
    pub(super) state: Pieces,
    pub(super) layers: Option<Vec<u8>>,
}

/// What stands before the compressed state, as a MessagePack array.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u8,
    rev: u64,
    state_len: u32,
    crc: u32,
}

/// The same of version 2: `layers_len` bytes of what is compressed are the layers, at its end.
#[derive(Serialize, Deserialize)]
struct LayersHeader {
    version: u8,
    rev: u64,
    state_len: u32,
    layers_len: u32,
    crc: u32,
}

impl Header {
    /// CRC-32 of the revision and the state.
    fn checksum(rev: u64, state: &[u8]) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&rev.to_be_bytes());
        crc.update(state);
        crc.finalize()
    }
}

impl Checkpoint {
    /// The stored bytes: compresses the whole state, so not on an actor's thread.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut state = Vec::new();
        self.state.write(&mut state);
        // `MAX_STATE` is far below 2^32; a length that is cut would be found when it is read.
        let cut = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let (rev, state_len) = (self.rev.0, cut(state.len()));
        let header = match &self.layers {
            None => rmp_serde::to_vec(&Header { version: VERSION, rev, state_len, crc: Header::checksum(rev, &state) }),
            Some(layers) => {
                state.extend_from_slice(layers);
                let crc = Header::checksum(rev, &state);
                let layers_len = cut(layers.len());
                rmp_serde::to_vec(&LayersHeader { version: VERSION_LAYERS, rev, state_len, layers_len, crc })
            }
        };
        // Neither can fail: both write to memory, the header holds integers only, and the level is a valid one.
        let mut bytes = header.unwrap_or_default();
        bytes.extend(zstd::bulk::compress(&state, ZSTD_LEVEL).unwrap_or_default());
        bytes
    }

    /// Reads what [`Checkpoint::encode`] wrote, in this version or an older one.
    ///
    /// # Errors
    /// [`Corrupt::Version`] for a later version, [`Corrupt::Checkpoint`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<(Document, Rev), Corrupt> {
        let corrupt = |reason: &str| Corrupt::Checkpoint(reason.to_owned());
        let mut rest = bytes;
        // The version is read first: a later header may be longer.
        if let [0x92..=0x9f, version @ 0..=0x7f, ..] = bytes
            && !matches!(*version, VERSION | VERSION_LAYERS)
        {
            return Err(Corrupt::Version(*version));
        }
        let unreadable = |_| corrupt("the header cannot be read");
        let (header, layers_len) = if bytes.get(1) == Some(&VERSION_LAYERS) {
            let LayersHeader { version, rev, state_len, layers_len, crc } =
                rmp_serde::from_read(&mut rest).map_err(unreadable)?;
            (Header { version, rev, state_len, crc }, layers_len as usize)
        } else {
            (rmp_serde::from_read(&mut rest).map_err(unreadable)?, 0)
        };
        let state_len = header.state_len as usize;
        // An item has more bytes than its place among the items has digits.
        if state_len > MAX_STATE || layers_len > MAX_STATE {
            return Err(corrupt("the state is too long"));
        }
        let len = state_len + layers_len;
        let mut state = Vec::new();
        let decoder = zstd::Decoder::with_buffer(rest).map_err(|_| corrupt("the state cannot be inflated"))?;
        decoder.take(len as u64 + 1).read_to_end(&mut state).map_err(|_| corrupt("the state cannot be inflated"))?;
        if state.len() != len || Header::checksum(header.rev, &state) != header.crc {
            return Err(corrupt("the checksum differs"));
        }
        let (state, layers) = state.split_at(state_len);
        let mut document = Document::from_canonical(state).map_err(|_| corrupt("the state is not canonical JSON"))?;
        if !layers.is_empty() {
            layers::read(&mut document, layers).map_err(|_| corrupt("the layers are not those of the state"))?;
        }
        Ok((document, Rev(header.rev)))
    }
}
