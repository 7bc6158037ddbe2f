//! Two nodes, one board and its journal in one paused thread, from a seed: clients that draw, lose their place, fall
//! behind and resend, REST clients beside them, a journal that fails, and ownership that moves between the nodes.
//! At the end all copies are the journal's state and each acknowledged batch is in it exactly once.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use actix::Addr;
use m4sh::{
    actors::{
        board::{ApplyOps, BoardActor},
        boards::Boards,
        clock,
        messages::{AccessPath, Attach, BoardError, Detach, OutboxDrained, Precondition, Save, Submit},
        node::NodeContext,
        outbox::{Outbox, OutboxItem},
        shard::Shard,
    },
    cluster::InProcessLeases,
};
use m4sh_domain::{
    access::{BoardAssignment, Rights, Role},
    board::Op,
    ids::{BoardId, ClassroomId, ClientId, ConnId, Epoch, LessonId, Rev, UserId},
    json::{self, Bounds},
    limits,
    rate::{Rate, Rates, Scope},
};
use m4sh_protocol::{client::Position, dialect::Dialect};
use m4sh_store::{BoardAccess, BoardLesson};
use serde_json::{Value, json};
use tokio::{sync::watch, time::sleep};
use uuid::Uuid;

use super::{
    harness::{
        Dice, add_stroke,
        artist::{Phase, Written, check},
        replica::Replica,
    },
    memory::MemoryJournal,
};

/// Batches that one client has under way.
const WINDOW: usize = 5;
/// So long the journal fails and boards move, in virtual time.
const TROUBLE: Duration = Duration::from_secs(150);

static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// What all clients share.
#[derive(Clone)]
struct World {
    nodes: Vec<Boards>,
    board: BoardId,
    phase: watch::Receiver<Phase>,
}

impl World {
    /// Mostly the first node, sometimes the other one, which then takes the board over; after the trouble only the first.
    fn node(&self, dice: &mut Dice) -> &Boards {
        let moves = *self.phase.borrow() == Phase::Draw && dice.once_in(5);
        &self.nodes[usize::from(moves)]
    }
}

struct Sent {
    id: String,
    ops: Vec<Value>,
    rev: Option<u64>,
}

/// A client on a socket that ends at its outbox.
struct Painter {
    name: String,
    user: UserId,
    client: ClientId,
    world: World,
    dice: Dice,
    made: u64,
    sent: VecDeque<Sent>,
    replica: Option<Replica>,
    saved: u64,
    history: Vec<Written>,
    joins: u64,
}

/// One stay at a board.
struct Stay {
    conn: ConnId,
    board: Addr<BoardActor>,
    outbox: Outbox,
}

fn ops(ops: &[Value]) -> Vec<Op> {
    let text = serde_json::to_vec(ops).unwrap();
    Op::parse_list(json::Value::parse(&text, Bounds::default()).unwrap()).unwrap()
}

impl Painter {
    fn new(name: String, user: UserId, world: World, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let client = ClientId(Uuid::from_u128(u128::from(dice.roll()) << 64 | u128::from(dice.roll())));
        let (sent, history) = (VecDeque::new(), Vec::new());
        Self { name, user, client, world, dice, made: 0, sent, replica: None, saved: 0, history, joins: 0 }
    }

    async fn join(&mut self) -> Option<Stay> {
        let board = self.world.node(&mut self.dice).locate(self.world.board)?;
        let (conn, outbox) = (ConnId(CONNECTIONS.fetch_add(1, SeqCst)), Outbox::default());
        let resume = self.replica.as_ref().map(|known| Position { epoch: Epoch(known.epoch), rev: Rev(known.rev) });
        let attach = Attach {
            conn,
            user: self.user,
            name: self.name.as_str().into(),
            client: self.client,
            dialect: Dialect::Json,
            outbox: outbox.clone(),
            resume,
            access_path: AccessPath::Board,
            class: None,
            address: None,
        };
        board.send(attach).await.ok()?.ok()?;
        self.joins += 1;
        Some(Stay { conn, board, outbox })
    }

    async fn submit(&self, stay: &Stay, sent: &Sent) -> bool {
        let bytes = serde_json::to_vec(&sent.ops).unwrap().len();
        let (id, span) = (sent.id.as_str().into(), tracing::Span::none());
        let submit = Submit { conn: stay.conn, id, ops: ops(&sent.ops), bytes, sent: clock::now(), span };
        stay.board.send(submit).await.is_ok()
    }

    async fn draw(&mut self, stay: &Stay) -> bool {
        self.made += 1;
        let id = format!("{}-{}", self.name, self.made);
        let sent = Sent { ops: vec![add_stroke(&id)], id, rev: None };
        let lives = self.submit(stay, &sent).await;
        self.sent.push_back(sent);
        lives
    }

    /// Draws until it is told to settle, then reads on until everybody compares.
    async fn run(mut self) -> Self {
        loop {
            let Some(stay) = self.join().await else {
                sleep(Duration::from_millis(20 + self.dice.below(200))).await;
                continue;
            };
            if self.stay(&stay).await {
                return self;
            }
            stay.board.do_send(Detach { conn: stay.conn, for_good: false });
        }
    }

    /// One stay; whether it was the last.
    async fn stay(&mut self, stay: &Stay) -> bool {
        // What is not known to be saved goes out again under its old id.
        for at in 0..self.sent.len() {
            self.sent[at].rev = None;
            if !self.submit(stay, &self.sent[at]).await {
                return false;
            }
        }
        loop {
            let phase = *self.world.phase.borrow_and_update();
            let draws = phase == Phase::Draw && self.sent.len() < WINDOW;
            if let (Phase::Compare(rev), Some(replica)) = (phase, &self.replica)
                && replica.rev >= rev
                && self.sent.is_empty()
            {
                return true;
            }
            let pause = Duration::from_millis(5 + self.dice.below(400));
            tokio::select! {
                item = poll_fn(|cx| stay.outbox.poll_next(cx)) => match item {
                    OutboxItem::Frame(frame) => {
                        if !self.hear(&serde_json::from_slice(&frame.into_parts().1.concat()).unwrap()) {
                            return false;
                        }
                    }
                    OutboxItem::Latest(_) => {}
                    OutboxItem::Drained => stay.board.do_send(OutboxDrained { conn: stay.conn }),
                    OutboxItem::Close(_) => return false,
                },
                () = sleep(pause), if draws => {
                    if !self.draw(stay).await || self.dice.once_in(40) {
                        return false;
                    }
                    if self.dice.once_in(60) {
                        // Reads nothing for a while: it falls behind, and is brought back.
                        sleep(Duration::from_secs(1 + self.dice.below(20))).await;
                    }
                }
                _ = self.world.phase.changed() => {}
            }
        }
    }

    /// Takes a frame as a client must; `false` to come back.
    fn hear(&mut self, frame: &Value) -> bool {
        let number = |key: &str| frame[key].as_u64().unwrap_or_else(|| panic!("{key} of {frame}"));
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let tail = |replica: &mut Replica| {
            for entry in list(&frame["ops"]) {
                replica.apply(entry["rev"].as_u64().unwrap(), &list(&entry["ops"]));
            }
        };
        match frame["t"].as_str() {
            Some("welcome") if frame["resumed"] == true => {
                tail(self.replica.as_mut().expect("only a client that was here resumes"));
                self.saved = number("saved");
            }
            Some("welcome" | "snapshot") => {
                let (epoch, rev, state) = (number("epoch"), number("rev"), frame["state"].clone());
                self.replica = Some(Replica { epoch, rev, state });
                self.saved = number("saved");
            }
            Some("tail") => {
                tail(self.replica.as_mut().unwrap());
                self.saved = number("saved");
            }
            Some("ops") => self.replica.as_mut().unwrap().apply(number("rev"), &list(&frame["ops"])),
            Some("accepted") => {
                let rev = number("rev");
                let sent = self.sent.iter_mut().find(|sent| frame["id"] == *sent.id);
                let replica = self.replica.as_mut().unwrap();
                if rev > replica.rev {
                    replica.apply(rev, &sent.as_ref().expect("an answer to what was sent").ops);
                }
                if let Some(sent) = sent {
                    sent.rev = Some(rev);
                }
            }
            Some("refused") => {
                assert_eq!(frame["code"], "unavailable", "{}: {frame}", self.name);
                return false;
            }
            Some("saved") => self.saved = number("rev"),
            _ => {}
        }
        while let Some(rev) = self.sent.front().and_then(|sent| sent.rev).filter(|rev| *rev <= self.saved) {
            self.history.push((rev, self.sent.pop_front().unwrap().ops));
        }
        true
    }
}

/// A client that saves over REST, each batch under its key until it is confirmed.
async fn save_over_rest(name: String, who: UserId, mut world: World, seed: u64) -> Vec<Written> {
    let (mut dice, mut rev, mut made, mut history) = (Dice::new(seed), 0, 0, Vec::new());
    while *world.phase.borrow_and_update() == Phase::Draw {
        made += 1;
        let id = format!("{name}-{made}");
        let stroke = vec![add_stroke(&id)];
        loop {
            let base = Precondition::IfMatch(Some(Rev(rev)));
            let save = Save::new(who, base, Some(id.as_str().into()), ApplyOps(ops(&stroke)));
            match world.node(&mut dice).clone().save(world.board, save).await {
                Ok(saved) => {
                    rev = saved.rev.0;
                    history.push((rev, stroke));
                    break;
                }
                Err(BoardError::PreconditionFailed { server_rev }) => rev = server_rev.0,
                Err(BoardError::Unavailable { retry_after }) => sleep(retry_after).await,
                Err(error) => panic!("{name}: {error}"),
            }
        }
        sleep(Duration::from_millis(200 + dice.below(2_000))).await;
    }
    history
}

fn node(journal: &Arc<MemoryJournal>) -> Boards {
    let mut rates = Rates::default();
    Scope::ALL.iter().for_each(|scope| rates.set(*scope, Rate::per_minute(100_000)));
    let boards = Boards::new(Arc::new(NodeContext::new(Arc::new(InProcessLeases::default()), &rates, None)));
    boards.add_shard(Shard::start(journal.clone()));
    boards
}

/// A lesson's shared board, with a tutor and pupils.
fn lesson(dice: &mut Dice, people: &[UserId]) -> BoardAccess {
    let mut id = || Uuid::from_u128(u128::from(dice.roll()) << 64 | u128::from(dice.roll()));
    let role = |at: usize| if at == 0 { Role::Tutor } else { Role::Student };
    let members: HashMap<UserId, Role> = people.iter().enumerate().map(|(at, user)| (*user, role(at))).collect();
    let rights =
        Rights { live: true, members: Arc::new(members), rules: Arc::default(), board: BoardAssignment::Everybody };
    let session = BoardLesson { classroom: ClassroomId(id()), session: LessonId(id()), isolated: false, rights };
    BoardAccess { owner: people[0], session: Some(session) }
}

async fn simulate(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut id = || Uuid::from_u128(u128::from(dice.roll()) << 64 | u128::from(dice.roll()));
    let (board, people) = (BoardId(id()), (0..4).map(|_| UserId(id())).collect::<Vec<_>>());
    let access = lesson(&mut dice, &people);
    let journal = Arc::new(MemoryJournal::new(dice.roll(), [(board, access)]));
    let nodes = vec![node(&journal), node(&journal)];
    let (phase, world_phase) = watch::channel(Phase::Draw);
    let world = World { nodes: nodes.clone(), board, phase: world_phase };
    let start = loop {
        if let Ok(view) = nodes[0].read(board, people[0]).await {
            break serde_json::from_slice::<Value>(&view.state).unwrap();
        }
    };
    let painters: Vec<_> = (0..3 + dice.below(4))
        .map(|at| {
            let user = people[usize::try_from(at).unwrap() % people.len()];
            actix_rt::spawn(Painter::new(format!("p{at}"), user, world.clone(), dice.roll()).run())
        })
        .collect();
    let savers: Vec<_> = (0..1 + dice.below(2))
        .map(|at| actix_rt::spawn(save_over_rest(format!("r{at}"), people[0], world.clone(), dice.roll())))
        .collect();
    sleep(TROUBLE).await;
    phase.send_replace(Phase::Settle);
    journal.faults.store(false, SeqCst);
    let mut history = Vec::new();
    for saver in savers {
        history.extend(saver.await.unwrap());
    }
    // Everything that is under way is resent and committed within the longest retry.
    sleep(limits::SAVE_DEADLINE * 20).await;
    let view = nodes[0].read(board, people[0]).await.unwrap();
    phase.send_replace(Phase::Compare(view.rev.0));
    let state: Value = serde_json::from_slice(&view.state).unwrap();
    let mut joins = 0;
    for painter in painters {
        let painter = painter.await.unwrap();
        let replica = painter.replica.unwrap();
        assert_eq!((replica.rev, &replica.state), (view.rev.0, &state), "{} has another copy", painter.name);
        history.extend(painter.history);
        joins += painter.joins;
    }
    assert_eq!(journal.entries(board).len() as u64, view.rev.0, "all that is shown is committed");
    let digest = view.digest.map(|digest| digest.to_string());
    check(history, &start, &json!({"rev": view.rev.0, "state": state, "state_digest": digest}));
    println!("SEED={seed}: {} revisions, {joins} joins, faults {:?}", view.rev.0, journal.failed.lock().unwrap());
}

/// Runs a plan in a thread whose time is virtual: it moves on when nobody has anything to do.
pub fn run(seed: u64) {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    let system = actix_rt::System::with_tokio_rt(runtime);
    clock::simulate(jiff::Timestamp::from_second(1_800_000_000).unwrap());
    system.block_on(simulate(seed));
}
