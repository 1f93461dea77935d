//! Displays that go on while other cells run: what `WATCH` started. The session lists them and `STOP` ends
//! them; an interrupt or the end of the kernel ends them all.

use std::sync::{Mutex, PoisonError};

use millstream_session::Stop;

/// All displays that go on.
#[derive(Default)]
pub struct Watches(Mutex<Vec<Stop>>);

impl Watches {
    /// Starts a display on a thread of its own. It must end soon after `stop` is raised.
    pub fn start(&self, name: &str, stop: Stop, show: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        std::thread::Builder::new().name(format!("watch {name}")).spawn(show)?;
        let mut watches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watches.retain(|stop| !stop.raised());
        watches.push(stop);
        Ok(())
    }

    /// Asks all displays to end and waits for none.
    pub fn raise(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Stop::raise);
    }
}
