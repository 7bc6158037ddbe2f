//! The vault step by step: what each failure leaves behind, and what the sweeps do about it.

use futures_util::future::join_all;

use super::*;
use crate::objects::ObjectError;
use m4sh_domain::limits;
use m4sh_store::{CopyAssetsResult, StoreError, Usage};

async fn usage(house: &TestObjects, owner: Owner) -> Usage {
    house.store.usage(owner.account).await.unwrap().unwrap()
}

#[tokio::test]
async fn v6_what_is_kept_is_charged_with_the_reference_and_free_again_without_it() {
    let house = TestObjects::new().await;
    let owner = house.owner(1_000).await;
    let deposited = house.vault.upload(owner.deposit(b"12345"), content(b"12345")).await.unwrap();
    assert_eq!(usage(&house, owner).await, Usage { used: 0, reserved: 5, quota: 1_000 });
    assert!(house.store.blob_info(&owner.deposit(b"12345").key).await.unwrap().is_none(), "not sealed, not served");
    house.store.add_asset(&owner.asset(), &deposited).await.unwrap().unwrap();
    assert_eq!(usage(&house, owner).await, Usage { used: 5, reserved: 0, quota: 1_000 });
    assert_eq!(house.store.blob_info(&owner.deposit(b"12345").key).await.unwrap().unwrap().size, 5);
    // Abandoning what was made after all does nothing: its commit's answer may have been lost.
    house.vault.abandon(&deposited).await;
    house.is_in_order().await;
    assert!(house.store.delete_asset(owner.board, &deposited.sha256).await.unwrap());
    assert_eq!(usage(&house, owner).await.used, 0);
    let swept = house.vault.sweep().await.unwrap();
    assert_eq!((swept.objects, swept.rows, swept.failed), (1, 1, 0));
    assert!(house.objects().await.is_empty());
    house.is_in_order().await;
}

#[tokio::test]
async fn v7_parallel_deposits_never_pass_the_quota() {
    let house = TestObjects::new().await;
    let owner = house.owner(100).await;
    let tries = (0..20_u8).map(|n| {
        let bytes = [n; 30];
        let house = &house;
        async move { house.vault.upload(owner.deposit(&bytes), content(&bytes)).await }
    });
    let outcomes = join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    for error in outcomes.into_iter().filter_map(Result::err) {
        let ObjectError::Quota { used, quota } = error else { panic!("{error}") };
        assert!((71..=100).contains(&used) && quota == 100, "{used}");
    }
    assert_eq!(usage(&house, owner).await.reserved, 90);
    // Exactly the rest fits, and 0 is no limit.
    house.vault.upload(owner.deposit(&[9; 10]), content(&[9; 10])).await.unwrap();
    let rich = house.owner(0).await;
    house.vault.upload(rich.deposit(&[9; 1_000]), content(&[9; 1_000])).await.unwrap();
}

#[tokio::test]
async fn v6_a_failed_upload_leaves_no_cost_no_row_and_after_the_sweep_no_object() {
    let house = TestObjects::new().await;
    let owner = house.owner(1_000).await;
    for fault in [InjectedFault::Before, InjectedFault::After] {
        house.door.set(&[fault]);
        let failed = house.vault.upload(owner.deposit(b"x"), content(b"x")).await;
        assert!(matches!(failed, Err(ObjectError::Unavailable(_))), "{failed:?}");
        assert_eq!(usage(&house, owner).await, Usage { used: 0, reserved: 0, quota: 1_000 });
        // A store that does not let go, either, is asked again.
        house.door.set(&[InjectedFault::Before]);
        assert_eq!(house.vault.sweep().await.unwrap().failed, 1);
        house.door.set(&[]);
        assert_eq!(house.vault.sweep().await.unwrap().objects, 1);
        house.is_in_order().await;
    }
}

#[tokio::test]
async fn v6_a_deposit_whose_reference_is_not_made_is_released() {
    let house = TestObjects::new().await;
    let owner = house.owner(1_000).await;
    let deposited = house.vault.upload(owner.deposit(b"x"), content(b"x")).await.unwrap();
    let nowhere = NewAsset { board: BoardId(Uuid::now_v7()), ..owner.asset() };
    assert!(matches!(house.store.add_asset(&nowhere, &deposited).await, Err(StoreError::Query(_))));
    house.vault.abandon(&deposited).await;
    // Too late: it must not be made of what was given up.
    assert!(house.store.add_asset(&owner.asset(), &deposited).await.unwrap_err().is_unavailable());
    house.vault.sweep().await.unwrap();
    house.is_in_order().await;
}

#[tokio::test]
async fn v6_a_deposit_that_is_dropped_in_the_middle_is_released() {
    let house = TestObjects::new().await;
    let owner = house.owner(1_000).await;
    let mut deposit = Box::pin(house.vault.upload(owner.deposit(b"x"), content(b"x")));
    // As far as its reservation and no further.
    while house.number("SELECT count(*) FROM ledger").await == 0 {
        let _ = tokio::time::timeout(Duration::from_millis(1), &mut deposit).await;
    }
    drop(deposit);
    let gone = async { while house.number("SELECT count(*) FROM ledger").await > 0 {} };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it is released");
    house.vault.sweep().await.unwrap();
    house.is_in_order().await;
}

#[tokio::test]
async fn v6_an_upload_that_a_crash_cut_off_is_given_up_by_the_sweep_and_its_key_is_free() {
    let house = TestObjects::new().await;
    let owner = house.owner(1_000).await;
    let lost = house.vault.upload(owner.deposit(b"x"), content(b"x")).await.unwrap();
    assert_eq!(house.vault.sweep().await.unwrap(), crate::objects::SweepReport::default(), "it may still be under way");
    let busy = house.vault.upload(owner.deposit(b"x"), content(b"x")).await;
    assert!(matches!(busy, Err(ObjectError::Unavailable(_))), "{busy:?}");
    // Later than any upload can take, its key is anybody's; after an hour the sweep has it.
    house.client.batch_execute("UPDATE blob SET created_at = now() - interval '10 minutes'").await.unwrap();
    kept(&house, owner, b"x").await;
    assert_eq!(house.store.add_asset(&owner.asset(), &lost).await.unwrap(), None, "and no longer the lost one's");
    house
        .client
        .batch_execute(
            "UPDATE ledger SET reserved_until = now() - interval '1 second' WHERE reserved_until IS NOT NULL",
        )
        .await
        .unwrap();
    let swept = house.vault.sweep().await.unwrap();
    assert_eq!((swept.reservations, swept.objects), (1, 0));
    house.is_in_order().await;
    let other = house.vault.upload(owner.deposit(b"y"), content(b"y")).await.unwrap();
    house.client.batch_execute("UPDATE blob SET created_at = now() - interval '2 hours'; UPDATE ledger SET reserved_until = now() - interval '1 second' WHERE reserved_until IS NOT NULL").await.unwrap();
    let swept = house.vault.sweep().await.unwrap();
    assert_eq!((swept.reservations, swept.rows, swept.objects), (1, 1, 1));
    assert!(house.store.add_asset(&owner.asset(), &other).await.unwrap_err().is_unavailable());
    house.is_in_order().await;
}

#[tokio::test]
async fn v6_the_same_reference_may_try_again() {
    let house = TestObjects::new().await;
    let owner = house.owner(10).await;
    // A job whose first attempt vanished with its process.
    let job = owner.deposit(b"12345678");
    house.vault.upload(job.clone(), content(b"12345678")).await.unwrap();
    let again = ObjectUpload { key: format!("{}.2", job.key), ..job };
    house.vault.upload(again, content(b"12345678")).await.unwrap();
    assert_eq!(usage(&house, owner).await.reserved, 8);
}

#[tokio::test]
async fn v8_a_key_that_is_used_again_keeps_its_new_object() {
    let house = TestObjects::new().await;
    let owner = house.owner(1_000).await;
    for _ in 0..3 {
        let deposited = kept(&house, owner, b"x").await;
        house.store.delete_asset(owner.board, &deposited.sha256).await.unwrap();
        // Its object is doomed, or about to be; the new one must outlive that.
        kept(&house, owner, b"x").await;
        house.vault.sweep().await.unwrap();
        house.is_in_order().await;
        assert_eq!(house.objects().await.len(), 1);
        house.store.delete_asset(owner.board, &deposited.sha256).await.unwrap();
        house.vault.sweep().await.unwrap();
    }
}

#[tokio::test]
async fn v8_other_bytes_under_a_key_that_is_in_use_are_refused() {
    let house = TestObjects::new().await;
    let owner = house.owner(1_000).await;
    let first = kept(&house, owner, b"x").await;
    let other = ObjectUpload { key: owner.deposit(b"x").key, ..owner.deposit(b"y") };
    let refused = house.vault.upload(other.clone(), content(b"y")).await;
    assert!(matches!(refused, Err(ObjectError::Conflict(_))), "{refused:?}");
    house.is_in_order().await;
    house.store.delete_asset(owner.board, &first.sha256).await.unwrap();
    let deposited = house.vault.upload(other, content(b"y")).await.unwrap();
    house.store.add_asset(&owner.asset(), &deposited).await.unwrap().unwrap();
    house.vault.sweep().await.unwrap();
    house.is_in_order().await;
}

#[tokio::test]
async fn v9_a_deleted_board_frees_its_objects_and_its_quota_but_not_those_of_its_copy() {
    let house = TestObjects::new().await;
    let (owner, other) = (house.owner(1_000).await, house.owner(8).await);
    kept(&house, owner, b"12345").await;
    kept(&house, owner, b"123").await;
    assert_eq!(
        house.store.copy_assets(owner.board, other.board, other.account).await.unwrap(),
        CopyAssetsResult::Assets(2)
    );
    assert_eq!(usage(&house, other).await, Usage { used: 8, reserved: 0, quota: 8 });
    assert_eq!(
        house.store.copy_assets(owner.board, other.board, other.account).await.unwrap(),
        CopyAssetsResult::Assets(0)
    );
    house.client.batch_execute(&format!("DELETE FROM node WHERE id = '{}'", owner.board)).await.unwrap();
    assert_eq!(usage(&house, owner).await.used, 0);
    house.vault.sweep().await.unwrap();
    assert_eq!(house.objects().await.len(), 2, "the copy's");
    house.is_in_order().await;
    let poor = house.owner(7).await;
    let full = house.store.copy_assets(other.board, poor.board, poor.account).await.unwrap();
    assert_eq!(full, CopyAssetsResult::Full(Usage { used: 0, reserved: 0, quota: 7 }));
    house.client.batch_execute(&format!("DELETE FROM node WHERE id = '{}'", other.board)).await.unwrap();
    house.vault.sweep().await.unwrap();
    assert!(house.objects().await.is_empty());
    house.is_in_order().await;
}

#[tokio::test]
async fn v10_the_look_at_the_whole_store_finds_what_has_no_row_and_what_has_no_object() {
    let house = TestObjects::new().await;
    let owner = house.owner(1_000).await;
    kept(&house, owner, b"kept").await;
    let lost = kept(&house, owner, b"lost").await;
    let stray = format!("solo/{}/stray.json", owner.account);
    house.vault.blobs().put(&stray, content(b"s"), "text/plain", &[]).await.unwrap();
    house.vault.blobs().delete(&owner.deposit(b"lost").key).await.unwrap();
    let young = house.vault.orphans().await.unwrap();
    assert_eq!((young.listed, young.removed), (2, 0), "it may be on its way");
    let found = house.vault.orphans_after(Duration::ZERO).await.unwrap();
    assert_eq!((found.removed, found.missing, found.loose), (1, 1, 0));
    assert!(!house.vault.blobs().exists(&stray).await.unwrap());
    // A row that nothing refers to and nobody said so.
    house.client.batch_execute("ALTER TABLE asset DISABLE TRIGGER asset_gone").await.unwrap();
    house.store.delete_asset(owner.board, &lost.sha256).await.unwrap();
    house.client.batch_execute(&format!("DELETE FROM ledger WHERE ref = '{}'", lost.reference)).await.unwrap();
    assert_eq!(house.vault.orphans_after(Duration::ZERO).await.unwrap().loose, 1);
    house.is_in_order().await;
}

#[tokio::test]
async fn v10_an_account_that_differs_from_its_ledger_is_mended_and_told() {
    let house = TestObjects::new().await;
    let owner = house.owner(1_000).await;
    kept(&house, owner, b"12345").await;
    assert_eq!(house.vault.reconcile().await.unwrap(), crate::objects::ReconcileReport::default());
    house.client.batch_execute("UPDATE account_usage SET used = used + 7, reserved = 2").await.unwrap();
    assert_eq!(house.vault.reconcile().await.unwrap(), crate::objects::ReconcileReport { mended: 1, drift: 9 });
    house.is_in_order().await;
}

#[tokio::test]
async fn v6_a_large_file_is_kept_with_its_hash() {
    let house = TestObjects::new().await;
    let owner = house.owner(0).await;
    let bytes = vec![7; limits::OBJECT_PART + 5];
    let file = house._place.path().join("file");
    std::fs::write(&file, &bytes).unwrap();
    let kept =
        house.vault.upload(owner.deposit(&bytes), BlobContent::File(file.clone(), bytes.len() as u64)).await.unwrap();
    assert_eq!(kept.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
    let short = house.vault.upload(owner.deposit(b"other"), BlobContent::File(file, 5)).await;
    assert!(matches!(short, Err(ObjectError::Conflict(_))), "{short:?}");
    assert_eq!(house.number("SELECT count(*) FROM ledger").await, 1);
}
