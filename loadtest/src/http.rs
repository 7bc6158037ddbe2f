//! HTTP/1.1 as far as the tools need it: an answer's parser (shared with the REST writers) and a small blocking client.
//! Called while data is prepared and checked. Never follows redirects, never speaks to anything but loopback.

use std::{
    borrow::Cow,
    io::{Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use serde_json::Value;

use crate::problem::{Outcome, Problem};

/// Bytes of an answer at most: a 10 MiB board with room for escapes.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer found at the start of a buffer.
pub struct Parsed<'a> {
    /// The status.
    pub status: u16,
    /// The `ETag`, verbatim.
    pub etag: Option<&'a str>,
    /// The body, with any chunking removed.
    pub body: Cow<'a, [u8]>,
    /// Bytes of the whole answer in the buffer.
    pub length: usize,
    /// The server closes the connection after it.
    pub last: bool,
}

/// Reads the answer at the start of `bytes`; `None` when more bytes are needed.
///
/// # Errors
/// When the bytes are no HTTP answer, or one without a length.
pub fn parse(bytes: &[u8]) -> Outcome<Option<Parsed<'_>>> {
    let mut headers = [httparse::EMPTY_HEADER; 48];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = answer.parse(bytes)? else { return Ok(None) };
    let status = answer.code.unwrap_or(0);
    let (mut etag, mut length, mut chunked, mut last) = (None, None, false, false);
    for header in answer.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default();
        match header.name {
            name if name.eq_ignore_ascii_case("etag") => etag = Some(value),
            name if name.eq_ignore_ascii_case("content-length") => length = Some(value.parse::<usize>()?),
            name if name.eq_ignore_ascii_case("transfer-encoding") => chunked = value.eq_ignore_ascii_case("chunked"),
            name if name.eq_ignore_ascii_case("connection") => last = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let rest = &bytes[head..];
    let (body, used) = match (chunked, length) {
        (true, _) => match dechunk(rest)? {
            Some((body, used)) => (Cow::Owned(body), used),
            None => return Ok(None),
        },
        (false, Some(length)) if length > ANSWER_LIMIT => return Err(Problem::new("an answer is too long")),
        (false, Some(length)) if rest.len() < length => return Ok(None),
        (false, Some(length)) => (Cow::Borrowed(&rest[..length]), length),
        (false, None) if status == 204 || status == 304 => (Cow::Borrowed(&rest[..0]), 0),
        (false, None) => return Err(Problem::new(format!("an answer {status} without a length"))),
    };
    Ok(Some(Parsed { status, etag, body, length: head + used, last }))
}

fn dechunk(bytes: &[u8]) -> Outcome<Option<(Vec<u8>, usize)>> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let (line, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Problem::new("a broken chunk")),
        };
        let size = usize::try_from(size).ok().filter(|size| *size <= ANSWER_LIMIT);
        let size = size.ok_or_else(|| Problem::new("a chunk is too long"))?;
        let (start, end) = (at + line, at + line + size);
        if bytes.len() < end + 2 {
            return Ok(None);
        }
        body.extend_from_slice(&bytes[start..end]);
        at = end + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

/// Where a server listens. Only loopback addresses exist here: a load tool must not reach anybody else.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address to connect to.
    pub address: SocketAddr,
    /// The `Host` header.
    pub host: String,
}

impl Target {
    /// Reads `http://127.0.0.1:PORT`.
    ///
    /// # Errors
    /// When the text is no such address or the address is not loopback.
    pub fn parse(url: &str) -> Outcome<Self> {
        let host = url.strip_prefix("http://").ok_or_else(|| Problem::new(format!("`{url}` is no http:// address")))?;
        let host = host.trim_end_matches('/').to_owned();
        let address = host.to_socket_addrs().map_err(|_| Problem::new(format!("`{host}` is no HOST:PORT")))?.next();
        let address = address.filter(|address| address.ip().is_loopback());
        let address = address.ok_or_else(|| Problem::new(format!("`{host}` is not a loopback address: refused")))?;
        Ok(Self { address, host })
    }
}

/// An answer as the blocking client gives it.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The `ETag`, verbatim.
    pub etag: Option<String>,
    /// The body as JSON; null when it is none.
    pub body: Value,
}

/// A blocking keep-alive client, reconnecting when the server closed in between.
pub struct Http {
    target: Target,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Http {
    /// A client of `target`; connects with the first call.
    pub fn new(target: &Target) -> Self {
        Self { target: target.clone(), stream: None, buffer: Vec::new() }
    }

    /// One request with an optional token and JSON body.
    ///
    /// # Errors
    /// When the server cannot be reached or does not answer in time.
    pub fn call(&mut self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Outcome<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let bearer = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{bearer}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.target.host,
            body.len()
        );
        // Only a kept connection may fail once: a fresh one that fails is the server's fault.
        if self.stream.is_some()
            && let Ok(answer) = self.exchange(&request)
        {
            return Ok(answer);
        }
        let stream = TcpStream::connect_timeout(&self.target.address, PATIENCE)
            .map_err(|error| Problem::new(format!("cannot reach {}: {error}", self.target.host)))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        self.stream = Some(stream);
        self.exchange(&request).map_err(|error| Problem::new(format!("{method} {path}: {error}")))
    }

    /// One request that must be answered by `expected`.
    ///
    /// # Errors
    /// As `call`, and when the status is another.
    pub fn expect(
        &mut self,
        expected: u16,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Outcome<Answer> {
        let answer = self.call(method, path, token, body)?;
        if answer.status != expected {
            return Err(Problem::new(format!("{method} {path}: {} {}", answer.status, answer.body)));
        }
        Ok(answer)
    }

    fn exchange(&mut self, request: &str) -> Outcome<Answer> {
        let mut stream = self.stream.take().ok_or_else(|| Problem::new("not connected"))?;
        stream.write_all(request.as_bytes())?;
        self.buffer.clear();
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = stream.read(&mut piece)?;
            if read == 0 {
                return Err(Problem::new("the connection ended inside an answer"));
            }
            self.buffer.extend_from_slice(&piece[..read]);
            if let Some(parsed) = parse(&self.buffer)? {
                if !parsed.last {
                    self.stream = Some(stream);
                }
                let body = serde_json::from_slice(&parsed.body).unwrap_or(Value::Null);
                return Ok(Answer { status: parsed.status, etag: parsed.etag.map(str::to_owned), body });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_only_when_it_is_whole() {
        let wire = b"HTTP/1.1 200 OK\r\nETag: W/\"rev:7\"\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1";
        for cut in 0..wire.len() - 8 {
            assert!(parse(&wire[..cut]).unwrap().is_none(), "cut at {cut}");
        }
        let parsed = parse(wire).unwrap().unwrap();
        assert_eq!((parsed.status, parsed.etag, &*parsed.body), (200, Some("W/\"rev:7\""), &b"hello"[..]));
        assert_eq!(parsed.length, wire.len() - 8);
    }

    #[test]
    fn a_chunked_answer_is_put_together() {
        let wire = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert!(parse(&wire[..wire.len() - 1]).unwrap().is_none());
        let parsed = parse(wire).unwrap().unwrap();
        assert_eq!((&*parsed.body, parsed.length), (&b"abcde"[..], wire.len()));
    }

    #[test]
    fn only_loopback_addresses_are_targets() {
        assert!(Target::parse("http://127.0.0.1:8080/").is_ok());
        assert!(Target::parse("http://10.0.0.1:8080").is_err());
        assert!(Target::parse("https://127.0.0.1:8080").is_err());
        assert!(Target::parse("http://127.0.0.1").is_err());
    }
}
