//! Kept HTTP connections that save one diff after the other, on one epoll.
//! Driven by `rest`. Never retries a save blindly: what is not answered with 200 is counted and shown.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{ErrorKind, Read, Write},
    time::Duration,
};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use uuid::Uuid;

use crate::{
    clock::{Clock, stop_asked},
    http::{self, Target},
    problem::{Outcome, Problem},
    report::{Report, histogram},
    wire,
};

/// How long a writer rests after an answer that was not 200.
const REST: u64 = 100_000;

/// A board, and what its next save needs.
pub struct Board {
    id: Uuid,
    token: String,
    /// The request up to `If-Match`'s value: it never changes.
    head: String,
    etag: String,
    rev: u64,
    saved: u64,
}

impl Board {
    /// A fresh board.
    pub fn new(host: &str, id: Uuid, token: String, etag: String) -> Self {
        let head = format!(
            "PATCH /api/v1/solo/sessions/{id}/diff/ HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nIf-Match: "
        );
        Self { id, token, head, rev: rev_of(&etag).unwrap_or(0), etag, saved: 0 }
    }

    /// Its path.
    pub fn path(&self) -> String {
        format!("/api/v1/solo/sessions/{}/", self.id)
    }

    /// Its owner's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Its revision, as the last `ETag` says.
    pub fn rev(&self) -> u64 {
        self.rev
    }

    /// Saves answered with 200.
    pub fn saved(&self) -> u64 {
        self.saved
    }

    fn request(&self, out: &mut String) {
        let op = wire::stroke_op(&format!("s{}", self.saved), self.saved * 31, Some("last"));
        let body = format!(r#"{{"rev":{},"ops":[{op}]}}"#, self.rev);
        out.clear();
        // Writing to a String cannot fail.
        let _ = write!(out, "{}{}\r\nContent-Length: {}\r\n\r\n{body}", self.head, self.etag, body.len());
    }
}

fn rev_of(etag: &str) -> Option<u64> {
    etag.strip_prefix("W/\"rev:")?.strip_suffix('"')?.parse().ok()
}

struct Saver {
    stream: TcpStream,
    boards: Vec<Board>,
    turn: usize,
    sent: u64,
    /// Saves are refused: wait until then.
    rest: Option<u64>,
    waiting: bool,
    held: Vec<u8>,
}

/// All writers of a run.
pub struct Savers {
    poll: Poll,
    events: Events,
    target: Target,
    clock: Clock,
    list: Vec<Saver>,
    scratch: Vec<u8>,
    text: String,
    sending: bool,
    measuring: bool,
    /// Microseconds from one save of a writer to its next; 0: at once.
    interval: u64,
    saved: u64,
    latency: Histogram<u64>,
    others: BTreeMap<u16, u64>,
    wrong_tags: u64,
    reconnects: u64,
}

impl Savers {
    /// Connects `writers` writers and shares the boards out among them.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn new(target: &Target, clock: Clock, boards: Vec<Board>, writers: usize) -> Outcome<Self> {
        let mut savers = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            target: target.clone(),
            clock,
            list: Vec::with_capacity(writers),
            scratch: vec![0; 64 * 1024],
            text: String::new(),
            sending: true,
            measuring: false,
            interval: 0,
            saved: 0,
            latency: histogram()?,
            others: BTreeMap::new(),
            wrong_tags: 0,
            reconnects: 0,
        };
        for id in 0..writers {
            let stream = savers.connect(id)?;
            savers.list.push(Saver {
                stream,
                boards: Vec::new(),
                turn: 0,
                sent: 0,
                rest: None,
                waiting: false,
                held: Vec::new(),
            });
        }
        for (number, board) in boards.into_iter().enumerate() {
            savers.list[number % writers].boards.push(board);
        }
        (0..writers).try_for_each(|id| savers.save(id))?;
        Ok(savers)
    }

    fn connect(&self, id: usize) -> Outcome<TcpStream> {
        let stream = std::net::TcpStream::connect(self.target.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        self.poll.registry().register(&mut stream, Token(id), Interest::READABLE)?;
        Ok(stream)
    }

    fn save(&mut self, id: usize) -> Outcome<()> {
        if !self.sending {
            return Ok(());
        }
        let saver = &mut self.list[id];
        saver.turn = (saver.turn + 1) % saver.boards.len();
        saver.boards[saver.turn].request(&mut self.text);
        (saver.sent, saver.waiting, saver.rest) = (self.clock.micros(), true, None);
        // One request is far smaller than a socket's buffer; a short write means a dead connection.
        match saver.stream.write(self.text.as_bytes()) {
            Ok(written) if written == self.text.len() => Ok(()),
            Ok(_) => Err(Problem::new("a request did not fit into the socket")),
            Err(_) => self.again(id),
        }
    }

    /// The connection is gone: a new one, and the board's revision is asked by its next refusal.
    fn again(&mut self, id: usize) -> Outcome<()> {
        self.reconnects += 1;
        let stream = self.connect(id)?;
        let saver = &mut self.list[id];
        saver.stream = stream;
        saver.held.clear();
        (saver.waiting, saver.rest) = (false, Some(self.clock.micros() + REST));
        Ok(())
    }

    /// Waits at most `wait`, takes answers and sends the next saves.
    ///
    /// # Errors
    /// When the server stops speaking HTTP or cannot be reached again.
    pub fn turn(&mut self, wait: Duration) -> Outcome<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
        for id in ready {
            self.hear(id)?;
        }
        let now = self.clock.micros();
        for id in 0..self.list.len() {
            if self.list[id].rest.is_some_and(|until| until <= now) {
                self.save(id)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, id: usize) -> Outcome<()> {
        loop {
            match self.list[id].stream.read(&mut self.scratch) {
                Ok(0) => return self.again(id),
                Ok(read) => {
                    self.list[id].held.extend_from_slice(&self.scratch[..read]);
                    if read < self.scratch.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return self.again(id),
            }
        }
        let now = self.clock.micros();
        let saver = &mut self.list[id];
        let Some(parsed) = http::parse(&saver.held)? else { return Ok(()) };
        let board = &mut saver.boards[saver.turn];
        let (status, last, used) = (parsed.status, parsed.last, parsed.length);
        saver.waiting = false;
        if status == 200 {
            let etag = parsed.etag.unwrap_or_default();
            let rev = rev_of(etag);
            self.wrong_tags += u64::from(rev != Some(board.rev + 1));
            (board.etag, board.rev) = (etag.to_owned(), rev.unwrap_or(board.rev + 1));
            board.saved += 1;
            if self.measuring {
                self.saved += 1;
                self.latency.saturating_record((now - saver.sent).max(1));
            }
        } else {
            *self.others.entry(status).or_default() += 1;
            let body: serde_json::Value = serde_json::from_slice(&parsed.body).unwrap_or_default();
            if let Some(rev) = body["server_rev"].as_u64() {
                (board.etag, board.rev) = (format!("W/\"rev:{rev}\""), rev);
            }
            saver.rest = Some(now + REST);
        }
        saver.held.drain(..used);
        if last {
            return self.again(id);
        }
        if status == 200 && self.interval > 0 {
            let saver = &mut self.list[id];
            saver.rest = Some(saver.sent + self.interval);
            return Ok(());
        }
        if status == 200 { self.save(id) } else { Ok(()) }
    }

    /// Lets each writer save once in so many microseconds.
    pub fn pace(&mut self, interval: u64) {
        self.interval = interval;
    }

    /// Closes the measured window and gives what it measured; the next one begins empty.
    ///
    /// # Errors
    /// Never in practice.
    pub fn take(&mut self) -> Outcome<Histogram<u64>> {
        self.measuring = false;
        Ok(std::mem::replace(&mut self.latency, histogram()?))
    }

    /// Opens the measured window.
    pub fn begin(&mut self) {
        self.measuring = true;
    }

    /// Whether the window is open.
    pub fn measuring(&self) -> bool {
        self.measuring
    }

    /// Saves answered with 200 inside the window.
    pub fn saved(&self) -> u64 {
        self.saved
    }

    /// Ends the window and waits for the last answers, until `deadline`.
    ///
    /// # Errors
    /// As `turn`.
    pub fn end(&mut self, deadline: u64) -> Outcome<()> {
        (self.measuring, self.sending) = (false, false);
        while self.list.iter().any(|saver| saver.waiting) && self.clock.micros() < deadline && !stop_asked() {
            self.turn(Duration::from_millis(10))?;
        }
        Ok(())
    }

    /// All boards.
    pub fn boards(&self) -> impl Iterator<Item = &Board> {
        self.list.iter().flat_map(|saver| &saver.boards)
    }

    /// Adds what was found.
    pub fn report(&self, report: &mut Report, seconds: f64) {
        report.add("saved", self.saved as f64 / seconds, "saves/s");
        report.add_latency("saved", &self.latency);
        self.judge(report);
    }

    /// Adds what was broken.
    pub fn judge(&self, report: &mut Report) {
        report.add("reconnects", self.reconnects as f64, "");
        for (status, count) in &self.others {
            report.failures.push(format!("{count} saves were answered {status}"));
        }
        report.forbid(self.wrong_tags, "ETags were not the one after");
        report.forbid(self.list.iter().filter(|saver| saver.waiting).count() as u64, "saves were never answered");
        if self.saved == 0 {
            report.failures.push("nothing was saved at all".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_carries_the_last_etag_verbatim_and_its_exact_length() {
        let mut board = Board::new("h:1", Uuid::nil(), "t".to_owned(), "W/\"rev:7\"".to_owned());
        board.saved = 3;
        let mut text = String::new();
        board.request(&mut text);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("If-Match: W/\"rev:7\"\r\n") && head.contains("Authorization: Bearer t\r\n"), "{head}");
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&body["rev"], &body["ops"][0]["page_id"]), (&serde_json::json!(7), &serde_json::json!("last")));
    }

    #[test]
    fn only_the_contracts_etag_names_a_revision() {
        assert_eq!(rev_of("W/\"rev:12\""), Some(12));
        assert_eq!(rev_of("\"12\""), None);
    }
}
