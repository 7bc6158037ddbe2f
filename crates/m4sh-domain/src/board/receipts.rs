//! What a board remembers of its batches, so that a resend gets the first one's answer. Called by `Board` only.
//! Bounded by `limits::RECEIPTS`: the oldest leave. Never forgets one for any other reason.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::batch::{BatchKey, Receipt};
use crate::limits;

/// Receipts by key, and their order.
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

    /// Remembers a batch. Of a key that is remembered already, the first receipt stays.
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
