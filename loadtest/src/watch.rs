//! The receivers' memory of cursors: who has seen which number of whom, how late, and whether samples were correct.
//! Fed by the sockets, asked by `cursors` and `stall`. Never sends.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use hdrhistogram::Histogram;
use uuid::Uuid;

use crate::{
    client::{Driver, Sockets},
    plan::Person,
    problem::Outcome,
    report::{Report, histogram},
    ticks::{self, Cell, Cursor},
    wire::{self, Dialect},
};

/// Microseconds of one unit of a time stamp.
pub const STAMP_UNIT: u64 = 32;
/// Stamps wrap after 33 s: small enough for any board's coordinates and exact in every float.
const STAMP_MASK: u64 = 0xf_ffff;
/// Frames of a room that are remembered: receivers of one tick get the same bytes.
const REMEMBERED: usize = 4;
/// Every so many distinct frames one is read in full and compared.
const SAMPLE: u64 = 16;
/// Stamps kept of each pen, to check what arrives against what was sent.
const STAMPS: usize = 64;

/// Where a socket sits.
#[derive(Clone, Copy)]
pub struct Place {
    /// Its class.
    pub room: usize,
    /// Its pupil.
    pub slot: usize,
}

#[derive(Clone)]
struct Pen {
    sent: u32,
    window: u32,
    stamps: [u32; STAMPS],
}

#[derive(Default)]
struct Known {
    bytes: Vec<u8>,
    cursors: Vec<(usize, Cursor)>,
}

struct Room {
    pens: Vec<Pen>,
    known: [Known; REMEMBERED],
    next: usize,
    seats: u64,
}

/// What all receivers of a run have seen.
pub struct Watch {
    places: Vec<Place>,
    slots: HashMap<Uuid, usize>,
    rooms: Vec<Room>,
    /// By socket and pen: the number of the last cursor seen.
    seen: Vec<Vec<u32>>,
    excused: Vec<bool>,
    latency: Histogram<u64>,
    measuring: bool,
    meanwhile: u64,
    of_window: u64,
    frames: u64,
    distinct: u64,
    read_in_full: u64,
    sampled: u64,
    wrong: u64,
    backwards: u64,
    repeated: u64,
    refused: BTreeMap<String, u64>,
    /// Who was told when that somebody left.
    lefts: Vec<(usize, u64)>,
    closes: Vec<(usize, u16)>,
    /// Frames that brought a reader back who had fallen behind.
    brought_back: u64,
}

impl Watch {
    /// Nobody has seen anything yet.
    ///
    /// # Errors
    /// Never in practice.
    pub fn new(places: Vec<Place>, pupils: &[Person]) -> Outcome<Self> {
        let rooms = places.iter().map(|place| place.room + 1).max().unwrap_or(0);
        let pen = Pen { sent: 0, window: u32::MAX, stamps: [0; STAMPS] };
        let seats = |room| places.iter().filter(|place| place.room == room).count() as u64;
        let room = |room| Room {
            pens: vec![pen.clone(); pupils.len()],
            known: Default::default(),
            next: 0,
            seats: seats(room),
        };
        Ok(Self {
            rooms: (0..rooms).map(room).collect(),
            seen: vec![vec![0; pupils.len()]; places.len()],
            excused: vec![false; places.len()],
            places,
            slots: pupils.iter().enumerate().map(|(slot, person)| (person.id, slot)).collect(),
            latency: histogram()?,
            measuring: false,
            meanwhile: 0,
            of_window: 0,
            frames: 0,
            distinct: 0,
            read_in_full: 0,
            sampled: 0,
            wrong: 0,
            backwards: 0,
            repeated: 0,
            refused: BTreeMap::new(),
            lefts: Vec::new(),
            closes: Vec::new(),
            brought_back: 0,
        })
    }

    /// The next cursor of socket `id`'s pen at `now`: its x (stamp) and y (number).
    pub fn move_pen(&mut self, id: usize, now: u64) -> (u32, u32) {
        let Place { room, slot } = self.places[id];
        let pen = &mut self.rooms[room].pens[slot];
        pen.sent += 1;
        let stamp = u32::try_from((now / STAMP_UNIT) & STAMP_MASK).unwrap_or(0);
        pen.stamps[pen.sent as usize % STAMPS] = stamp;
        (stamp, pen.sent)
    }

    /// Starts the measured window: cursors sent from now on count.
    pub fn begin(&mut self) {
        for pen in self.rooms.iter_mut().flat_map(|room| &mut room.pens) {
            pen.window = pen.sent;
        }
        self.measuring = true;
        self.meanwhile = 0;
    }

    /// Ends the window; what is still under way is waited for, but no longer counted against the CPU.
    pub fn end(&mut self) {
        self.measuring = false;
    }

    /// Whether the window is open.
    pub fn measuring(&self) -> bool {
        self.measuring
    }

    /// Deliveries to others while the window was open: what the server's CPU was spent on.
    pub fn delivered_meanwhile(&self) -> u64 {
        self.meanwhile
    }

    /// Latencies of the window's cursors so far.
    pub fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }

    /// Starts the latencies anew.
    pub fn forget_latency(&mut self) {
        self.latency.reset();
    }

    /// When socket `reader` was told that somebody left, in order.
    pub fn lefts(&self, reader: usize) -> Vec<u64> {
        self.lefts.iter().filter(|(id, _)| *id == reader).map(|(_, at)| *at).collect()
    }

    /// All sockets that the server closed, with the code.
    pub fn closes(&self) -> &[(usize, u16)] {
        &self.closes
    }

    /// Frames that brought a reader back who had fallen behind.
    pub fn brought_back(&self) -> u64 {
        self.brought_back
    }

    /// How many of `sockets` were closed with which code.
    pub fn close_codes(&self, sockets: Range<usize>) -> BTreeMap<u16, u64> {
        let mut codes = BTreeMap::new();
        for (_, code) in self.closes.iter().filter(|(id, _)| sockets.contains(id)) {
            *codes.entry(*code).or_default() += 1;
        }
        codes
    }

    /// Socket `id` is not expected to see everything (it stalls, or was closed).
    pub fn excuse(&mut self, id: usize) {
        self.excused[id] = true;
    }

    /// Pairs of receiver and pen where the pen's last cursor has not arrived.
    pub fn missing(&self) -> u64 {
        let mut missing = 0;
        for (place, seen) in self.places.iter().zip(&self.seen).zip(&self.excused).filter(|(_, e)| !**e).map(|(p, _)| p)
        {
            let pens = self.rooms[place.room].pens.iter().zip(seen).enumerate();
            missing += pens.filter(|(slot, (pen, seen))| *slot != place.slot && pen.sent != **seen).count() as u64;
        }
        missing
    }

    /// Adds what was seen.
    pub fn report(&self, report: &mut Report, seconds: f64) {
        let pens =
            |room: &Room| room.pens.iter().map(|pen| u64::from(pen.sent.saturating_sub(pen.window))).sum::<u64>();
        let sent: u64 = self.rooms.iter().map(pens).sum();
        let expected: u64 = self.rooms.iter().map(|room| pens(room) * (room.seats - 1)).sum();
        report.add("cursors_sent", sent as f64 / seconds, "/s");
        report.add("deliveries", self.meanwhile as f64 / seconds, "/s to others");
        report.add("delivered_share", 100.0 * self.of_window as f64 / expected.max(1) as f64, "% (rest superseded)");
        report.add("last_cursor_missing", self.missing() as f64, "receiver-pen pairs");
        report.add_latency("latency", &self.latency);
        report.add("frames_received", self.frames as f64, "frames");
        report.add("distinct_frames", self.distinct as f64, "frames");
        report.add("frames_read_in_full", self.read_in_full as f64, "frames");
        report.add("samples_checked", self.sampled as f64, "frames");
        report.add("cursors_repeated", self.repeated as f64, "");
        report.forbid(self.missing(), "last cursors never arrived");
        self.judge(report);
    }

    /// Adds what must never happen, whatever the load.
    pub fn judge(&self, report: &mut Report) {
        report.forbid(self.wrong, "sampled frames were wrong");
        report.forbid(self.backwards, "cursors came after a newer one of the same pen");
        for (code, count) in self.refused.iter().filter(|(_, count)| **count > 0) {
            report.failures.push(format!("{count} frames told `{code}`"));
        }
        if self.sampled == 0 {
            report.failures.push("no cursor frame arrived at all".to_owned());
        }
    }

    /// Reads a frame not seen in this room before; where it is kept, or `None` when it is not a cursor frame.
    fn learn(&mut self, room: usize, dialect: Dialect, payload: &[u8]) -> Option<usize> {
        let scanned = if dialect == Dialect::Json { ticks::scan(payload) } else { None };
        let sample = self.distinct.is_multiple_of(SAMPLE);
        let cursors = match scanned {
            Some(cursors) if !sample => cursors,
            scanned => {
                let full = ticks::read(dialect, payload).filter(|full| full.t == "cursors")?;
                let Some(cursors) = ticks::cursors_of(&full) else {
                    self.wrong += 1;
                    return None;
                };
                self.read_in_full += 1;
                if sample {
                    self.sampled += 1;
                    let agree = scanned.is_none_or(|scanned| scanned == cursors);
                    self.wrong += u64::from(!agree || !self.is_true(room, &full, &cursors));
                }
                cursors
            }
        };
        self.distinct += 1;
        let (slots, room) = (&self.slots, &mut self.rooms[room]);
        room.next = (room.next + 1) % REMEMBERED;
        let known = &mut room.known[room.next];
        known.bytes.clear();
        known.bytes.extend_from_slice(payload);
        known.cursors.clear();
        for cursor in cursors {
            match slots.get(&cursor.user) {
                Some(slot) => known.cursors.push((*slot, cursor)),
                None => self.wrong += 1,
            }
        }
        Some(room.next)
    }

    /// Whether a sampled frame says exactly what its pens sent: stamp, number, page and tool.
    fn is_true(&self, room: usize, full: &ticks::Full<'_>, cursors: &[Cursor]) -> bool {
        cursors.iter().zip(&full.c).all(|(cursor, row)| {
            let Some(pen) = self.slots.get(&cursor.user).map(|slot| &self.rooms[room].pens[*slot]) else {
                return false;
            };
            let recent = cursor.y <= pen.sent && pen.sent - cursor.y < STAMPS as u32;
            let stamp = !recent || pen.stamps[cursor.y as usize % STAMPS] == cursor.x;
            stamp
                && cursor.y <= pen.sent
                && matches!(&row[3..], [Cell::Text(page), Cell::Text(tool)] if page == "page-1" && tool == "pen")
        })
    }

    fn hear_other(&mut self, id: usize, dialect: Dialect, payload: &[u8], now: u64) {
        let Some(told) = wire::told(dialect, payload) else {
            self.wrong += 1;
            return;
        };
        if let "refused" | "budget" | "bye" = &*told.t {
            let code = told.code.map_or_else(|| told.t.to_string(), |code| format!("{} {code}", told.t));
            // A stalled reader is told goodbye: that is what `stall` is about.
            *self.refused.entry(code).or_default() += u64::from(!(self.excused[id] && told.t == "bye"));
        }
        self.brought_back += u64::from(matches!(&*told.t, "tail" | "snapshot"));
        if told.t == "left" {
            self.lefts.push((id, now));
        }
    }
}

impl Driver for Watch {
    fn message(&mut self, sockets: &mut Sockets, id: usize, payload: &[u8], now: u64) {
        let Place { room, slot: own } = self.places[id];
        let known = self.rooms[room].known.iter().position(|known| known.bytes == payload);
        let Some(at) = known.or_else(|| self.learn(room, sockets.dialect(id), payload)) else {
            return self.hear_other(id, sockets.dialect(id), payload, now);
        };
        self.frames += 1;
        let room = &self.rooms[room];
        for (slot, cursor) in &room.known[at].cursors {
            let seen = &mut self.seen[id][*slot];
            if *slot == own {
                continue;
            }
            if cursor.y <= *seen {
                *(if cursor.y == *seen { &mut self.repeated } else { &mut self.backwards }) += 1;
                continue;
            }
            *seen = cursor.y;
            self.meanwhile += u64::from(self.measuring);
            if cursor.y > room.pens[*slot].window {
                self.of_window += 1;
                let age = (now / STAMP_UNIT).wrapping_sub(u64::from(cursor.x)) & STAMP_MASK;
                self.latency.saturating_record((age * STAMP_UNIT).max(1));
            }
        }
    }

    fn closed(&mut self, id: usize, code: u16, _now: u64) {
        self.closes.push((id, code));
        self.excused[id] = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Clock, http::Target};

    fn people(count: usize) -> Vec<Person> {
        let person = |_| Person { email: String::new(), password: String::new(), id: Uuid::new_v4() };
        (0..count).map(person).collect()
    }

    fn tick(rows: &[(Uuid, u32, u32)]) -> Vec<u8> {
        let row = |(user, x, y): &(Uuid, u32, u32)| format!(r#"["{user}",{x},{y},"page-1","pen"]"#);
        format!(r#"{{"t":"cursors","c":[{}]}}"#, rows.iter().map(row).collect::<Vec<_>>().join(",")).into_bytes()
    }

    #[test]
    fn a_superseded_cursor_is_no_loss_but_a_missing_last_one_is() {
        // No socket is opened: the receivers are told directly.
        let target = Target::parse("http://127.0.0.1:1").unwrap();
        let mut sockets = Sockets::new(&target, Clock::start()).unwrap();
        sockets.pretend(2);
        let pupils = people(2);
        let places = vec![Place { room: 0, slot: 0 }, Place { room: 0, slot: 1 }];
        let mut watch = Watch::new(places, &pupils).unwrap();
        watch.begin();
        watch.move_pen(0, 32_000);
        let (x, y) = watch.move_pen(0, 64_000);
        let frame = tick(&[(pupils[0].id, x, y)]);
        assert_eq!(watch.missing(), 1);
        watch.message(&mut sockets, 0, &frame, 70_000);
        watch.message(&mut sockets, 1, &frame, 96_000);
        assert_eq!((watch.missing(), watch.meanwhile, watch.repeated), (0, 1, 0));
        assert_eq!(watch.latency.max() / 1000, 32);
        watch.message(&mut sockets, 1, &frame, 97_000);
        watch.message(&mut sockets, 1, &tick(&[(pupils[0].id, x, 1)]), 98_000);
        assert_eq!((watch.repeated, watch.backwards), (1, 1));
        let mut report = Report::new("");
        watch.report(&mut report, 1.0);
        assert_eq!(report.get("delivered_share"), Some(50.0));
    }

    #[test]
    fn a_sampled_frame_that_was_never_sent_is_found_out() {
        let target = Target::parse("http://127.0.0.1:1").unwrap();
        let mut sockets = Sockets::new(&target, Clock::start()).unwrap();
        sockets.pretend(2);
        let pupils = people(2);
        let places = vec![Place { room: 0, slot: 0 }, Place { room: 0, slot: 1 }];
        let mut watch = Watch::new(places, &pupils).unwrap();
        let (x, y) = watch.move_pen(0, 64_000);
        watch.message(&mut sockets, 1, &tick(&[(pupils[0].id, x + 1, y)]), 70_000);
        assert_eq!((watch.sampled, watch.wrong), (1, 1));
        watch.message(&mut sockets, 1, &tick(&[(Uuid::new_v4(), x, y)]), 70_000);
        assert_eq!(watch.wrong, 2, "a stranger's cursor");
        watch.message(&mut sockets, 1, br#"{"t":"refused","code":"rate_limited"}"#, 70_000);
        assert_eq!(watch.refused["refused rate_limited"], 1);
    }
}
