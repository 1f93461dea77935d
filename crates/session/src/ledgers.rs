//! What became of every record in the last run or preview of each step, for `SHOW LEDGER`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::status::Account;

/// The accounts by step. Clones share them.
#[derive(Clone, Default)]
pub struct Ledgers(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    steps: BTreeMap<String, Vec<Account>>,
    last: Option<String>,
}

impl Ledgers {
    /// Keeps the accounts of a step in place of older ones.
    pub fn keep(&self, step: &str, accounts: &[Account]) {
        let mut kept = self.kept();
        kept.steps.insert(step.to_string(), accounts.to_vec());
        kept.last = Some(step.to_string());
    }

    /// The accounts of a step.
    pub fn of(&self, step: &str) -> Option<Vec<Account>> {
        self.kept().steps.get(step).cloned()
    }

    /// The step that was kept last.
    pub fn last(&self) -> Option<String> {
        self.kept().last.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
