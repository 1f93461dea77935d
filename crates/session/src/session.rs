//! The session: a catalogue, settings and a workspace, and statements that are answered one after the
//! other. It prints nothing and knows no terminal.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use millstream_record::{Clock, Stop, SystemClock};
use millstream_sql::{Catalog, Span};

use crate::aside::Asides;
use crate::complete::Vocabulary;
use crate::doors::Outside;
use crate::fault::Fault;
use crate::reply::Reply;
use crate::sample::Samples;
use crate::settings::Settings;
use crate::topics::Topics;
use crate::{demo, verbs};

/// What a session is started with.
pub struct SessionOptions {
    /// The folder of embedded topics and history. It need not exist.
    pub workspace: PathBuf,
    /// The time, handed in.
    pub clock: Arc<dyn Clock>,
}

impl SessionOptions {
    /// A session in this folder, with the machine's clock.
    pub fn in_folder(workspace: impl Into<PathBuf>) -> SessionOptions {
        SessionOptions { workspace: workspace.into(), clock: Arc::new(SystemClock) }
    }
}

/// A workbench without a screen.
pub struct Session {
    pub(crate) catalog: Catalog,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) outside: Outside,
    pub(crate) asides: Arc<Mutex<Asides>>,
    pub(crate) samples: Samples,
    /// Raised when the user does not want to wait for the statement any longer.
    pub(crate) stop: Stop,
}

impl Session {
    /// A session with the demo taps in its catalogue. Nothing is opened and no thread is started.
    pub fn new(options: SessionOptions) -> Result<Session, Fault> {
        let topics = Topics::open(options.workspace.join("topics"), options.clock.clone());
        let mut session = Session {
            catalog: Catalog::new(),
            settings: Settings::new(),
            outside: Outside::new(topics, options.clock.clone()),
            clock: options.clock,
            asides: Arc::default(),
            samples: Samples::default(),
            stop: Stop::default(),
        };
        demo::register(&mut session)?;
        Ok(session)
    }

    /// The statements of a text, to be answered one by one.
    pub fn execute<'a>(&'a mut self, text: &str) -> Replies<'a> {
        Replies { text: text.into(), statements: millstream_sql::split(text).into_iter(), session: self }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings, to change them.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// The embedded topics of the workspace.
    pub fn topics(&self) -> &Topics {
        self.outside.topics()
    }

    /// From now on statements that wait for others give up when `stop` is raised. Its owner lowers it again
    /// before the next statement.
    pub fn heed(&mut self, stop: Stop) {
        self.stop = stop;
    }

    /// The names that can be typed at the moment.
    pub fn vocabulary(&self) -> Vocabulary {
        Vocabulary::of(&self.catalog)
    }

    fn answer(&mut self, text: &Arc<str>, span: Span) -> Result<Reply, Fault> {
        let own = span.text(text);
        self.sort_asides();
        let mut statements =
            millstream_sql::parse(own).map_err(Fault::from).map_err(|fault| fault.within(text, span.start))?;
        match (statements.pop(), statements.is_empty()) {
            (Some(statement), true) => {
                let place = statement.span;
                let answer = verbs::answer(self, statement);
                answer.map_err(|fault| fault.or_at(Some(place)).within(text, span.start))
            }
            _ => unreachable!("a text was cut into single statements"),
        }
    }
}

/// The answers to the statements of a text. Each is worked out when it is asked for: whoever stops asking
/// at the first fault runs nothing behind it.
pub struct Replies<'a> {
    session: &'a mut Session,
    text: Arc<str>,
    statements: std::vec::IntoIter<Span>,
}

impl Replies<'_> {
    /// The session, between two answers.
    pub fn session(&self) -> &Session {
        self.session
    }
}

impl Iterator for Replies<'_> {
    type Item = Result<Reply, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let span = self.statements.next()?;
        Some(self.session.answer(&self.text, span))
    }
}
