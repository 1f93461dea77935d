//! Ctrl-C. It stops the query that runs and not the program. In a script, pressed again before the query has
//! stopped, it ends the program at once; at the prompt it never does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millstream_session::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Whether the user wants the running query to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
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
        for (signal, code) in [(SIGTERM, 143), (SIGHUP, 129)] {
            signal_hook::flag::register_conditional_shutdown(signal, code, interrupt.ended.clone())?;
            signal_hook::flag::register(signal, interrupt.ended.clone())?;
        }
        Ok(interrupt)
    }

    /// Whether the running query should stop.
    pub fn raised(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.ended()
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
    }
}
