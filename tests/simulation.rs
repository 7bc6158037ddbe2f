//! A class at work through everything that goes wrong, from a seed: socket clients of both dialects and REST clients on
//! one board, cut wires, readers that fall asleep, the server killed and started, Postgres stopped and started.
//! At the end all copies are the server's state and each acknowledged batch is in it exactly once.
//! `SEED=42 cargo test --test simulation` replays a plan; the seeds of past failures are pinned below. `paused` does the
//! same to the actors alone, in virtual time.

#[path = "contract/harness/mod.rs"]
mod harness;
#[path = "simulation/memory.rs"]
mod memory;
#[path = "simulation/paused.rs"]
mod paused;

use std::sync::{Arc, atomic::Ordering::SeqCst};

use harness::{
    artist::{Artist, Clerk, Crowd, Mood},
    *,
};

/// What happens to the server between two stretches of work.
#[derive(Clone, Copy, Debug)]
enum Event {
    Nothing,
    Kill,
    Stop,
    Database,
    Pause,
}

/// One run's plan, all of it from the seed.
#[derive(Debug)]
struct Plan {
    artists: u64,
    clerks: u64,
    stampers: u64,
    moods: Vec<(u64, u64)>,
    stretches: Vec<(u64, Event)>,
}

impl Plan {
    fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let artists = 3 + dice.below(4);
        let moods = (0..artists).map(|_| (*dice.pick(&[0, 8, 15, 40]), *dice.pick(&[0, 0, 20, 50]))).collect();
        let events =
            [Event::Nothing, Event::Kill, Event::Kill, Event::Kill, Event::Stop, Event::Database, Event::Pause];
        let stretches = (0..6 + dice.below(4)).map(|_| (40 + dice.below(160), *dice.pick(&events))).collect();
        Self { artists, clerks: dice.below(3), stampers: dice.below(2), moods, stretches }
    }
}

async fn run(seed: u64) {
    let (plan, began) = (Plan::of(seed), std::time::Instant::now());
    println!("SEED={seed} {plan:?}");
    let cluster = Arc::new(Cluster::start());
    let database = Arc::new(Database::on(&cluster).await);
    let mut app = Server::on(database, LOUD).await;
    let (tutor, mut people, lesson) = app.lesson(3).await;
    people.push(tutor.clone());
    let start = tutor.read(&lesson).await["state"].clone();
    let mut crowd = Crowd::new();
    for number in 0..plan.artists {
        let account = &people[usize::try_from(number).unwrap() % people.len()];
        let (cuts, naps) = plan.moods[usize::try_from(number).unwrap()];
        let artist = Artist::new(&format!("a{number}"), account, &lesson, seed ^ (number << 32), &crowd.tally);
        crowd.add(artist.mood(Mood { cuts, naps }));
    }
    for number in 0..plan.clerks {
        crowd.add_clerk(Clerk::new(&format!("c{number}"), &people[0], &lesson, &crowd.tally));
    }
    for number in 0..plan.stampers {
        crowd.add_stamper(Clerk::new(&format!("z{number}"), &tutor, &lesson, &crowd.tally));
    }
    for (batches, event) in &plan.stretches {
        crowd.work(*batches).await;
        match event {
            Event::Nothing => {}
            Event::Kill => app.kill_and_restart().await,
            Event::Stop => {
                assert!(app.sigterm().await.success());
                app.launch().await;
            }
            Event::Database => {
                cluster.stop();
                cluster.start_again();
            }
            Event::Pause => {
                app.pause();
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                app.resume();
            }
        }
    }
    let (comebacks, too_slow) = (crowd.tally.comebacks.load(SeqCst), crowd.tally.too_slow.load(SeqCst));
    let rev = crowd.settle_and_check(&start, &tutor, &lesson).await;
    assert!(!app.log().text().contains("panicked"));
    let took = began.elapsed();
    println!(
        "SEED={seed}: {rev} revisions, {comebacks} comebacks, {too_slow} slow readers, all copies equal in {took:?}"
    );
}

/// `SEED`, or a new one.
fn seed() -> u64 {
    std::env::var("SEED").map_or_else(|_| now(), |seed| seed.parse().expect("SEED is a number"))
}

#[test]
fn r8_boards_on_two_nodes_in_virtual_time_end_equal_whatever_the_journal_does_of_a_fresh_seed() {
    paused::run(seed());
}

#[test]
fn r8_boards_on_two_nodes_in_virtual_time_end_equal_whatever_the_journal_does_of_pinned_seeds() {
    (1..=4).for_each(paused::run);
}

#[tokio::test]
async fn r8_a_class_at_work_through_faults_of_a_fresh_seed_ends_equal() {
    run(seed()).await;
}

#[tokio::test]
async fn r8_a_class_at_work_through_faults_of_pinned_seed_1_ends_equal() {
    run(1).await;
}

#[tokio::test]
async fn r8_a_class_at_work_through_faults_of_pinned_seed_7_ends_equal() {
    run(7).await;
}

#[tokio::test]
async fn r8_a_class_at_work_through_faults_of_pinned_seed_23_ends_equal() {
    run(23).await;
}
