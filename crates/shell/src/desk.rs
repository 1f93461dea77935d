//! The desk at which the session works: a thread of its own, so that whoever asks can stop waiting. Ctrl-C gives the
//! prompt back at once, whatever the session is at; it finishes that in the background, and the next question
//! waits for it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, Sender, channel, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use millstream_session::{Class, Fault, Session, Stop};

use crate::interrupt::Interrupt;

/// How often one looks for Ctrl-C while waiting.
const LOOK: Duration = Duration::from_millis(10);
/// A run that was stopped may take so long to account for its records, where nobody waits to type.
const ENDING: Duration = Duration::from_secs(1);
/// So long behind Ctrl-C the prompt is back, whatever is not done by then.
const GRACE: Duration = Duration::from_millis(60);

type Work = Box<dyn FnOnce(&mut Session) + Send>;

/// A session that answers from its own thread.
#[derive(Clone)]
pub struct Desk {
    work: Sender<Work>,
    told: Told,
}

/// Waits for a session to be put away: what runs in the background is stopped and what is kept is written.
pub struct Closing(Receiver<()>);

/// So long it may take to put a session away; one that is stuck is left.
const AWAY: Duration = Duration::from_secs(3);

impl Drop for Closing {
    fn drop(&mut self) {
        // Either it is away, or nobody can wait for it any longer.
        let _ = self.0.recv_timeout(AWAY);
    }
}

/// Who hears that work was left to the session (`true`), and that it has come to its end (`false`).
type Told = Arc<dyn Fn(bool) + Send + Sync>;

impl Desk {
    /// Sits a session down. Dropped in this order, the desk first, the session is put away before the program ends.
    pub fn new(session: Session) -> io::Result<(Closing, Desk)> {
        Desk::telling(session, |_| {})
    }

    /// The same; `told` hears of work that nobody waits for any more.
    pub fn telling(mut session: Session, told: impl Fn(bool) + Send + Sync + 'static) -> io::Result<(Closing, Desk)> {
        let (work, all) = channel::<Work>();
        let (away, closed) = channel();
        Builder::new().name("session".into()).spawn(move || {
            while let Ok(work) = all.recv() {
                // One statement that panics is an error of that statement: the hook has reported where.
                let _ = catch_unwind(AssertUnwindSafe(|| work(&mut session)));
            }
            drop(session);
            drop(away);
        })?;
        Ok((Closing(closed), Desk { work, told: Arc::new(told) }))
    }

    /// Has the session do something and waits for it, until Ctrl-C.
    pub fn ask<T: Send + 'static>(
        &self,
        interrupt: &Interrupt,
        work: impl FnOnce(&mut Session) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.ask_or(interrupt, work, drop)
    }

    /// The same; what is worked out when nobody waits for it any more is handed to `left_over`.
    pub fn ask_or<T: Send + 'static>(
        &self,
        interrupt: &Interrupt,
        work: impl FnOnce(&mut Session) -> T + Send + 'static,
        left_over: fn(T),
    ) -> Result<T, Fault> {
        // Without room in between, so that a thing is either taken or left over.
        let (give, take) = sync_channel(0);
        let (told, stop) = (self.told.clone(), Stop::default());
        let heeded = stop.clone();
        let sent = self.work.send(Box::new(move |session| {
            session.heed(heeded);
            if let Err(SendError(thing)) = give.send(work(session)) {
                left_over(thing);
                told(false);
            }
        }));
        if sent.is_err() {
            return Err(broken());
        }
        let done = wait(&take, interrupt, &stop, GRACE);
        if matches!(done, Err(false)) {
            (self.told)(true);
        }
        done.unwrap_or_else(|gone| Err(if gone { broken() } else { left() }))
    }
}

impl Desk {
    /// Leaves something to the session, which comes to it behind all that it is at. Nobody waits.
    pub fn leave(&self, work: impl FnOnce(&mut Session) + Send + 'static) {
        // A session that is gone has nothing left to do.
        let _ = self.work.send(Box::new(work));
    }

    /// Looks at something small of the session; nothing while it is at something longer.
    pub fn glance<T: Send + 'static>(&self, of: impl FnOnce(&mut Session) -> T + Send + 'static) -> Option<T> {
        let (give, take) = sync_channel(1);
        self.work.send(Box::new(move |session| drop(give.send(of(session))))).ok()?;
        take.recv_timeout(GRACE).ok()
    }
}

/// Waits for one thing; `Err(false)` after Ctrl-C, which also raises `stop`; `Err(true)` if it can never come.
fn wait<T>(take: &Receiver<T>, interrupt: &Interrupt, stop: &Stop, grace: Duration) -> Result<Result<T, Fault>, bool> {
    loop {
        match take.recv_timeout(LOOK) {
            Ok(thing) => return Ok(Ok(thing)),
            Err(RecvTimeoutError::Disconnected) => return Err(true),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(since) = interrupt.since() {
            stop.raise();
            if since.elapsed() >= grace {
                return Err(false);
            }
        }
    }
}

/// Who is told what came of a thing that nobody waits for any more: a line above the prompt.
pub type Later = Arc<dyn Fn(String) + Send + Sync>;

/// Does something that may take long on a thread of its own, and waits for it until Ctrl-C; `None` if it was left.
/// Then `tell` puts what comes of it into words for `later`, if there is anything to say. Where there is no such
/// place it is waited for longer.
pub fn aside<T: Send + 'static>(
    interrupt: &Interrupt,
    later: Option<Later>,
    work: impl FnOnce() -> T + Send + 'static,
    tell: impl FnOnce(T) -> String + Send + 'static,
) -> io::Result<Result<Option<T>, Fault>> {
    let grace = if later.is_some() { GRACE } else { ENDING };
    let (give, take) = sync_channel(0);
    Builder::new().name("finish".into()).spawn(move || {
        if let (Err(SendError(done)), Some(later)) = (give.send(work()), later) {
            let said = tell(done);
            if !said.is_empty() {
                later(said);
            }
        }
    })?;
    Ok(match wait(&take, interrupt, &Stop::default(), grace) {
        Ok(done) => done.map(Some),
        Err(true) => Err(broken()),
        Err(false) => Ok(None),
    })
}

/// The fault of whoever does not wait any longer.
pub fn left() -> Fault {
    Fault::new(Class::Interrupted, "E0801", "stopped waiting")
        .hint("what was begun comes to its end in the background; the next statement waits for that")
}

fn broken() -> Fault {
    Fault::new(Class::Query, "E0699", "the statement broke off: this is a fault of the program, not of yours")
        .hint("the session goes on; what the statement was to change may be half done")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use millstream_session::SessionOptions;

    use super::*;

    fn desk(folder: &tempfile::TempDir) -> (Closing, Desk) {
        Desk::new(Session::new(SessionOptions::in_folder(folder.path())).expect("starts")).expect("a thread")
    }

    #[test]
    fn whoever_waits_is_free_at_once_and_the_session_goes_on() {
        let folder = tempfile::tempdir().expect("there is room");
        let ((_closing, desk), interrupt) = (desk(&folder), Interrupt::default());
        let (release, held) = channel::<()>();
        interrupt.raise();
        let began = Instant::now();
        let fault = desk.ask(&interrupt, move |_| held.recv().is_ok()).expect_err("nobody released it");
        let waited = began.elapsed();
        assert_eq!((fault.code, fault.class), ("E0801", Class::Interrupted));
        assert!(waited >= GRACE && waited < Duration::from_secs(5), "{waited:?}");
        interrupt.clear();
        release.send(()).expect("it still waits");
        assert_eq!(desk.ask(&interrupt, |_| 7), Ok(7));
    }

    #[test]
    fn what_comes_of_a_thing_that_was_left_is_told_later() {
        let (interrupt, (release, held), (tell, told)) = (Interrupt::default(), channel::<()>(), channel());
        let later: Later = Arc::new(move |said| tell.send(said).expect("somebody listens"));
        interrupt.raise();
        let began = Instant::now();
        let left = aside(&interrupt, Some(later.clone()), move || held.recv().is_ok(), |done| format!("done: {done}"));
        assert_eq!(left.expect("a thread"), Ok(None));
        assert!(began.elapsed() < ENDING.max(Duration::from_secs(5)), "{:?}", began.elapsed());
        release.send(()).expect("it still goes on");
        assert_eq!(told.recv_timeout(Duration::from_secs(10)).as_deref(), Ok("done: true"));
        // What is done in time is for whoever waits.
        interrupt.clear();
        assert_eq!(aside(&interrupt, Some(later), || 7, |_| "late".into()).expect("a thread"), Ok(Some(7)));
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn all_that_goes_on_behind_ctrl_c_shares_one_wait() {
        let folder = tempfile::tempdir().expect("there is room");
        let ((_closing, desk), interrupt) = (desk(&folder), Interrupt::default());
        let (release, held) = channel::<()>();
        interrupt.raise();
        let since = interrupt.since().expect("raised");
        assert!(desk.ask(&interrupt, move |_| held.recv().is_ok()).is_err());
        let waited = since.elapsed();
        // The session is still at it; whoever asks next does not wait as long again.
        (0..5).for_each(|_| assert!(desk.ask(&interrupt, |_| 7).is_err()));
        assert!(since.elapsed() < 3 * waited.max(GRACE), "{waited:?}, then {:?}", since.elapsed());
        release.send(()).expect("it still waits");
        interrupt.clear();
        assert!(interrupt.since().is_none());
        assert_eq!(desk.ask(&interrupt, |_| 7), Ok(7));
    }

    #[test]
    fn a_panic_is_an_error_of_its_statement() {
        let folder = tempfile::tempdir().expect("there is room");
        let ((_closing, desk), interrupt) = (desk(&folder), Interrupt::default());
        let fault = desk.ask(&interrupt, |_| panic!("on purpose")).map(|(): ()| ()).expect_err("it panicked");
        assert_eq!(fault.code, "E0699");
        assert_eq!(desk.ask(&interrupt, |_| 7), Ok(7));
    }
}
