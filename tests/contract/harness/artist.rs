//! Clients that never give up: they draw, lose their connection, come back and resend until all is saved.
//! Used by the fault tests and the simulation. What they learnt is a history from which `check` rebuilds the board:
//! every revision must be known to exactly one of them, and together they must make the server's state.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Account, Answer, Dialect, Dice, Fields, Room, Seat, add_stroke, eventually, heavy_stroke, plain_digest,
    replica::{self, Replica},
    stroke,
};

/// What everybody is asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Draw on.
    Draw,
    /// Nothing new; resend until all of it is saved.
    Settle,
    /// Read on until this revision, then stop.
    Compare(u64),
}

/// What the whole crowd has reached.
#[derive(Default)]
pub struct Tally {
    pub saved: AtomicU64,
    pub settled: AtomicUsize,
    pub comebacks: AtomicU64,
    pub refused: AtomicU64,
    pub waiting: AtomicU64,
    pub too_slow: AtomicU64,
    pub unavailable: AtomicU64,
}

impl Tally {
    /// Waits until so many more batches are known to be saved.
    pub async fn more_saved(&self, count: u64) {
        let goal = self.saved.load(SeqCst) + count;
        eventually("work goes on", || async { (self.saved.load(SeqCst) >= goal).then_some(()) }).await;
    }
}

/// A batch of a history: its revision and its operations.
pub type Written = (u64, Vec<Value>);

/// How a socket client behaves; each number is "once in so many batches", 0 for never.
#[derive(Clone, Copy, Default)]
pub struct Mood {
    pub cuts: u64,
    pub naps: u64,
}

struct Pending {
    id: String,
    ops: Vec<Value>,
    rev: Option<u64>,
}

/// A client on a socket.
pub struct Artist {
    pub history: Vec<Written>,
    pub name: String,
    account: Account,
    path: String,
    dialect: Dialect,
    client: Uuid,
    mood: Mood,
    dice: Dice,
    tally: Arc<Tally>,
    pending: VecDeque<Pending>,
    /// What this client drew and did not remove: collection and id.
    items: Vec<(&'static str, String)>,
    made: u64,
    /// The board as told so far; the next seat continues from it.
    replica: Option<Replica>,
}

/// Batches that one client has under way.
const WINDOW: usize = 6;

impl Artist {
    pub fn new(name: &str, account: &Account, room: &impl Room, seed: u64, tally: &Arc<Tally>) -> Self {
        let mut dice = Dice::new(seed);
        Self {
            history: Vec::new(),
            name: name.to_owned(),
            account: account.clone(),
            path: room.path(),
            dialect: if dice.once_in(2) { Dialect::Json } else { Dialect::MessagePack },
            client: Uuid::new_v4(),
            mood: Mood::default(),
            dice,
            tally: tally.clone(),
            pending: VecDeque::new(),
            items: Vec::new(),
            made: 0,
            replica: None,
        }
    }

    pub fn mood(mut self, mood: Mood) -> Self {
        self.mood = mood;
        self
    }

    /// The board as this client was told, at the end.
    pub fn board(&self) -> &Replica {
        self.replica.as_ref().expect("it had a seat")
    }

    /// Works until it is told to compare and has read everything.
    pub async fn work(mut self, mut phase: watch::Receiver<Phase>) -> Self {
        let mut told_settled = false;
        loop {
            let Some(mut seat) = self.sit().await else { continue };
            let mut lives = self.resend(&mut seat).await;
            while lives {
                let now = *phase.borrow_and_update();
                match now {
                    Phase::Draw => lives = self.draw(&mut seat).await,
                    Phase::Settle if self.pending.is_empty() && !told_settled => {
                        told_settled = true;
                        self.tally.settled.fetch_add(1, SeqCst);
                    }
                    Phase::Compare(rev) if seat.rev() >= rev => {
                        self.replica = seat.replica.take();
                        return self;
                    }
                    Phase::Settle | Phase::Compare(_) => {}
                }
                lives = lives
                    && tokio::select! {
                        _ = phase.changed() => true,
                        frame = seat.heard() => match frame {
                            Some(frame) => self.hear(&mut seat, &frame).await,
                            None => false,
                        },
                    };
            }
            if seat.ended_with(4508) {
                self.tally.too_slow.fetch_add(1, SeqCst);
            }
            // The wire is cut here; what was sent on it may still be under way.
            self.replica = seat.replica.take();
        }
    }

    async fn sit(&mut self) -> Option<Seat> {
        let mut knock = self.account.knock_at(&self.path).dialect(self.dialect).client(self.client);
        if self.mood.naps > 0 {
            knock = knock.narrow();
        }
        if let Some(last) = &self.replica {
            knock = knock.resuming_as(self.client, last.clone());
            self.tally.comebacks.fetch_add(1, SeqCst);
        }
        let sitting = tokio::time::timeout(Duration::from_secs(10), knock.try_sit()).await;
        if let Ok(Ok(seat)) = sitting {
            return Some(seat);
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        None
    }

    /// Everything that is not known to be saved goes out again under its old id.
    async fn resend(&mut self, seat: &mut Seat) -> bool {
        for batch in &mut self.pending {
            batch.rev = None;
            if seat.try_submit_as(&batch.id, &batch.ops).await.is_err() {
                return false;
            }
        }
        true
    }

    async fn draw(&mut self, seat: &mut Seat) -> bool {
        while self.pending.len() < WINDOW {
            let ops = self.invent();
            self.made += 1;
            let id = format!("{}-{}", self.name, self.made);
            let sent = seat.try_submit_as(&id, &ops).await;
            self.pending.push_back(Pending { id, ops, rev: None });
            if sent.is_err() || (self.mood.cuts > 0 && self.dice.once_in(self.mood.cuts)) {
                return false;
            }
            if self.mood.naps > 0 && self.dice.once_in(self.mood.naps) {
                seat.stop_reading();
                tokio::time::sleep(Duration::from_millis(1500)).await;
                seat.read_on();
            }
        }
        true
    }

    fn invent(&mut self) -> Vec<Value> {
        let count = 1 + self.dice.below(3);
        let mut ops = Vec::new();
        for number in 0..count {
            let chosen = self.dice.below(10);
            if chosen < 6 || self.items.is_empty() {
                let id = format!("{}-{}-{number}", self.name, self.made);
                let kind = *self.dice.pick(&["stroke", "stroke", "asset", "shape", "text"]);
                let value = if self.dice.once_in(6) { heavy_stroke(&id, 8_000) } else { stroke(&id) };
                ops.push(json!({"op": "add", "kind": kind, "value": value}));
                self.items.push((kind, id));
            } else if chosen < 9 {
                let (kind, id) = self.dice.pick(&self.items).clone();
                let color = format!("#{:06x}", self.dice.below(0x100_0000));
                ops.push(json!({"op": "update", "kind": kind, "id": id, "patch": {"color": color}}));
            } else {
                let at = usize::try_from(self.dice.below(self.items.len() as u64)).unwrap();
                let (kind, id) = self.items.swap_remove(at);
                ops.push(json!({"op": "remove", "kind": kind, "id": id}));
            }
        }
        ops
    }

    async fn hear(&mut self, seat: &mut Seat, frame: &Value) -> bool {
        match frame["t"].as_str() {
            Some("accepted") => {
                let (id, rev) = (frame.text("id"), frame.number("rev"));
                // An answer to a resend of what was saved meanwhile finds nothing to do.
                if let Some(batch) = self.pending.iter_mut().find(|batch| batch.id == id) {
                    batch.rev = Some(rev);
                }
            }
            Some("refused") if frame["code"] == "unavailable" => {
                // Too much is unsaved. What follows may lean on this batch, so all of it goes out again in order.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return false;
            }
            Some("refused") => {
                self.tally.refused.fetch_add(1, SeqCst);
                panic!("{}: nothing was wrong with it: {frame}", self.name);
            }
            Some("journal") if frame["state"] == "waiting" => {
                self.tally.waiting.fetch_add(1, SeqCst);
            }
            _ => {}
        }
        let saved = seat.saved;
        while let Some(rev) = self.pending.front().and_then(|batch| batch.rev).filter(|rev| *rev <= saved) {
            let batch = self.pending.pop_front().unwrap();
            self.history.push((rev, batch.ops));
            self.tally.saved.fetch_add(1, SeqCst);
        }
        true
    }
}

/// A client that saves over REST.
pub struct Clerk {
    pub history: Vec<Written>,
    name: String,
    account: Account,
    board: super::Solo,
    rev: u64,
    made: u64,
    tally: Arc<Tally>,
}

impl Clerk {
    pub fn new(name: &str, account: &Account, room: &impl Room, tally: &Arc<Tally>) -> Self {
        let (account, board) = (account.clone(), super::Solo(room.board().to_owned()));
        Self { history: Vec::new(), name: name.to_owned(), account, board, rev: 0, made: 0, tally: tally.clone() }
    }

    /// Saves one stroke after another, each until it is confirmed, and stops between two when told to settle.
    pub async fn work(mut self, phase: watch::Receiver<Phase>) -> Vec<Written> {
        while *phase.borrow() == Phase::Draw {
            self.made += 1;
            let ops = json!([add_stroke(&format!("{}-{}", self.name, self.made))]);
            let key = format!("{}-{}", self.name, self.made);
            while !self.save(&key, &ops).await {}
        }
        self.tally.settled.fetch_add(1, SeqCst);
        self.history
    }

    async fn save(&mut self, key: &str, ops: &Value) -> bool {
        let call = self.account.diff(&self.board, self.rev, ops).header("Idempotency-Key", key);
        match answered(call, &self.tally).await {
            Some(answer) if answer.status == 200 => {
                self.rev = answer.json().number("next_rev");
                self.history.push((self.rev, ops.as_array().unwrap().clone()));
                self.tally.saved.fetch_add(1, SeqCst);
                return true;
            }
            Some(answer) => self.rev = answer.refused(412, "precondition_failed").number("server_rev"),
            None => {}
        }
        false
    }

    /// Reads the whole state and saves it with a stamp of its own, again and again. Most attempts lose the race for
    /// their revision; an attempt whose answer was lost is repeated under its key until it is known what became of it.
    pub async fn stamp(mut self, phase: watch::Receiver<Phase>) -> Vec<Written> {
        while *phase.borrow() == Phase::Draw {
            let Some(read) = answered(self.account.get(&self.board.rest("")), &self.tally).await else { continue };
            let read = read.expect(200).json();
            let (rev, mut state) = (read.number("rev"), read["state"].clone());
            self.made += 1;
            state["stamp"] = json!([self.name, self.made]);
            let key = format!("{}-{}", self.name, self.made);
            let answer = loop {
                let call = self.account.stream(&self.board, rev, &state).header("Idempotency-Key", &key);
                if let Some(answer) = answered(call, &self.tally).await {
                    break answer;
                }
            };
            if answer.status == 200 {
                let ops = vec![json!({"op": "add", "kind": "state", "value": state})];
                self.history.push((answer.json().number("rev"), ops));
                self.tally.saved.fetch_add(1, SeqCst);
            } else {
                answer.refused(412, "precondition_failed");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        self.tally.settled.fetch_add(1, SeqCst);
        self.history
    }
}

/// The answer, unless the server is away or says that it cannot save now.
async fn answered(call: super::account::Call, tally: &Tally) -> Option<Answer> {
    let Ok(answer) = call.try_send().await else {
        tokio::time::sleep(Duration::from_millis(30)).await;
        return None;
    };
    if answer.status != 503 {
        return Some(answer);
    }
    tally.unavailable.fetch_add(1, SeqCst);
    let wait = answer.header("Retry-After");
    assert!(wait.parse::<u64>().is_ok_and(|seconds| seconds > 0), "Retry-After: {wait:?}");
    answer.refused(503, "unavailable");
    tokio::time::sleep(Duration::from_millis(50)).await;
    None
}

/// A crowd at work on one board.
pub struct Crowd {
    pub tally: Arc<Tally>,
    phase: watch::Sender<Phase>,
    artists: Vec<tokio::task::JoinHandle<Artist>>,
    clerks: Vec<tokio::task::JoinHandle<Vec<Written>>>,
    others: Vec<Written>,
}

impl Crowd {
    pub fn new() -> Self {
        let phase = watch::Sender::new(Phase::Draw);
        Self { tally: Arc::default(), phase, artists: Vec::new(), clerks: Vec::new(), others: Vec::new() }
    }

    pub fn add(&mut self, artist: Artist) {
        self.artists.push(tokio::spawn(artist.work(self.phase.subscribe())));
    }

    pub fn add_clerk(&mut self, clerk: Clerk) {
        self.clerks.push(tokio::spawn(clerk.work(self.phase.subscribe())));
    }

    /// A client that saves whole states; it needs the right to.
    pub fn add_stamper(&mut self, clerk: Clerk) {
        self.clerks.push(tokio::spawn(clerk.stamp(self.phase.subscribe())));
    }

    /// So many of each, all of one account's rights.
    pub fn with(accounts: &[Account], artists: usize, clerks: usize, room: &impl Room, seed: u64) -> Self {
        let mut crowd = Self::new();
        for number in 0..artists {
            let account = &accounts[number % accounts.len()];
            let name = format!("a{number}");
            crowd.add(Artist::new(&name, account, room, seed + number as u64, &crowd.tally));
        }
        for number in 0..clerks {
            let account = &accounts[number % accounts.len()];
            crowd.add_clerk(Clerk::new(&format!("c{number}"), account, room, &crowd.tally));
        }
        crowd
    }

    /// Batches that somebody outside the crowd wrote, and knows to be saved.
    pub fn also_wrote(mut self, batches: Vec<Written>) -> Self {
        self.others.extend(batches);
        self
    }

    /// Work goes on until so many more batches are saved; a client that failed fails the test at once.
    pub async fn work(&self, batches: u64) {
        self.tally.more_saved(batches).await;
    }

    /// Lets everybody finish, then proves that the board is what they wrote, each batch once, and that all
    /// copies agree with it. Answers the last revision.
    pub async fn settle_and_check(self, start: &Value, reader: &Account, room: &impl Room) -> u64 {
        self.phase.send_replace(Phase::Settle);
        let (mut history, clerks) = (self.others, self.clerks.len());
        for clerk in self.clerks {
            history.extend(super::within("a clerk finishes", clerk).await.expect("a clerk's work holds"));
        }
        let everybody = self.artists.len() + clerks;
        eventually("everybody's work is saved", || async {
            let stuck = self.artists.iter().any(tokio::task::JoinHandle::is_finished);
            let settled = self.tally.settled.load(SeqCst) >= everybody;
            (stuck || settled).then_some(())
        })
        .await;
        let board = reader.read(room).await;
        let rev = board.number("rev");
        self.phase.send_replace(Phase::Compare(rev));
        for artist in self.artists {
            let artist = super::within("a copy catches up", artist).await.expect("an artist's work holds");
            assert_eq!(artist.board().rev, rev, "{} went on by itself", artist.name);
            assert_eq!(artist.board().state, board["state"], "{} sees another board", artist.name);
            history.extend(artist.history);
        }
        check(history, start, &board);
        rev
    }
}

/// Every revision belongs to exactly one written batch, and the batches in their order make the board.
pub fn check(mut history: Vec<Written>, start: &Value, board: &Value) {
    history.sort_by_key(|(rev, _)| *rev);
    let revs: Vec<u64> = history.iter().map(|(rev, _)| *rev).collect();
    let dense: Vec<u64> = (1..=board.number("rev")).collect();
    assert_eq!(revs, dense, "one batch for each revision: nothing lost, nothing twice");
    let mut state = start.clone();
    history.iter().for_each(|(_, ops)| replica::apply(&mut state, ops));
    assert_eq!(state, board["state"], "the batches in their order make the board");
    assert_eq!(board["state_digest"], plain_digest(&state), "the digest is the state's");
}
