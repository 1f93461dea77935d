//! A job as it is written: a script of declarations and inserts, alone or in a folder with its settings.
//! All inserts of the script are one graph.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_connect::connectors_of_job;
use millstream_connect::kafka::Transactions;
use millstream_connect::topic::Topics;
use millstream_engine::Doors;
use millstream_plan::{Compiler, Graph, Op, Tap, Target, UserFunction};
use millstream_record::{Clock, Connector, Options, Stop, reference};
use millstream_sql::plan::{Settings, plan_statement_set};
use millstream_sql::statement::Insert;
use millstream_sql::{Catalog, Relation, SqlError, Statement, declare, functions};

use crate::config::Config;
use crate::fault::Fault;
use crate::functions::Compiled;
use crate::protocol::Exit;

/// A job that has been planned.
pub struct Job {
    /// How it runs.
    pub config: Config,
    /// What runs.
    pub graph: Graph,
    /// The functions that it declares.
    pub functions: Vec<Arc<UserFunction>>,
    connectors: Vec<Arc<dyn Connector>>,
    transactions: Transactions,
}

/// The files of a job.
struct Files {
    script: PathBuf,
    config: Config,
}

impl Files {
    /// A folder with `job.sql`, or a script.
    fn find(path: &Path) -> Result<Files, Fault> {
        let name = path.file_stem().map_or("job".into(), |stem| stem.to_string_lossy().into_owned());
        if !path.is_dir() {
            let base = path.parent().unwrap_or(Path::new(".")).to_path_buf();
            let config = Config::read("", "", &base, &name, path.with_extension("state"))?;
            return Ok(Files { script: path.to_path_buf(), config });
        }
        let settings = path.join("millstream.toml");
        let text = match std::fs::read_to_string(&settings) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Fault::plan(format!("{}: {error}", settings.display()))),
        };
        let config = Config::read(&text, &settings.display().to_string(), path, &name, path.join("state"))?;
        Ok(Files { script: path.join("job.sql"), config })
    }
}

/// The settings of the job at `path`, without planning it.
pub fn settings(path: &Path) -> Result<Config, Fault> {
    Files::find(path).map(|files| files.config)
}

/// Whether this is a job, and not a script of questions: a folder, or a script that only declares and
/// inserts. What cannot be read is no job; whoever runs it as a script tells why.
pub fn is_job(path: &Path) -> bool {
    if path.is_dir() {
        return true;
    }
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let Ok(statements) = millstream_sql::parse(&text) else { return false };
    let inserts = |statement: &Statement| matches!(statement, Statement::Insert(_) | Statement::StatementSet(_));
    let declares = |statement: &Statement| {
        matches!(
            statement,
            Statement::CreateTable(_) | Statement::CreateView(_) | Statement::CreateFunction(_) | Statement::Set { .. }
        )
    };
    statements.iter().any(|statement| inserts(&statement.value))
        && statements.iter().all(|statement| inserts(&statement.value) || declares(&statement.value))
}

impl Job {
    /// Reads and plans the job at `path`, with its functions `compiled`. `adjust` changes settings before anything is planned; `id` is the
    /// job's own, once its state folder is known.
    pub fn read(
        path: &Path,
        clock: Arc<dyn Clock>,
        compiled: &Compiled,
        adjust: impl FnOnce(&mut Config),
        id: impl FnOnce(&Config) -> Result<String, Fault>,
    ) -> Result<Job, Fault> {
        let Files { script, mut config } = Files::find(path)?;
        adjust(&mut config);
        let text =
            std::fs::read_to_string(&script).map_err(|error| Fault::plan(format!("{}: {error}", script.display())))?;
        let topics = Topics::open(&config.topics, clock.clone());
        let transactions = Transactions::of(&id(&config)?);
        let connectors = connectors_of_job(topics, clock.clone(), Some(transactions.clone()));
        let mut settings = Settings { now: clock.now(), ..Settings::default() };
        settings
            .apply("table.local-time-zone", &config.zone)
            .map_err(|error| Fault::plan(format!("job.time-zone: {error}")))?;
        let file = script.display().to_string();
        let compiler = compiled.compiler(&config);
        let base = script.parent().unwrap_or(Path::new("."));
        let mut script =
            Script { base, compiler: &*compiler, connectors: &connectors, settings, catalog: Catalog::new() };
        let mut graph = script.plan(&text).map_err(|(start, error)| Fault::sql(&file, &text, start, error))?;
        let_lost_data(&mut graph, &config.lost_data);
        let functions = script.settings.functions.iter().cloned().collect();
        Ok(Job { config, graph, functions, connectors, transactions })
    }

    /// The transactions that its sinks share.
    pub fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    /// A tap's options with the values that they name put in, to open it with.
    fn opening(&self, tap: &Tap) -> Result<(&Arc<dyn Connector>, Options), Fault> {
        let mut tap = tap.clone();
        tap.options.iter_mut().try_for_each(|(key, value)| from_environment(&tap.name, key, value))?;
        self.options(&tap)
    }

    fn options(&self, tap: &Tap) -> Result<(&Arc<dyn Connector>, Options), Fault> {
        declare::options(&self.connectors, tap).map_err(|error| Fault::plan(error.to_string()))
    }

    /// The options of the format in which a tap's records are written.
    pub fn format(&self, tap: &Tap) -> Result<Options, Fault> {
        let (connector, options) = self.options(tap)?;
        Ok(connector.format(&options)?)
    }

    /// Opens every tap of the graph.
    pub fn open(&self) -> Result<Doors, Fault> {
        let mut doors = Doors { sources: BTreeMap::new(), sinks: BTreeMap::new() };
        let named = |name: &str| {
            let name = name.to_string();
            move |error: millstream_record::Error| {
                let fault = Fault::from(error);
                Fault { message: format!("{name}: {}", fault.message), ..fault }
            }
        };
        for (_, tap, _) in self.graph.scans() {
            if !doors.sources.contains_key(&tap.name) {
                let (connector, options) = self.opening(tap)?;
                let source = connector.source(&tap.name, &tap.physical(), &options).map_err(named(&tap.name))?;
                doors.sources.insert(tap.name.clone(), source);
            }
        }
        for output in &self.graph.outputs {
            if let Target::Sink(tap) = &output.target
                && !doors.sinks.contains_key(&tap.name)
            {
                let (connector, options) = self.opening(tap)?;
                let sink = connector.sink(&tap.name, &tap.physical(), &tap.primary_key, &options);
                doors.sinks.insert(tap.name.clone(), sink.map_err(named(&tap.name))?);
            }
        }
        Ok(doors)
    }
}

/// Puts the value of the environment in the place of `${env:NAME}`.
fn from_environment(table: &str, key: &str, value: &mut String) -> Result<(), Fault> {
    match reference(value) {
        Some(("env", name)) => match std::env::var(name) {
            Ok(found) => *value = found,
            Err(_) => {
                let message = format!("'{key}' of {table} is taken from the environment, which has no variable {name}");
                return Err(Fault::new(Exit::Configuration, message).hint(format!("start the job with {name} set")));
            }
        },
        Some(("ask", what)) => {
            let message = format!("'{key}' of {table} asks for {what}, and nobody can be asked when a job runs");
            return Err(Fault::plan(message).hint("take it from the environment: '${env:NAME}'"));
        }
        // Other forms belong to whoever reads the value.
        _ => {}
    }
    Ok(())
}

/// What holds for every tap that does not say otherwise.
fn let_lost_data(graph: &mut Graph, policy: &str) {
    const OPTION: &str = "scan.on-data-loss";
    for node in &mut graph.nodes {
        if let Op::Scan { tap, .. } = &mut node.op
            && matches!(tap.connector.as_str(), "kafka" | "topic")
            && !tap.options.contains_key(OPTION)
        {
            Arc::make_mut(tap).options.insert(OPTION.into(), policy.into());
        }
    }
}

/// A script that is planned, statement by statement.
struct Script<'a> {
    /// The folder in which the files of its functions are looked for.
    base: &'a Path,
    compiler: &'a dyn Compiler,
    connectors: &'a [Arc<dyn Connector>],
    settings: Settings,
    catalog: Catalog,
}

impl Script<'_> {
    /// The graph of all its inserts. An error comes with the place where its statement begins.
    fn plan(&mut self, text: &str) -> Result<Graph, (usize, SqlError)> {
        let mut inserts: Vec<Insert> = Vec::new();
        for span in millstream_sql::split(text) {
            for statement in millstream_sql::parse(span.text(text)).map_err(|error| (span.start, error))? {
                let taken = self.take(statement.value, &mut inserts);
                taken.map_err(|error| (span.start, error.or_at(statement.span)))?;
            }
        }
        if inserts.is_empty() {
            return Err((0, SqlError::new("E0501", "the job inserts nothing").hint("add INSERT INTO … SELECT …")));
        }
        plan_statement_set(&self.catalog, &self.settings, &inserts).map_err(|error| (0, error))
    }

    fn take(&mut self, statement: Statement, inserts: &mut Vec<Insert>) -> Result<(), SqlError> {
        match statement {
            Statement::CreateTable(draft) => {
                let table = declare::table(&self.catalog, &self.settings, self.connectors, *draft)?;
                self.catalog.register(Relation::Table(table), false, None)
            }
            Statement::CreateView(draft) => {
                let view = declare::view(&self.catalog, &self.settings, *draft)?;
                self.catalog.register(Relation::View(Arc::new(view)), false, None)
            }
            Statement::CreateFunction(draft) => {
                if functions::is_taken(&draft.name.text) {
                    let message = format!("SQL has a function {} of its own", draft.name.text.to_uppercase());
                    return Err(SqlError::new("E0202", message).at(draft.name.span));
                }
                let read = |path: &str| std::fs::read_to_string(self.base.join(path));
                let function = declare::function(&draft, self.compiler, &read, &Stop::default())?;
                self.settings.functions.insert(Arc::new(function));
                Ok(())
            }
            Statement::Set { key, value } => self.settings.apply(&key, &value).map(drop),
            Statement::Insert(insert) => self.insert(vec![*insert], inserts),
            Statement::StatementSet(set) => self.insert(set, inserts),
            _ => {
                let error =
                    SqlError::new("E0501", "a job only declares tables, views and functions, sets, and inserts");
                Err(error.hint("run questions with: millstream -f FILE"))
            }
        }
    }

    /// Takes inserts. They are planned by themselves first, so that what is wrong is told with its place.
    fn insert(&self, new: Vec<Insert>, all: &mut Vec<Insert>) -> Result<(), SqlError> {
        plan_statement_set(&self.catalog, &self.settings, &new)?;
        all.extend(new);
        Ok(())
    }
}
