//! The ladder's promises, over generated expenses: rungs come in order, waits are never zero, nobody who keeps to a share is
//! slowed. Never sleeps: time is a number here.

use std::time::Duration;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::UserId;
use crate::rate::{Bucket, Rate, Rates, Scope};

const OPS: Scope = Scope::WsOps;

fn size(count: u32, burst: u32) -> BucketSize {
    BucketSize { rate: Rate::per_second(count), burst }
}

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn rung(verdict: ThrottleDecision) -> u8 {
    match verdict {
        ThrottleDecision::Pass { .. } => 0,
        ThrottleDecision::Warn { .. } => 1,
        ThrottleDecision::DropPresence { .. } => 2,
        ThrottleDecision::Refuse { .. } => 3,
        ThrottleDecision::Close => 4,
    }
}

#[test]
fn b8_the_rungs_come_in_order_and_the_first_is_told_once_a_spell() {
    let (size, mut bucket, mut ladder, now) =
        (size(10, 40), Bucket::default(), Throttle::default(), Duration::from_secs(3));
    let mut warned = Vec::new();
    let mut shed = None;
    for taken in 1..=41 {
        let presence = Throttle::check_presence(&[(OPS, ProjectedUsage::of(&bucket, size, 0, now))]);
        if rung(presence) == 2 {
            shed.get_or_insert(taken);
        }
        match ladder.check_operation(&[(OPS, ProjectedUsage::of(&bucket, size, 1, now))]) {
            ThrottleDecision::Warn { left, used, .. } => warned.push((taken, left, used)),
            ThrottleDecision::Pass { .. } => {}
            ThrottleDecision::Refuse { retry_after, scope } => {
                assert_eq!((taken, retry_after, scope), (41, Duration::from_millis(100), OPS));
                continue;
            }
            other => panic!("{other:?}"),
        }
        bucket.charge(size.rate, size.burst, 1, now);
    }
    assert_eq!(warned, [(32, 8, 0.8)]);
    assert_eq!(shed, Some(38), "with 37 of 40 used, before anything is refused");
    let later = now + Duration::from_secs(4);
    assert_eq!(
        rung(ladder.check_operation(&[(OPS, ProjectedUsage::of(&bucket, size, 1, later))])),
        0,
        "the spell is over"
    );
    bucket.charge(size.rate, size.burst, 33, later);
    assert_eq!(
        rung(ladder.check_operation(&[(OPS, ProjectedUsage::of(&bucket, size, 1, later))])),
        1,
        "and the next is told again"
    );
}

#[test]
fn b10_who_is_refused_again_and_again_is_closed_and_who_waits_is_not() {
    let (patience, wait) = (size(2, 4), Duration::from_millis(1));
    let mut ladder = Throttle::default();
    let hammering = (0..5).map(|_| rung(ladder.count_refusal(patience, OPS, wait, Duration::ZERO))).collect::<Vec<_>>();
    assert_eq!(hammering, [3, 3, 3, 3, 4]);
    let mut ladder = Throttle::default();
    for second in 0..100 {
        assert_eq!(rung(ladder.count_refusal(patience, OPS, wait, Duration::from_secs(second))), 3);
    }
}

#[test]
fn b11_the_largest_spender_is_slowed_and_the_others_are_not() {
    let (size, mut shared) = (size(100, 400), FairShareBucket::default());
    let mut passed = [0_u32; 2];
    for tick in 0..2_000_u64 {
        let now = Duration::from_millis(5 * tick);
        // One asks for 1,000 a second, the other for 20, of 100 that there are.
        for (who, cost) in [(0, 5), (1, u32::from(tick % 10 == 0))] {
            if cost > 0 && shared.project(user(who), size, cost, now).wait.is_none() {
                shared.charge(user(who), size, cost, now);
                passed[usize::try_from(who).unwrap()] += cost;
            }
        }
    }
    assert_eq!(passed[1], 200, "never refused");
    assert!((1_000..=2_400).contains(&passed[0]), "{passed:?}");
}

#[test]
fn b8_every_budget_stands_in_the_table_once_and_is_told_with_holder_and_unit() {
    let told = json(&BucketSizes::new(&Rates::default()));
    assert_eq!(told.len(), BUDGETS.len());
    let sockets = Scope::ALL.iter().filter(|scope| scope.name().starts_with("ws_"));
    for scope in sockets {
        let budget = told.get(scope.name()).unwrap_or_else(|| panic!("{} is no line", scope.name()));
        for key in ["count", "period_ms", "burst", "holder", "unit", "over"] {
            assert!(budget.get(key).is_some(), "{}: {key}", scope.name());
        }
    }
    assert_eq!(
        told.get("ws_ops").and_then(|ops| ops.get("burst")).and_then(super::super::json::Value::as_u64),
        Some(240)
    );
}

#[test]
fn b14_the_client_s_table_is_the_server_s() {
    let file = include_str!("../../../../examples/budgets.js");
    assert!(
        file == script(&BucketSizes::new(&Rates::default())),
        "write it again: m4sh budgets --js > examples/budgets.js"
    );
}

proptest! {
    #[test]
    fn b8_more_spent_is_never_a_lower_rung(count in 1..1_000_u32, times in 1..5_u32, spent in 0..5_000_u32, more in 0..5_000_u32, cost in 0..50_u32) {
        let size = size(count, count * times);
        let now = Duration::from_secs(1);
        let at = |spent| {
            let mut bucket = Bucket::default();
            bucket.charge(size.rate, size.burst, spent, now);
            let operation = Throttle::default().check_operation(&[(OPS, ProjectedUsage::of(&bucket, size, cost, now))]);
            let presence = Throttle::check_presence(&[(OPS, ProjectedUsage::of(&bucket, size, 0, now))]);
            (rung(operation), rung(presence))
        };
        let (less, more) = (at(spent), at(spent.saturating_add(more)));
        prop_assert!(less.0 <= more.0 && less.1 <= more.1, "{:?} then {:?}", less, more);
    }

    #[test]
    fn b8_nothing_waits_for_zero_time_and_what_waited_so_long_passes(count in 1..100_000_u32, times in 1..5_u32, costs in prop::collection::vec((0..10_000_u32, 0..500_u64), 1..60)) {
        let size = size(count, count * times);
        let (mut bucket, mut ladder, mut now) = (Bucket::default(), Throttle::default(), Duration::ZERO);
        for (cost, pause) in costs {
            now += Duration::from_millis(pause);
            match ladder.check_operation(&[(OPS, ProjectedUsage::of(&bucket, size, cost, now))]) {
                ThrottleDecision::Refuse { retry_after, .. } => {
                    prop_assert!(!retry_after.is_zero());
                    let then = ProjectedUsage::of(&bucket, size, cost, now + retry_after);
                    prop_assert_eq!(then.wait, None);
                }
                _ => bucket.charge(size.rate, size.burst, cost, now),
            }
            if let ThrottleDecision::DropPresence { retry_after, .. } = Throttle::check_presence(&[(OPS, ProjectedUsage::of(&bucket, size, 0, now))]) {
                prop_assert!(!retry_after.is_zero());
                let then = [(OPS, ProjectedUsage::of(&bucket, size, 0, now + retry_after))];
                prop_assert_eq!(rung(Throttle::check_presence(&then)), 0);
            }
        }
    }

    #[test]
    fn b11_an_equal_share_is_never_refused_and_all_together_are_bounded(
        people in 2..6_usize,
        wishes in prop::collection::vec((0..6_usize, 1..200_u32, 0..20_u64), 50..300),
    ) {
        let size = size(1_000, 4_000);
        let mut shared = FairShareBucket::default();
        let mut now = Duration::ZERO;
        let mut passed = 0_u64;
        // The modest one spends a sixth of the rate at most; everybody is active throughout.
        let modest = user(99);
        (0..people).for_each(|who| shared.charge(user(who as u128), size, 1, now));
        let mut owed = Bucket::default();
        let share = BucketSize { rate: Rate::per_second(1_000 / 8), burst: 4_000 / 8 };
        for (who, cost, pause) in wishes {
            now += Duration::from_millis(pause);
            let hungry = user((who % people) as u128);
            if shared.project(hungry, size, cost, now).wait.is_none() {
                shared.charge(hungry, size, cost, now);
                passed += u64::from(cost);
            }
            if owed.debt(share.rate, share.burst, 10, now).nanos <= owed.debt(share.rate, share.burst, 10, now).depth {
                owed.charge(share.rate, share.burst, 10, now);
                prop_assert_eq!(shared.project(modest, size, 10, now).wait, None);
                shared.charge(modest, size, 10, now);
                passed += 10;
            }
        }
        let rate = 2 * (4_000 + u64::try_from(now.as_millis()).unwrap()) + 200;
        prop_assert!(passed <= rate, "{} of {}", passed, rate);
    }
}
