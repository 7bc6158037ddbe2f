//! A board's state as stored bytes: a MessagePack header, then the canonical state, compressed.
//! Called by the board actor (encoded off its thread) and at recovery. Never trusts a length that it reads, and
//! never panics on bytes that are not its own. Version 1 is pinned by `tests/fixtures/checkpoint-v1.bin`.

use std::io::Read as _;

use serde::{Deserialize, Serialize};

use super::{
    Corrupt,
    document::{Document, Pieces},
};
use crate::{domain::ids::Rev, limits};

/// The layout that [`Checkpoint::encode`] writes.
const VERSION: u8 = 1;
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
}

/// What stands before the compressed state, as a MessagePack array.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u8,
    rev: u64,
    state_len: u32,
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
        let header = Header {
            version: VERSION,
            rev: self.rev.0,
            // `MAX_STATE` is far below 2^32; a length that is cut would be found when it is read.
            state_len: u32::try_from(state.len()).unwrap_or(u32::MAX),
            crc: Header::checksum(self.rev.0, &state),
        };
        // Neither can fail: both write to memory, the header holds integers only, and the level is a valid one.
        let mut bytes = rmp_serde::to_vec(&header).unwrap_or_default();
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
            && *version != VERSION
        {
            return Err(Corrupt::Version(*version));
        }
        let header: Header = rmp_serde::from_read(&mut rest).map_err(|_| corrupt("the header cannot be read"))?;
        let len = header.state_len as usize;
        if len > MAX_STATE {
            return Err(corrupt("the state is too long"));
        }
        let mut state = Vec::new();
        let decoder = zstd::Decoder::with_buffer(rest).map_err(|_| corrupt("the state cannot be inflated"))?;
        decoder.take(len as u64 + 1).read_to_end(&mut state).map_err(|_| corrupt("the state cannot be inflated"))?;
        if state.len() != len || Header::checksum(header.rev, &state) != header.crc {
            return Err(corrupt("the checksum differs"));
        }
        let document = Document::from_canonical(&state).map_err(|_| corrupt("the state is not canonical JSON"))?;
        Ok((document, Rev(header.rev)))
    }
}
