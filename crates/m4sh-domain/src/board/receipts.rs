//! The receipts of a board's batches, so that a resend gets the first answer. Called by `Board` only.
//! Bounded by `limits::RECEIPTS`: the oldest are dropped.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::batch::{BatchKey, Receipt};
use crate::limits;

/// Receipts by key, with their order.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    by_key: HashMap<Arc<BatchKey>, Receipt>,
    order: VecDeque<Arc<BatchKey>>,
}

impl Receipts {
    /// What is remembered of a batch.
    pub(super) fn get(&self, key: &BatchKey) -> Option<&Receipt> {
        self.by_key.get(key)
    }

    /// Adds a receipt. Of a key that is there already, the first receipt stays.
    pub(super) fn remember(&mut self, key: BatchKey, receipt: Receipt) {
        if self.by_key.contains_key(&key) {
            return;
        }
        let key = Arc::new(key);
        self.order.push_back(key.clone());
        self.by_key.insert(key, receipt);
        if self.order.len() > limits::RECEIPTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }
}
