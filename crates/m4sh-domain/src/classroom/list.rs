//! The list of all class frames and events: the enums that hold them, and the one place that calls each by its type.
//! A new frame is one word here, a new event another. Never has an arm of its own.

use super::boards::PUPIL_BOARDS;
use super::change::RecordedChange;
use super::chat::{ChatContent, ChatDeleted, ChatEdited, ChatMode, DeleteChat, EditChat, SendChat};
use super::hands::{ClearHands, HandChanged, React, SetHand};
use super::isolation::{ISOLATE, REVEAL};
use super::leading::{Bring, Follow, Following, LASER, PresentBoard, SetPage, ViewLock};
use super::monitor::{ATTENTION, DONE};
use super::poll::{CastVote, EndPoll, Question, Vote};
use super::rights::{CAN, KICK, LOCK, ROLE, UNKICK};
use super::spec::{Decide, Event, EventColumns};
use super::timer::{ClassTimer, TimerCommand};
use super::{
    ClassAction, ClassState, DecisionContext, DecisionResult, FrameSpec, Recipients, RecordedEvent, Requester,
};
use crate::ids::UserId;
use crate::json::Object;
use uuid::Uuid;

macro_rules! class {
    (
        actions { $($action:ident),+ $(,)? }
        commands { $($command:ident),+ $(,)? }
        events { $($event:ident),+ $(,)? }
    ) => {
        /// Every frame that a client may send to a class.
        pub static FRAMES: &[FrameSpec] = &[$($action,)+ $($command::SPEC),+];

        /// A frame that is decided by the state of the lesson and happens as an event.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(missing_docs, reason = "each type says it")]
        pub enum ClassCommand { $($command($command)),+ }

        impl ClassCommand {
            /// Its declaration.
            #[must_use]
            pub fn spec(&self) -> &'static FrameSpec {
                match self { $(Self::$command(_) => &<$command as Decide>::SPEC),+ }
            }

            /// The author's own id of it, named in a refusal.
            #[must_use]
            pub fn id(&self) -> Option<&str> {
                match self { $(Self::$command(command) => command.id()),+ }
            }

            pub(super) fn is_gated(&self) -> bool {
                match self { $(Self::$command(_) => $command::GATED),+ }
            }

            pub(super) fn decide(
                &self, state: &ClassState, by: &Requester, context: &DecisionContext<'_>,
            ) -> DecisionResult {
                match self { $(Self::$command(command) => command.decide(state, by, context)),+ }
            }
        }

        /// What happened in a lesson.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(missing_docs, reason = "each type says it")]
        pub enum ClassEvent { $($event($event)),+ }

        impl ClassEvent {
            /// The event of a row; `None` for one that another version of this program wrote.
            #[must_use]
            pub fn read(kind: &str, person: Option<Uuid>, about: Option<u64>, data: &Object) -> Option<Self> {
                let row = EventColumns { kind, person, about, data };
                $(if $event::is_kind(kind) && let Some(event) = $event::read(&row) {
                    return Some(Self::$event(event));
                })+
                None
            }

            /// The kind in the row, and `t` on the wire.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$event(event) => event.kind()),+ }
            }

            /// The person it is about: the owner of a hand or a vote, the receiver of a private message.
            #[must_use]
            pub fn person(&self) -> Option<Uuid> {
                match self { $(Self::$event(event) => event.person()),+ }
            }

            /// Which earlier event it is about.
            #[must_use]
            pub fn about(&self) -> Option<u64> {
                match self { $(Self::$event(event) => event.about()),+ }
            }

            /// Everything else that is in the row.
            #[must_use]
            pub fn data(&self) -> Object {
                match self { $(Self::$event(event) => event.data()),+ }
            }

            pub(super) fn apply(&self, event: &RecordedEvent, state: &mut ClassState) {
                match self { $(Self::$event(this) => this.apply(event, state)),+ }
            }

            pub(super) fn frames(
                &self, event: &RecordedEvent, state: &ClassState, by: Option<UserId>,
            ) -> Vec<(Recipients, Object)> {
                match self { $(Self::$event(this) => this.frames(event, state, by)),+ }
            }
        }

        $(impl From<$command> for ClassCommand {
            fn from(command: $command) -> Self { Self::$command(command) }
        }
        impl From<$command> for ClassAction {
            fn from(command: $command) -> Self { Self::Command(command.into()) }
        })+
        $(impl From<$event> for ClassEvent {
            fn from(event: $event) -> Self { Self::$event(event) }
        })+
    };
}

class! {
    actions { LOCK, CAN, ROLE, KICK, UNKICK, ISOLATE, REVEAL, PUPIL_BOARDS, DONE, ATTENTION, LASER }
    commands {
        Follow, Bring, ViewLock, SetPage, PresentBoard,
        SetHand, ClearHands, React, SendChat, EditChat, DeleteChat, ChatMode,
        TimerCommand, Question, CastVote, EndPoll,
    }
    events {
        Following, Bring, ViewLock, SetPage, PresentBoard,
        ClearHands, HandChanged, React, ChatContent, ChatEdited, ChatDeleted, ChatMode,
        ClassTimer, Question, Vote, EndPoll, RecordedChange,
    }
}
