//! Plans a case and runs it in every way.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_engine::{BadRecords, Memory, MemoryShelf, MemoryStore, Options, Replay};
use millstream_plan::{Graph, Tap, TapChanges};
use millstream_record::{Batch, Millis, parse_duration};
use millstream_session::check::{Heard, Recording, Verdict, check};
use millstream_sql::catalog::Table;
use millstream_sql::plan::{Settings, construct, plan_query, resolve_table};
use millstream_sql::{Catalog, Relation, SqlError, Statement, View, parse};

use super::answer::Answer;
use super::input::{Piece, pieces};
use super::{Definition, Referee, definition};

/// Why a case has no plan.
pub enum Refusal {
    /// A construct that comes later.
    NotSupported(String),
    /// Any other error.
    Error(String),
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        match construct(&error) {
            Some(construct) => Refusal::NotSupported(construct.into()),
            None => Refusal::Error(format!("{}: {error}", error.code)),
        }
    }
}

/// A planned case.
pub struct Plan {
    graph: Graph,
    taps: BTreeMap<String, Tap>,
}

/// Plans a case.
pub fn plan(case: &Definition) -> Result<Plan, Refusal> {
    let mut settings = Settings::default();
    for (key, value) in &case.settings {
        settings.apply(key, value)?;
    }
    let mut catalog = Catalog::new();
    let mut taps = BTreeMap::new();
    for table in &case.tables {
        let tap = declare(&mut catalog, &settings, table)?;
        taps.insert(tap.name.clone(), tap);
    }
    for statement in parse(&case.prelude)? {
        if let Statement::CreateView(draft) = statement.value {
            let view = View {
                name: draft.name.text,
                columns: draft.columns.into_iter().map(|column| column.text).collect(),
                query: millstream_sql::query(&draft.text)?,
                text: draft.text,
                temporary: true,
                comment: None,
            };
            catalog.register(Relation::View(Arc::new(view)), false, None)?;
        }
    }
    match parse(&case.query)?.remove(0).value {
        Statement::Query(query) => Ok(Plan { graph: plan_query(&catalog, &settings, &query)?, taps }),
        _ => Err(Refusal::Error("query.sql is no query".into())),
    }
}

fn declare(catalog: &mut Catalog, settings: &Settings, table: &definition::Table) -> Result<Tap, Refusal> {
    let Statement::CreateTable(draft) = parse(&table.ddl)?.remove(0).value else {
        return Err(Refusal::Error(format!("{} is no CREATE TABLE", table.ddl)));
    };
    let mut tap = resolve_table(&draft, settings)?;
    match table.changelog.as_deref() {
        Some("ALL") => tap.changes = TapChanges::Retract,
        Some("UPSERT") => tap.changes = TapChanges::Upsert,
        _ => {}
    }
    let entry = Table { tap: Arc::new(tap.clone()), draft: Arc::new(*draft) };
    catalog.register(Relation::Table(entry), false, None)?;
    Ok(tap)
}

/// One way to run a case.
#[derive(Clone, Copy, Debug)]
struct Way {
    batch: usize,
    parallelism: usize,
    /// Save, drop, load after every so many pieces.
    recover: Option<usize>,
    /// Whether there is memory for state; without it every operator with keys puts all of it away.
    memory: bool,
}

const PLAIN: Way = Way { batch: 1, parallelism: 1, recover: None, memory: true };

const WAYS: [Way; 7] = [
    PLAIN,
    Way { batch: 7, ..PLAIN },
    Way { batch: 8192, ..PLAIN },
    Way { batch: 7, parallelism: 2, ..PLAIN },
    Way { recover: Some(3), ..PLAIN },
    Way { memory: false, ..PLAIN },
    Way { batch: 7, parallelism: 2, memory: false, ..PLAIN },
];

/// Runs a case in every way; the first difference from Flink's answer, if there is one.
pub fn all_ways(case: &Definition, plan: &Plan) -> Result<(), String> {
    for way in WAYS {
        let ours = once(case, plan, way).map_err(|reason| format!("{way:?}: {reason}"))?;
        if let Some(expected) = &case.answer {
            expected.compare(&ours).map_err(|difference| format!("{way:?}\n{difference}"))?;
        }
    }
    Ok(())
}

/// Compares the streamed answer with the answer of one batch. Each row is a piece of its own, so that rows
/// of different tables arrive one by one.
pub fn with_batch(case: &Definition, plan: &Plan) -> Result<Referee, String> {
    let mut recording = Recording::default();
    for Piece { table, rows } in pieces(&case.input, &plan.taps, 1)? {
        recording.push(&table, Heard::Rows(rows));
    }
    match check(&plan.graph, &recording, &options(case, 1, 1)).map_err(|error| error.to_string())? {
        Verdict::Compared(comparison) if comparison.equal() => Ok(Referee::Agrees),
        Verdict::Compared(comparison) => {
            let rows = |rows| arrow::util::pretty::pretty_format_batches(&[rows]).map_err(|error| error.to_string());
            Err(format!(
                "{comparison}\nmissing\n{}\nextra\n{}",
                rows(comparison.missing.clone())?,
                rows(comparison.extra.clone())?
            ))
        }
        Verdict::NotComparable(reason) => Ok(Referee::Silent(reason)),
    }
}

fn options(case: &Definition, parallelism: usize, batch_rows: usize) -> Options {
    let interval = case.settings.iter().find(|(key, _)| key == "pipeline.auto-watermark-interval");
    let interval = interval.and_then(|(_, value)| parse_duration(value)).unwrap_or_default();
    Options {
        parallelism,
        batch_rows,
        bad_records: BadRecords::Fail,
        // Flink's generator starts at the epoch; ours starts before everything unless it is told otherwise.
        watermark_start: Millis(0),
        watermark_interval: interval.as_millis() as i64,
        ..Options::default()
    }
}

fn once(case: &Definition, plan: &Plan, way: Way) -> Result<Answer, String> {
    let memory = (!way.memory).then(|| Arc::new(Memory::new(0, Arc::new(MemoryShelf))));
    let options = Options { memory, ..options(case, way.parallelism, way.batch) };
    let mut emitted = Vec::new();
    let mut emit = |_: usize, batch: Batch| {
        emitted.push(batch);
        Ok(())
    };
    let fresh = || Replay::new(&plan.graph, &options).map_err(|error| error.to_string());
    let mut replay = fresh()?;
    for (number, Piece { table, rows }) in pieces(&case.input, &plan.taps, way.batch)?.into_iter().enumerate() {
        replay.feed(&table, &rows, &mut emit).map_err(|error| error.to_string())?;
        if way.recover.is_some_and(|every| number % every == every - 1) {
            let mut store = MemoryStore::default();
            replay.save(&mut store).map_err(|error| error.to_string())?;
            replay = fresh()?;
            replay.load(&store).map_err(|error| error.to_string())?;
        }
    }
    replay.end(&mut emit).map_err(|error| error.to_string())?;
    let output = &plan.graph.outputs[0];
    Answer::of(&plan.graph.node(output.node).row.schema, &emitted)
}
