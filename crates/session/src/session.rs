//! The session: a catalogue, settings and a workspace, and statements that are answered one after the
//! other. It prints nothing and knows no terminal.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use millstream_connect::tape::Tapes;
use millstream_plan::Compiler;
use millstream_record::{Clock, Stop, SystemClock};
use millstream_sql::{Catalog, Span};

use crate::aside::Asides;
use crate::complete::{ConnectorWords, SeenTopics, Vocabulary};
use crate::config::Config;
use crate::doors::Outside;
use crate::fault::Fault;
use crate::ledgers::Ledgers;
use crate::preview::Decoded;
use crate::remember::Kept;
use crate::reply::Reply;
use crate::runs::{Notices, RunReport, Runs};
use crate::sample::Samples;
use crate::secrets::Asker;
use crate::settings::Settings;
use crate::tape::Replaying;
use crate::tape::player::Player;
use crate::topics::Topics;
use crate::verbs::why::LastRun;
use crate::workbook::{Store, Workbook};
use crate::{demo, planning, remember, verbs};

/// What a session is started with.
pub struct SessionOptions {
    /// The folder of embedded topics and history. It need not exist.
    pub workspace: PathBuf,
    /// The time, handed in.
    pub clock: Arc<dyn Clock>,
    /// Who uses it.
    pub manner: Manner,
    /// What the user set once for all sessions.
    pub config: Config,
    /// Who makes functions of what users write; without one, there can be none.
    pub compiler: Option<Arc<dyn Compiler>>,
}

/// Who uses a session. This decides whether `FROM …` and `CREATE VIEW` answer with a preview or run and are
/// silent, and whether the workbook outlives the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// A script: a query runs, and nothing is kept but topics. The same text does the same every time.
    #[default]
    Script,
    /// A notebook: stages answer with previews; the notebook itself is what is kept.
    Notebook,
    /// A prompt: stages answer with previews, and the workbook of the workspace is there again next time.
    Prompt,
}

impl Manner {
    /// Whether a stage answers with a preview.
    pub fn previews(self) -> bool {
        self != Manner::Script
    }

    /// Whether the workbook is kept in the workspace.
    pub fn keeps(self) -> bool {
        self == Manner::Prompt
    }
}

impl SessionOptions {
    /// A session for a script in this folder, with the machine's clock.
    pub fn in_folder(workspace: impl Into<PathBuf>) -> SessionOptions {
        SessionOptions {
            workspace: workspace.into(),
            clock: Arc::new(SystemClock),
            manner: Manner::Script,
            config: Config::default(),
            compiler: None,
        }
    }

    /// The same for whoever uses it.
    #[must_use]
    pub fn used_by(self, manner: Manner) -> SessionOptions {
        SessionOptions { manner, ..self }
    }

    /// The same with what the user set once for all sessions.
    #[must_use]
    pub fn configured(self, config: Config) -> SessionOptions {
        SessionOptions { config, ..self }
    }

    /// The same with functions that users write.
    #[must_use]
    pub fn compiled_by(self, compiler: Arc<dyn Compiler>) -> SessionOptions {
        SessionOptions { compiler: Some(compiler), ..self }
    }
}

/// A workbench without a screen.
pub struct Session {
    pub(crate) catalog: Catalog,
    pub(crate) settings: Settings,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) outside: Outside,
    pub(crate) asides: Arc<Mutex<Asides>>,
    pub(crate) samples: Samples,
    pub(crate) tapes: Tapes,
    /// The replay, while steps read a tape.
    pub(crate) replaying: Option<Replaying>,
    /// Its debugger, once somebody has asked for it.
    pub(crate) player: Option<Player>,
    pub(crate) decoded: Decoded,
    pub(crate) manner: Manner,
    pub(crate) workbook: Workbook,
    pub(crate) ledgers: Ledgers,
    pub(crate) runs: Runs,
    /// What was counted in the last preview of each version of a step.
    pub(crate) counted: BTreeMap<String, String>,
    pub(crate) store: Store,
    /// What was kept last.
    pub(crate) kept: Kept,
    pub(crate) notes: Vec<String>,
    /// Raised when the user does not want to wait for the statement any longer.
    pub(crate) stop: Stop,
    pub(crate) last_run: LastRun,
    pub(crate) compiler: Option<Arc<dyn Compiler>>,
    /// Topics that were seen, for completion.
    pub(crate) seen: SeenTopics,
    /// The steps that were watched last.
    pub(crate) watched: Vec<String>,
}

impl Session {
    /// A session with the demo taps in its catalogue. Nothing is opened and no thread is started.
    pub fn new(options: SessionOptions) -> Result<Session, Fault> {
        let topics = Topics::open(options.workspace.join("topics"), options.clock.clone());
        let mut session = Session {
            catalog: Catalog::new(),
            settings: Settings::new(),
            config: options.config,
            outside: Outside::new(topics, options.clock.clone()),
            runs: Runs::new(options.clock.clone()),
            clock: options.clock,
            asides: Arc::default(),
            samples: Samples::default(),
            replaying: None,
            player: None,
            tapes: Tapes::in_folder(options.workspace.join("tapes")),
            decoded: Decoded::default(),
            manner: options.manner,
            workbook: Workbook::default(),
            ledgers: Ledgers::default(),
            counted: BTreeMap::new(),
            store: Store::of(&options.workspace),
            kept: Kept::default(),
            notes: Vec::new(),
            stop: Stop::default(),
            last_run: None,
            compiler: options.compiler,
            seen: SeenTopics::default(),
            watched: Vec::new(),
        };
        for (key, value) in &session.config.settings {
            session.settings.configure(key, &value.text, value.origin.to_string())?;
        }
        demo::register(&mut session)?;
        session.workbook.begin();
        if session.manner.keeps() {
            remember::recall(&mut session);
        }
        Ok(session)
    }

    /// The statements of a text, to be answered one by one.
    pub fn execute<'a>(&'a mut self, text: &str) -> Replies<'a> {
        Replies { script: Script::new(text), session: self }
    }

    /// Answers the next statement of a script; `None` behind the last.
    pub fn next(&mut self, script: &mut Script) -> Option<Result<Reply, Fault>> {
        let span = script.statements.next()?;
        Some(self.answer(&script.text, span))
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings, to change them.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// What the user set once for all sessions.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The embedded topics of the workspace.
    pub fn topics(&self) -> &Topics {
        self.outside.topics()
    }

    /// From now on statements that wait for others give up when `stop` is raised. Its owner lowers it again
    /// before the next statement.
    pub fn heed(&mut self, stop: Stop) {
        stop.attend();
        self.stop = stop;
    }

    /// The names that can be typed at the moment.
    pub fn vocabulary(&self) -> Vocabulary {
        let words = |connector: &Arc<dyn millstream_record::Connector>| ConnectorWords {
            name: connector.name(),
            doc: connector.doc(),
            options: connector.options(),
        };
        let connectors = self.outside.connectors().iter().map(words).collect();
        Vocabulary::of(&self.catalog, planning::settings(self), connectors)
            .with_outside(self.seen.clone(), self.config.connections.keys().cloned().collect())
    }

    /// The names of all tables, views and steps.
    pub fn relations(&self) -> impl Iterator<Item = &str> {
        self.catalog.relations().map(|relation| relation.name())
    }

    /// The columns of a table, view or step with their types; none of what is not there.
    pub fn columns_of(&self, name: &str) -> Vec<(String, String)> {
        verbs::columns_of(self, name)
    }

    /// From now on this one is asked for passwords.
    pub fn set_asker(&mut self, asker: Arc<dyn Asker>) {
        self.outside.secrets_mut().set_asker(asker);
    }

    /// Who uses it.
    pub fn manner(&self) -> Manner {
        self.manner
    }

    /// What the runs in the background have to say.
    pub fn notices(&self) -> Notices {
        self.runs.notices()
    }

    /// How the runs in the background are doing, by name.
    pub fn runs(&self) -> Vec<RunReport> {
        self.runs.reports()
    }

    /// What is worth a look: the steps that were watched last, or else those that run in the background.
    pub fn worth_watching(&self) -> Vec<String> {
        let mut names = self.watched.clone();
        if names.is_empty() {
            names = self.runs.running();
        }
        names.retain(|name| self.catalog.get(name).is_some());
        names
    }

    /// The query that the next `|>` goes on with.
    pub fn draft(&self) -> Option<&str> {
        self.workbook.draft().map(|draft| &**draft)
    }

    /// What there is to say besides the answers, since it was asked last: a native form, a damaged file.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn answer(&mut self, text: &Arc<str>, span: Span) -> Result<Reply, Fault> {
        self.stop.attend();
        if self.manner.keeps() {
            remember::meet(self);
        }
        let answer = self.answer_one(text, span);
        if self.manner.keeps() {
            remember::keep(self);
        }
        answer
    }

    fn answer_one(&mut self, text: &Arc<str>, span: Span) -> Result<Reply, Fault> {
        let own = span.text(text);
        self.sort_asides();
        let mut statements =
            millstream_sql::parse(own).map_err(Fault::from).map_err(|fault| fault.within(text, span.start))?;
        match (statements.pop(), statements.is_empty()) {
            (Some(statement), true) => {
                let (place, native) = (statement.span, statement.native.clone());
                let answer = verbs::answer(self, own, statement);
                if let (Ok(_), Some(native)) = (&answer, native) {
                    self.notes.push(format!("in Flink's words: {}", planning::with_rowtime(self, &native)));
                }
                answer.map_err(|fault| fault.or_at(Some(place)).within(text, span.start))
            }
            _ => unreachable!("a text was cut into single statements"),
        }
    }
}

/// Whether a text could be answered as far as its form goes.
pub fn check_syntax(text: &str) -> Result<(), Fault> {
    let text: Arc<str> = text.into();
    millstream_sql::parse(&text).map(drop).map_err(|error| Fault::from(error).within(&text, 0))
}

/// The statements of a text that are not yet answered. It borrows no session: who holds one may give the
/// session away between two statements.
pub struct Script {
    text: Arc<str>,
    statements: std::vec::IntoIter<Span>,
}

impl Script {
    /// The statements of a text.
    pub fn new(text: &str) -> Script {
        Script { text: text.into(), statements: millstream_sql::split(text).into_iter() }
    }

    /// How many statements are left.
    pub fn left(&self) -> usize {
        self.statements.len()
    }
}

/// The answers to the statements of a text. Each is worked out when it is asked for: whoever stops asking
/// at the first fault runs nothing behind it.
pub struct Replies<'a> {
    session: &'a mut Session,
    script: Script,
}

impl Replies<'_> {
    /// The session, between two answers.
    pub fn session(&self) -> &Session {
        self.session
    }

    /// What there is to say besides the last answer.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.session.take_notes()
    }
}

impl Iterator for Replies<'_> {
    type Item = Result<Reply, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.session.next(&mut self.script)
    }
}
