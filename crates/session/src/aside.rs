//! What a run set aside: late rows and unreadable records, kept for questions. `TABLE$errors` and
//! `STEP$late` are bounded tables of the session; each holds what the last run of its table or step kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use arrow::array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use millstream_plan::{Tap, TapChanges, TapColumn};
use millstream_record::{Column, Origin, Rejected};
use millstream_sql::catalog::Table;
use millstream_sql::types::{INSTANT_ZONE, quoted};
use millstream_sql::{Relation, Statement};

use crate::fault::Fault;
use crate::session::Session;
use crate::types;

/// The connector of tables that the session keeps itself.
pub const CONNECTOR: &str = "session";

/// All tables that were set aside, by name.
#[derive(Default)]
pub struct Asides {
    tables: BTreeMap<String, Aside>,
    /// Those that were put here since the catalogue was told of them.
    fresh: BTreeSet<String>,
}

/// One of them.
#[derive(Clone)]
pub struct Aside {
    /// Its columns.
    pub schema: SchemaRef,
    /// The rows that were kept.
    pub rows: Vec<RecordBatch>,
}

impl Asides {
    /// The table of this name.
    pub fn get(&self, name: &str) -> Option<&Aside> {
        self.tables.get(name)
    }

    /// Keeps the records of a tap that could not be read.
    pub fn keep_errors(&mut self, tap: &str, rejected: &[Rejected]) {
        let schema = errors_schema();
        let rows = vec![errors(&schema, rejected)];
        self.put(errors_name(tap), Aside { schema, rows });
    }

    /// Keeps rows of a step that came after their time.
    pub fn keep_late(&mut self, name: &str, schema: SchemaRef, rows: Vec<RecordBatch>) {
        self.put(name.to_string(), Aside { schema, rows });
    }

    fn put(&mut self, name: String, aside: Aside) {
        self.fresh.insert(name.clone());
        self.tables.insert(name, aside);
    }
}

/// What the name of a table of unreadable records ends with.
const ERRORS: &str = "$errors";

/// The name of a tap's table of unreadable records.
pub fn errors_name(tap: &str) -> String {
    format!("{tap}{ERRORS}")
}

/// The name of the late rows of a step; of its second operator with late rows, `STEP$late2`.
pub fn late_name(step: &str, number: usize) -> String {
    if number > 1 { format!("{step}$late{number}") } else { format!("{step}$late") }
}

/// The columns of unreadable records.
pub fn errors_schema() -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Millisecond, Some(INSTANT_ZONE.into()));
    Arc::new(Schema::new(vec![
        Field::new("topic", DataType::Utf8, true),
        Field::new("partition", DataType::Int32, true),
        Field::new("offset", DataType::Int64, true),
        Field::new("timestamp", instant, true),
        Field::new("reason", DataType::Utf8, true),
        Field::new("length", DataType::Int64, true),
        Field::new("bytes", DataType::Binary, true),
    ]))
}

/// Unreadable records as rows.
pub fn errors(schema: &SchemaRef, rejected: &[Rejected]) -> RecordBatch {
    let times = rejected.iter().map(|record| record.timestamp.map(|at| at.0));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rejected.iter().map(|record| &*record.partition.topic))),
        Arc::new(Int32Array::from_iter_values(rejected.iter().map(|record| record.partition.number))),
        Arc::new(Int64Array::from_iter_values(rejected.iter().map(|record| record.offset.0))),
        Arc::new(TimestampMillisecondArray::from_iter(times).with_timezone(INSTANT_ZONE)),
        Arc::new(StringArray::from_iter_values(rejected.iter().map(|record| &record.reason))),
        Arc::new(Int64Array::from_iter_values(rejected.iter().map(|record| record.length as i64))),
        Arc::new(BinaryArray::from_iter_values(rejected.iter().map(|record| &record.bytes))),
    ];
    RecordBatch::try_new(schema.clone(), columns).expect("the columns are those of the schema")
}

impl Session {
    /// What was set aside of a table goes with it.
    pub(crate) fn forget_asides(&mut self, name: &str) {
        self.samples.forget(name);
        let mut asides = self.asides.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for gone in [errors_name(name), late_name(name, 1)] {
            asides.tables.remove(&gone);
            self.catalog.remove(&gone);
        }
    }

    /// Makes what was set aside readable: a table of the catalogue for each, and an empty table of errors
    /// for every tap that has not run yet. Only what has changed since the last time is looked at.
    pub(crate) fn sort_asides(&mut self) {
        let asides = self.asides.clone();
        let mut asides = asides.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for name in self.catalog.take_changed() {
            // Of a table of errors that is gone, the table itself may still be there.
            let tap = name.strip_suffix(ERRORS).unwrap_or(&name);
            let tapped =
                matches!(self.catalog.get(tap), Some(Relation::Table(table)) if table.tap.connector != CONNECTOR);
            if tapped && !asides.tables.contains_key(&errors_name(tap)) {
                asides.keep_errors(tap, &[]);
            }
        }
        for name in std::mem::take(&mut asides.fresh) {
            if let Some(aside) = asides.tables.get(&name) {
                // A table that does not fit what SQL can name is left out; nothing else depends on it.
                let _ = self.register_aside(&name, &aside.schema);
            }
        }
    }

    fn register_aside(&mut self, name: &str, schema: &SchemaRef) -> Result<(), Fault> {
        if let Some(Relation::Table(table)) = self.catalog.get(name)
            && table.tap.schema() == *schema
        {
            return Ok(());
        }
        let table =
            if name.ends_with(ERRORS) { errors_table(name)? } else { table_of(name, schema, TapChanges::Append)? };
        if let Some(table) = table {
            self.catalog.register(Relation::Table(table), true, None)?;
        }
        Ok(())
    }
}

/// A table of unreadable records. They differ in their names only, and every tap has one, so it is declared once.
fn errors_table(name: &str) -> Result<Option<Table>, Fault> {
    static DECLARED: OnceLock<Table> = OnceLock::new();
    let declared = match DECLARED.get() {
        Some(declared) => declared,
        None => {
            let Some(table) = table_of(name, &errors_schema(), TapChanges::Append)? else { return Ok(None) };
            DECLARED.get_or_init(|| table)
        }
    };
    let (mut tap, mut draft) = ((*declared.tap).clone(), (*declared.draft).clone());
    tap.name = name.to_string();
    draft.name.text = name.to_string();
    Ok(Some(Table { tap: Arc::new(tap), draft: Arc::new(draft) }))
}

/// A table of rows that the session has at hand; `None` of rows whose types SQL cannot name.
pub fn table_of(name: &str, schema: &SchemaRef, changes: TapChanges) -> Result<Option<Table>, Fault> {
    let columns = schema.fields().iter().map(|field| {
        let (name, data_type) = (field.name().clone(), field.data_type().clone());
        TapColumn::Physical(Column { name, data_type, nullable: true, origin: Origin::Payload })
    });
    let tap = Tap {
        name: name.to_string(),
        columns: columns.collect(),
        watermark: None,
        primary_key: Vec::new(),
        changes,
        partitioned_by: Vec::new(),
        options: BTreeMap::new(),
        connector: CONNECTOR.to_string(),
    };
    let column = |field: &Arc<Field>| format!("  {} {}", quoted(field.name()), types::name(field.data_type()));
    let declared: Vec<String> = schema.fields().iter().map(column).collect();
    let text = format!("CREATE TABLE {} (\n{}\n) WITH ('connector' = 'session')", quoted(name), declared.join(",\n"));
    let Some(Statement::CreateTable(draft)) = millstream_sql::parse(&text)?.pop().map(|statement| statement.value)
    else {
        return Ok(None);
    };
    Ok(Some(Table { tap: Arc::new(tap), draft: Arc::from(draft) }))
}
