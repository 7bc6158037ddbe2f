//! Removes one person's work from a board's journal, row by row, so that the rest replays to a board without it
//! (ADR 0023). Called by the erasure job. Never changes a revision's number, and never keeps content of that person:
//! of what they did, only removals of others' items and pages on which others worked stay.

mod merge;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc};

use uuid::Uuid;

use super::{
    apply::{ApplyMode, apply},
    batch::{BatchKey, JournalEntry},
    document::Document,
    draft::Draft,
    engine::Board,
    kind::{Action, ItemKind, OpKind},
    layers,
    op::Op,
    refusal::{BoardRefusal, Corrupt},
    transaction::Transaction,
};
use crate::{
    access::Authorship,
    ids::{ClientId, Rev, UserId},
    json::{Object, Value},
};

/// The author of a batch whose author was erased.
pub const ERASED: UserId = UserId(Uuid::nil());

/// Pages on which others than the person to be erased worked: they stay, without what that person gave them.
#[derive(Clone, Debug)]
pub struct SharedPages {
    author: UserId,
    pages: HashSet<String>,
}

impl SharedPages {
    /// No pages yet.
    #[must_use]
    pub fn new(author: UserId) -> Self {
        Self { author, pages: HashSet::new() }
    }

    /// Reads a row of the journal.
    ///
    /// # Errors
    /// [`Corrupt::Row`].
    pub fn look(&mut self, entry: &JournalEntry) -> Result<(), Corrupt> {
        if entry.key.author == self.author {
            return Ok(());
        }
        for op in Op::parse_journal(entry.rev, &entry.ops)? {
            if op.action != Action::Remove
                && let Some(page) = op.page_id
            {
                self.pages.insert(page);
            }
        }
        Ok(())
    }
}

/// Rewrites a journal row by row.
#[derive(Debug)]
pub struct AuthorErasure {
    shared: SharedPages,
    /// The board as it was.
    old: Board,
    /// The board without that person, from their first batch on.
    new: Option<Board>,
    first: Option<Rev>,
    theirs: AuthorItems,
}

/// Which items belong to that person.
#[derive(Debug, Default)]
struct AuthorItems {
    placed: HashSet<(String, String)>,
    ids: HashSet<String>,
    /// Ids that others gave to items of their own.
    others: HashSet<String>,
}

impl AuthorItems {
    fn add(&mut self, page: &str, id: &str) {
        self.placed.insert((page.to_owned(), id.to_owned()));
        self.ids.insert(id.to_owned());
    }

    /// An item stays theirs when somebody else adds it again, or on another page.
    fn has(&self, page: &str, id: &str) -> bool {
        self.placed.contains(&(page.to_owned(), id.to_owned())) || (self.ids.contains(id) && !self.others.contains(id))
    }
}

impl AuthorErasure {
    /// Starts after a checkpoint that has nothing of that person.
    #[must_use]
    pub fn new(document: Document, rev: Rev, shared: SharedPages) -> Self {
        let others = document.page_refs().flat_map(|page| page.items().map(|item| item.id.to_owned())).collect();
        let theirs = AuthorItems { others, ..AuthorItems::default() };
        Self { shared, old: Board::new(document, rev), new: None, first: None, theirs }
    }

    /// Takes the next row and returns what to write in its place; `None` when it stays as it is.
    ///
    /// # Errors
    /// [`Corrupt`] when it is not the next row or does not apply.
    pub fn step(&mut self, entry: JournalEntry) -> Result<Option<JournalEntry>, Corrupt> {
        let ops = Op::parse_journal(entry.rev, &entry.ops)?;
        let is_theirs = entry.key.author == self.shared.author;
        if !is_theirs && self.new.is_none() {
            self.old.replay(entry)?;
            self.learn(&ops);
            return Ok(None);
        }
        let is_whole = ops.iter().any(is_whole);
        let before = is_whole.then(|| self.old.document().clone());
        if self.new.is_none() {
            self.new = Some(Board::new(self.old.document().clone(), self.old.rev()));
            self.first = Some(entry.rev);
        }
        self.old.replay(entry.clone())?;
        let Some(new) = &mut self.new else { return Ok(None) };
        let written = if is_theirs {
            let kept = match &before {
                Some(before) => self.theirs.of_whole(before, self.old.document(), &self.shared),
                None => self.theirs.of_ops(ops, &self.shared),
            };
            fit(new, kept)
        } else if let Some(before) = &before {
            let target = merge::without(before, self.old.document(), new.document(), &self.theirs);
            let is_there = new.document() == &target && layers::are_equal(new.document(), &target);
            let effective = if is_there { None } else { new.apply_diff(&target) };
            effective.unwrap_or_else(|| if is_there { fit(new, Vec::new()) } else { new.overwrite(target) })
        } else {
            let kept = ops.into_iter().filter(|op| !self.theirs.is_about(op)).collect::<Vec<_>>();
            for op in &kept {
                self.theirs.learn(op);
            }
            fit(new, kept)
        };
        let next = JournalEntry {
            rev: entry.rev,
            key: if is_theirs { nobodys(entry.rev) } else { entry.key.clone() },
            at: entry.at,
            ops: written.into(),
            // The digest that was answered then is of another state.
            digest: None,
            page_count: new.document().page_count(),
            fingerprint: if is_theirs { 0 } else { entry.fingerprint },
            kind: entry.kind,
            inverse: None,
        };
        new.record(Arc::new(next.clone()));
        Ok((next != entry).then_some(next))
    }

    /// The first revision that differs; `None` when that person never wrote here.
    #[must_use]
    pub fn first(&self) -> Option<Rev> {
        self.first
    }

    /// The board without that person, up to the current row.
    #[must_use]
    pub fn board(&self) -> &Board {
        self.new.as_ref().unwrap_or(&self.old)
    }

    fn learn(&mut self, ops: &[Op]) {
        for op in ops {
            self.theirs.learn(op);
        }
    }
}

impl AuthorItems {
    /// Records ids that others give.
    fn learn(&mut self, op: &Op) {
        if op.action == Action::Add
            && op.kind.item().is_some()
            && let Some(id) = id_of(op)
            && !self.ids.contains(id)
        {
            self.others.insert(id.to_owned());
        }
    }

    fn is_about(&self, op: &Op) -> bool {
        op.kind.item().is_some() && id_of(op).is_some_and(|id| self.has(op.page_id.as_deref().unwrap_or(""), id))
    }

    /// What is kept of their own operations.
    fn of_ops(&mut self, ops: Vec<Op>, shared: &SharedPages) -> Vec<Op> {
        let mut kept = Vec::new();
        for op in ops {
            let (page, id) = (op.page_id.clone().unwrap_or_default(), id_of(&op).map(str::to_owned));
            match (op.action, op.kind) {
                (Action::Add, OpKind::Page) => kept.extend(id.and_then(|id| blank(&id, shared))),
                (Action::Remove, OpKind::Page) => kept.push(op),
                (Action::Add, OpKind::Item(_)) => {
                    if let Some(id) = id {
                        self.add(&page, &id);
                    }
                }
                (Action::Remove, OpKind::Item(_)) => {
                    if id.is_some_and(|id| !self.has(&page, &id)) {
                        kept.push(op);
                    }
                }
                (Action::Update, OpKind::Item(_) | OpKind::Page) | (_, OpKind::Meta | OpKind::State) => {}
            }
        }
        kept
    }

    /// The same for a save of a whole state or page.
    fn of_whole(&mut self, before: &Document, after: &Document, shared: &SharedPages) -> Vec<Op> {
        let mut kept = Vec::new();
        for page in before.page_refs() {
            let Some(now) = after.page_ref(page.id) else {
                kept.push(removed(OpKind::Page, page.id, None));
                continue;
            };
            let gone = page.items().filter(|item| now.item(item.kind, item.id).is_none());
            kept.extend(
                gone.filter(|item| !self.has(page.id, item.id))
                    .map(|item| removed(OpKind::Item(item.kind), item.id, Some(page.id))),
            );
        }
        for page in after.page_refs() {
            let was = before.page_ref(page.id);
            if was.is_none() {
                kept.extend(blank(page.id, shared));
            }
            for item in page.items() {
                if was.and_then(|was| was.item(item.kind, item.id)).is_none() {
                    self.add(page.id, item.id);
                }
            }
        }
        kept
    }
}

/// Whether an operation covers more than one item or member, so that it can carry others' work.
fn is_whole(op: &Op) -> bool {
    let has_lists = |value: &Option<Value>| {
        value.as_ref().is_some_and(|value| ItemKind::ALL.iter().any(|kind| value.get(kind.list()).is_some()))
    };
    match op.kind {
        OpKind::State => op.action == Action::Add,
        OpKind::Page => has_lists(&op.value) || has_lists(&op.patch),
        OpKind::Item(_) | OpKind::Meta => false,
    }
}

fn id_of(op: &Op) -> Option<&str> {
    op.id.as_deref().or_else(|| op.value.as_ref()?.get("id")?.as_str())
}

fn removed(kind: OpKind, id: &str, page: Option<&str>) -> Op {
    let (id, page_id) = (Some(id.to_owned()), page.map(str::to_owned));
    Op { id, page_id, ..Op::new(Action::Remove, kind) }
}

/// A page of theirs on which others worked, with nothing but its id.
fn blank(id: &str, shared: &SharedPages) -> Option<Op> {
    let value = Object::from_iter([("id".to_owned(), Value::from(id))]);
    let add = Op { action: Action::Add, id: None, value: Some(value.into()), ..removed(OpKind::Page, id, None) };
    shared.pages.contains(id).then_some(add)
}

/// The key of a batch whose author was erased: unique in its board.
fn nobodys(rev: Rev) -> BatchKey {
    BatchKey { author: ERASED, client: ClientId(Uuid::nil()), id: format!("erased-{rev}").into() }
}

/// Applies those operations that still make sense, and returns what took effect.
fn fit(board: &mut Board, mut ops: Vec<Op>) -> Vec<u8> {
    loop {
        let draft = Draft::new(ops.clone());
        let mode = if draft.is_exact() { ApplyMode::Exact } else { ApplyMode::Replay };
        let mut transaction = Transaction::new(&mut board.document);
        match apply(&draft, mode, Authorship::FULL, &mut transaction) {
            Ok(effective) => {
                transaction.commit(&mut board.hashing);
                return effective;
            }
            Err(BoardRefusal::InvalidOp { index, .. }) if index < ops.len() => {
                drop(transaction);
                ops.remove(index);
            }
            // The state itself cannot be changed by operations: an exact change of nothing is written.
            Err(_) => {
                drop(transaction);
                let nothing = Some(Object::default().into());
                let (action, kind) = (Action::Update, OpKind::State);
                ops = vec![Op { action, id: None, patch: nothing, ..removed(kind, "", None) }];
            }
        }
    }
}
