//! The feed: boards are asked what changed, their thumbnails follow, and each watcher gets what their budget allows, the
//! newest first in line next time. Handlers of the classroom actor. Never queues: a watcher who is behind gets the newest state.

use actix::prelude::*;

use super::super::actor::ClassroomActor;
use crate::actors::clock;
use crate::actors::messages::{BoardStatus, BoardStatusChanges, BoardStatusQuery};
use m4sh_domain::board::{Document, Op};
use m4sh_domain::ids::{BoardId, Rev};
use m4sh_domain::json::{Bounds, Object, Value};
use m4sh_domain::limits;
use m4sh_domain::rate::{RateDecision, Scope};
use m4sh_domain::thumbnail::{LiveThumbnail, ThumbnailDelta, ThumbnailMark};
use m4sh_protocol::server::ServerFrame;

/// Marks in one row: some 4 KiB, so that no board holds the lane of a watcher for long.
const ROW_MARKS: usize = 48;
/// Bytes of one frame.
const FRAME: usize = 12 * 1024;

impl ClassroomActor {
    /// Asks each board what changed, and tells what is known.
    pub(super) fn poll_boards(&mut self, ctx: &mut Context<Self>) {
        for (board, _) in self.lesson_boards() {
            let watched = self.monitor.boards.entry(board).or_default();
            if watched.asking {
                continue;
            }
            let after = watched.sheet.as_ref().and(watched.at);
            match self.host.boards().find_awake(board) {
                Some(actor) => {
                    watched.asking = true;
                    let asking = actor.send(BoardStatusQuery { after: Some(after) });
                    ctx.spawn(asking.into_actor(self).map(move |peeked, act, ctx| {
                        act.apply_board_status(board, peeked.ok().flatten(), ctx);
                    }));
                }
                None if watched.sheet.is_none() && self.monitor.reads < limits::FEED_READS => {
                    watched.asking = true;
                    self.monitor.reads += 1;
                    let host = self.host.clone();
                    let reading = async move {
                        let past = host.document(board).await?;
                        let (rev, pages) = (past.rev, past.page_count);
                        Some((rev, pages, build_sheet(past.document).await))
                    };
                    ctx.spawn(reading.into_actor(self).map(move |read, act, _| {
                        act.monitor.reads -= 1;
                        let Some(watched) = act.monitor.boards.get_mut(&board) else { return };
                        watched.asking = false;
                        if let Some((rev, pages, sheet)) = read {
                            (watched.rev, watched.pages, watched.sheet, watched.at) = (rev, pages, sheet, None);
                        }
                    }));
                }
                None => watched.online.clear(),
            }
        }
        self.send_thumbnails();
    }

    fn apply_board_status(&mut self, board: BoardId, peeked: Option<BoardStatus>, ctx: &mut Context<Self>) {
        let Some(watched) = self.monitor.boards.get_mut(&board) else { return };
        watched.asking = false;
        let Some(peeked) = peeked else { return };
        let at = (peeked.epoch, peeked.rev);
        (watched.rev, watched.pages) = (peeked.rev, peeked.pages);
        watched.online = peeked.online.into_iter().collect();
        watched.activity = peeked.activity.into_iter().collect();
        match peeked.changes {
            None => {}
            Some(BoardStatusChanges::Batches(batches)) => {
                watched.at = Some(at);
                let Some(sheet) = &mut watched.sheet else { return };
                let followed = batches.into_iter().all(|(entry, now)| {
                    let ops = Op::parse_journal(entry.rev, &entry.ops).unwrap_or_default();
                    sheet.apply(&ops) && sheet.apply(&now)
                });
                if !followed {
                    watched.at = None;
                }
            }
            Some(BoardStatusChanges::Document(document)) => {
                watched.asking = true;
                ctx.spawn(build_sheet(document).into_actor(self).map(move |sheet, act, _| {
                    let Some(watched) = act.monitor.boards.get_mut(&board) else { return };
                    watched.asking = false;
                    (watched.at, watched.sheet) = (Some(at), sheet);
                    for watcher in act.monitor.watchers.values_mut() {
                        // Versions begin anew with a new sheet.
                        watcher.has.remove(&board);
                    }
                }));
            }
        }
    }

    /// Gives each watcher as many rows as their budget allows.
    fn send_thumbnails(&mut self) {
        let size = self.host.boards().node().sizes.of(Scope::WsFeed);
        let (boards, now) = (self.lesson_boards(), clock::now());
        let conns: Vec<_> = self.monitor.watchers.keys().copied().collect();
        for conn in conns {
            // Somebody whose lane is not empty is not given more to read: the newest state waits for them here.
            if self.sockets.get(conn).is_none_or(|seat| !seat.outbox.is_empty()) {
                continue;
            }
            let Some(watcher) = self.monitor.watchers.get_mut(&conn) else { continue };
            let (mut rows, mut bytes) = (Vec::new(), 0);
            for step in 0..boards.len() {
                let (board, _) = &boards[(watcher.next_board + step) % boards.len()];
                let Some(watched) = self.monitor.boards.get(board) else { continue };
                let Some(sheet) = &watched.sheet else { continue };
                let has = watcher.has.get(board).map(|(page, version)| (page.as_str(), *version));
                let Some(delta) = sheet.since(has, ROW_MARKS) else { continue };
                let row = thumb_row(*board, watched.rev, &delta);
                let cost = row.to_canonical().len();
                let price = u32::try_from(cost).unwrap_or(u32::MAX);
                if bytes + cost > FRAME && !rows.is_empty()
                    || matches!(watcher.budget.take(size.rate, size.burst, price, now), RateDecision::Wait(_))
                {
                    watcher.next_board = (watcher.next_board + step) % boards.len();
                    break;
                }
                watcher.has.insert(*board, (delta.page.to_owned(), delta.version));
                bytes += cost;
                rows.push(row);
            }
            if !rows.is_empty() {
                let frame = Object::from([("t", Value::from("thumbs")), ("b", Value::Array(rows))]);
                self.sockets.send(conn, &ServerFrame::Prepared(&frame));
            }
        }
    }
}

/// The thumbnail of a document, made on a thread for such work.
async fn build_sheet(document: Document) -> Option<LiveThumbnail> {
    let drawing = tokio::task::spawn_blocking(move || {
        let mut text = Vec::with_capacity(document.byte_len());
        document.write_state(&mut text);
        let state = Value::parse(&text, Bounds { depth: usize::MAX, nodes: usize::MAX }).ok()?;
        Some(LiveThumbnail::of(&state))
    });
    drawing.await.ok().flatten()
}

/// `[board, rev, page, full, marks, gone]`.
fn thumb_row(board: BoardId, rev: Rev, delta: &ThumbnailDelta<'_>) -> Value {
    Value::Array(vec![
        board.to_string().into(),
        rev.0.into(),
        delta.page.into(),
        delta.full.into(),
        Value::Array(delta.marks.iter().map(|(key, mark)| mark_row(*key, mark)).collect()),
        Value::Array(delta.gone.iter().map(|key| u64::from(*key).into()).collect()),
    ])
}

/// `[key, form, color, width, [x, y, dx, dy, …]]`: the first place, and each other from the one before.
fn mark_row(key: u32, mark: &ThumbnailMark) -> Value {
    let mut last = (0, 0);
    let mut places = Vec::with_capacity(mark.points.len() * 2);
    for (x, y) in &mark.points {
        places.extend([Value::from(i64::from(x - last.0)), Value::from(i64::from(y - last.1))]);
        last = (*x, *y);
    }
    let (key, width) = (u64::from(key), u64::from(mark.width));
    Value::Array(vec![key.into(), mark.form.into(), (&*mark.color).into(), width.into(), Value::Array(places)])
}
