//! Stored states: rule D20.

use super::super::{testing::*, *};
use crate::json::{Bounds, Value};

/// Written by version 1 of the program; never to be written anew.
const CHECKPOINT_V1: &[u8] = include_bytes!("../../../tests/fixtures/checkpoint-v1.bin");
const CHECKPOINT_V1_STATE: &str = r##"{"activePageId":"p1","pages":[{"assets":[],"id":"p1","strokes":[{"color":"#111","id":"s1","points":[{"x":1.0,"y":-0.5}]},{"id":"s2","text":"\u0414\ud83d\ude00"}]},null],"unknown":123456789012345678901234567890}"##;

#[test]
fn d20_a_checkpoint_of_version_1_stays_readable() {
    let (document, rev) = Checkpoint::decode(CHECKPOINT_V1).unwrap();
    assert_eq!((state(&document), rev), (CHECKPOINT_V1_STATE.to_owned(), Rev(4242)));
}

/// The same of version 2, put together by hand.
const CHECKPOINT_V2: &[u8] = include_bytes!("../../../tests/fixtures/checkpoint-v2.bin");

#[test]
fn d20_a_checkpoint_of_version_2_stays_readable_with_its_layers() {
    use crate::access::Layer;
    let (document, rev) = Checkpoint::decode(CHECKPOINT_V2).unwrap();
    let anna = Some(Layer::Private(crate::ids::UserId(uuid::Uuid::from_u128(1))));
    let layers: Vec<_> = layers::items_of(&document).map(|(_, _, item)| item.layer()).collect();
    assert_eq!((rev, layers), (Rev(77), vec![None, anna, anna, Some(Layer::Tutor)]));
    assert_eq!(Board::new(document, rev).checkpoint().encode()[1], 2);
    for at in 0..CHECKPOINT_V2.len() {
        for bit in 0..8 {
            let mut bytes = CHECKPOINT_V2.to_vec();
            bytes[at] ^= 1 << bit;
            if let Ok((document, rev)) = Checkpoint::decode(&bytes) {
                let same = layers::items_of(&document).map(|(_, _, item)| item.layer()).eq([
                    None,
                    anna,
                    anna,
                    Some(Layer::Tutor),
                ]);
                assert!(same && rev == Rev(77), "byte {at} bit {bit}");
            }
        }
    }
    let board = board("{}");
    assert_eq!(board.checkpoint().encode()[1], 1, "a board without layers is written as it always was");
}

#[test]
fn d20_a_checkpoint_of_a_later_version_or_with_any_bit_changed_is_refused() {
    let mut later = CHECKPOINT_V1.to_vec();
    later[1] = 3;
    assert_eq!(Checkpoint::decode(&later), Err(Corrupt::Version(3)));
    for at in 0..CHECKPOINT_V1.len() {
        for bit in 0..8 {
            let mut bytes = CHECKPOINT_V1.to_vec();
            bytes[at] ^= 1 << bit;
            if let Ok((document, rev)) = Checkpoint::decode(&bytes) {
                assert_eq!((state(&document), rev), (CHECKPOINT_V1_STATE.to_owned(), Rev(4242)), "byte {at} bit {bit}");
            }
        }
        assert!(Checkpoint::decode(&CHECKPOINT_V1[..at]).is_err());
    }
}

#[test]
fn d20_a_checkpoint_that_inflates_without_end_is_refused_early() {
    #[derive(serde::Serialize)]
    struct Header(u8, u64, u32, u32);
    let bomb = zstd::bulk::compress(&vec![b'['; 64 * 1024 * 1024], 1).unwrap();
    for claimed in [10, u32::MAX] {
        let mut bytes = rmp_serde::to_vec(&Header(1, 1, claimed, 0)).unwrap();
        bytes.extend(&bomb);
        assert!(matches!(Checkpoint::decode(&bytes), Err(Corrupt::Checkpoint(_))));
    }
}

#[test]
fn d20_depth_and_size_that_a_board_may_reach_survive_a_checkpoint_and_the_journal() {
    let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
    let mut board = board("{}");
    board.say(&format!(r#"[{{"op":"add","kind":"stroke","value":{{"id":"a","deep":{deep}}}}}]"#)).unwrap();
    let (document, _) = Checkpoint::decode(&board.checkpoint().encode()).unwrap();
    assert_eq!(state(&document), board.state());
    let mut copy = testing::board("{}");
    copy.replay(JournalEntry::clone(&board.since(Rev(0)).unwrap()[0])).unwrap();
    assert_eq!(copy.state(), board.state());
    assert!(Value::parse(board.state().as_bytes(), Bounds { depth: 80, nodes: 1_000 }).is_ok());
}
