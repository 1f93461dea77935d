//! The clock of a replay: it shows the time of the tape, and never goes by itself. A replay that goes on live
//! hands over to the machine's clock, which from then on decides.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use millstream_record::{Clock, Millis};

/// The time of the tape.
pub struct TapeClock {
    hands: AtomicI64,
    live: OnceLock<Arc<dyn Clock>>,
}

impl TapeClock {
    /// A clock that stands at `now`.
    pub fn at(now: Millis) -> TapeClock {
        TapeClock { hands: AtomicI64::new(now.0), live: OnceLock::new() }
    }

    /// Moves the hands.
    pub fn set(&self, now: Millis) {
        self.hands.store(now.0, Ordering::Relaxed);
    }

    /// From now on this clock decides.
    pub fn go_live(&self, clock: Arc<dyn Clock>) {
        // A replay goes live once.
        let _ = self.live.set(clock);
    }
}

impl Clock for TapeClock {
    fn now(&self) -> Millis {
        self.live.get().map_or_else(|| Millis(self.hands.load(Ordering::Relaxed)), |clock| clock.now())
    }
}
