//! The yardstick: a bare epoll relay that keeps each sender's last cursor and sends one shared frame per room and tick.
//! Run as a child by the suite, or by hand. Never authenticates, stores or validates: it is the physical limit.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

use crate::{
    clock::stop_asked,
    frame, handshake,
    problem::{Outcome, Problem},
    token,
};

const LISTENER: Token = Token(usize::MAX);
const FRAME_LIMIT: usize = 2048;
/// Bytes that may wait for a slow reader before it is dropped.
const PENDING_LIMIT: usize = 256 * 1024;

/// `relay`: the yardstick
#[derive(clap::Args, Clone, Debug)]
pub struct RelayArgs {
    /// Loopback address to listen on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub bind: SocketAddr,
    /// Milliseconds between two frames of a room
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub tick_ms: u64,
    /// Seconds until it stops
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Pin it to this core
    #[arg(long)]
    pub core: Option<usize>,
}

struct Member {
    stream: TcpStream,
    room: Option<usize>,
    /// Its row of the next frame, kept encoded: `["user",x,y,"page","tool"]`.
    row: Vec<u8>,
    /// Bytes of `row` up to and including the user's comma, which never change.
    prefix: usize,
    moved: bool,
    partial: Vec<u8>,
    pending: Vec<u8>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    moved: Vec<usize>,
}

struct Relay {
    poll: Poll,
    members: Vec<Option<Member>>,
    free: Vec<usize>,
    rooms: Vec<Room>,
    names: HashMap<String, usize>,
    scratch: Vec<u8>,
    payload: Vec<u8>,
    wire: Vec<u8>,
}

/// Runs the relay until it is stopped.
///
/// # Errors
/// When it cannot listen.
pub fn run(args: &RelayArgs) -> Outcome<()> {
    if !args.bind.ip().is_loopback() {
        return Err(Problem::new("the relay knows no rights: it listens on loopback only"));
    }
    if let Some(core) = args.core {
        crate::cpu::pin(core)?;
    }
    crate::cpu::raise_descriptors();
    let mut listener = TcpListener::bind(args.bind)?;
    println!("listening on http://{}", listener.local_addr()?);
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut relay = Relay {
        poll,
        members: Vec::new(),
        free: Vec::new(),
        rooms: Vec::new(),
        names: HashMap::new(),
        scratch: vec![0; 64 * 1024],
        payload: Vec::new(),
        wire: Vec::new(),
    };
    let tick = Duration::from_millis(args.tick_ms);
    let end = Instant::now() + Duration::from_secs(args.seconds);
    let mut next = Instant::now() + tick;
    let mut events = Events::with_capacity(4096);
    while !stop_asked() && Instant::now() < end {
        match relay.poll.poll(&mut events, Some(next.saturating_duration_since(Instant::now()))) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            match event.token() {
                LISTENER => relay.accept(&listener)?,
                Token(id) => {
                    if event.is_writable() {
                        relay.flush(id);
                    }
                    if event.is_readable() {
                        relay.read(id);
                    }
                }
            }
        }
        let now = Instant::now();
        if now >= next {
            relay.tick();
            // A late tick is not made up for: cursors only want the newest.
            next = if next + tick > now { next + tick } else { now + tick };
        }
    }
    Ok(())
}

impl Relay {
    fn accept(&mut self, listener: &TcpListener) -> Outcome<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => continue,
            };
            if stream.set_nodelay(true).is_err() {
                continue;
            }
            let id = self.free.pop().unwrap_or(self.members.len());
            self.poll.registry().register(&mut stream, Token(id), Interest::READABLE)?;
            let (row, partial, pending) = (Vec::new(), Vec::new(), Vec::new());
            let member = Some(Member { stream, room: None, row, prefix: 0, moved: false, partial, pending });
            match self.members.get_mut(id) {
                Some(place) => *place = member,
                None => self.members.push(member),
            }
        }
    }

    fn read(&mut self, id: usize) {
        let mut scratch = std::mem::take(&mut self.scratch);
        while let Some(member) = self.members.get_mut(id).and_then(Option::as_mut) {
            let held = member.partial.len();
            scratch[..held].copy_from_slice(&member.partial);
            match member.stream.read(&mut scratch[held..]) {
                Ok(read) if read > 0 => {
                    member.partial.clear();
                    let room = scratch.len() - held;
                    match self.consume(id, &mut scratch[..held + read]) {
                        // What is left is less than one frame, so it always fits beside the next read.
                        Some(used) if held + read - used <= handshake::HEAD_LIMIT => {
                            if let Some(member) = &mut self.members[id] {
                                member.partial.extend_from_slice(&scratch[used..held + read]);
                            }
                        }
                        _ => self.leave(id),
                    }
                    if read < room {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                _ => self.leave(id),
            }
        }
        self.scratch = scratch;
    }

    /// Takes whole frames; how many bytes they were, or `None` when the member must go.
    fn consume(&mut self, id: usize, bytes: &mut [u8]) -> Option<usize> {
        let mut at = 0;
        if self.members[id].as_ref()?.room.is_none() {
            let Some(end) = handshake::head_end(bytes) else { return Some(0) };
            self.enter(id, &bytes[..end])?;
            at = end;
        }
        while let Some(head) = frame::next(&bytes[at..], FRAME_LIMIT).ok()? {
            let payload = &mut bytes[at + head.start..at + head.end];
            frame::mask(payload, head.mask?);
            at += head.end;
            match head.opcode {
                frame::TEXT => self.hear(id, payload)?,
                frame::PING => self.say(id, frame::PONG, payload),
                frame::CLOSE => return None,
                _ => {}
            }
        }
        Some(at)
    }

    fn enter(&mut self, id: usize, head: &[u8]) -> Option<()> {
        let asked = handshake::read_request(head)?;
        let user = token::subject(&asked.token).unwrap_or_else(Uuid::new_v4);
        let room = *self.names.entry(asked.path).or_insert_with(|| {
            self.rooms.push(Room::default());
            self.rooms.len() - 1
        });
        self.rooms[room].members.push(id);
        let member = self.members[id].as_mut()?;
        member.room = Some(room);
        member.row = format!("[\"{user}\",").into_bytes();
        member.prefix = member.row.len();
        let _ = member.stream.write_all(handshake::answer(&asked.key).as_bytes());
        Some(())
    }

    fn hear(&mut self, id: usize, payload: &[u8]) -> Option<()> {
        let member = self.members[id].as_mut()?;
        let Some(fields) = payload.strip_prefix(br#"{"t":"cursor","#) else {
            if payload.starts_with(br#"{"t":"hello""#) {
                let user = String::from_utf8_lossy(&member.row[2..member.prefix - 2]).into_owned();
                let welcome = format!(
                    r#"{{"t":"welcome","you":{{"user":"{user}","conn":{id},"role":"student","can":{{}}}},"epoch":1,"rev":0,"saved":0,"roster":[],"budgets":{{}},"state":{{}}}}"#
                );
                self.say(id, frame::TEXT, welcome.as_bytes());
            }
            return Some(());
        };
        member.row.truncate(member.prefix);
        push_values(&mut member.row, fields)?;
        if !std::mem::replace(&mut member.moved, true) {
            self.rooms[member.room?].moved.push(id);
        }
        Some(())
    }

    fn tick(&mut self) {
        let (mut payload, mut wire) = (std::mem::take(&mut self.payload), std::mem::take(&mut self.wire));
        for room in 0..self.rooms.len() {
            let moved = std::mem::take(&mut self.rooms[room].moved);
            if moved.is_empty() {
                continue;
            }
            payload.clear();
            payload.extend_from_slice(br#"{"t":"cursors","c":["#);
            for id in &moved {
                let Some(member) = &mut self.members[*id] else { continue };
                member.moved = false;
                payload.extend_from_slice(&member.row);
                payload.push(b',');
            }
            payload.pop();
            payload.extend_from_slice(b"]}");
            wire.clear();
            frame::push_server(&mut wire, frame::TEXT, &payload);
            let mut at = 0;
            while let Some(&id) = self.rooms[room].members.get(at) {
                self.write(id, &wire);
                // Whoever was dropped while writing left its place to another.
                at += usize::from(self.rooms[room].members.get(at) == Some(&id));
            }
            self.rooms[room].moved = moved;
            self.rooms[room].moved.clear();
        }
        (self.payload, self.wire) = (payload, wire);
    }

    fn say(&mut self, id: usize, opcode: u8, payload: &[u8]) {
        let mut wire = Vec::with_capacity(payload.len() + 10);
        frame::push_server(&mut wire, opcode, payload);
        self.write(id, &wire);
    }

    fn write(&mut self, id: usize, wire: &[u8]) {
        let Some(member) = self.members[id].as_mut() else { return };
        let mut written = 0;
        if member.pending.is_empty() {
            written = match member.stream.write(wire) {
                Ok(written) => written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(_) => return self.leave(id),
            };
        }
        if written < wire.len() {
            member.pending.extend_from_slice(&wire[written..]);
            let both = Interest::READABLE | Interest::WRITABLE;
            let _ = self.poll.registry().reregister(&mut member.stream, Token(id), both);
            if member.pending.len() > PENDING_LIMIT {
                self.leave(id);
            }
        }
    }

    fn flush(&mut self, id: usize) {
        let Some(member) = self.members.get_mut(id).and_then(Option::as_mut) else { return };
        while !member.pending.is_empty() {
            match member.stream.write(&member.pending) {
                Ok(written) => drop(member.pending.drain(..written)),
                Err(_) => return,
            }
        }
        let _ = self.poll.registry().reregister(&mut member.stream, Token(id), Interest::READABLE);
    }

    fn leave(&mut self, id: usize) {
        let Some(mut member) = self.members[id].take() else { return };
        let _ = self.poll.registry().deregister(&mut member.stream);
        if let Some(room) = member.room {
            self.rooms[room].members.retain(|other| *other != id);
            self.rooms[room].moved.retain(|other| *other != id);
        }
        self.free.push(id);
    }
}

/// Copies the values of `"x":…,"y":…,"page":…,"tool":…}` as `…,…,…,…]`; `None` when the text is another.
fn push_values(row: &mut Vec<u8>, fields: &[u8]) -> Option<()> {
    let mut rest = fields;
    for key in [&b"\"x\":"[..], b"\"y\":", b"\"page\":", b"\"tool\":"] {
        let Some(value) = rest.strip_prefix(key) else { continue };
        let end = memchr::memchr2(b',', b'}', value)?;
        row.extend_from_slice(&value[..end]);
        row.push(b',');
        rest = value.get(end + 1..)?;
    }
    *row.last_mut()? = b']';
    rest.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[u8]) -> Option<String> {
        let mut row = b"[\"u\",".to_vec();
        push_values(&mut row, fields).map(|()| String::from_utf8(row).unwrap())
    }

    #[test]
    fn a_cursor_becomes_a_row_of_the_shared_frame() {
        assert_eq!(
            row(br#""x":12,"y":7,"page":"page-1","tool":"pen"}"#).as_deref(),
            Some(r#"["u",12,7,"page-1","pen"]"#)
        );
        assert_eq!(row(br#""x":12,"y":7}"#).as_deref(), Some(r#"["u",12,7]"#));
        assert_eq!(row(br#""x":12,"z":7}"#), None);
        assert_eq!(row(br#""x":12"#), None);
    }
}
