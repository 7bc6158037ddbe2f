//! Whether what somebody asks for happens: rights, modes, repeats. Called by the classroom actor with the state as it will
//! be when everything before has been written. Never changes that state.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    ChatContent, ChatMessage, ChatMode, ClassCommand, ClassEvent, ClassFrameFields, ClassRefusal, ClassState,
    ClassTimer, DecisionContext, Question, Requester, TimerCommand, Vote,
};
use super::{frames, poll};
use crate::access::Role;
use crate::ids::UserId;
use crate::limits;

/// What an ask comes to.
#[derive(Clone, PartialEq, Debug)]
pub enum ClassDecision {
    /// It happens; with the message that it changes, as that will be.
    Happens(ClassEvent, Option<ChatMessage>),
    /// It is so already: nothing happens, and whoever asked is told how it stands.
    Already(ClassFrameFields),
}

type Decision = Result<ClassDecision, ClassRefusal>;

const NOT_YOURS: ClassRefusal = ClassRefusal::new("forbidden", "only those who lead this class may do this");
const NO_MEMBER: ClassRefusal = ClassRefusal::new("unknown_user", "there is nobody like that in this class");
const NO_POLL: ClassRefusal = ClassRefusal::new("unknown_poll", "there is no such poll in this lesson");
const NO_CHAT: ClassRefusal = ClassRefusal::new("unknown_message", "there is no such message");
const REUSED: ClassRefusal = ClassRefusal::new("key_reused", "this id stands for something else");

fn happens(what: ClassEvent) -> Decision {
    Ok(ClassDecision::Happens(what, None))
}

impl ClassState {
    /// Judges one ask.
    ///
    /// # Errors
    /// Why nothing happens.
    pub fn decide(&self, ask: &ClassCommand, who: &Requester, scene: &DecisionContext<'_>) -> Decision {
        // What was written in a lesson can be taken out when it is over, too.
        if !scene.live && !matches!(ask, ClassCommand::ChatDelete { .. } | ClassCommand::Note(..)) {
            return Err(ClassRefusal::new("session_ended", "this lesson is over"));
        }
        match ask {
            ClassCommand::Hand { user, up } => self.hand(*user, *up, who, scene),
            ClassCommand::React(emoji) => happens(ClassEvent::React(emoji.clone())),
            ClassCommand::Chat { id, text, to } => {
                let said = ChatContent { id: id.clone(), name: who.name.clone(), text: text.clone(), to: *to };
                self.say(said, who, scene)
            }
            ClassCommand::ChatEdit { chat, text } => {
                let mut chat = self.message(*chat, who, scene)?.clone();
                if chat.author != who.user {
                    return Err(ClassRefusal::new("forbidden", "a message is changed by who wrote it"));
                }
                if chat.removed {
                    return Err(NO_CHAT);
                }
                in_time(&chat, scene.now)?;
                self.may_write(who, chat.said.to, None)?;
                (chat.said.text, chat.edited) = (text.clone(), true);
                Ok(ClassDecision::Happens(ClassEvent::ChatEdit { chat: chat.seq }, Some(chat)))
            }
            ClassCommand::ChatDelete { chat } => {
                let mut chat = self.message(*chat, who, scene)?.clone();
                if chat.removed {
                    return Ok(ClassDecision::Already(frames::taken_out(&chat)));
                }
                if !who.leads {
                    if chat.author != who.user {
                        return Err(NOT_YOURS);
                    }
                    in_time(&chat, scene.now)?;
                }
                (chat.said.text, chat.said.name, chat.removed) = ("".into(), "".into(), true);
                Ok(ClassDecision::Happens(ClassEvent::ChatDelete { chat: chat.seq }, Some(chat)))
            }
            ClassCommand::Vote { poll, choices } => self.vote(*poll, choices, who, scene),
            ClassCommand::Note(note, data) => happens(ClassEvent::Note(*note, data.clone())),
            led if who.leads => self.lead(led, who, scene),
            _ => Err(NOT_YOURS),
        }
    }

    /// What only those who lead may ask for.
    fn lead(&self, ask: &ClassCommand, who: &Requester, scene: &DecisionContext<'_>) -> Decision {
        match ask {
            ClassCommand::ClearHands => happens(ClassEvent::HandsCleared),
            ClassCommand::ChatMode(mode) => happens(ClassEvent::ChatMode(*mode)),
            ClassCommand::Timer(ask) => self.timer(*ask, scene.now),
            ClassCommand::Poll(question) => self.open(question, who),
            ClassCommand::PollEnd { poll, reveal } => {
                let known = self.poll(*poll).ok_or(NO_POLL)?;
                if known.ended && known.revealed >= *reveal {
                    return Ok(ClassDecision::Already(frames::poll_over(known, true)));
                }
                happens(ClassEvent::PollEnd { poll: *poll, reveal: *reveal })
            }
            ClassCommand::Follow { on, user } => {
                let user = user.unwrap_or(who.user);
                known(user, scene)?;
                happens(ClassEvent::Follow(on.then_some(user)))
            }
            ClassCommand::Bring { place, users } => {
                users.iter().try_for_each(|user| known(*user, scene))?;
                happens(ClassEvent::Bring { place: place.clone(), users: users.clone() })
            }
            ClassCommand::ViewLock(on) => happens(ClassEvent::ViewLock(*on)),
            ClassCommand::Page(page) => happens(ClassEvent::Page(page.clone())),
            ClassCommand::Present(board) if scene.boards.contains(board) => happens(ClassEvent::Present(*board)),
            ClassCommand::Present(_) => Err(ClassRefusal::new("unknown_board", "this is no board of this lesson")),
            // Judged before; named so that a new one is not forgotten here.
            ClassCommand::Hand { .. }
            | ClassCommand::React(_)
            | ClassCommand::Chat { .. }
            | ClassCommand::ChatEdit { .. }
            | ClassCommand::ChatDelete { .. }
            | ClassCommand::Vote { .. }
            | ClassCommand::Note(..) => Err(NOT_YOURS),
        }
    }

    fn hand(&self, user: Option<UserId>, up: bool, who: &Requester, scene: &DecisionContext<'_>) -> Decision {
        let whose = user.unwrap_or(who.user);
        if whose != who.user && (!who.leads || up) {
            return Err(ClassRefusal::new(
                "forbidden",
                "a hand is raised by its owner, and lowered by those who lead, too",
            ));
        }
        let raised = self.hands.iter().find(|raised| raised.user == whose);
        let name = raised.map_or_else(|| who.name.clone(), |raised| raised.name.clone());
        if whose != who.user {
            known(whose, scene)?;
        }
        if raised.is_some() == up {
            return Ok(ClassDecision::Already(frames::hand_stands(whose, raised)));
        }
        happens(ClassEvent::Hand { user: whose, name, up })
    }

    fn say(&self, said: ChatContent, who: &Requester, scene: &DecisionContext<'_>) -> Decision {
        let mine = |chat: &&std::sync::Arc<ChatMessage>| chat.author == who.user && chat.said.id == said.id;
        if let Some(known) = self.chat.iter().rev().find(mine) {
            let same = known.edited || known.removed || (known.said.text == said.text && known.said.to == said.to);
            return if same { Ok(ClassDecision::Already(frames::chat(known))) } else { Err(REUSED) };
        }
        if let Some(to) = said.to {
            known(to, scene)?;
            if to == who.user {
                return Err(ClassRefusal::new("unknown_user", "nobody writes to themselves"));
            }
        }
        let to_tutor = said.to.is_some_and(|to| scene.members.get(&to).is_some_and(|role| role.sees_all()));
        if said.to.is_some() && !to_tutor && !who.role.sees_all() {
            return Err(ClassRefusal::new("forbidden", "pupils write to the class or to those who teach it"));
        }
        self.may_write(who, said.to, Some(scene.now))?;
        happens(ClassEvent::Chat(said))
    }

    /// Whether somebody may write now; `when` a new message is written, it may have to wait.
    fn may_write(&self, who: &Requester, to: Option<UserId>, when: Option<Timestamp>) -> Result<(), ClassRefusal> {
        if matches!(who.role, Role::Viewer | Role::Guest) {
            return Err(ClassRefusal::new("forbidden", "who watches does not write"));
        }
        if who.role.sees_all() {
            return Ok(());
        }
        match (self.chat_mode, when) {
            (ChatMode::Off, _) => Err(ClassRefusal::new("chat_off", "the chat is closed")),
            (ChatMode::TutorOnly, _) if to.is_none() => {
                Err(ClassRefusal::new("chat_off", "the chat is open for messages to a tutor only"))
            }
            (ChatMode::Slow(seconds), Some(now)) => {
                let Some(last) = self.chat.iter().rev().find(|chat| chat.author == who.user) else { return Ok(()) };
                let since = Duration::try_from(now.duration_since(last.at)).unwrap_or_default();
                match Duration::from_secs(seconds).checked_sub(since) {
                    Some(wait) if !wait.is_zero() => {
                        Err(ClassRefusal::until("slow_mode", "the chat is slow: one message at a time", wait))
                    }
                    _ => Ok(()),
                }
            }
            (ChatMode::On | ChatMode::TutorOnly | ChatMode::Slow(_), _) => Ok(()),
        }
    }

    /// A message that somebody may read; to everybody else it does not exist.
    fn message<'a>(
        &'a self,
        seq: u64,
        who: &Requester,
        scene: &'a DecisionContext<'_>,
    ) -> Result<&'a ChatMessage, ClassRefusal> {
        let near = self.chat(seq).map(|chat| &**chat);
        let found = near.or_else(|| scene.older.filter(|chat| chat.seq == seq));
        found.filter(|chat| chat.is_for(who.user)).ok_or(NO_CHAT)
    }

    fn timer(&self, ask: TimerCommand, now: Timestamp) -> Decision {
        const NONE: ClassRefusal = ClassRefusal::new("no_timer", "no timer is in a state in which this can be done");
        let ends = |ms: u64| {
            let span = jiff::SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
            now.checked_add(span).map_err(|_| NONE)
        };
        happens(ClassEvent::Timer(match (ask, self.timer) {
            (TimerCommand::Start(seconds), _) => {
                ClassTimer::Running { seconds, ends_at: ends(seconds.saturating_mul(1000))? }
            }
            (TimerCommand::Stop, _) => ClassTimer::Stopped,
            (TimerCommand::Pause, ClassTimer::Running { seconds, ends_at }) if ends_at > now => {
                let left = ends_at.duration_since(now).as_millis();
                ClassTimer::Paused { seconds, left_ms: u64::try_from(left).unwrap_or_default() }
            }
            (TimerCommand::Resume, ClassTimer::Paused { seconds, left_ms }) => {
                ClassTimer::Running { seconds, ends_at: ends(left_ms)? }
            }
            (TimerCommand::Pause | TimerCommand::Resume, _) => return Err(NONE),
        }))
    }

    fn open(&self, question: &Question, who: &Requester) -> Decision {
        let mine = |poll: &&super::Poll| poll.author == Some(who.user) && poll.question.id == question.id;
        if question.id.is_some()
            && let Some(known) = self.polls().find(mine)
        {
            let same = known.question == *question;
            return if same { Ok(ClassDecision::Already(frames::poll(known))) } else { Err(REUSED) };
        }
        if self.polls.len() >= limits::POLLS || self.polls().filter(|poll| !poll.ended).count() >= limits::POLLS_OPEN {
            return Err(ClassRefusal::new("too_many_polls", "end a poll first, or open another lesson"));
        }
        happens(ClassEvent::Poll(question.clone()))
    }

    fn vote(&self, seq: u64, choices: &[u8], who: &Requester, scene: &DecisionContext<'_>) -> Decision {
        if matches!(who.role, Role::Viewer | Role::Guest) {
            return Err(ClassRefusal::new("forbidden", "who watches does not vote"));
        }
        let poll = self.poll(seq).ok_or(NO_POLL)?;
        if poll.ended {
            return Err(ClassRefusal::new("poll_over", "this poll is over"));
        }
        let mut choices = choices.to_vec();
        choices.sort_unstable();
        choices.dedup();
        let unknown = choices.iter().any(|choice| usize::from(*choice) >= poll.question.options.len());
        if unknown || (!poll.question.multiple && choices.len() > 1) {
            return Err(ClassRefusal::new(
                "bad_choice",
                "choices are places of options, one unless the poll takes several",
            ));
        }
        let voter = poll::voter_key(scene.session, seq, poll.question.anonymous, who.user);
        if poll.votes.get(&voter).map_or(choices.is_empty(), |known| *known == choices) {
            return Ok(ClassDecision::Already(frames::my_vote(seq, &choices)));
        }
        happens(ClassEvent::Vote(Vote { poll: seq, voter, choices }))
    }
}

fn known(user: UserId, scene: &DecisionContext<'_>) -> Result<(), ClassRefusal> {
    if scene.members.contains_key(&user) { Ok(()) } else { Err(NO_MEMBER) }
}

/// Whether a message is young enough for its author to change it.
fn in_time(chat: &ChatMessage, now: Timestamp) -> Result<(), ClassRefusal> {
    let age = Duration::try_from(now.duration_since(chat.at)).unwrap_or_default();
    if age <= limits::CHAT_EDIT_WITHIN {
        Ok(())
    } else {
        Err(ClassRefusal::new("too_late", "this message is too old for that"))
    }
}
