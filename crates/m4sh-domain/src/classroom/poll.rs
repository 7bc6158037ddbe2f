//! A poll with its votes: one vote a person, the last one counts. Used by `state`, shown by `show`.
//! Never says who voted what in an anonymous poll: it does not know.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Vote, put};
use crate::{
    ids::{LessonId, UserId},
    json::{Object, Value},
};

/// What is asked.
#[derive(Clone, PartialEq, Debug)]
pub struct Question {
    /// The author's own id of it, when there is one: the same one again is the same poll.
    pub id: Option<Box<str>>,
    /// The words.
    pub question: Arc<str>,
    /// What can be chosen, in order.
    pub options: Vec<Arc<str>>,
    /// Whether several may be.
    pub multiple: bool,
    /// Whether nobody is to know who chose what.
    pub anonymous: bool,
}

impl Question {
    pub(super) fn write(&self, to: &mut Object) {
        put(to, "id", self.id.as_deref().map(Value::from));
        to.insert("question", &*self.question);
        to.insert("options", self.options.iter().map(|option| (&**option).into()).collect::<Vec<Value>>());
        to.insert("multiple", self.multiple);
        to.insert("anonymous", self.anonymous);
    }
}

/// A poll as it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Poll {
    /// Its number: that of the event that opened it.
    pub seq: u64,
    /// When it was opened.
    pub at: Timestamp,
    /// By whom.
    pub author: Option<UserId>,
    /// What is asked.
    pub question: Question,
    /// Whether it is over.
    pub ended: bool,
    /// Whether everybody sees what came out.
    pub revealed: bool,
    /// The choices of each voter.
    pub(super) votes: BTreeMap<Uuid, Vec<u8>>,
}

impl Poll {
    pub(super) fn vote(&mut self, vote: &Vote) {
        if vote.choices.is_empty() {
            self.votes.remove(&vote.voter);
        } else {
            self.votes.insert(vote.voter, vote.choices.clone());
        }
    }

    /// How often each option was chosen.
    #[must_use]
    pub fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.question.options.len()];
        for choice in self.votes.values().flatten() {
            if let Some(count) = counts.get_mut(usize::from(*choice)) {
                *count += 1;
            }
        }
        counts
    }

    /// How many have voted.
    #[must_use]
    pub fn voters(&self) -> usize {
        self.votes.len()
    }

    /// What somebody chose.
    #[must_use]
    pub fn choices_of(&self, session: LessonId, user: UserId) -> Option<&[u8]> {
        self.votes.get(&voter_key(session, self.seq, self.question.anonymous, user)).map(Vec::as_slice)
    }

    pub(super) fn write_results(&self, to: &mut Object) {
        to.insert("counts", self.counts().into_iter().map(Value::from).collect::<Vec<_>>());
        to.insert("voters", self.voters() as u64);
    }
}

/// Who a vote is known by: the person, or in an anonymous poll a word that is theirs in this poll alone.
#[must_use]
pub fn voter_key(session: LessonId, poll: u64, anonymous: bool, user: UserId) -> Uuid {
    if !anonymous {
        return user.0;
    }
    let mut hash = Sha256::new_with_prefix(b"m4sh anonymous vote");
    hash.update(session.0);
    hash.update(poll.to_be_bytes());
    hash.update(user.0);
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
