//! Whatever happens in whatever order, at once, with a store that fails: accounts are the ledger's sums, nobody is over
//! their quota, and after the sweep every object has a row and every row an object.

use futures_util::future::join_all;
use proptest::prelude::*;

use super::*;
use crate::objects::ObjectError;

#[derive(Clone, Copy, Debug)]
enum ObjectAction {
    /// Uploads this content and makes a reference to it.
    Keep(usize, u8),
    /// Uploads it and gives it up.
    Abandon(usize, u8),
    /// Uploads it and vanishes.
    Vanish(usize, u8),
    /// Deletes the reference.
    Delete(usize, u8),
    /// Copies one board's assets to the other.
    Copy(usize),
    /// What the schedule does.
    Sweep,
}

const QUOTA: i64 = 1_000;

fn bytes(slot: u8) -> Vec<u8> {
    vec![slot; 150 + usize::from(slot) * 40]
}

fn act() -> impl Strategy<Value = ObjectAction> {
    let who = || (0..2_usize, 0..6_u8);
    prop_oneof![
        6 => who().prop_map(|(owner, slot)| ObjectAction::Keep(owner, slot)),
        2 => who().prop_map(|(owner, slot)| ObjectAction::Abandon(owner, slot)),
        1 => who().prop_map(|(owner, slot)| ObjectAction::Vanish(owner, slot)),
        5 => who().prop_map(|(owner, slot)| ObjectAction::Delete(owner, slot)),
        1 => (0..2_usize).prop_map(ObjectAction::Copy),
        2 => Just(ObjectAction::Sweep),
    ]
}

fn fault() -> impl Strategy<Value = InjectedFault> {
    prop_oneof![4 => Just(InjectedFault::None), 1 => Just(InjectedFault::Before), 1 => Just(InjectedFault::After)]
}

async fn perform(house: &TestObjects, owners: [Owner; 2], act: ObjectAction) {
    match act {
        ObjectAction::Keep(owner, slot) | ObjectAction::Abandon(owner, slot) | ObjectAction::Vanish(owner, slot) => {
            let (owner, bytes) = (owners[owner], bytes(slot));
            let deposited = match house.vault.upload(owner.deposit(&bytes), content(&bytes)).await {
                Ok(deposited) => deposited,
                Err(ObjectError::Quota { .. } | ObjectError::Unavailable(_)) => return,
                Err(error) => panic!("{error}"),
            };
            match act {
                ObjectAction::Keep(..) => match house.store.add_asset(&owner.asset(), &deposited).await {
                    Ok(Some(_)) => {}
                    // The board has it already.
                    Ok(None) => house.vault.abandon(&deposited).await,
                    Err(error) => panic!("{error}"),
                },
                ObjectAction::Abandon(..) => house.vault.abandon(&deposited).await,
                _ => {}
            }
        }
        ObjectAction::Delete(owner, slot) => {
            let sha256 = Sha256::digest(bytes(slot)).into();
            house.store.delete_asset(owners[owner].board, &sha256).await.unwrap();
        }
        ObjectAction::Copy(from) => {
            let to = owners[1 - from];
            house.store.copy_assets(owners[from].board, to.board, to.account).await.unwrap();
        }
        ObjectAction::Sweep => drop(house.vault.sweep().await.unwrap()),
    }
    for owner in owners {
        let usage = house.store.usage(owner.account).await.unwrap().unwrap();
        assert!(usage.used + usage.reserved <= usage.quota, "{usage:?}");
    }
}

async fn run(lanes: Vec<Vec<ObjectAction>>, faults: Vec<InjectedFault>) {
    let house = TestObjects::new().await;
    let owners = [house.owner(QUOTA).await, house.owner(QUOTA).await];
    house.door.set(&faults);
    join_all(lanes.into_iter().map(|lane| {
        let house = &house;
        async move {
            for act in lane {
                perform(house, owners, act).await;
            }
        }
    }))
    .await;
    // An hour later, with the store in good health.
    house.door.set(&[]);
    let later = "UPDATE ledger SET reserved_until = now() - interval '1 second' WHERE reserved_until IS NOT NULL;
        UPDATE loose_blob SET since = now()";
    house.client.batch_execute(later).await.unwrap();
    house.vault.sweep_after(Duration::ZERO).await.unwrap();
    house.is_in_order().await;
    assert_eq!(house.vault.orphans_after(Duration::ZERO).await.unwrap().missing, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn v6_used_is_the_ledgers_sum_whatever_fails(
        lanes in prop::collection::vec(prop::collection::vec(act(), 1..14), 1..5),
        faults in prop::collection::vec(fault(), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(lanes, faults));
    }
}
