//! The gate for request bodies: encoding, size and inflation, decided before anybody asks who is there.
//! Called by the extractors. Never holds more than the limit, and never inflates past it (SPEC H10, H11).

use std::{
    io::{self, Write},
    time::Duration,
};

use actix_web::{HttpRequest, dev, http::header};
use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use futures_util::StreamExt;

use super::problem::{Encoding, Problem};

/// A body that takes longer than this is a slow-loris attack or a dead link.
const DEADLINE: Duration = Duration::from_secs(30);

/// Reads a whole body of at most `limit` bytes, measured after inflation.
///
/// # Errors
/// 415 for an encoding other than `identity` and `gzip`, 413 over the limit (told by `Content-Length` before a byte is
/// read, where there is one), 400 for a broken or cut-off `gzip`, 408 when it does not arrive in time.
pub async fn read(request: &HttpRequest, payload: &mut dev::Payload, limit: usize) -> Result<Bytes, Problem> {
    let declared = header_text(request, header::CONTENT_LENGTH).and_then(|text| text.trim().parse::<u64>().ok());
    let over = declared.is_some_and(|length| length > limit as u64);
    let encoding = match encoding(header_text(request, header::CONTENT_ENCODING).unwrap_or_default()) {
        Named::Known(encoding) if over => return Err(Problem::BodyTooLarge { limit, encoding }),
        Named::Known(encoding) => encoding,
        // As the old server had it: an encoding nobody reads loses to the size, except for Brotli.
        Named::Unknown if over => return Err(Problem::BodyTooLarge { limit, encoding: Encoding::Raw }),
        Named::Brotli | Named::Unknown => return Err(Problem::UnsupportedEncoding),
    };
    let whole = async {
        match encoding {
            Encoding::Raw => raw(payload, limit).await,
            Encoding::Gzip => gzip(payload, limit).await,
        }
    };
    tokio::time::timeout(DEADLINE, whole).await.map_err(|_| Problem::SlowBody)?
}

fn header_text(request: &HttpRequest, name: header::HeaderName) -> Option<&str> {
    // A value that is no text is an encoding that nobody reads.
    request.headers().get(name).map(|value| value.to_str().unwrap_or("?"))
}

enum Named {
    Known(Encoding),
    Brotli,
    Unknown,
}

fn encoding(name: &str) -> Named {
    let name = name.trim();
    if name.is_empty() || name.eq_ignore_ascii_case("identity") {
        Named::Known(Encoding::Raw)
    } else if name.eq_ignore_ascii_case("gzip") {
        Named::Known(Encoding::Gzip)
    } else if name.eq_ignore_ascii_case("br") {
        Named::Brotli
    } else {
        Named::Unknown
    }
}

async fn raw(payload: &mut dev::Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut whole = Bytes::new();
    let mut more = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::IncompleteBody)?;
        if whole.len() + more.len() + chunk.len() > limit {
            return Err(Problem::BodyTooLarge { limit, encoding: Encoding::Raw });
        }
        // Most bodies are one chunk, which is taken as it is.
        if whole.is_empty() && more.is_empty() {
            whole = chunk;
        } else {
            if more.is_empty() {
                more.extend_from_slice(&std::mem::take(&mut whole));
            }
            more.extend_from_slice(&chunk);
        }
    }
    Ok(if more.is_empty() { whole } else { more.freeze() })
}

async fn gzip(payload: &mut dev::Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut inflater = Inflater::new(limit);
    while let Some(chunk) = payload.next().await {
        inflater.push(&chunk.map_err(|_| Problem::IncompleteBody)?)?;
    }
    inflater.finish()
}

/// Inflates chunk by chunk and stops at the first byte over the limit.
struct Inflater {
    decoder: MultiGzDecoder<Bounded>,
    /// Compressed bytes so far: a stream of empty blocks inflates to nothing for ever.
    taken: usize,
    limit: usize,
}

impl Inflater {
    fn new(limit: usize) -> Self {
        Self { decoder: MultiGzDecoder::new(Bounded { inflated: Vec::new(), limit, over: false }), taken: 0, limit }
    }

    fn push(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        self.taken = self.taken.saturating_add(chunk.len());
        if self.taken > self.limit {
            return Err(self.too_large());
        }
        let written = self.decoder.write_all(chunk);
        self.judge(written)
    }

    fn finish(mut self) -> Result<Bytes, Problem> {
        let finished = self.decoder.try_finish();
        self.judge(finished)?;
        Ok(std::mem::take(&mut self.decoder.get_mut().inflated).into())
    }

    fn judge(&self, result: io::Result<()>) -> Result<(), Problem> {
        match result {
            _ if self.decoder.get_ref().over => Err(self.too_large()),
            Ok(()) => Ok(()),
            Err(_) => Err(Problem::InvalidGzip),
        }
    }

    fn too_large(&self) -> Problem {
        Problem::BodyTooLarge { limit: self.limit, encoding: Encoding::Gzip }
    }
}

/// Takes at most `limit` bytes; the next one is an error.
struct Bounded {
    inflated: Vec<u8>,
    limit: usize,
    over: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit - self.inflated.len() {
            self.over = true;
            return Err(io::Error::other("over the limit"));
        }
        self.inflated.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
