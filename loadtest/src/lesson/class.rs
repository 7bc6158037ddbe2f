//! The people of a scripted lesson: what each has drawn, what each was shown, and whatever was shown that must not be.
//! Fed by the sockets, led by `script`, asked by `verdict`. Never decides what happens next.

use std::collections::{BTreeMap, HashMap, HashSet};

use hdrhistogram::Histogram;
use serde_json::Value;
use uuid::Uuid;

use super::board::{Copy, Fault};
use crate::{
    client::{Driver, Sockets},
    problem::Outcome,
    report::histogram,
};

/// Strokes that are drawn while work is isolated begin so; their author's number follows.
pub const HIDDEN: &str = "hid-";
/// The first fault of each kind is told in words.
const TOLD: usize = 20;

/// One socket's part in the lesson.
pub struct Line {
    /// Whose it is; 0 is the tutor.
    pub person: usize,
    /// Which board: 0 is the shared one, else the pupil's own.
    pub board: usize,
    /// Whether it counts, or was replaced by a newer one.
    pub current: bool,
}

/// One participant.
pub struct Person {
    /// The account.
    pub id: Uuid,
    /// The tab, kept across reconnects.
    pub client: Uuid,
    /// Batches that were sent and are not known to be saved: id, ops, board, and the revision once accepted.
    pub kept: Vec<(String, String, usize, Option<u64>)>,
    /// Up to which revision boards are known to be saved, by number.
    pub saved: HashMap<usize, u64>,
    /// Copies of boards, by number.
    pub copies: HashMap<usize, Copy>,
    /// The last `can` flags.
    pub can: Value,
    /// The newest frame of each kind, but for ticks and batches.
    pub last: HashMap<String, Value>,
    /// All class frames in order, as `kind` and `seq`.
    pub heard: Vec<(String, Option<u64>)>,
    /// Refusals by code.
    pub refused: BTreeMap<String, u64>,
    /// Bytes that came.
    pub bytes: u64,
    /// Frames that came.
    pub frames: u64,
    /// The last close code.
    pub closed: Option<u16>,
}

/// Everybody, and the books of the lesson.
pub struct Class {
    /// The tutor first.
    pub people: Vec<Person>,
    /// By socket.
    pub lines: Vec<Line>,
    /// Strokes that were accepted: author, board and time of sending.
    pub drawn: HashMap<String, (usize, usize, u64)>,
    /// Authors whose hidden work was revealed.
    pub revealed: HashSet<usize>,
    /// Whether pupils' cursors are hidden from pupils at the moment.
    pub isolated: bool,
    /// From pen to each other's screen.
    pub seen: Histogram<u64>,
    /// Growing strokes, from point to each other's screen.
    pub grown: Histogram<u64>,
    /// Bytes of thumbnails that the tutor got.
    pub feed_bytes: u64,
    /// Boards of which the tutor got a thumbnail.
    pub feed_boards: HashSet<String>,
    /// Counts of what must not be.
    pub faults: BTreeMap<&'static str, u64>,
    /// The first of them in words.
    pub words: Vec<String>,
    /// When the last point of a growing stroke was sent, by stroke.
    pub points: HashMap<String, u64>,
    numbers: HashMap<String, usize>,
}

impl Class {
    /// A class of these accounts, the tutor's first.
    ///
    /// # Errors
    /// Never in practice.
    pub fn new(ids: &[Uuid]) -> Outcome<Self> {
        let person = |id: &Uuid| Person {
            id: *id,
            client: Uuid::new_v4(),
            kept: Vec::new(),
            saved: HashMap::new(),
            copies: HashMap::new(),
            can: Value::Null,
            last: HashMap::new(),
            heard: Vec::new(),
            refused: BTreeMap::new(),
            bytes: 0,
            frames: 0,
            closed: None,
        };
        Ok(Self {
            people: ids.iter().map(person).collect(),
            lines: Vec::new(),
            drawn: HashMap::new(),
            revealed: HashSet::new(),
            isolated: false,
            seen: histogram()?,
            grown: histogram()?,
            feed_bytes: 0,
            feed_boards: HashSet::new(),
            faults: BTreeMap::new(),
            words: Vec::new(),
            points: HashMap::new(),
            numbers: ids.iter().enumerate().map(|(number, id)| (id.to_string(), number)).collect(),
        })
    }

    /// Notes something that must not be.
    pub fn fault(&mut self, kind: &'static str, words: impl FnOnce() -> String) {
        *self.faults.entry(kind).or_default() += 1;
        if self.words.len() < TOLD {
            self.words.push(format!("{kind}: {}", words()));
        }
    }

    /// The socket of somebody at a board, if they have one.
    pub fn socket(&self, person: usize, board: usize) -> Option<usize> {
        self.lines.iter().rposition(|line| line.current && line.person == person && line.board == board)
    }

    /// Whether everything that was sent is known to be saved.
    pub fn is_saved(&self) -> bool {
        self.people.iter().all(|person| person.kept.is_empty())
    }

    /// Whether everybody at a board stands at the same revision.
    pub fn is_level(&self, board: usize) -> bool {
        let mut revs = self.people.iter().filter_map(|person| person.copies.get(&board)).map(|copy| copy.rev);
        let first = revs.next();
        revs.all(|rev| Some(rev) == first)
    }

    /// The copy of somebody's.
    pub fn copy(&self, person: usize, board: usize) -> Option<&Copy> {
        self.people[person].copies.get(&board)
    }

    /// Looks for hidden work in whatever a pupil is sent, of any kind.
    fn look_for_leaks(&mut self, person: usize, payload: &[u8]) {
        if person == 0 {
            return;
        }
        for at in memchr::memmem::find_iter(payload, HIDDEN) {
            let digits = payload[at + HIDDEN.len()..].iter().take_while(|byte| byte.is_ascii_digit());
            let author = digits.fold(0_usize, |number, digit| number * 10 + usize::from(digit - b'0'));
            if author != person && !self.revealed.contains(&author) {
                self.fault("leaked", || format!("pupil {person} was sent hidden work of pupil {author}"));
            }
        }
    }

    fn hear_welcome(&mut self, person: usize, board: usize, frame: &Value) {
        let (epoch, rev) = (frame["epoch"].as_u64().unwrap_or(0), frame["rev"].as_u64().unwrap_or(0));
        // As it is now, and not the most that was ever heard: who was killed may know less.
        self.people[person].saved.insert(board, frame["saved"].as_u64().unwrap_or(0));
        self.people[person].can = frame["you"]["can"].clone();
        if frame["class"].is_object() {
            self.people[person].last.insert("class".to_owned(), frame["class"].clone());
        }
        if frame["resumed"] == true {
            for missed in frame["ops"].as_array().into_iter().flatten() {
                self.hear_ops(person, board, missed, None);
            }
        } else {
            let copy = Copy::read(epoch, rev, &frame["state"]);
            self.people[person].copies.insert(board, copy);
        }
        if self.copy(person, board).map(|copy| copy.rev) != Some(rev) {
            self.fault("gaps", || format!("person {person}: the welcome's tail does not lead to its rev {rev}"));
        }
    }

    fn hear_ops(&mut self, person: usize, board: usize, frame: &Value, now: Option<u64>) {
        let (rev, none) = (frame["rev"].as_u64().unwrap_or(0), Vec::new());
        let ops = frame["ops"].as_array().unwrap_or(&none);
        let copy = self.people[person].copies.entry(board).or_default();
        let done = copy.apply(rev, ops);
        match done {
            Ok(()) => {}
            Err(Fault::Gap) => self.fault("gaps", || format!("person {person}, board {board}: rev {rev}")),
            Err(Fault::Doubled(id)) => self.fault("doubled", || format!("person {person}: {id}")),
            Err(Fault::Unknown(id)) => self.fault("unknown", || format!("person {person}: {id}")),
        }
        let Some(now) = now else { return };
        for op in ops.iter().filter(|op| op["op"] == "add") {
            let id = op["value"]["id"].as_str().unwrap_or_default();
            // What was hidden is seen when it is revealed, by the tutor once more.
            if id.starts_with(HIDDEN) && (person != 0 || !self.revealed.is_empty()) {
                continue;
            }
            if let Some((_, _, sent)) = self.drawn.get(id).filter(|(author, _, sent)| *author != person && *sent > 0) {
                self.seen.saturating_record(now.saturating_sub(*sent).max(1));
            }
        }
    }

    /// One's own batch: its effect is what was sent, or what the answer says.
    fn hear_accepted(&mut self, person: usize, board: usize, frame: &Value) {
        let (id, rev) = (frame["id"].as_str().unwrap_or_default(), frame["rev"].as_u64().unwrap_or(0));
        let Some(at) = self.people[person].kept.iter().position(|(own, ..)| own == id) else {
            if let Some(ops) = frame["ops"].as_array() {
                self.apply_own(person, board, rev, &ops.clone());
            }
            return;
        };
        let first = self.people[person].kept[at].3.replace(rev).is_none();
        let known = self.copy(person, board).is_some_and(|copy| copy.rev >= rev);
        if known {
            // The answer to a resend: the batch happened before, and its effect was in the welcome, as was whether it is saved.
            let saved = self.people[person].saved.get(&board).copied().unwrap_or(0);
            return self.hear_saved(person, board, saved);
        }
        if !first {
            self.fault("gaps", || format!("person {person}: {id} was accepted again as {rev}"));
        }
        let ops = match frame["ops"].as_array() {
            Some(ops) => ops.clone(),
            None => serde_json::from_str(&format!("[{}]", self.people[person].kept[at].1)).unwrap_or_default(),
        };
        self.apply_own(person, board, rev, &ops);
    }

    fn apply_own(&mut self, person: usize, board: usize, rev: u64, ops: &[Value]) {
        let copy = self.people[person].copies.entry(board).or_default();
        if let Err(fault) = copy.apply(rev, ops) {
            self.fault("gaps", || format!("person {person}, board {board}, own rev {rev}: {fault:?}"));
        }
    }

    fn hear_saved(&mut self, person: usize, board: usize, rev: u64) {
        self.people[person].saved.insert(board, rev);
        self.people[person].kept.retain(|(_, _, own, accepted)| *own != board || accepted.is_none_or(|at| at > rev));
    }

    fn hear_cursors(&mut self, person: usize, frame: &Value) {
        if !self.isolated || person == 0 {
            return;
        }
        for row in frame["c"].as_array().into_iter().flatten() {
            let author = row[0].as_str().and_then(|id| self.numbers.get(id)).copied();
            if author.is_some_and(|author| author != 0 && author != person) {
                self.fault("leaked", || format!("pupil {person} was shown a pupil's cursor while work was isolated"));
            }
        }
    }

    fn hear_drawing(&mut self, person: usize, frame: &Value, now: u64) {
        for row in frame["d"].as_array().into_iter().flatten() {
            let author = row[0].as_str().and_then(|id| self.numbers.get(id)).copied();
            if self.isolated && person != 0 && author.is_some_and(|author| author != 0 && author != person) {
                self.fault("leaked", || format!("pupil {person} was shown a growing stroke while work was isolated"));
            }
            if let Some(sent) = row[1].as_str().and_then(|stroke| self.points.get(stroke))
                && author != Some(person)
            {
                self.grown.saturating_record(now.saturating_sub(*sent).max(1));
            }
        }
    }
}

impl Driver for Class {
    fn message(&mut self, _: &mut Sockets, id: usize, payload: &[u8], now: u64) {
        let Line { person, board, current } = self.lines[id];
        if !current {
            return;
        }
        self.look_for_leaks(person, payload);
        self.people[person].bytes += payload.len() as u64;
        self.people[person].frames += 1;
        let Ok(frame) = serde_json::from_slice::<Value>(payload) else {
            return self.fault("unreadable", || format!("person {person}: {} bytes", payload.len()));
        };
        let kind = frame["t"].as_str().unwrap_or_default().to_owned();
        match &*kind {
            "ops" => self.hear_ops(person, board, &frame, Some(now)),
            "accepted" => self.hear_accepted(person, board, &frame),
            "saved" => self.hear_saved(person, board, frame["rev"].as_u64().unwrap_or(0)),
            "cursors" => self.hear_cursors(person, &frame),
            "drawing" => self.hear_drawing(person, &frame, now),
            "tail" => {
                for missed in frame["ops"].as_array().into_iter().flatten() {
                    self.hear_ops(person, board, missed, None);
                }
                self.hear_saved(person, board, frame["saved"].as_u64().unwrap_or(0));
            }
            "snapshot" => {
                self.hear_saved(person, board, frame["saved"].as_u64().unwrap_or(0));
                let (epoch, rev) = (frame["epoch"].as_u64().unwrap_or(0), frame["rev"].as_u64().unwrap_or(0));
                self.people[person].copies.insert(board, Copy::read(epoch, rev, &frame["state"]));
            }
            "thumbs" => {
                self.feed_bytes += payload.len() as u64;
                let boards = frame["b"].as_array().into_iter().flatten();
                self.feed_boards.extend(boards.filter_map(|row| row[0].as_str().map(str::to_owned)));
            }
            "refused" => {
                let code = frame["code"].as_str().unwrap_or_default().to_owned();
                *self.people[person].refused.entry(code).or_default() += 1;
                // What is refused will not be saved, and its author knows.
                let batch = frame["id"].as_str().unwrap_or_default();
                self.people[person].kept.retain(|(own, ..)| own != batch);
                self.people[person].last.insert(kind, frame);
            }
            "can" => {
                self.people[person].can = frame["can"].clone();
                self.people[person].last.insert(kind, frame);
            }
            _ => {
                self.people[person].heard.push((kind.clone(), frame["seq"].as_u64()));
                self.people[person].last.insert(kind, frame);
            }
        }
    }

    fn welcome(&mut self, _: &mut Sockets, id: usize, payload: &[u8]) {
        let Line { person, board, .. } = self.lines[id];
        self.look_for_leaks(person, payload);
        let frame = serde_json::from_slice(payload).unwrap_or_default();
        self.hear_welcome(person, board, &frame);
    }

    fn closed(&mut self, id: usize, code: u16, _: u64) {
        let line = &mut self.lines[id];
        line.current = false;
        self.people[line.person].closed = Some(code);
    }
}
