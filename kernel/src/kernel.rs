//! What all parts of the kernel share: the session, the channels, the cell that runs and the displays that
//! go on behind it. Whoever needs the session takes it for one statement and gives it back, so that a cell
//! that shows a running query never keeps completion or inspection waiting.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use millstream_rust_cells::Evaluator;
use millstream_rust_functions::{Functions, Place};
use millstream_session::{Config, Fault, Manner, Script, Session, SessionOptions, Stop, Vocabulary};

use crate::channel::Channel;
use crate::history::History;
use crate::question::Questions;
use crate::watch::Watches;
use crate::wire::Header;

/// The parts of a kernel.
pub struct Kernel {
    /// What everybody hears.
    pub iopub: Channel,
    /// What was run before.
    pub history: History,
    /// Questions to the user.
    pub questions: Arc<Questions>,
    /// Displays that go on while other cells run.
    pub watches: Watches,
    /// Evaluates Rust.
    pub evaluator: Evaluator,
    session: Mutex<Session>,
    vocabulary: RwLock<Vocabulary>,
    running: Mutex<Option<Running>>,
}

/// The cell that runs.
#[derive(Clone)]
pub struct Running {
    /// The header of its request.
    pub parent: Header,
    /// Raised to stop it.
    pub stop: Stop,
}

impl Kernel {
    /// A kernel on the workspace in this folder.
    pub fn new(workspace: PathBuf, iopub: Channel, stdin: Channel) -> Result<Kernel, Fault> {
        let history = History::open(&workspace.join("notebook-history"));
        let questions = Arc::new(Questions::new(stdin));
        let config = Config::load(&Config::places(&workspace))?;
        let options = SessionOptions::in_folder(workspace).used_by(Manner::Notebook).configured(config);
        let functions = Arc::new(Functions::new(Place::Apart));
        // The first function of a notebook shall not wait for what all of them are compiled against.
        std::thread::spawn({
            let functions = functions.clone();
            move || functions.prepare()
        });
        let mut session = Session::new(options.compiled_by(functions))?;
        session.set_asker(questions.clone());
        Ok(Kernel {
            vocabulary: RwLock::new(session.vocabulary()),
            session: Mutex::new(session),
            running: Mutex::default(),
            watches: Watches::default(),
            evaluator: Evaluator::default(),
            iopub,
            history,
            questions,
        })
    }

    /// The session, for one statement.
    pub fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session, if it comes free within the wait: answering a statement takes it for a moment, connecting
    /// to a broker may take it for long.
    pub fn session_within(&self, wait: Duration) -> Option<MutexGuard<'_, Session>> {
        let end = Instant::now() + wait;
        loop {
            match self.session.try_lock() {
                Ok(session) => return Some(session),
                Err(std::sync::TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(std::sync::TryLockError::WouldBlock) if Instant::now() >= end => return None,
                Err(std::sync::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// The names that could be typed after the last statement.
    pub fn vocabulary(&self) -> Vocabulary {
        self.vocabulary.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the names of the session as they are now.
    pub fn learn(&self, session: &Session) {
        *self.vocabulary.write().unwrap_or_else(PoisonError::into_inner) = session.vocabulary();
    }

    /// A cell begins, or none runs any more.
    pub fn set_running(&self, running: Option<Running>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }

    /// The cell that runs.
    pub fn running(&self) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the queries in the background in good order.
    pub fn close(&self) {
        if let Some(mut session) = self.session_within(Duration::from_secs(1)) {
            // Whatever is said of it, there is nobody to hear it.
            drop(session.next(&mut Script::new("STOP ALL")));
        }
    }

    /// Stops the cell that runs and all displays.
    pub fn interrupt(&self) {
        if let Some(running) = self.running() {
            running.stop.raise();
        }
        self.watches.raise();
    }
}
