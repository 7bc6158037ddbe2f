//! The means of a lesson: sockets that come and go, frames, REST calls, and waiting for what must happen.
//! Used by `acts`. Never judges beyond "it did not happen in time".

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::class::{Class, Line};
use crate::{
    arena::Arena,
    client::{Seat, Sockets},
    clock::{Clock, micros_of, stop_asked},
    cpu::Moment,
    http::Answer,
    plan,
    problem::{Outcome, Problem},
    report::Report,
    wire::{Dialect, Hello},
};

/// How long anything may take until it counts as not having happened.
const PATIENCE: f64 = 15.0;

/// A lesson under way.
pub struct Stage<'a> {
    /// Server, people, tokens.
    pub arena: &'a mut Arena,
    /// Everybody's sockets.
    pub sockets: Sockets,
    /// Everybody.
    pub class: Class,
    /// The lesson's class.
    pub lesson: plan::Class,
    /// Time.
    pub clock: Clock,
    /// What was found.
    pub report: Report,
    /// Ids of pupils' own boards, by pupil; the shared one first.
    pub boards: Vec<Uuid>,
    /// Frames and batches sent.
    pub sent: u64,
    /// What the processes had used when the lesson began.
    pub began: (Moment, u64),
    /// What they had used when the server was killed: a process that is gone cannot be asked.
    pub ended: Option<(Moment, u64)>,
    /// Whether the tutor does without the boards' thumbnails.
    pub blind: bool,
    tokens: Vec<String>,
    numbers: u64,
}

impl<'a> Stage<'a> {
    /// Makes the class; nobody has come in yet.
    ///
    /// # Errors
    /// When the server refuses something.
    pub fn set(arena: &'a mut Arena, pupils: usize) -> Outcome<Self> {
        let lesson = arena.fresh_class(pupils)?;
        let mut tokens = vec![arena.tutor_token()?];
        for pupil in 0..pupils {
            tokens.push(arena.pupil_token(pupil)?);
        }
        let tutor = arena.plan.tutor.as_ref().ok_or_else(|| Problem::new("the plan has no tutor"))?.id;
        let ids: Vec<Uuid> =
            std::iter::once(tutor).chain(arena.plan.pupils[..pupils].iter().map(|pupil| pupil.id)).collect();
        let clock = Clock::start();
        Ok(Self {
            sockets: Sockets::new(&arena.target, clock)?,
            class: Class::new(&ids)?,
            report: Report::new(format!("lesson: a tutor and {pupils} pupils")),
            boards: vec![lesson.board],
            began: (arena.watched.now()?, clock.micros()),
            ended: None,
            blind: false,
            arena,
            lesson,
            clock,
            sent: 0,
            tokens,
            numbers: 0,
        })
    }

    /// Number of people, the tutor included.
    pub fn people(&self) -> usize {
        self.class.people.len()
    }

    /// All pupils' numbers.
    pub fn pupils(&self) -> std::ops::Range<usize> {
        1..self.people()
    }

    /// Opens sockets: who, and at which board. Those who were there before come back where they left.
    ///
    /// # Errors
    /// When one of them is refused.
    pub fn come(&mut self, who: &[(usize, usize)]) -> Outcome<()> {
        let mut seats = Vec::new();
        for (person, board) in who {
            let path = match board {
                0 => self.lesson.path(),
                other => format!("/ws/board/{}/", self.boards[*other]),
            };
            let resume = self.class.copy(*person, *board).map(|copy| (copy.epoch, copy.rev));
            let client = Some(self.class.people[*person].client);
            let hello = Hello { client, resume, watch: *person == 0 && *board == 0 && !self.blind };
            let token = self.tokens[*person].clone();
            seats.push(Seat { path, token, dialect: Dialect::Json, receive_buffer: None, hello });
            for line in self.class.lines.iter_mut().filter(|line| line.person == *person && line.board == *board) {
                line.current = false;
            }
            self.class.lines.push(Line { person: *person, board: *board, current: true });
        }
        self.sockets.connect(seats, &mut self.class)?;
        Ok(())
    }

    /// Breaks the connections of these people, all their boards.
    pub fn cut(&mut self, who: impl Iterator<Item = usize>) {
        let who: Vec<usize> = who.collect();
        // What is under way now is seen when its author is back: that says nothing of how fast strokes are told.
        self.class.drawn.values_mut().for_each(|(_, _, sent)| *sent = 0);
        for (socket, line) in self.class.lines.iter_mut().enumerate() {
            if line.current && who.contains(&line.person) {
                line.current = false;
                self.sockets.cut(socket);
            }
        }
    }

    /// Says something to the class or the shared board.
    pub fn say(&mut self, person: usize, frame: &Value) {
        self.say_at(person, 0, frame);
    }

    /// Says something at a board.
    pub fn say_at(&mut self, person: usize, board: usize, frame: &Value) {
        if let Some(socket) = self.class.socket(person, board) {
            self.sent += 1;
            self.sockets.send(socket, frame.to_string().as_bytes());
        }
    }

    /// Sends operations as a batch, which its author keeps until it is saved. The batch's id.
    pub fn batch(&mut self, person: usize, board: usize, ops: &str) -> String {
        self.numbers += 1;
        let id = format!("b{}-{person}", self.numbers);
        self.class.people[person].kept.push((id.clone(), ops.to_owned(), board, None));
        self.send_batch(person, board, &id, ops);
        id
    }

    fn send_batch(&mut self, person: usize, board: usize, id: &str, ops: &str) {
        if let Some(socket) = self.class.socket(person, board) {
            self.sent += 1;
            self.sockets.send(socket, format!(r#"{{"t":"ops","id":"{id}","ops":[{ops}]}}"#).as_bytes());
        }
    }

    /// Sends again what is not known to be saved, as a client does that comes back.
    pub fn resend(&mut self, person: usize) {
        for kept in &mut self.class.people[person].kept {
            // What was accepted by a server that died may have another revision now, or never have happened.
            kept.3 = None;
        }
        for (id, ops, board, _) in self.class.people[person].kept.clone() {
            self.send_batch(person, board, &id, &ops);
        }
    }

    /// Lets time pass while everybody listens.
    ///
    /// # Errors
    /// When epoll fails.
    pub fn listen(&mut self, seconds: f64) -> Outcome<()> {
        let end = self.clock.micros() + micros_of(seconds);
        while self.clock.micros() < end && !stop_asked() {
            self.sockets.turn(Duration::from_millis(5), &mut self.class)?;
        }
        Ok(())
    }

    /// Waits until something holds; that it never did is a broken promise.
    ///
    /// # Errors
    /// When epoll fails, or the run is stopped.
    pub fn until(&mut self, what: &str, holds: impl Fn(&Class) -> bool) -> Outcome<()> {
        let end = self.clock.micros() + micros_of(PATIENCE);
        while !holds(&self.class) {
            if stop_asked() {
                return Err(Problem::new("stopped"));
            }
            if self.clock.micros() > end {
                self.report.failures.push(format!("it did not happen within {PATIENCE} s that {what}"));
                return Ok(());
            }
            self.sockets.turn(Duration::from_millis(5), &mut self.class)?;
        }
        Ok(())
    }

    /// One REST call of somebody's, answered by `expected`.
    ///
    /// # Errors
    /// When it is answered otherwise.
    pub fn rest(&mut self, person: usize, expected: u16, method: &str, path: &str, body: &Value) -> Outcome<Answer> {
        let body = (method != "GET").then_some(body);
        self.arena.http.expect(expected, method, path, &self.tokens[person].clone(), body)
    }

    /// A path below the lesson.
    pub fn below(&self, tail: &str) -> String {
        format!("/api/v1/classrooms/{}/sessions/{}/{tail}", self.lesson.classroom, self.lesson.session)
    }

    /// The state of a board as somebody reads it over REST.
    ///
    /// # Errors
    /// When they may not.
    pub fn state(&mut self, person: usize, board: usize) -> Outcome<Value> {
        let path = format!("/api/v1/solo/sessions/{}/", self.boards[board]);
        Ok(self.rest(person, 200, "GET", &path, &json!({}))?.body)
    }
}
