//! The outbox by itself: order, bounds, lag and catching up. Never a socket.

use super::*;

fn frame(bytes: usize) -> Payload {
    Payload::text(vec![b'x'; bytes])
}

fn next(outbox: &Outbox) -> Option<OutboxItem> {
    match outbox.poll_next(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(next) => Some(next),
        Poll::Pending => None,
    }
}

#[test]
fn w7_a_full_lane_lets_the_reader_go_and_frees_what_waited() {
    let outbox = Outbox::default();
    assert!(outbox.push(frame(3 * limits::OUTBOX_BYTES)).is_ok(), "an empty lane takes any one frame");
    assert!(outbox.push(frame(limits::OUTBOX_BYTES_MAX)).is_ok(), "which leaves the whole bound to what follows");
    assert!(outbox.push(frame(1)).is_err());
    assert!(outbox.is_severed());
    assert!(matches!(next(&outbox), Some(OutboxItem::Close(Close::SlowReader))));
    assert!(outbox.push(frame(1)).is_err());
}

#[test]
fn c1_a_cursor_waits_behind_every_stroke() {
    let outbox = Outbox::default();
    let tick: Arc<[Payload]> = vec![frame(1)].into();
    outbox.offer(&tick, || unreachable!("the slot is empty"));
    outbox.push(frame(2)).unwrap();
    assert!(matches!(next(&outbox), Some(OutboxItem::Frame(_))));
    assert!(matches!(next(&outbox), Some(OutboxItem::Latest(_))));
    assert!(next(&outbox).is_none());
}

#[test]
fn c4_a_reader_that_missed_a_tick_gets_all_positions_in_one() {
    let outbox = Outbox::default();
    let tick: Arc<[Payload]> = vec![frame(1)].into();
    outbox.offer(&tick, || unreachable!("the slot is empty"));
    outbox.offer(&tick, || vec![frame(1), frame(2)].into());
    let Some(OutboxItem::Latest(frames)) = next(&outbox) else { panic!("no slot") };
    assert_eq!(frames.len(), 2);
    assert!(next(&outbox).is_none());
}

#[test]
fn w8_a_close_comes_after_everything_that_was_said_before_it() {
    let outbox = Outbox::default();
    outbox.push(frame(1)).unwrap();
    outbox.close(Close::Moved, Some(frame(2)));
    outbox.close(Close::Forbidden, None);
    assert!(matches!(next(&outbox), Some(OutboxItem::Frame(f)) if f.len() == 1));
    assert!(matches!(next(&outbox), Some(OutboxItem::Frame(f)) if f.len() == 2));
    assert!(matches!(next(&outbox), Some(OutboxItem::Close(Close::Moved))));
}

fn tell(outbox: &Outbox, kind: FrameKind, bytes: usize) -> Result<(), OutboxClosed> {
    outbox.push_as(frame(bytes), kind)
}

fn lengths(outbox: &Outbox) -> Vec<usize> {
    std::iter::from_fn(|| match next(outbox) {
        Some(OutboxItem::Frame(frame)) => Some(frame.len()),
        _ => None,
    })
    .collect()
}

/// A reader at revision 7 with more operations waiting than may.
fn fallen() -> Outbox {
    let outbox = Outbox::default();
    outbox.track_ops(Rev(7));
    tell(&outbox, FrameKind::Plain, 11).unwrap();
    tell(&outbox, FrameKind::Answer(Some(Rev(8))), 12).unwrap();
    tell(&outbox, FrameKind::Ops(Rev(9)), 90_000).unwrap();
    tell(&outbox, FrameKind::Answer(Some(Rev(10))), 13).unwrap();
    tell(&outbox, FrameKind::Transient, 14).unwrap();
    tell(&outbox, FrameKind::Plain, 15).unwrap();
    assert_eq!(outbox.lagging_since(), None);
    tell(&outbox, FrameKind::Ops(Rev(11)), 110_000).unwrap();
    outbox
}

#[test]
fn w16_a_reader_that_falls_behind_keeps_what_is_said_once_and_nothing_of_what_comes_again() {
    let outbox = fallen();
    assert_eq!(outbox.lagging_since(), Some(Rev(8)), "told up to its own answer, which stays in its place");
    tell(&outbox, FrameKind::Ops(Rev(12)), 500_000).unwrap();
    tell(&outbox, FrameKind::Answer(Some(Rev(13))), 16).unwrap();
    tell(&outbox, FrameKind::Transient, 17).unwrap();
    tell(&outbox, FrameKind::Plain, 18).unwrap();
    assert_eq!(lengths(&outbox), [11, 12, 15, 18]);
    outbox.catch_up(Rev(13), frame(3_000_000));
    tell(&outbox, FrameKind::Ops(Rev(14)), 19).unwrap();
    assert_eq!(lengths(&outbox), [3_000_000, 13, 16, 19], "what brings it back, its answers in order, what follows");
    assert_eq!(outbox.lagging_since(), None);
}

#[test]
fn w16_the_board_is_asked_once_and_only_when_everything_was_taken() {
    let outbox = fallen();
    assert_eq!(lengths(&outbox).len(), 3);
    // The call that found no more frames was the one that said so.
    assert!(next(&outbox).is_none(), "once");
    tell(&outbox, FrameKind::Plain, 1).unwrap();
    outbox.catch_up(Rev(11), frame(2));
    assert_eq!(lengths(&outbox), [2, 13, 1], "before what came meanwhile");
    let again = fallen();
    again.catch_up(Rev(11), frame(2));
    tell(&again, FrameKind::Ops(Rev(12)), 190_000).unwrap();
    assert_eq!(again.lagging_since(), None, "what waits is small again");
    tell(&again, FrameKind::Ops(Rev(13)), 190_000).unwrap();
    assert_eq!(again.lagging_since(), Some(Rev(11)));
}

#[test]
fn w16_whatever_brings_a_reader_back_does_not_count_against_what_follows() {
    let outbox = fallen();
    lengths(&outbox);
    outbox.catch_up(Rev(11), frame(20 * limits::OUTBOX_BYTES_MAX));
    tell(&outbox, FrameKind::Ops(Rev(12)), limits::OUTBOX_BYTES_MAX - 13).unwrap();
    assert_eq!(outbox.lagging_since(), None);
    tell(&outbox, FrameKind::Ops(Rev(13)), 1).unwrap();
    assert_eq!(outbox.lagging_since(), Some(Rev(11)), "and the next time begins where that one ends");
    assert_eq!(lengths(&outbox), [20 * limits::OUTBOX_BYTES_MAX, 13]);
}

#[test]
fn w17_a_reader_without_operations_to_leave_out_is_let_go_when_its_lane_is_full() {
    let outbox = fallen();
    while outbox.push(frame(10_000)).is_ok() {}
    assert!(outbox.is_severed());
    assert_eq!(outbox.lagging_since(), None);
    let chatty = fallen();
    let answers = (0..).take_while(|_| tell(&chatty, FrameKind::Answer(None), 1).is_ok()).count();
    assert_eq!(answers, limits::LAG_ACKS - 1, "one waited already");
    assert!(chatty.is_severed());
}

#[test]
fn w17_who_takes_nothing_is_let_go_and_who_takes_something_is_not() {
    let mut queue = OutboxQueue { sent_rev: Some(Rev(0)), ..OutboxQueue::default() };
    let at = |ms| Duration::from_millis(ms);
    let more = |queue: &mut OutboxQueue, rev, now| queue.append(frame(60_000), FrameKind::Ops(Rev(rev)), now);
    (1..=30).for_each(|rev| more(&mut queue, rev, at(0)).unwrap());
    assert!(queue.lag.is_some(), "1.8 MB were said in one moment");
    more(&mut queue, 31, at(400)).unwrap();
    queue.taken = Some(at(450));
    more(&mut queue, 32, at(900)).unwrap();
    queue.taken = Some(at(900));
    more(&mut queue, 33, at(1_300)).unwrap();
    assert!(more(&mut queue, 34, at(1_500)).is_err(), "nothing for more than half a second");
    assert!(queue.severed);
    let mut quiet = OutboxQueue { sent_rev: Some(Rev(0)), ..OutboxQueue::default() };
    (1..=5).for_each(|rev| more(&mut quiet, rev, at(0)).unwrap());
    assert!(quiet.lag.is_some());
    more(&mut quiet, 6, at(9_000)).unwrap();
    assert!(more(&mut quiet, 7, at(10_001)).is_err(), "little was missed, but nothing taken for ten seconds");
}

#[test]
fn w18_a_reader_with_much_before_it_gets_no_cursors_and_then_all_positions() {
    let outbox = Outbox::default();
    let tick: Arc<[Payload]> = vec![frame(1)].into();
    outbox.push(frame(10)).unwrap();
    outbox.push(frame(limits::OUTBOX_PRESENCE + 1)).unwrap();
    outbox.offer(&tick, || unreachable!("none is taken"));
    assert_eq!(lengths(&outbox).len(), 2);
    assert!(next(&outbox).is_none(), "left out");
    outbox.offer(&tick, || vec![frame(1), frame(2)].into());
    assert!(matches!(next(&outbox), Some(OutboxItem::Latest(frames)) if frames.len() == 2));
    outbox.offer(&tick, || unreachable!("nothing was left out since"));
    assert!(matches!(next(&outbox), Some(OutboxItem::Latest(frames)) if frames.len() == 1));
}

/// A client that knows only what it reads, and a board that knows only what it says.
#[derive(Default)]
struct Pair {
    outbox: Outbox,
    board: u64,
    client: u64,
    answered: u64,
    said: u64,
    heard: u64,
}

impl Pair {
    fn say(&mut self, what: char, size: usize) -> Result<(), OutboxClosed> {
        let (number, kind) = match what {
            'o' | 'a' => {
                self.board += 1;
                (
                    self.board,
                    if what == 'o' {
                        FrameKind::Ops(Rev(self.board))
                    } else {
                        FrameKind::Answer(Some(Rev(self.board)))
                    },
                )
            }
            'r' => (0, FrameKind::Answer(None)),
            'p' => (self.board, FrameKind::Transient),
            _ => {
                self.said += 1;
                (self.said, FrameKind::Plain)
            }
        };
        self.outbox.push_as(Payload::text(format!("{what}{number:08}{}", "x".repeat(size)).into_bytes()), kind)
    }

    /// Reads one thing; `false` when there is none.
    fn read(&mut self) -> bool {
        let frame = match self.outbox.take() {
            Some(OutboxItem::Frame(frame)) => frame,
            Some(OutboxItem::Drained) => {
                assert_eq!(self.outbox.lagging_since(), Some(Rev(self.client)), "it is brought back from where it is");
                let back = format!("c{:08}", self.board);
                self.outbox.catch_up(Rev(self.board), Payload::text(back.into_bytes()));
                return true;
            }
            Some(OutboxItem::Latest(_) | OutboxItem::Close(_)) | None => return false,
        };
        let (_, parts) = frame.into_parts();
        let text = std::str::from_utf8(&parts[0]).unwrap();
        let number: u64 = text[1..9].parse().unwrap();
        match &text[..1] {
            "o" => {
                assert_eq!(number, self.client + 1, "no revision is missing, and none comes twice");
                self.client = number;
            }
            "a" => {
                assert!(number > self.answered && number <= self.client + 1, "{number} at {}", self.client);
                (self.answered, self.client) = (number, self.client.max(number));
            }
            "c" => {
                assert!(number >= self.client);
                self.client = number;
            }
            "p" => assert!(number <= self.client, "nothing is told of what it does not know"),
            "x" => {
                assert_eq!(number, self.heard + 1, "what is said once comes once, in order");
                self.heard = number;
            }
            _ => {}
        }
        true
    }
}

proptest::proptest! {
    #[test]
    fn w16_whenever_a_reader_falls_behind_it_misses_nothing(
        steps in proptest::collection::vec((0..12_u32, 0..60_000_usize, 0..4_usize), 1..200),
    ) {
        let mut pair = Pair::default();
        pair.outbox.track_ops(Rev(0));
        for (what, size, reads) in steps {
            let said = match what {
                0..=5 => pair.say('o', size),
                6 | 7 => pair.say('a', size / 60),
                8 => pair.say('r', size / 60),
                9 => pair.say('p', size / 60),
                _ => pair.say('x', size / 600),
            };
            if said.is_err() {
                // It took nothing while too much was said: it resumes from what it knows.
                assert!(pair.outbox.is_severed());
                return Ok(());
            }
            for _ in 0..reads / 2 {
                pair.read();
            }
        }
        while pair.read() {}
        assert_eq!((pair.client, pair.heard), (pair.board, pair.said));
    }
}
