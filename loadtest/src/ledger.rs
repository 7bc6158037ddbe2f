//! The books of a drawing load: what each writer has under way, what was accepted and saved, and whether every reader saw
//! one dense order. Fed by the sockets, asked by `ops`. Never opens a socket.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    fmt::Write as _,
};

use hdrhistogram::Histogram;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    client::{Driver, Sockets},
    problem::Outcome,
    report::{Report, histogram},
    wire::{self, Told},
};

/// Send times kept of each writer: more than any `inflight`.
const RECENT: usize = 4096;
/// How long a writer rests after a refusal that names no time.
const REST: u64 = 100_000;

/// What a socket is there for.
#[derive(Clone, Copy)]
pub struct Spot {
    /// Its board.
    pub board: usize,
    /// Whether it draws, or only reads.
    pub draws: bool,
}

struct Writer {
    sent: u64,
    /// Under way, oldest first: number and time.
    waiting: VecDeque<(u64, u64)>,
    /// Accepted, not yet saved: revision and time.
    unsaved: VecDeque<(u64, u64)>,
    /// Sent twice: the revision of the first answer, once it is there.
    twice: HashMap<u64, Option<u64>>,
    recent: Vec<u64>,
    resting: Option<(u64, u32)>,
}

#[derive(Default)]
struct Faults {
    gaps: u64,
    out_of_order: u64,
    changed_answers: u64,
    strangers: u64,
    refused: BTreeMap<String, u64>,
}

/// The books of a run.
pub struct Ledger {
    nonce: String,
    keep: u64,
    resend_every: u64,
    /// Whether writers draw when they are told to, and not as soon as the last batch was accepted.
    paced: bool,
    spots: Vec<Spot>,
    writers: Vec<Writer>,
    /// By socket: the last revision it was told of.
    revs: Vec<u64>,
    /// By reader: the revision to which it was last brought back after it fell behind.
    caught_up: Vec<u64>,
    brought_back: u64,
    /// By board: numbers of accepted batches, by writer.
    drawn: Vec<HashSet<(usize, u64)>>,
    sending: bool,
    measuring: bool,
    accepted: u64,
    saved: u64,
    repeats: u64,
    accepted_latency: Histogram<u64>,
    saved_latency: Histogram<u64>,
    seen_latency: Histogram<u64>,
    faults: Faults,
}

impl Ledger {
    /// Empty books.
    ///
    /// # Errors
    /// Never in practice.
    pub fn new(spots: Vec<Spot>, boards: usize, keep: u32, resend_every: u32) -> Outcome<Self> {
        let writer = || Writer {
            sent: 0,
            waiting: VecDeque::new(),
            unsaved: VecDeque::new(),
            twice: HashMap::new(),
            recent: vec![0; RECENT],
            resting: None,
        };
        let mut nonce = Uuid::new_v4().simple().to_string();
        nonce.truncate(8);
        Ok(Self {
            nonce,
            keep: u64::from(keep),
            resend_every: u64::from(resend_every),
            paced: false,
            writers: spots.iter().map(|_| writer()).collect(),
            revs: vec![0; spots.len()],
            caught_up: vec![0; spots.len()],
            brought_back: 0,
            drawn: vec![HashSet::new(); boards],
            spots,
            sending: false,
            measuring: false,
            accepted: 0,
            saved: 0,
            repeats: 0,
            accepted_latency: histogram()?,
            saved_latency: histogram()?,
            seen_latency: histogram()?,
            faults: Faults::default(),
        })
    }

    /// Every writer sends its first `inflight` batches.
    pub fn start(&mut self, sockets: &mut Sockets, inflight: u32, now: u64) {
        self.sending = true;
        for _ in 0..inflight {
            for id in 0..self.spots.len() {
                if self.spots[id].draws {
                    self.draw(sockets, id, now);
                }
            }
        }
    }

    /// Sockets that draw.
    pub fn pens(&self) -> impl Iterator<Item = usize> {
        self.spots.iter().enumerate().filter(|(_, spot)| spot.draws).map(|(id, _)| id)
    }

    /// From now on writers draw when [`Ledger::draw`] says so.
    pub fn start_paced(&mut self) {
        (self.sending, self.paced) = (true, true);
    }

    /// Opens the measured window.
    pub fn begin(&mut self) {
        (self.measuring, self.accepted, self.saved) = (true, 0, 0);
    }

    /// Ends it: nothing more is sent.
    pub fn end(&mut self) {
        (self.measuring, self.sending) = (false, false);
    }

    /// Whether the window is open.
    pub fn measuring(&self) -> bool {
        self.measuring
    }

    /// Batches accepted while the window was open.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// The 50th and 99th percentile, in milliseconds, of what others saw since the last call; starts them anew.
    pub fn take_seen(&mut self) -> (f64, f64) {
        let at = |quantile| self.seen_latency.value_at_quantile(quantile) as f64 / 1e3;
        let found = (at(0.5), at(0.99));
        self.seen_latency.reset();
        found
    }

    /// Whether everything sent was answered and saved.
    pub fn settled(&self) -> bool {
        self.writers
            .iter()
            .all(|writer| writer.waiting.is_empty() && writer.unsaved.is_empty() && writer.twice.is_empty())
    }

    /// Lets writers go on that rested after a refusal.
    pub fn wake(&mut self, sockets: &mut Sockets, now: u64) {
        for id in 0..self.writers.len() {
            if let Some((_, owed)) = self.writers[id].resting.take_if(|(until, _)| *until <= now) {
                (0..owed).for_each(|_| self.draw(sockets, id, now));
            }
        }
    }

    /// Socket `id` draws one stroke.
    pub fn draw(&mut self, sockets: &mut Sockets, id: usize, now: u64) {
        if !self.sending {
            return;
        }
        let writer = &mut self.writers[id];
        let number = writer.sent;
        writer.sent += 1;
        writer.waiting.push_back((number, now));
        writer.recent[usize::try_from(number).unwrap_or(0) % RECENT] = now;
        let name = format!("{}-{id}-{number}", self.nonce);
        let mut ops = wire::stroke_op(&name, number.wrapping_mul(31).wrapping_add(id as u64 * 17), None);
        if let Some(oldest) = number.checked_sub(self.keep) {
            let gone = wire::remove_op(&format!("{}-{id}-{oldest}", self.nonce));
            // Writing to a String cannot fail.
            let _ = write!(ops, ",{gone}");
        }
        let batch = wire::batch(sockets.dialect(id), &name, &ops);
        let twice = self.resend_every > 0 && number % self.resend_every == self.resend_every - 1;
        if twice {
            writer.twice.insert(number, None);
            sockets.send(id, &batch);
        }
        sockets.send(id, &batch);
    }

    fn number_of(&self, id: Option<&str>) -> Option<(usize, u64)> {
        let (writer, number) = id?.strip_prefix(&self.nonce)?.strip_prefix('-')?.split_once('-')?;
        let writer = writer.parse().ok().filter(|writer| *writer < self.writers.len())?;
        Some((writer, number.parse().ok()?))
    }

    fn hear_accepted(&mut self, sockets: &mut Sockets, id: usize, told: &Told<'_>, now: u64) {
        let (Some((_, number)), Some(rev)) = (self.number_of(told.id.as_deref()), told.rev) else {
            self.faults.strangers += 1;
            return;
        };
        let writer = &mut self.writers[id];
        let Some(at) = writer.waiting.iter().position(|(waiting, _)| *waiting == number) else {
            // Not under way: the second answer to a batch that was sent twice.
            match writer.twice.remove(&number) {
                Some(Some(first)) if first == rev => self.repeats += 1,
                _ => self.faults.changed_answers += 1,
            }
            return;
        };
        self.faults.out_of_order += u64::from(at != 0);
        let Some((_, sent)) = writer.waiting.remove(at) else { return };
        if let Some(first) = writer.twice.get_mut(&number) {
            *first = Some(rev);
        }
        writer.unsaved.push_back((rev, sent));
        if self.measuring {
            self.accepted += 1;
            self.accepted_latency.saturating_record((now - sent).max(1));
        }
        self.drawn[self.spots[id].board].insert((id, number));
        self.follow(id, rev);
        if !self.paced {
            self.draw(sockets, id, now);
        }
    }

    /// A reader is told of `rev`: it must be the next one.
    fn follow(&mut self, id: usize, rev: u64) {
        // The answer to its own batch follows what brought a reader back, and that has the batch.
        if rev <= self.caught_up[id] {
            return;
        }
        self.faults.gaps += u64::from(rev != self.revs[id] + 1);
        self.revs[id] = rev;
    }

    fn hear_saved(&mut self, id: usize, rev: u64, now: u64) {
        let unsaved = &mut self.writers[id].unsaved;
        while let Some((_, sent)) = unsaved.pop_front_if(|(unsaved, _)| *unsaved <= rev) {
            if self.measuring {
                self.saved += 1;
                self.saved_latency.saturating_record((now - sent).max(1));
            }
        }
    }

    fn hear_refused(&mut self, id: usize, told: &Told<'_>, now: u64) {
        let code = told.code.as_ref().map_or_else(|| "no code".to_owned(), ToString::to_string);
        *self.faults.refused.entry(code).or_default() += 1;
        let Some((_, number)) = self.number_of(told.id.as_deref()) else { return };
        let writer = &mut self.writers[id];
        writer.twice.remove(&number);
        if let Some(at) = writer.waiting.iter().position(|(waiting, _)| *waiting == number) {
            writer.waiting.remove(at);
            let pause = told.retry_after_ms.map_or(REST, |ms| (ms.clamp(1.0, 60_000.0) * 1e3) as u64);
            let owed = writer.resting.map_or(0, |(_, owed)| owed);
            writer.resting = Some((now + pause, owed + 1));
        }
    }

    /// Adds what was found on the sockets.
    pub fn report(&self, report: &mut Report, seconds: f64) {
        report.add("accepted", self.accepted as f64 / seconds, "batches/s");
        report.add("saved", self.saved as f64 / seconds, "batches/s");
        report.add_latency("accepted", &self.accepted_latency);
        report.add_latency("saved", &self.saved_latency);
        report.add_latency("seen_by_others", &self.seen_latency);
        let total: usize = self.drawn.iter().map(HashSet::len).sum();
        report.add("batches_in_all", total as f64, "batches");
        report.add("brought_back", self.brought_back as f64, "readers that fell behind");
        report.add("resends_answered_alike", self.repeats as f64, "batches");
        let waiting: usize = self.writers.iter().map(|writer| writer.waiting.len()).sum();
        let unsaved: usize = self.writers.iter().map(|writer| writer.unsaved.len()).sum();
        let twice: usize = self.writers.iter().map(|writer| writer.twice.len()).sum();
        report.forbid(waiting as u64, "batches were never answered");
        report.forbid(unsaved as u64, "accepted batches were never told saved");
        report.forbid(twice as u64, "resent batches were not answered twice");
        report.forbid(self.faults.gaps, "revisions did not follow the one before");
        report.forbid(self.faults.out_of_order, "batches were accepted out of their writer's order");
        report.forbid(self.faults.changed_answers, "resent batches got another answer than the first");
        report.forbid(self.faults.strangers, "answers belonged to no batch of ours");
        for (code, count) in &self.faults.refused {
            report.failures.push(format!("{count} batches were refused: {code}"));
        }
        if total == 0 {
            report.failures.push("nothing was accepted at all".to_owned());
        }
    }

    /// Compares a board, as REST gives it, with what was accepted.
    pub fn check_board(&self, board: usize, detail: &Value, report: &mut Report) {
        let sockets = self.spots.iter().zip(&self.revs).filter(|(spot, _)| spot.board == board);
        let last = sockets.map(|(_, rev)| *rev).max().unwrap_or(0);
        if detail["rev"].as_u64() != Some(last) {
            report.failures.push(format!("board {board} ends at rev {} instead of {last}", detail["rev"]));
        }
        let mut found: HashMap<(usize, u64), u64> = HashMap::new();
        let pages = detail["state"]["pages"].as_array().into_iter().flatten();
        for stroke in pages.flat_map(|page| page["strokes"].as_array().into_iter().flatten()) {
            if let Some(number) = self.number_of(stroke["id"].as_str()) {
                *found.entry(number).or_default() += 1;
            }
        }
        let drawn = &self.drawn[board];
        let stays = |(writer, number): &&(usize, u64)| !drawn.contains(&(*writer, number + self.keep));
        let missing = drawn.iter().filter(stays).filter(|key| !found.contains_key(key)).count();
        let alien = found.keys().filter(|key| !drawn.contains(key) || !stays(key)).count();
        report.forbid(missing as u64, &format!("accepted strokes are missing on board {board}"));
        report.forbid(alien as u64, &format!("strokes on board {board} were never accepted, or removed"));
        report.forbid(found.values().filter(|count| **count > 1).count() as u64, "strokes are there twice");
    }
}

impl Driver for Ledger {
    fn message(&mut self, sockets: &mut Sockets, id: usize, payload: &[u8], now: u64) {
        let Some(told) = wire::told(sockets.dialect(id), payload) else {
            self.faults.strangers += 1;
            return;
        };
        match (&*told.t, told.rev) {
            ("accepted", _) => self.hear_accepted(sockets, id, &told, now),
            ("saved", Some(rev)) => self.hear_saved(id, rev, now),
            ("ops", Some(rev)) => {
                if let Some((writer, number)) = self.number_of(told.id.as_deref()).filter(|_| self.measuring) {
                    let sent = self.writers[writer].recent[usize::try_from(number).unwrap_or(0) % RECENT];
                    self.seen_latency.saturating_record((now - sent).max(1));
                }
                self.follow(id, rev);
            }
            ("tail" | "snapshot", Some(rev)) => {
                (self.revs[id], self.caught_up[id]) = (rev, rev);
                self.brought_back += 1;
                self.hear_saved(id, told.saved.unwrap_or(0), now);
            }
            ("refused", _) => self.hear_refused(id, &told, now),
            _ => {}
        }
    }

    fn welcome(&mut self, sockets: &mut Sockets, id: usize, payload: &[u8]) {
        self.revs[id] = wire::told(sockets.dialect(id), payload).and_then(|told| told.rev).unwrap_or(0);
    }

    fn closed(&mut self, id: usize, _code: u16, _now: u64) {
        // What a closed socket had under way is nobody's promise any more; the close itself is reported.
        let writer = &mut self.writers[id];
        writer.waiting.clear();
        writer.unsaved.clear();
        writer.twice.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Clock, http::Target};
    use serde_json::json;

    fn stage() -> (Ledger, Sockets) {
        let target = Target::parse("http://127.0.0.1:1").unwrap();
        let mut sockets = Sockets::new(&target, Clock::start()).unwrap();
        sockets.pretend(2);
        let spots = vec![Spot { board: 0, draws: true }, Spot { board: 0, draws: false }];
        let mut ledger = Ledger::new(spots, 1, 2, 2).unwrap();
        ledger.start(&mut sockets, 1, 0);
        ledger.begin();
        (ledger, sockets)
    }

    fn hear(ledger: &mut Ledger, sockets: &mut Sockets, id: usize, frame: &Value, now: u64) {
        ledger.message(sockets, id, frame.to_string().as_bytes(), now);
    }

    #[test]
    fn a_correct_run_leaves_no_failure() {
        let (mut ledger, mut sockets) = stage();
        let name = |number| format!("{}-0-{number}", ledger.nonce);
        let names = [name(0), name(1), name(2)];
        for (number, name) in names.iter().enumerate() {
            let accepted = json!({"t": "accepted", "id": name, "rev": number + 1});
            if number == 2 {
                ledger.end();
            }
            hear(&mut ledger, &mut sockets, 0, &accepted, 1_000 * (number as u64 + 1));
            if number == 1 {
                hear(&mut ledger, &mut sockets, 0, &accepted, 2_500);
            }
            hear(&mut ledger, &mut sockets, 1, &json!({"t": "ops", "id": name, "rev": number + 1, "ops": []}), 3_000);
        }
        assert!(!ledger.settled());
        hear(&mut ledger, &mut sockets, 0, &json!({"t": "saved", "rev": 3}), 5_000);
        assert!(ledger.settled());
        let mut report = Report::new("");
        ledger.report(&mut report, 1.0);
        let strokes = json!([{"id": names[1]}, {"id": names[2]}]);
        ledger.check_board(0, &json!({"rev": 3, "state": {"pages": [{"strokes": strokes}]}}), &mut report);
        assert_eq!(report.failures, Vec::<String>::new());
        assert_eq!(report.get("resends_answered_alike"), Some(1.0));
    }

    #[test]
    fn gaps_lost_strokes_changed_answers_and_silence_are_all_failures() {
        let (mut ledger, mut sockets) = stage();
        let first = format!("{}-0-0", ledger.nonce);
        hear(&mut ledger, &mut sockets, 0, &json!({"t": "accepted", "id": first, "rev": 2}), 1_000);
        hear(&mut ledger, &mut sockets, 0, &json!({"t": "accepted", "id": first, "rev": 3}), 1_000);
        hear(&mut ledger, &mut sockets, 0, &json!({"t": "refused", "id": "x", "code": "forbidden"}), 1_000);
        ledger.end();
        let mut report = Report::new("");
        ledger.report(&mut report, 1.0);
        ledger.check_board(0, &json!({"rev": 1, "state": {}}), &mut report);
        let all = report.failures.join("\n");
        for sign in [
            "never answered",
            "never told saved",
            "did not follow",
            "another answer",
            "forbidden",
            "instead of 2",
            "missing",
        ] {
            assert!(all.contains(sign), "{sign} in\n{all}");
        }
    }
}
