//! What a statement says, as a value. Queries and expressions stay sqlparser's tree (`crate::ast`), all
//! that Flink adds around them is here.

mod tape;

use datafusion::sql::sqlparser::ast;

pub use self::tape::{
    Condition, Rate, Record, RecordFrom, RecordUntil, Replay, StepUnit, TapePlace, TapeVerb, Then, Version,
};
use crate::error::Span;
use crate::types::SqlType;

/// A statement with its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// What it says.
    pub value: T,
    /// Where it stands in the text, without the `;`.
    pub span: Span,
    /// The same in Flink's own words, when it was written in another way that is worth a line to the user.
    pub native: Option<String>,
}

/// One statement of a script.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `CREATE TABLE`.
    CreateTable(Box<TableDraft>),
    /// `CREATE VIEW`.
    CreateView(Box<ViewDraft>),
    /// `CREATE FUNCTION`.
    CreateFunction(Box<FunctionDraft>),
    /// A query.
    Query(Box<ast::Query>),
    /// `INSERT INTO`.
    Insert(Box<Insert>),
    /// `EXECUTE STATEMENT SET BEGIN … END`: several inserts as one job.
    StatementSet(Vec<Insert>),
    /// `EXPLAIN`.
    Explain(Box<Explain>),
    /// `EXPORT step INTO place AS JOB 'folder'`.
    Export(Box<Export>),
    /// `CHECK …`: the streamed answer beside the answer of one batch.
    Check(Check),
    /// `SHOW …`.
    Show(Show),
    /// `DESCRIBE name`.
    Describe(Name),
    /// `SET 'key' = 'value'`.
    Set {
        /// The setting.
        key: String,
        /// Its new value.
        value: String,
    },
    /// `SET` alone: lists all settings.
    SetList,
    /// `RESET ['key']`.
    Reset(Option<String>),
    /// `DROP TABLE` or `DROP VIEW`.
    Drop(Drop),
    /// `DROP FUNCTION`.
    DropFunction {
        /// Which.
        name: Name,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `TAP place`: a table over a topic, inferred from its records.
    Tap(Tap),
    /// `PEEK place`: records as they are.
    Peek(Peek),
    /// `ADVISE WATERMARK table`: what each bound would cost.
    AdviseWatermark(Name),
    /// `USE name` (a catalogue or database; there is one only).
    Use(Name),
    /// `|> …` on its own: goes on with the draft.
    Stage(Stage),
    /// `UNDO`: takes the last change of the workbook back.
    Undo,
    /// `REDO`: makes the change again that `UNDO` took back.
    Redo,
    /// `PREVIEW step` or `PREVIEW query`.
    Preview(Box<Asked>),
    /// `START step [INTO table]`, `START query` or `START INSERT INTO …`.
    Start(Box<Start>),
    /// `STOP run`; `None` for `STOP ALL`.
    Stop(Option<Name>),
    /// `WHY step`, `WHY query`: why nothing comes out; `None` for `WHY` alone, which asks about the last query.
    Why(Option<Box<Asked>>),
    /// `WATCH name[, name …]`: steps whose rows are shown while other statements run.
    Watch(Vec<Name>),
    /// `PLOT name …`.
    Plot(Plot),
    /// What is about tapes and replays.
    Tape(TapeVerb),
}

/// `PLOT step [x column] [y column, …] [color column] [AS mark]`; what is not said is chosen by the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// The step, table or view.
    pub step: Name,
    /// Along the x axis.
    pub x: Option<Name>,
    /// Along the y axis, one line or set of bars each.
    pub y: Vec<Name>,
    /// What tells lines or bars apart by colour.
    pub color: Option<Name>,
    /// How values are drawn.
    pub mark: Option<Mark>,
}

/// How the values of a chart are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Points joined in the order of x.
    Line,
    /// A bar for each value.
    Bar,
    /// A dot for each value.
    Point,
    /// A line with what is below it filled.
    Area,
}

impl Mark {
    /// All marks with their names.
    pub const ALL: [(&'static str, Mark); 4] =
        [("line", Mark::Line), ("bar", Mark::Bar), ("point", Mark::Point), ("area", Mark::Area)];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Mark::Line => "line",
            Mark::Bar => "bar",
            Mark::Point => "point",
            Mark::Area => "area",
        }
    }
}

/// Stages that go on with the draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// As typed, from the first `|>`; without the `|> AS name` at the end.
    pub text: String,
    /// `|> AS name` at the end: the name of the step.
    pub name: Option<Name>,
}

/// A query, or the name of a step, which stands for all its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The name, if nothing but a name was written.
    pub step: Option<Name>,
    /// The query.
    pub query: Box<ast::Query>,
}

/// What is to run in the background.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// Rows to whoever looks.
    Query(Asked),
    /// Rows into a table; the name is that of the step, if nothing but a step is written there.
    Insert {
        /// `START step INTO …`.
        step: Option<Name>,
        /// The insert.
        insert: Insert,
    },
}

/// `EXPORT [OR REPLACE] step INTO place [KEYED BY (column, …)] AS JOB 'folder' [FLINK] [VERIFY] [ON tape]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The step, or a view or table.
    pub step: Name,
    /// Where its rows are to go: a table, or a place to which a table is declared.
    pub into: Place,
    /// The columns that make the key of a record.
    pub keyed_by: Vec<Name>,
    /// The folder of the job.
    pub folder: String,
    /// Where the folder is named.
    pub span: Span,
    /// Whether a job that stands in the folder is replaced.
    pub replace: bool,
    /// Whether it must be possible to say the job to Flink.
    pub flink: bool,
    /// Whether prototype, job and a real Flink are to be compared before it is done.
    pub verify: bool,
    /// The tape whose records go along as the job's test, instead of what is kept of its tables.
    pub tape: Option<Name>,
}

/// What `CHECK` compares.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// All rows of a view or table.
    Relation(Name),
    /// A query.
    Query(Box<ast::Query>),
}

/// The name of a table or view with its place. Of `catalog.database.table` only the last part is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As written, without quotes.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// Topics or files, as a user names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In quotes: `'kafka://host:port/topic'`, `'data/*.jsonl'`, the name of an embedded topic.
    Url {
        /// Without the quotes.
        text: String,
        /// Where it stands.
        span: Span,
    },
    /// A table, an embedded topic or a demo.
    Name(Name),
}

impl Place {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Place::Url { span, .. } => *span,
            Place::Name(name) => name.span,
        }
    }
}

/// `TAP place [AS name]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Which topic.
    pub place: Place,
    /// The name of the table; the topic's own if missing.
    pub name: Option<Name>,
}

/// `PEEK place [PARTITION n] [FROM …] [LIMIT n]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// Which topic.
    pub place: Place,
    /// Only this partition.
    pub partition: Option<i32>,
    /// Where to begin.
    pub from: PeekFrom,
    /// At most so many records.
    pub limit: Option<u64>,
}

/// Where `PEEK` begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeekFrom {
    /// So that the newest records are shown.
    Newest,
    /// With the oldest record.
    Earliest,
    /// With this offset in each partition.
    Offset(i64),
    /// With the first record written at this time or later, as typed.
    Timestamp(String, Span),
}

/// `CREATE [TEMPORARY] TABLE`, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDraft {
    /// Its name.
    pub name: Name,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// Columns in order.
    pub columns: Vec<ColumnDraft>,
    /// `WATERMARK FOR`.
    pub watermark: Option<WatermarkDraft>,
    /// The columns of `PRIMARY KEY (…) NOT ENFORCED`; empty if there is none.
    pub primary_key: Vec<Name>,
    /// `PARTITIONED BY (…)`.
    pub partitioned_by: Vec<Name>,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// `WITH (…)` in order of writing, `connector` included.
    pub options: Vec<TableOption>,
    /// `LIKE other (…)`: already worked in by [`crate::ddl::apply_like`] when the table is registered.
    pub like: Option<Like>,
}

/// One `'key' = 'value'` of a `WITH (…)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOption {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Where it stands.
    pub span: Span,
}

/// A column, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDraft {
    /// Its name.
    pub name: Name,
    /// What fills it.
    pub kind: ColumnKind,
    /// `COMMENT`.
    pub comment: Option<String>,
}

/// What fills a column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnKind {
    /// The record.
    Physical(SqlType),
    /// What the connector knows about the record.
    Metadata {
        /// Its type.
        data_type: SqlType,
        /// `FROM 'key'`; the column's own name if missing.
        from: Option<String>,
        /// `VIRTUAL`: read, never written.
        read_only: bool,
    },
    /// `AS expression`.
    Computed(Expression),
}

/// An expression with the text it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// The tree.
    pub expr: Box<ast::Expr>,
    /// As typed.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// `WATERMARK FOR column AS expression`.
#[derive(Clone, Debug, PartialEq)]
pub struct WatermarkDraft {
    /// The event-time column.
    pub column: Name,
    /// The watermark.
    pub expression: Expression,
}

/// `LIKE other ( INCLUDING … EXCLUDING … )`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like {
    /// The table to take from.
    pub table: Name,
    /// What of it, in order of writing.
    pub rules: Vec<LikeRule>,
}

/// One word pair in the brackets of `LIKE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LikeRule {
    /// What to do.
    pub merge: Merge,
    /// With what.
    pub feature: Feature,
}

/// How a feature of the other table is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Taken; a clash is an error.
    Including,
    /// Left out.
    Excluding,
    /// Taken; what is written here wins.
    Overwriting,
}

/// What a table has, in the words of `LIKE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Everything.
    All,
    /// Primary key.
    Constraints,
    /// Kept for the grammar; tables have none here.
    Distribution,
    /// Computed columns.
    Generated,
    /// Metadata columns.
    Metadata,
    /// `WITH (…)`.
    Options,
    /// `PARTITIONED BY`.
    Partitions,
    /// `WATERMARK FOR`.
    Watermarks,
}

/// `CREATE [TEMPORARY] VIEW`, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewDraft {
    /// Its name.
    pub name: Name,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// Other names for its columns; empty if the query's own names stand.
    pub columns: Vec<Name>,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// The query, as a tree.
    pub query: Box<ast::Query>,
    /// The query, as typed.
    pub text: String,
}

/// `INSERT INTO table [(columns)] query`.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// Where to.
    pub table: Name,
    /// The columns that the query fills; empty for all in order.
    pub columns: Vec<Name>,
    /// The rows.
    pub query: Box<ast::Query>,
    /// `INSERT OVERWRITE`.
    pub overwrite: bool,
    /// `/*+ OPTIONS('k' = 'v') */` behind the table's name.
    pub options: Vec<TableOption>,
}

/// `EXPLAIN [details] statement`.
#[derive(Clone, Debug, PartialEq)]
pub struct Explain {
    /// The query, insert or statement set.
    pub statement: Statement,
    /// `EXPLAIN step`: the name, for which `statement` is the query of all its rows.
    pub step: Option<Name>,
    /// `ESTIMATED_COST`, `CHANGELOG_MODE`, `JSON_EXECUTION_PLAN`, `PLAN_ADVICE`, in upper case.
    pub details: Vec<String>,
}

/// What `SHOW` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// `SHOW TABLES [LIKE 'pattern']`: tables and views.
    Tables(Option<String>),
    /// `SHOW VIEWS [LIKE 'pattern']`.
    Views(Option<String>),
    /// `SHOW FUNCTIONS [LIKE 'pattern']`.
    Functions(Option<String>),
    /// `SHOW USER FUNCTIONS [LIKE 'pattern']`.
    UserFunctions(Option<String>),
    /// `SHOW CREATE FUNCTION name`.
    CreateFunction(Name),
    /// `SHOW TOPICS [IN place] [LIKE 'pattern']`.
    Topics(Option<Place>, Option<String>),
    /// `SHOW CREATE TABLE name`.
    CreateTable(Name),
    /// `SHOW CREATE VIEW name`.
    CreateView(Name),
    /// `SHOW COLUMNS FROM name [LIKE 'pattern']`.
    Columns(Name, Option<String>),
    /// `SHOW JOBS`.
    Jobs,
    /// `SHOW RUNS`.
    Runs,
    /// `SHOW STEPS [LIKE 'pattern']`.
    Steps(Option<String>),
    /// `SHOW LEDGER [step]`; the last run or preview if no step is named.
    Ledger(Option<Name>),
    /// `SHOW TAPES [LIKE 'pattern']`.
    Tapes(Option<String>),
    /// `SHOW STATE [step]`: what the operators hold at this place of the replay.
    State(Option<Name>),
    /// `SHOW SETTINGS`.
    Settings,
    /// `SHOW CONNECTORS`.
    Connectors,
    /// `SHOW FORMATS`.
    Formats,
    /// `SHOW CATALOGS`, `SHOW DATABASES` and `SHOW CURRENT …`: there is one of each.
    Catalogs,
    /// See [`Show::Catalogs`].
    Databases,
}

/// `CREATE FUNCTION name AS $$…$$ LANGUAGE RUST`, or `… LANGUAGE RUST USING FILE 'path'`: one function of a text that
/// declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionDraft {
    /// Its name.
    pub name: Name,
    /// Where its text is.
    pub text: FunctionText,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `OR REPLACE`.
    pub or_replace: bool,
}

/// The text that declares a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionText {
    /// It stands in the statement.
    Here {
        /// The text, whole.
        text: String,
        /// Where it begins in the statement, if it stands there as it is (in quotes a quote is written twice).
        inside: Option<usize>,
    },
    /// `USING FILE 'path'`: it stands in a file, and may declare other functions, too.
    File {
        /// The path, seen from the folder of the script.
        path: String,
        /// Where the path stands in the statement.
        span: Span,
    },
}

/// `DROP TABLE` or `DROP VIEW`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// `VIEW` instead of `TABLE`.
    pub view: bool,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// What.
    pub name: Name,
}
