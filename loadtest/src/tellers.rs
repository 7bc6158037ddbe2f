//! Kept connections that tell of themselves (telemetry, board metrics, beacons) at a given rate, on a thread of their own.
//! Driven by `telemetry`. Never has two requests under way on one connection; what is late is counted, not caught up.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    clock::{Clock, stop_asked},
    http::{self, Target},
    problem::{Outcome, Problem},
};

/// What the thread is told and tells.
#[derive(Default)]
struct Shared {
    talking: AtomicBool,
    ending: AtomicBool,
    accepted: AtomicU64,
}

/// The thread.
pub struct Tellers {
    shared: Arc<Shared>,
    thread: JoinHandle<Outcome<BTreeMap<u16, u64>>>,
}

impl Tellers {
    /// Connects `connections` tellers, silent at first; each says one of `requests` over and over. Together they say
    /// `rate` a second.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn start(target: &Target, requests: Vec<Vec<u8>>, connections: usize, rate: f64) -> Outcome<Self> {
        let shared = Arc::<Shared>::default();
        let mut room = Room::new(target, requests, connections, rate, shared.clone())?;
        let thread = std::thread::spawn(move || room.run().map(|()| room.others));
        Ok(Self { shared, thread })
    }

    /// Starts or stops talking.
    pub fn talk(&self, talking: bool) {
        self.shared.talking.store(talking, Relaxed);
    }

    /// How many were accepted until now.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Relaxed)
    }

    /// Ends the thread; what was answered otherwise, by status.
    ///
    /// # Errors
    /// When the server stopped speaking HTTP.
    pub fn end(self) -> Outcome<BTreeMap<u16, u64>> {
        self.shared.ending.store(true, Relaxed);
        self.thread.join().map_err(|_| Problem::new("the telling thread died"))?
    }
}

struct Teller {
    stream: TcpStream,
    request: usize,
    waiting: bool,
    held: Vec<u8>,
}

struct Room {
    poll: Poll,
    requests: Vec<Vec<u8>>,
    tellers: Vec<Teller>,
    idle: Vec<usize>,
    interval: f64,
    shared: Arc<Shared>,
    others: BTreeMap<u16, u64>,
}

impl Room {
    fn new(
        target: &Target,
        requests: Vec<Vec<u8>>,
        connections: usize,
        rate: f64,
        shared: Arc<Shared>,
    ) -> Outcome<Self> {
        let poll = Poll::new()?;
        let mut tellers = Vec::with_capacity(connections);
        for id in 0..connections {
            let stream = std::net::TcpStream::connect(target.address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(id), Interest::READABLE)?;
            tellers.push(Teller { stream, request: id % requests.len(), waiting: false, held: Vec::new() });
        }
        let idle = (0..connections).collect();
        Ok(Self { poll, requests, tellers, idle, interval: 1e6 / rate, shared, others: BTreeMap::new() })
    }

    fn run(&mut self) -> Outcome<()> {
        let (clock, mut events) = (Clock::start(), Events::with_capacity(1024));
        let mut due = 0.0_f64;
        while !self.shared.ending.load(Relaxed) && !stop_asked() {
            let now = clock.micros() as f64;
            if self.shared.talking.load(Relaxed) {
                // A server that is slower than the rate is not asked to catch up more than 10 ms of it.
                due = due.max(now - 10_000.0);
                while due <= now
                    && let Some(id) = self.idle.pop()
                {
                    self.tell(id)?;
                    due += self.interval;
                }
            } else {
                due = now;
            }
            match self.poll.poll(&mut events, Some(Duration::from_millis(1))) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                self.hear(event.token().0)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, id: usize) -> Outcome<()> {
        let teller = &mut self.tellers[id];
        let request = &self.requests[teller.request];
        teller.waiting = true;
        // One request is far smaller than a socket's buffer.
        if teller.stream.write(request)? == request.len() { Ok(()) } else { Err(Problem::new("a request did not fit")) }
    }

    fn hear(&mut self, id: usize) -> Outcome<()> {
        let teller = &mut self.tellers[id];
        let mut piece = [0; 4096];
        loop {
            match teller.stream.read(&mut piece) {
                Ok(0) => return Err(Problem::new("the server closed a telling connection")),
                Ok(read) => teller.held.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let Some(parsed) = http::parse(&teller.held)? else { return Ok(()) };
        if matches!(parsed.status, 200..=299) {
            self.shared.accepted.fetch_add(1, Relaxed);
        } else {
            *self.others.entry(parsed.status).or_default() += 1;
        }
        let used = parsed.length;
        teller.held.drain(..used);
        if std::mem::take(&mut teller.waiting) {
            self.idle.push(id);
        }
        Ok(())
    }
}
