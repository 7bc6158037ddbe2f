//! What a class holds beside its sockets: its events, and what waits to be judged, written or given.
//! Read and changed by the classroom actor's handlers. Never asks the database.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::SpawnHandle;
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::actors::clock;
use crate::actors::metrics::count_budget_hit;
use m4sh_domain::access::{PenLocks, RightsChange};
use m4sh_domain::budget::BucketSizes;
use m4sh_domain::classroom::{ChatMessage, ClassCommand, ClassState, RecordedChange};
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::json::Object;
use m4sh_domain::rate::{Bucket, RateDecision, Scope};
use m4sh_domain::refusal::Refusal;

/// When to try again what the database or a board could not do.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// What a command came to, for whoever sent it over REST.
#[derive(Clone, PartialEq, Debug)]
pub struct CommandReply {
    /// Whether it happened now.
    pub fresh: bool,
    /// What was sent.
    pub frame: Object,
}

/// What waits to become an event.
pub(super) struct PendingCommand {
    pub(super) source: CommandSource,
    pub(super) user: UserId,
    pub(super) name: Arc<str>,
    pub(super) proposal: Proposal,
    /// The message it is about, when that is no longer remembered.
    pub(super) older: Option<ChatMessage>,
}

pub(super) enum Proposal {
    /// Decided in its turn.
    Command(ClassCommand),
    /// Done already, and announced in its own way; with its author, where that is known.
    Change(RecordedChange, Option<UserId>),
}

impl Proposal {
    /// The author's own id of it, named in a refusal.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Command(command) => command.id(),
            Self::Change(..) => None,
        }
    }
}

/// By which way it came.
pub(super) enum CommandSource {
    Socket(ConnId),
    Rest(oneshot::Sender<Result<CommandReply, Refusal>>),
    /// From the class itself.
    Class,
}

/// The events of one lesson.
#[derive(Default)]
pub(super) struct ClassEventLog {
    /// As committed.
    pub(super) state: ClassState,
    /// Whether the rows were read.
    pub(super) loaded: bool,
    pub(super) waiting: VecDeque<PendingCommand>,
    pub(super) in_flight: bool,
    /// Whether there may be rows that are not in `state`: somebody else wrote, or it is not known whether we did.
    pub(super) stale: bool,
    pub(super) backing_off: bool,
}

impl ClassEventLog {
    /// Whether rows are being written or read.
    pub(super) const fn is_writing(&self) -> bool {
        self.in_flight
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.in_flight && !self.stale
    }
}

/// What people may still say, by person; kept a while after they left, so that reconnecting refills nothing.
#[derive(Default)]
pub(super) struct ClassBudgets(HashMap<(UserId, Scope), Bucket>);

impl ClassBudgets {
    pub(super) fn take(&mut self, user: UserId, scope: Scope, sizes: &BucketSizes) -> Result<(), Duration> {
        let size = sizes.of(scope);
        match self.0.entry((user, scope)).or_default().take(size.rate, size.burst, 1, clock::now()) {
            RateDecision::Pass { .. } => Ok(()),
            RateDecision::Wait(wait) => {
                count_budget_hit(scope);
                Err(wait)
            }
        }
    }

    pub(super) fn forget_full(&mut self) {
        let now = clock::now();
        self.0.retain(|_, bucket| !bucket.is_full(now));
    }
}

/// Changes that wait to be judged, and the locks that were last sent.
#[derive(Default)]
pub(super) struct RightsQueue {
    pub(super) waiting: VecDeque<PendingChange>,
    pub(super) busy: bool,
    pub(super) last_sent: PenLocks,
    /// When the next lock ends by itself.
    pub(super) timer: Option<SpawnHandle>,
}

pub(super) struct PendingChange {
    pub(super) conn: ConnId,
    pub(super) user: UserId,
    pub(super) id: Option<Box<str>>,
    pub(super) change: RightsChange,
}

/// Pupils who are to get a board of their own.
#[derive(Default)]
pub(super) struct BoardProvisioning {
    /// Those who came in while others were given theirs.
    pub(super) wanting: Vec<UserId>,
    pub(super) giving: bool,
}

/// Which erasures are in what the actor remembers.
#[derive(Default)]
pub(super) struct ErasureState {
    pub(super) until: Option<Timestamp>,
    /// One that waits for a write under way, which would bring back what it began with.
    pub(super) waits: Option<Timestamp>,
}
