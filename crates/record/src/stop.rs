//! The signal by which an owner stops what it started. Whoever waits looks at it at least every 50 ms,
//! so that Ctrl-C is felt at once.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How often [`Stop::unless`] looks at the flag.
const LOOK: Duration = Duration::from_millis(10);

thread_local! {
    static ATTENDED: RefCell<Stop> = RefCell::default();
}

/// A flag that is raised to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    raised: Arc<AtomicBool>,
    /// The flag of whoever stands above, which counts as well.
    above: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// A signal that is raised by whoever sets this flag, for a handler of signals of the system.
    pub fn of(flag: Arc<AtomicBool>) -> Stop {
        Stop { raised: flag, above: None }
    }

    /// A signal of its own, for a part of what this one stops: raised, it stops the part alone.
    pub fn part(&self) -> Stop {
        Stop { raised: Arc::default(), above: Some(self.raised.clone()) }
    }

    /// Raises the flag.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Release);
    }

    /// Whether it has been raised.
    pub fn raised(&self) -> bool {
        self.raised.load(Ordering::Acquire) || self.above.as_ref().is_some_and(|above| above.load(Ordering::Acquire))
    }

    /// From now on this is the signal that the work of this thread attends to. Whoever is called deep inside of
    /// an expression and may wait long (a function of a user) finds it by [`Stop::attended`].
    pub fn attend(&self) {
        ATTENDED.set(self.clone());
    }

    /// The signal that this thread attends to; one that nobody raises, if it was told of none.
    pub fn attended() -> Stop {
        ATTENDED.with_borrow(Stop::clone)
    }

    /// Does what may wait long for somebody outside, on a thread of its own, and gives it up when the flag is
    /// raised: then there is no result, and the thread ends by itself once its wait is over.
    pub fn unless<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, result) = sync_channel(1);
        // If nobody waits for the result any more, it is not wanted.
        let thread = std::thread::spawn(move || drop(done.send(work())));
        while !self.raised() {
            match result.recv_timeout(LOOK) {
                Ok(result) => return Some(result),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => match thread.join() {
                    Ok(()) => return None,
                    Err(panic) => std::panic::resume_unwind(panic),
                },
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_thread_attends_to_the_signal_it_was_told_of() {
        let stop = Stop::default();
        stop.attend();
        stop.raise();
        assert!(Stop::attended().raised());
        assert!(!std::thread::spawn(|| Stop::attended().raised()).join().expect("does not panic"));
        Stop::default().attend();
        assert!(!Stop::attended().raised());
    }

    #[test]
    fn a_wait_is_given_up_when_somebody_asks() {
        let asked = Arc::new(AtomicBool::new(false));
        let stop = Stop::of(asked.clone()).part();
        assert_eq!(stop.unless(|| 7), Some(7));
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(30));
                asked.store(true, Ordering::Relaxed);
            });
            assert_eq!(stop.unless(|| std::thread::sleep(Duration::from_secs(30))), None);
        });
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        asked.store(false, Ordering::Relaxed);
        assert!(!stop.raised(), "the wish is over, and the part itself was never stopped");
    }
}
