//! Prints what the hot path costs: `cargo test --release --lib bench_ -- --ignored --nocapture --test-threads 1`.
//! Never fails for being slow: numbers of a shared machine prove nothing.

use std::{hint::black_box, time::Instant};

use super::{testing::*, *};
use crate::json::{Bounds, Value};

const LARGE: usize = 2 * 1024 * 1024;

fn stroke(id: &str) -> String {
    let points: Vec<String> =
        (0..7).map(|n| format!(r#"{{"x":{}.{n}25,"y":{}.5}}"#, 100 + n * 13, 400 - n * 7)).collect();
    let points = points.join(",");
    format!(r##"{{"id":"{id}","tool":"pen","color":"#1f2937","size":3,"opacity":1.0,"points":[{points}]}}"##)
}

fn diff(id: &str) -> String {
    format!(r#"[{{"op":"add","kind":"stroke","page_id":"p1","value":{}}}]"#, stroke(id))
}

fn grown(bytes: usize) -> Board {
    let mut board =
        board(r#"{"activePageId":"p1","pages":[{"assets":[],"id":"p1","strokes":[],"texts":[]}],"zoom":1}"#);
    for n in 0.. {
        if board.document().byte_len() >= bytes {
            break;
        }
        board.submit(key(n), parse(&diff(&format!("old-{n}"))).unwrap(), Authorship::FULL, at(), false).unwrap();
    }
    board.digest();
    board
}

fn measure<T>(name: &str, rounds: usize, mut prepare: impl FnMut(usize) -> T, mut run: impl FnMut(T)) {
    let inputs: Vec<T> = (0..rounds).map(&mut prepare).collect();
    let start = Instant::now();
    inputs.into_iter().for_each(&mut run);
    println!("{name:<56} {:>12} ns", start.elapsed().as_nanos() / rounds as u128);
}

#[test]
#[ignore = "prints times"]
fn bench_one_diff() {
    let text = diff("stroke-1700000000000");
    println!("a diff of {} bytes", text.len());
    measure(
        "parse a diff",
        100_000,
        |_| text.clone(),
        |text| {
            black_box(Op::parse_list(Value::parse(text.as_bytes(), Bounds::default()).unwrap()).unwrap());
        },
    );
    let value = json(&text);
    measure("write a diff", 100_000, |_| (), |()| drop(black_box(value.to_canonical())));
}

#[test]
#[ignore = "prints times"]
fn bench_append() {
    for (size, bytes) in [("an empty board", 0), ("a 2 MB board", LARGE)] {
        for (kind, want_digest) in [("with digest", true), ("without digest", false)] {
            let mut board = grown(bytes);
            let mut number = 0;
            // 400 strokes stay below 128 KiB, so that an empty board is still a small one at the end.
            measure(
                &format!("append to {size}, {kind}"),
                400,
                |n| (key(format!("k{n}")), parse(&diff(&format!("new-{n}"))).unwrap()),
                |(key, ops)| {
                    number += 1;
                    black_box(board.submit(key, ops, Authorship::FULL, at(), want_digest).unwrap());
                },
            );
        }
    }
}

#[test]
#[ignore = "prints times"]
fn bench_change_at_the_start_of_a_2_mb_board() {
    let mut board = grown(LARGE);
    let update = |n: usize| {
        let ops = format!(r#"[{{"op":"update","kind":"stroke","id":"old-0","patch":{{"size":{n}}}}}]"#);
        (key(format!("u{n}")), parse(&ops).unwrap())
    };
    measure("update the first stroke of 2 MB, with digest", 200, update, |(key, ops)| {
        black_box(board.submit(key, ops, Authorship::FULL, at(), true).unwrap());
    });
    let text = board.state();
    measure(
        "hash 2 MB and nothing else",
        200,
        |_| (),
        |()| {
            black_box(<sha2::Sha256 as sha2::Digest>::digest(&text));
        },
    );
    let refused = |n: usize| {
        let ops = r#"[{"op":"remove","kind":"stroke","id":"old-0"},{"op":"remove","kind":"stroke","id":"nobody"}]"#;
        (key(format!("r{n}")), parse(ops).unwrap())
    };
    measure("a refused batch on 2 MB, with digest", 200, refused, |(key, ops)| {
        black_box(board.submit(key, ops, Authorship::FULL, at(), true).unwrap_err());
    });
}

#[test]
#[ignore = "prints times"]
fn bench_whole_states_of_2_mb() {
    let mut board = grown(LARGE);
    let text = board.state();
    measure("parse the state", 10, |_| (), |()| drop(black_box(json(&text))));
    let changed = |n: usize| json(&text.replacen(r#""size":3"#, &format!(r#""size":{}"#, n + 4), 1));
    measure("replace by a state with one change", 10, changed, |state| {
        let key = key(format!("s{}", board.rev()));
        black_box(board.replace(key, state, Authorship::FULL, at()).unwrap());
    });
    let prepared = |n: usize| Document::from_value(changed(n + 20)).unwrap();
    measure("the same, with the document made beforehand", 10, prepared, |document| {
        let key = key(format!("p{}", board.rev()));
        black_box(board.replace_with(key, document, Authorship::FULL, at()).unwrap());
    });
    measure("write the state", 20, |_| (), |()| drop(black_box(board.state())));
    measure("take a checkpoint", 20, |_| (), |()| drop(black_box(board.checkpoint())));
    let checkpoint = board.checkpoint();
    measure("encode a checkpoint", 10, |_| (), |()| drop(black_box(checkpoint.encode())));
    let bytes = checkpoint.encode();
    println!("{} bytes of state, {} of checkpoint", text.len(), bytes.len());
    measure("decode a checkpoint", 10, |_| (), |()| drop(black_box(Checkpoint::decode(&bytes).unwrap())));
}
