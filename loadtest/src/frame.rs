//! RFC 6455 frames: reading their heads, masking, and writing them, for the clients and the relay alike.
//! Called for every message, so it copies once and branches little. Never allocates by a claimed length.

/// Opcode of a continued message.
pub const CONTINUATION: u8 = 0;
/// Opcode of a text message.
pub const TEXT: u8 = 1;
/// Opcode of a binary message.
pub const BINARY: u8 = 2;
/// Opcode of a close frame.
pub const CLOSE: u8 = 8;
/// Opcode of a ping.
pub const PING: u8 = 9;
/// Opcode of a pong.
pub const PONG: u8 = 10;

/// A frame's head, with the range of its payload inside the buffer it was read from.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct Head {
    /// Last (or only) frame of its message.
    pub fin: bool,
    /// What the frame is.
    pub opcode: u8,
    /// The key, for frames of a client.
    pub mask: Option<[u8; 4]>,
    /// First byte of the payload.
    pub start: usize,
    /// One past its last byte: where the next frame starts.
    pub end: usize,
}

/// Why bytes are no frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A reserved bit or opcode.
    Reserved,
    /// A control frame that is fragmented or longer than 125 bytes.
    Control,
    /// Longer than the reader's limit.
    TooLong,
}

/// Reads the frame at the start of `bytes`; `None` when more bytes are needed.
///
/// # Errors
/// When the bytes break the RFC or the payload is longer than `limit` bytes.
pub fn next(bytes: &[u8], limit: usize) -> Result<Option<Head>, Malformed> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
    if first & 0x70 != 0 || !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
        return Err(Malformed::Reserved);
    }
    let (length, extended) = match second & 0x7f {
        126 => match rest.first_chunk::<2>() {
            Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(bytes) => (u64::from_be_bytes(*bytes), 8),
            None => return Ok(None),
        },
        short => (u64::from(short), 0),
    };
    if opcode >= CLOSE && (!fin || length > 125) {
        return Err(Malformed::Control);
    }
    let length = usize::try_from(length).ok().filter(|length| *length <= limit).ok_or(Malformed::TooLong)?;
    let masked = second & 0x80 != 0;
    let start = 2 + extended + if masked { 4 } else { 0 };
    let mask = match (masked, rest.get(extended..).and_then(|rest| rest.first_chunk::<4>())) {
        (true, Some(mask)) => Some(*mask),
        (true, None) => return Ok(None),
        (false, _) => None,
    };
    let end = start + length;
    Ok((bytes.len() >= end).then_some(Head { fin, opcode, mask, start, end }))
}

/// Masks or unmasks `payload` in place, eight bytes at a time.
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, tail) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

fn push_head(out: &mut Vec<u8>, opcode: u8, length: usize, masked: u8) {
    out.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(masked | short),
        (_, Ok(medium)) => {
            out.push(masked | 0x7e);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Appends an unmasked (server's) frame.
pub fn push_server(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_head(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a masked (client's) frame.
pub fn push_client(out: &mut Vec<u8>, opcode: u8, payload: &[u8], key: [u8; 4]) {
    push_head(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[start..], key);
}

/// The code of a close frame's payload; 1005 when it has none.
pub fn close_code(payload: &[u8]) -> u16 {
    payload.first_chunk::<2>().map_or(1005, |code| u16::from_be_bytes(*code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_frame_of_every_length_class_comes_back_as_it_was() {
        for length in [0, 1, 7, 8, 125, 126, 127, 65_535, 65_536, 70_001] {
            let payload: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let mut wire = Vec::new();
            push_client(&mut wire, TEXT, &payload, [1, 2, 3, 250]);
            let head = next(&wire, 100_000).unwrap().unwrap();
            assert_eq!((head.fin, head.opcode, head.end), (true, TEXT, wire.len()), "length {length}");
            let mut body = wire[head.start..head.end].to_vec();
            assert!(length < 8 || body != payload, "the wire is masked");
            mask(&mut body, head.mask.unwrap());
            assert_eq!(body, payload, "length {length}");
        }
    }

    #[test]
    fn a_frame_cut_anywhere_asks_for_more_bytes() {
        for payload in [vec![7; 3], vec![7; 300], vec![7; 70_000]] {
            let mut wire = Vec::new();
            push_client(&mut wire, BINARY, &payload, [9; 4]);
            for cut in (0..wire.len()).step_by(1 + wire.len() / 97) {
                assert_eq!(next(&wire[..cut], 100_000), Ok(None), "cut at {cut}");
            }
        }
    }

    #[test]
    fn two_frames_in_one_read_are_found_one_after_the_other() {
        let mut wire = Vec::new();
        push_server(&mut wire, TEXT, b"one");
        push_server(&mut wire, CLOSE, &4408_u16.to_be_bytes());
        let first = next(&wire, 100).unwrap().unwrap();
        assert_eq!(&wire[first.start..first.end], b"one");
        let rest = &wire[first.end..];
        let second = next(rest, 100).unwrap().unwrap();
        assert_eq!((second.opcode, close_code(&rest[second.start..second.end])), (CLOSE, 4408));
    }

    #[test]
    fn reserved_bits_fragmented_controls_and_over_long_frames_are_refused() {
        assert_eq!(next(&[0xc1, 0], 100), Err(Malformed::Reserved));
        assert_eq!(next(&[0x83, 0], 100), Err(Malformed::Reserved));
        assert_eq!(next(&[0x09, 0], 100), Err(Malformed::Control));
        assert_eq!(next(&[0x89, 126, 0, 126], 1000), Err(Malformed::Control));
        assert_eq!(next(&[0x81, 101], 100), Err(Malformed::TooLong));
        assert_eq!(next(&[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255], 100), Err(Malformed::TooLong));
    }
}
