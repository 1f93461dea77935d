//! The first words of a statement decide who reads it.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::ddl;
use crate::error::{Span, SqlError};
use crate::native::printed;
use crate::parse::{Cursor, export, insert, look, plot, query, steps, tape, tokens};
use crate::statement::{Check, Explain, Name, Show, Spanned, Statement};

/// The words that can begin a statement.
pub const VERBS: &[&str] = &[
    "SELECT", "WITH", "FROM", "VALUES", "CREATE", "INSERT", "EXECUTE", "BEGIN", "EXPLAIN", "SHOW", "DESCRIBE", "DESC",
    "SET", "RESET", "DROP", "USE", "UNDO", "REDO", "PREVIEW", "START", "STOP", "WHY", "WATCH", "PLOT", "TAP", "PEEK",
    "ADVISE", "CHECK", "RECORD", "REPLAY", "LIVE", "PAUSE", "RESUME", "STEP", "GOTO", "BACK", "BREAK", "TRACE", "DIFF",
    "EXPORT",
];

/// The verbs of Flink that are not here yet.
const LATER: &[&str] = &[
    "ALTER", "UPDATE", "DELETE", "TRUNCATE", "ANALYZE", "CALL", "LOAD", "UNLOAD", "ADD", "REMOVE", "COMPILE", "MERGE",
    "COMMIT", "ROLLBACK", "GRANT", "REVOKE", "COPY", "REPLACE",
];

/// Reads one statement of a script.
pub fn parse(text: &str, piece: Span) -> Result<Spanned<Statement>, SqlError> {
    let tokens = tokens::read(text, piece)?;
    let mut cursor = Cursor::new(text, &tokens);
    let read = read(&mut cursor)?;
    cursor.expect_end()?;
    let native = match &read {
        Read { statement: Statement::Query(query), foreign: true } => Some(printed(query)),
        Read { statement: Statement::CreateView(view), foreign: true } => Some(printed(&view.query)),
        _ => None,
    };
    Ok(Spanned { value: read.statement, span: piece, native })
}

/// A statement, and whether its query was written in a foreign or outdated spelling.
pub struct Read {
    statement: Statement,
    foreign: bool,
}

impl From<Statement> for Read {
    fn from(statement: Statement) -> Self {
        Read { statement, foreign: false }
    }
}

fn read(cursor: &mut Cursor<'_>) -> Result<Read, SqlError> {
    let verb = match cursor.peek() {
        Some(Token::LParen) => "SELECT".to_string(),
        Some(Token::VerticalBarRightAngleBracket) => return Ok(Statement::Stage(steps::stage(cursor)?).into()),
        Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
        _ => return Err(cursor.unexpected("a statement")),
    };
    let statement = match verb.as_str() {
        "SELECT" | "WITH" | "FROM" | "VALUES" => {
            if let Some((view, foreign)) = steps::named(cursor)? {
                return Ok(Read { statement: Statement::CreateView(Box::new(view)), foreign });
            }
            let read = query::query(cursor)?;
            return Ok(Read { statement: Statement::Query(read.query), foreign: read.foreign });
        }
        "CREATE" => {
            let (statement, foreign) = ddl::create(cursor)?;
            return Ok(Read { statement, foreign });
        }
        "DROP" if cursor.sees(&["DROP", "TAPE"]) => Statement::Tape(tape::drop(cursor)?),
        "DROP" => ddl::drop(cursor)?,
        "INSERT" => Statement::Insert(Box::new(insert::insert(cursor)?)),
        "EXECUTE" | "BEGIN" => Statement::StatementSet(insert::statement_set(cursor)?),
        "EXPLAIN" => Statement::Explain(Box::new(explain(cursor)?)),
        "CHECK" => check(cursor)?,
        "SHOW" => Statement::Show(show(cursor)?),
        "DESCRIBE" | "DESC" => {
            cursor.next();
            Statement::Describe(cursor.path("the name of a table")?)
        }
        "SET" => set(cursor)?,
        "UNDO" | "REDO" | "PREVIEW" | "START" | "STOP" | "WHY" => steps::verb(cursor, &verb)?,
        "RESET" => {
            cursor.next();
            Statement::Reset(if cursor.is_done() { None } else { Some(key(cursor)?) })
        }
        "EXPORT" => Statement::Export(Box::new(export::export(cursor)?)),
        "TAP" => Statement::Tap(look::tap(cursor)?),
        "PEEK" => Statement::Peek(look::peek(cursor)?),
        "ADVISE" => {
            cursor.expect_words(&["ADVISE", "WATERMARK"])?;
            cursor.takes_word("FOR");
            Statement::AdviseWatermark(cursor.path("the name of a table")?)
        }
        "USE" => {
            cursor.next();
            cursor.takes_word("CATALOG");
            Statement::Use(cursor.path("a name")?)
        }
        "WATCH" => {
            cursor.next();
            let mut steps = vec![cursor.path("the name of a step")?];
            while cursor.takes_token(&Token::Comma) {
                steps.push(cursor.path("the name of a step")?);
            }
            Statement::Watch(steps)
        }
        "PLOT" => Statement::Plot(plot::plot(cursor)?),
        verb if tape::VERBS.contains(&verb) => Statement::Tape(tape::verb(cursor, verb)?),
        _ => return Err(unknown(cursor, &verb)),
    };
    Ok(statement.into())
}

fn unknown(cursor: &Cursor<'_>, verb: &str) -> SqlError {
    if LATER.contains(&verb) {
        return SqlError::new("E0501", format!("{verb} is not supported yet")).at(cursor.here());
    }
    let short: String = verb.chars().take(40).collect();
    let error = SqlError::new("E0104", format!("no statement begins with '{short}'")).at(cursor.here());
    match crate::error::nearest(verb, VERBS.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean {meant}?")),
        None => error.hint(format!("statements begin with {}", VERBS.join(", "))),
    }
}

fn explain(cursor: &mut Cursor<'_>) -> Result<Explain, SqlError> {
    cursor.expect_words(&["EXPLAIN"])?;
    let mut details = Vec::new();
    if !cursor.takes(&["PLAN", "FOR"]) {
        const DETAILS: &[&str] = &["ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE"];
        while let Some(detail) = DETAILS.iter().find(|detail| cursor.sees(&[detail])) {
            cursor.next();
            details.push(detail.to_string());
            if !cursor.takes_token(&Token::Comma) {
                break;
            }
        }
    }
    if cursor.sees(&["STATEMENT", "SET"]) {
        let statement = Statement::StatementSet(insert::statement_set(cursor)?);
        return Ok(Explain { statement, step: None, details });
    }
    if cursor.sees(&["INSERT"]) || cursor.sees(&["EXECUTE"]) || cursor.sees(&["BEGIN"]) {
        return Ok(Explain { statement: read(cursor)?.statement, step: None, details });
    }
    let asked = steps::asked(cursor, "a query, a step, an INSERT INTO or a statement set")?;
    Ok(Explain { statement: Statement::Query(asked.query), step: asked.step, details })
}

/// `CHECK name`, `CHECK query` or `CHECK name ORDER`.
fn check(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    cursor.expect_words(&["CHECK"])?;
    let query = ["SELECT", "WITH", "FROM", "VALUES"].iter().any(|verb| cursor.sees(&[verb]));
    if query || cursor.peek() == Some(&Token::LParen) {
        return Ok(Statement::Check(Check::Query(query::query(cursor)?.query)));
    }
    let name = cursor.path("the name of a view or table, or a query")?;
    if cursor.takes_word("ORDER") {
        return Ok(Statement::Tape(tape::check_order(cursor, name)?));
    }
    Ok(Statement::Check(Check::Relation(name)))
}

/// What can stand behind `SHOW`.
pub const SHOWN: &[&str] = &[
    "TABLES",
    "VIEWS",
    "FUNCTIONS",
    "TOPICS",
    "CREATE",
    "COLUMNS",
    "JOBS",
    "LEDGER",
    "RUNS",
    "STEPS",
    "TAPES",
    "STATE",
    "SETTINGS",
    "CONNECTORS",
    "FORMATS",
    "CATALOGS",
    "DATABASES",
    "CURRENT",
];

fn show(cursor: &mut Cursor<'_>) -> Result<Show, SqlError> {
    cursor.expect_words(&["SHOW"])?;
    if cursor.takes(&["USER", "FUNCTIONS"]) {
        return Ok(Show::UserFunctions(like(cursor)?));
    }
    let what = cursor.name("TABLES, VIEWS, TOPICS, CREATE TABLE or another list")?;
    Ok(match what.text.to_ascii_uppercase().as_str() {
        "TABLES" => Show::Tables(like(cursor)?),
        "VIEWS" => Show::Views(like(cursor)?),
        "FUNCTIONS" => Show::Functions(like(cursor)?),
        "TOPICS" => {
            let place = if cursor.takes_word("IN") { Some(look::place(cursor)?) } else { None };
            Show::Topics(place, like(cursor)?)
        }
        "JOBS" => Show::Jobs,
        "RUNS" => Show::Runs,
        "STEPS" => Show::Steps(like(cursor)?),
        "TAPES" => Show::Tapes(like(cursor)?),
        "STATE" if cursor.is_done() => Show::State(None),
        "STATE" => Show::State(Some(cursor.path("the name of a step")?)),
        "LEDGER" if cursor.is_done() => Show::Ledger(None),
        "LEDGER" => Show::Ledger(Some(cursor.path("the name of a step")?)),
        "SETTINGS" | "MODULES" => Show::Settings,
        "CONNECTORS" => Show::Connectors,
        "FORMATS" => Show::Formats,
        "CATALOGS" => Show::Catalogs,
        "DATABASES" => Show::Databases,
        "CURRENT" if cursor.takes_word("CATALOG") => Show::Catalogs,
        "CURRENT" if cursor.takes_word("DATABASE") => Show::Databases,
        "CURRENT" => return Err(cursor.unexpected("CATALOG or DATABASE")),
        "CREATE" if cursor.takes_word("TABLE") => Show::CreateTable(cursor.path("the name of a table")?),
        "CREATE" if cursor.takes_word("VIEW") => Show::CreateView(cursor.path("the name of a view")?),
        "CREATE" if cursor.takes_word("FUNCTION") => Show::CreateFunction(cursor.path("the name of a function")?),
        "CREATE" => return Err(cursor.unexpected("TABLE, VIEW or FUNCTION")),
        "COLUMNS" => {
            if !cursor.takes_word("FROM") && !cursor.takes_word("IN") {
                return Err(cursor.unexpected("FROM"));
            }
            let table = cursor.path("the name of a table")?;
            Show::Columns(table, like(cursor)?)
        }
        _ => {
            let error = SqlError::new("E0104", format!("there is no list of '{}' to show", what.text)).at(what.span);
            return Err(match crate::error::nearest(&what.text, SHOWN.iter().copied()) {
                Some(meant) => error.hint(format!("did you mean SHOW {meant}?")),
                None => error.hint(format!("SHOW knows {}", SHOWN.join(", "))),
            });
        }
    })
}

fn like(cursor: &mut Cursor<'_>) -> Result<Option<String>, SqlError> {
    if cursor.takes_word("LIKE") { cursor.string("a pattern in quotes").map(Some) } else { Ok(None) }
}

/// `SET`, `SET 'key' = 'value'`, `SET a.b = value`.
fn set(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    cursor.expect_words(&["SET"])?;
    if cursor.is_done() {
        return Ok(Statement::SetList);
    }
    let key = key(cursor)?;
    cursor.expect_token(&Token::Eq)?;
    let value = match cursor.peek() {
        Some(Token::SingleQuotedString(_)) => cursor.string("a value")?,
        Some(_) => {
            let rest = cursor.remainder();
            rest.extent().text(rest.text()).to_string()
        }
        None => return Err(cursor.unexpected("a value in quotes")),
    };
    Ok(Statement::Set { key, value })
}

/// `'a.b'` or `a.b`.
fn key(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    if let Some(Token::SingleQuotedString(_)) = cursor.peek() {
        return cursor.string("a setting in quotes");
    }
    let Name { text: mut key, .. } = cursor.name("a setting in quotes")?;
    while let Some(sign) = [Token::Period, Token::Minus].iter().find(|sign| cursor.peek() == Some(sign)) {
        cursor.next();
        key += &sign.to_string();
        key += &cursor.name("the rest of the setting's name")?.text;
    }
    Ok(key)
}
