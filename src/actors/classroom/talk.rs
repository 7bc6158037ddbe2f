//! Talk: hands, reactions, chat, timers, polls. Turns of the classroom actor.
//! Never touches a document: boards do.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::ClassroomActor;
use super::events::{CommandReply, CommandSource, PendingCommand, UNAVAILABLE};
use crate::actors::clock;
use crate::actors::metrics::count_budget_hit;
use m4sh_domain::budget::BucketSizes;
use m4sh_domain::classroom::{ChatMessage, ClassCommand, ClassRefusal};
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::rate::{Bucket, RateDecision, Scope};
use m4sh_protocol::class::TalkFrame;

/// Something that is asked for over REST.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SubmitCommand {
    /// Who.
    pub user: UserId,
    /// The name that others see.
    pub name: Arc<str>,
    /// What.
    pub ask: ClassCommand,
    /// Hears what it came to.
    pub reply: oneshot::Sender<Result<CommandReply, ClassRefusal>>,
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

impl ClassroomActor {
    pub(super) fn talk_said(&mut self, conn: ConnId, frame: TalkFrame, ctx: &mut Context<Self>) {
        self.submit_from_socket(conn, frame.0, ctx);
    }

    /// An ask of a socket.
    pub(super) fn submit_from_socket(&mut self, conn: ConnId, ask: ClassCommand, ctx: &mut Context<Self>) {
        let Some(seat) = self.sockets.get(conn) else { return };
        let (user, name) = (seat.user, seat.name.clone());
        self.take(PendingCommand { from: CommandSource::Socket(conn), user, name, ask, older: None }, ctx);
    }

    /// Takes an ask that its author can afford; one about a message that is no longer remembered waits for its row.
    fn take(&mut self, intent: PendingCommand, ctx: &mut Context<Self>) {
        if let Err(wait) = self.afford(intent.user, &intent.ask) {
            let refused = ClassRefusal::until("rate_limited", "that was too much in too short a time", wait);
            return self.reject(intent, refused);
        }
        let about = match intent.ask {
            ClassCommand::ChatEdit { chat, .. } | ClassCommand::ChatDelete { chat }
                if self.events.state.may_predate_window(chat) =>
            {
                chat
            }
            _ => return self.enqueue(intent, ctx),
        };
        let (store, session) = (self.directory.store().clone(), self.session);
        let reading = async move { store.class_messages(session, &[about]).await };
        ctx.spawn(reading.into_actor(self).map(move |read, act, ctx| match read {
            Ok(found) => {
                let older: Option<ChatMessage> = found.into_iter().next();
                act.enqueue(PendingCommand { older, ..intent }, ctx);
            }
            Err(error) => {
                tracing::warn!(session = %act.session, %error, "a message could not be read");
                act.reject(intent, UNAVAILABLE);
            }
        }));
    }

    fn reject(&mut self, intent: PendingCommand, refused: ClassRefusal) {
        match intent.from {
            CommandSource::Socket(conn) => self.refuse(conn, &intent.ask, refused),
            CommandSource::Rest(reply) => drop(reply.send(Err(refused))),
            CommandSource::Class(_) => {}
        }
    }

    /// A repeat of what is known costs nothing.
    fn afford(&mut self, user: UserId, ask: &ClassCommand) -> Result<(), Duration> {
        let scope = match ask {
            ClassCommand::Chat { id, .. } if self.events.state.has_message(user, id) => return Ok(()),
            ClassCommand::Chat { .. } | ClassCommand::ChatEdit { .. } | ClassCommand::ChatDelete { .. } => {
                Scope::WsChat
            }
            ClassCommand::Hand { .. } | ClassCommand::React(_) | ClassCommand::Vote { .. } => Scope::WsReact,
            _ => Scope::WsTalk,
        };
        self.budgets.take(user, scope, &self.directory.boards().node().sizes)
    }
}

impl Handler<SubmitCommand> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, asked: SubmitCommand, ctx: &mut Context<Self>) {
        self.used = clock::now();
        let SubmitCommand { user, name, ask, reply } = asked;
        self.take(PendingCommand { from: CommandSource::Rest(reply), user, name, ask, older: None }, ctx);
    }
}
