//! The names that the session knows at the moment, shared by the helpers of the line editor: completion
//! looks them up when asked, the review plans with them in the background.

use std::sync::{Arc, Mutex, PoisonError};

use millstream_session::Vocabulary;

/// The newest names. Whoever works with them keeps what it took, so nobody waits for anybody.
#[derive(Default)]
pub struct Names(Mutex<Arc<Vocabulary>>);

impl Names {
    /// These names.
    pub fn new(vocabulary: Vocabulary) -> Names {
        Names(Mutex::new(Arc::new(vocabulary)))
    }

    /// The names that there are now.
    pub fn now(&self) -> Arc<Vocabulary> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes newer names.
    pub fn learn(&self, vocabulary: Vocabulary) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(vocabulary);
    }
}
