//! Commands on their way to the lesson's events: what they cost, and the old message that one may be about. Handlers of the
//! classroom actor. Never judges a command: `events` does, in order.

use std::time::Duration;

use actix::prelude::*;

use super::actor::ClassroomActor;
use super::events::UNAVAILABLE;
use super::messages::SubmitCommand;
use super::state::{CommandSource, PendingCommand, Proposal};
use crate::actors::clock;
use m4sh_domain::classroom::{ClassCommand, DeleteChat, EditChat};
use m4sh_domain::ids::{ConnId, UserId};
use m4sh_domain::rate::Scope;
use m4sh_domain::refusal::{Refusal, RefusalCode};

impl ClassroomActor {
    pub(super) fn submit_from_socket(&mut self, conn: ConnId, command: ClassCommand, ctx: &mut Context<Self>) {
        let Some(socket) = self.sockets.get(conn) else { return };
        let (user, name, source) = (socket.user, socket.name.clone(), CommandSource::Socket(conn));
        self.submit(PendingCommand { source, user, name, proposal: Proposal::Command(command), older: None }, ctx);
    }

    /// Takes a command that its author can afford; one about a message that is no longer remembered waits for its row.
    fn submit(&mut self, pending: PendingCommand, ctx: &mut Context<Self>) {
        let Proposal::Command(command) = &pending.proposal else { return self.enqueue(pending, ctx) };
        let about = match command {
            ClassCommand::EditChat(EditChat { chat, .. }) | ClassCommand::DeleteChat(DeleteChat { chat }) => {
                Some(*chat)
            }
            _ => None,
        };
        // A repeat of a known message costs nothing.
        let is_repeat = matches!(command, ClassCommand::SendChat(chat)
            if self.events.state.has_message(pending.user, &chat.id));
        let cost = command.spec().cost.filter(|_| !is_repeat);
        if let Err(wait) = self.charge(pending.user, cost) {
            let detail = "that was too much in too short a time";
            return self.reject(pending, Refusal::until(RefusalCode::RateLimited, detail, wait));
        }
        let Some(about) = about.filter(|chat| self.events.state.may_predate_window(*chat)) else {
            return self.enqueue(pending, ctx);
        };
        let (host, session) = (self.host.clone(), self.session);
        let reading = async move { host.message(session, about).await };
        ctx.spawn(reading.into_actor(self).map(move |read, act, ctx| match read {
            Ok(older) => act.enqueue(PendingCommand { older, ..pending }, ctx),
            Err(error) => {
                tracing::warn!(session = %act.session, %error, "chat message could not be read");
                act.reject(pending, UNAVAILABLE);
            }
        }));
    }

    fn reject(&mut self, pending: PendingCommand, refusal: Refusal) {
        match pending.source {
            CommandSource::Socket(conn) => self.refuse(conn, pending.proposal.id(), &refusal),
            CommandSource::Rest(reply) => drop(reply.send(Err(refusal))),
            CommandSource::Class => {}
        }
    }

    /// Spends one of a budget; `Err` with the time until the same would pass.
    pub(super) fn charge(&mut self, user: UserId, cost: Option<Scope>) -> Result<(), Duration> {
        cost.map_or(Ok(()), |scope| self.budgets.take(user, scope, &self.host.boards().node().sizes))
    }
}

impl Handler<SubmitCommand> for ClassroomActor {
    type Result = ();

    fn handle(&mut self, asked: SubmitCommand, ctx: &mut Context<Self>) {
        self.used = clock::now();
        let SubmitCommand { user, name, command, reply } = asked;
        let (source, proposal) = (CommandSource::Rest(reply), Proposal::Command(command));
        self.submit(PendingCommand { source, user, name, proposal, older: None }, ctx);
    }
}
