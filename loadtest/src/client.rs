//! Thousands of WebSocket clients on one thread: connecting, greeting, reading and writing through one epoll.
//! Driven by the socket subcommands through `Driver`. Never looks into a message beyond `welcome` and `bye`.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    clock::{Clock, stop_asked},
    frame, handshake,
    http::Target,
    problem::{Outcome, Problem},
    wire::{self, Dialect, Hello},
};

/// A message of the server at most: the largest board in a `welcome`.
const MESSAGE_LIMIT: usize = 32 * 1024 * 1024;
/// Bytes asked of the kernel with one read.
const READ: usize = 64 * 1024;
/// Handshakes under way at once: within any listener's backlog.
const HANDSHAKES: usize = 128;
/// How long connecting may stand still.
const CONNECT_PATIENCE: u64 = 20_000_000;

/// One client to be.
#[derive(Clone)]
pub struct Seat {
    /// The socket's path.
    pub path: String,
    /// The access token.
    pub token: String,
    /// The dialect to speak.
    pub dialect: Dialect,
    /// `SO_RCVBUF`, for readers that shall stall early.
    pub receive_buffer: Option<usize>,
    /// What it says first.
    pub hello: Hello,
}

/// What a subcommand does with what arrives.
pub trait Driver {
    /// A message on socket `id`, read at `now` (microseconds).
    fn message(&mut self, sockets: &mut Sockets, id: usize, payload: &[u8], now: u64);
    /// The `welcome` of socket `id`.
    fn welcome(&mut self, _sockets: &mut Sockets, _id: usize, _payload: &[u8]) {}
    /// Socket `id` was closed by the server, with `code` (1006 without a close frame).
    fn closed(&mut self, _id: usize, _code: u16, _now: u64) {}
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Shaking,
    Greeting,
    Open,
    Closed,
}

struct Socket {
    /// `None` once closed.
    stream: Option<TcpStream>,
    seat: Seat,
    key: String,
    stage: Stage,
    paused: bool,
    unread: bool,
    partial: Vec<u8>,
    message: Vec<u8>,
    pending: Vec<u8>,
    /// Registered for writing, too.
    writable: bool,
}

impl Socket {
    fn new(stream: Option<TcpStream>, seat: Seat, key: String) -> Self {
        Self {
            stream,
            seat,
            key,
            stage: Stage::Shaking,
            paused: false,
            unread: false,
            partial: Vec::new(),
            message: Vec::new(),
            pending: Vec::new(),
            writable: false,
        }
    }
}

/// All clients of a run.
pub struct Sockets {
    poll: Poll,
    events: Events,
    target: Target,
    clock: Clock,
    list: Vec<Socket>,
    scratch: Vec<u8>,
    outgoing: Vec<u8>,
    mask: u32,
    opened: usize,
    ending: bool,
    /// The socket being read: answers to one read leave with one write.
    corked: Option<usize>,
    /// How often the server closed a socket, by code.
    pub closes: BTreeMap<u16, u64>,
    /// The first reason why a socket did not open or was given up.
    pub first_fault: Option<String>,
    /// Bytes read from all sockets.
    pub bytes_in: u64,
}

impl Sockets {
    /// No clients yet, for `target`.
    ///
    /// # Errors
    /// When the system gives no epoll.
    pub fn new(target: &Target, clock: Clock) -> Outcome<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(4096),
            target: target.clone(),
            clock,
            list: Vec::new(),
            scratch: vec![0; 2 * READ],
            outgoing: Vec::with_capacity(1024),
            mask: 0x9e37_79b9,
            opened: 0,
            ending: false,
            corked: None,
            closes: BTreeMap::new(),
            first_fault: None,
            bytes_in: 0,
        })
    }

    /// Connects and greets all `seats`; their ids go on from the last one. Returns the seconds it took.
    ///
    /// # Errors
    /// When one of them is refused, or nothing moves for 20 s.
    pub fn connect(&mut self, seats: Vec<Seat>, driver: &mut impl Driver) -> Outcome<f64> {
        let (started, wanted) = (self.clock.micros(), self.list.len() + seats.len());
        let (mut seats, mut moved) = (seats.into_iter(), started);
        while self.opened < wanted {
            while self.list.len() - self.opened < HANDSHAKES {
                let Some(seat) = seats.next() else { break };
                self.begin(seat)?;
            }
            let before = self.opened;
            self.turn(Duration::from_millis(20), driver)?;
            let now = self.clock.micros();
            moved = if self.opened > before { now } else { moved };
            if let Some(fault) = &self.first_fault {
                return Err(Problem::new(format!("connected {} of {wanted}, then: {fault}", self.opened)));
            }
            if now - moved > CONNECT_PATIENCE {
                return Err(Problem::new(format!("connecting stands still at {} of {wanted}", self.opened)));
            }
            if stop_asked() {
                return Err(Problem::new("stopped while connecting"));
            }
        }
        Ok((self.clock.micros() - started) as f64 / 1e6)
    }

    fn begin(&mut self, seat: Seat) -> Outcome<()> {
        use socket2::{Domain, Protocol, Socket as Raw, Type};
        let domain = if self.target.address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let raw = Raw::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if let Some(bytes) = seat.receive_buffer {
            raw.set_recv_buffer_size(bytes)?;
        }
        raw.set_tcp_nodelay(true)?;
        // Blocking: on loopback a connect returns at once, and a full backlog shall slow us, not fail us.
        raw.connect(&self.target.address.into())?;
        raw.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(raw.into());
        let id = self.list.len();
        self.poll.registry().register(&mut stream, Token(id), Interest::READABLE)?;
        let key = handshake::new_key();
        let request = handshake::request(&self.target.host, &seat.path, seat.dialect.protocol(), &seat.token, &key);
        stream.write_all(request.as_bytes())?;
        self.list.push(Socket::new(Some(stream), seat, key));
        Ok(())
    }

    /// Sockets that were never opened, for tests of drivers.
    #[cfg(test)]
    pub fn pretend(&mut self, count: usize) {
        let seat = Seat {
            path: String::new(),
            token: String::new(),
            dialect: Dialect::Json,
            receive_buffer: None,
            hello: Hello::default(),
        };
        self.list.extend((0..count).map(|_| Socket::new(None, seat.clone(), String::new())));
    }

    /// Waits at most `wait` for something to arrive and hands it to `driver`.
    ///
    /// # Errors
    /// When epoll itself fails.
    pub fn turn(&mut self, wait: Duration, driver: &mut impl Driver) -> Outcome<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(1));
        for event in &events {
            let Token(id) = event.token();
            if event.is_writable() {
                self.flush(id);
            }
            if event.is_readable() {
                self.drain(id, driver);
            }
        }
        self.events = events;
        Ok(())
    }

    /// The dialect of socket `id`.
    pub fn dialect(&self, id: usize) -> Dialect {
        self.list[id].seat.dialect
    }

    /// Stops reading socket `id`: what arrives stays in the kernel.
    pub fn pause(&mut self, id: usize) {
        self.list[id].paused = true;
    }

    /// Reads socket `id` again, beginning with what waited.
    pub fn resume(&mut self, id: usize, driver: &mut impl Driver) {
        self.list[id].paused = false;
        if std::mem::take(&mut self.list[id].unread) {
            self.drain(id, driver);
        }
    }

    /// Sends one message.
    pub fn send(&mut self, id: usize, payload: &[u8]) {
        self.send_frame(id, self.list[id].seat.dialect.opcode(), payload);
    }

    /// Lets go of socket `id` without a word, as a network that breaks does; its close is not counted.
    pub fn cut(&mut self, id: usize) {
        self.list[id].pending.clear();
        self.drop_stream(id);
    }

    /// Says goodbye on every socket and lets go of them; closes from now on are not counted.
    pub fn end(&mut self) {
        self.ending = true;
        for id in 0..self.list.len() {
            self.send_frame(id, frame::CLOSE, &1000_u16.to_be_bytes());
            self.drop_stream(id);
        }
    }

    fn send_frame(&mut self, id: usize, opcode: u8, payload: &[u8]) {
        let socket = &mut self.list[id];
        let Some(stream) = &mut socket.stream else { return };
        // A changing key makes the server unmask in earnest; nobody here attacks a proxy's cache.
        self.mask = self.mask.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
        self.outgoing.clear();
        frame::push_client(&mut self.outgoing, opcode, payload, self.mask.to_le_bytes());
        if !socket.pending.is_empty() || self.corked == Some(id) {
            socket.pending.extend_from_slice(&self.outgoing);
            return;
        }
        let written = match stream.write(&self.outgoing) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return,
        };
        if written < self.outgoing.len() {
            socket.pending.extend_from_slice(&self.outgoing[written..]);
            self.flush(id);
        }
    }

    fn flush(&mut self, id: usize) {
        let socket = &mut self.list[id];
        let Some(stream) = &mut socket.stream else { return };
        while !socket.pending.is_empty() {
            match stream.write(&socket.pending) {
                Ok(written) => drop(socket.pending.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock && !socket.writable => {
                    socket.writable = true;
                    let both = Interest::READABLE | Interest::WRITABLE;
                    let _ = self.poll.registry().reregister(stream, Token(id), both);
                    return;
                }
                // The read side tells why it was closed.
                Err(_) => return,
            }
        }
        if std::mem::take(&mut socket.writable) {
            let _ = self.poll.registry().reregister(stream, Token(id), Interest::READABLE);
        }
    }

    fn drop_stream(&mut self, id: usize) {
        self.flush(id);
        if let Some(mut stream) = self.list[id].stream.take() {
            let _ = self.poll.registry().deregister(&mut stream);
        }
        self.list[id].stage = Stage::Closed;
    }

    fn lost(&mut self, id: usize, code: u16, why: impl FnOnce() -> String, driver: &mut impl Driver) {
        let greeted = self.list[id].stage == Stage::Open;
        self.drop_stream(id);
        if self.ending {
            return;
        }
        *self.closes.entry(code).or_default() += 1;
        if !greeted && self.first_fault.is_none() {
            self.first_fault = Some(why());
        }
        driver.closed(id, code, self.clock.micros());
    }

    fn drain(&mut self, id: usize, driver: &mut impl Driver) {
        if self.list[id].paused {
            self.list[id].unread = true;
            return;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        self.corked = Some(id);
        loop {
            let held = self.list[id].partial.len();
            let Some(stream) = &mut self.list[id].stream else { break };
            if scratch.len() < held + READ {
                scratch.resize(held + 2 * READ, 0);
            }
            match stream.read(&mut scratch[held..]) {
                Ok(0) => self.lost(id, 1006, || "closed without a word".to_owned(), driver),
                Ok(read) => {
                    self.bytes_in += read as u64;
                    let room = scratch.len() - held;
                    scratch[..held].copy_from_slice(&self.list[id].partial);
                    self.list[id].partial.clear();
                    let used = self.consume(id, &scratch[..held + read], driver);
                    self.list[id].partial.extend_from_slice(&scratch[used..held + read]);
                    // A short read means that the kernel holds no more (epoll(7)): saves a call per frame.
                    if read < room {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.lost(id, 1006, || error.to_string(), driver),
            }
        }
        self.scratch = scratch;
        self.corked = None;
        if !self.list[id].pending.is_empty() && !self.list[id].writable {
            self.flush(id);
        }
    }

    fn consume(&mut self, id: usize, bytes: &[u8], driver: &mut impl Driver) -> usize {
        let mut at = 0;
        if self.list[id].stage == Stage::Shaking {
            let Some(end) = handshake::head_end(bytes) else { return 0 };
            let socket = &mut self.list[id];
            if let Err(why) = handshake::check_answer(&bytes[..end], &socket.key, socket.seat.dialect.protocol()) {
                self.lost(id, 1006, || why, driver);
                return bytes.len();
            }
            socket.stage = Stage::Greeting;
            let hello = wire::hello(socket.seat.dialect, &socket.seat.hello);
            self.send(id, &hello);
            at = end;
        }
        let now = self.clock.micros();
        while self.list[id].stage != Stage::Closed {
            let head = match frame::next(&bytes[at..], MESSAGE_LIMIT) {
                Ok(Some(head)) => head,
                Ok(None) => break,
                Err(fault) => {
                    self.lost(id, 1002, || format!("a malformed frame: {fault:?}"), driver);
                    return bytes.len();
                }
            };
            let payload = &bytes[at + head.start..at + head.end];
            at += head.end;
            self.take_frame(id, head, payload, now, driver);
        }
        at
    }

    fn take_frame(&mut self, id: usize, head: frame::Head, payload: &[u8], now: u64, driver: &mut impl Driver) {
        match head.opcode {
            frame::PING => self.send_frame(id, frame::PONG, payload),
            frame::PONG => {}
            frame::CLOSE => {
                self.send_frame(id, frame::CLOSE, &payload[..payload.len().min(2)]);
                let why = || {
                    let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
                    format!("closed with {} {reason}", frame::close_code(payload))
                };
                self.lost(id, frame::close_code(payload), why, driver);
            }
            _ if head.fin && head.opcode != frame::CONTINUATION => self.take_message(id, payload, now, driver),
            _ => {
                self.list[id].message.extend_from_slice(payload);
                if head.fin {
                    let message = std::mem::take(&mut self.list[id].message);
                    self.take_message(id, &message, now, driver);
                }
            }
        }
    }

    fn take_message(&mut self, id: usize, payload: &[u8], now: u64, driver: &mut impl Driver) {
        if self.list[id].stage == Stage::Open {
            return driver.message(self, id, payload, now);
        }
        let told = wire::told(self.list[id].seat.dialect, payload);
        if told.is_some_and(|told| told.t == "welcome") {
            self.list[id].stage = Stage::Open;
            self.opened += 1;
            driver.welcome(self, id, payload);
        }
    }
}
