//! Ctrl-C. It stops the query that runs and not the program. In a script, pressed again before the query has
//! stopped, it ends the program at once; at the prompt it never does.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use millstream_session::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::terminal;

/// How often one looks whether the program should end.
const LOOK: Duration = Duration::from_millis(100);
/// So long a statement has to come to its end when the program should.
const GRACE: Duration = Duration::from_secs(2);

/// Whether the user wants the running query to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    /// When it was first seen that the user wants it.
    since: Arc<Mutex<Option<Instant>>>,
}

impl Interrupt {
    /// Listens to Ctrl-C, and to the signals that ask a program to end. `again` says whether a second Ctrl-C ends it, too.
    pub fn listen(again: bool) -> io::Result<Interrupt> {
        let interrupt = Interrupt::default();
        if again {
            // Registered first: a second Ctrl-C finds the flag raised and ends the program.
            signal_hook::flag::register_conditional_shutdown(SIGINT, 130, interrupt.asked.clone())?;
        }
        signal_hook::flag::register(SIGINT, interrupt.asked.clone())?;
        let code = Arc::new(AtomicUsize::new(0));
        for (signal, exit) in [(SIGTERM, 143), (SIGHUP, 129)] {
            signal_hook::flag::register_conditional_shutdown(signal, exit, interrupt.ended.clone())?;
            signal_hook::flag::register_usize(signal, code.clone(), exit as usize)?;
            signal_hook::flag::register(signal, interrupt.ended.clone())?;
        }
        if !again {
            interrupt.leave_when_ended(code)?;
        }
        Ok(interrupt)
    }

    /// A line editor whose terminal is gone never comes back to whoever called it: the program ends without it.
    fn leave_when_ended(&self, code: Arc<AtomicUsize>) -> io::Result<()> {
        let ended = self.ended.clone();
        Builder::new().name("leave".into()).spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK);
            }
            std::thread::sleep(GRACE);
            terminal::give_back();
            std::process::exit(code.load(Ordering::Relaxed) as i32);
        })?;
        Ok(())
    }

    /// Whether the running query should stop.
    pub fn raised(&self) -> bool {
        self.since().is_some()
    }

    /// Since when the running query should stop, as far as somebody has looked. All that still goes on behind
    /// Ctrl-C shares the time that is left from then.
    pub fn since(&self) -> Option<Instant> {
        let asked = self.asked.load(Ordering::Relaxed) || self.ended();
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        asked.then(|| *since.get_or_insert_with(Instant::now))
    }

    /// A signal that Ctrl-C raises.
    pub fn stop(&self) -> Stop {
        Stop::of(self.asked.clone())
    }

    /// Asks the running query to stop, as Ctrl-C does.
    #[cfg(test)]
    pub fn raise(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether the program should end, too.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// The next query has not been interrupted yet.
    pub fn clear(&self) {
        self.asked.store(false, Ordering::Relaxed);
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
