//! `DESCRIBE`: the columns of a table or view, with what Flink shows of them.

use std::sync::Arc;

use arrow::array::{BooleanArray, StringArray};
use millstream_plan::{RowType, Tap, TapColumn};
use millstream_record::Origin;
use millstream_sql::Relation;
use millstream_sql::statement::Name;

use crate::fault::Fault;
use crate::planning;
use crate::reply::Reply;
use crate::session::Session;
use crate::strings::{like, table};
use crate::types;

struct Line {
    name: String,
    kind: String,
    nullable: bool,
    key: Option<String>,
    extras: Option<String>,
    watermark: Option<String>,
}

/// `DESCRIBE name`.
pub fn describe(session: &Session, name: &Name) -> Result<Reply, Fault> {
    columns(session, name, None)
}

/// `SHOW COLUMNS FROM name LIKE 'pattern'`.
pub fn columns(session: &Session, name: &Name, pattern: Option<&str>) -> Result<Reply, Fault> {
    let mut lines = match session.catalog.lookup(&name.text, name.span)? {
        Relation::Table(table) => of_tap(&table.tap),
        Relation::View(view) => of_row(&planning::view(session, view)?),
    };
    lines.retain(|line| like(pattern, &line.name));
    let text = |of: fn(&Line) -> Option<&str>| Arc::new(StringArray::from_iter(lines.iter().map(of)));
    Ok(table([
        ("name", text(|line| Some(&line.name))),
        ("type", text(|line| Some(&line.kind))),
        ("null", Arc::new(BooleanArray::from_iter(lines.iter().map(|line| Some(line.nullable))))),
        ("key", text(|line| line.key.as_deref())),
        ("extras", text(|line| line.extras.as_deref())),
        ("watermark", text(|line| line.watermark.as_deref())),
    ]))
}

/// The columns of a table, view or step with their types. What is not there, or cannot be planned any more,
/// has none.
pub fn columns_of(session: &Session, name: &str) -> Vec<(String, String)> {
    let lines = match session.catalog.get(name) {
        Some(Relation::Table(table)) => of_tap(&table.tap),
        Some(Relation::View(view)) => planning::view(session, view).map(|row| of_row(&row)).unwrap_or_default(),
        None => Vec::new(),
    };
    lines.into_iter().map(|line| (line.name, line.kind)).collect()
}

fn of_tap(tap: &Tap) -> Vec<Line> {
    let key: Vec<&str> = tap.primary_key.iter().map(|&column| tap.columns[column].name()).collect();
    let line = |(index, column): (usize, &TapColumn)| {
        let field = column.field();
        let watermark = tap.watermark.as_ref().filter(|watermark| watermark.column == index);
        Line {
            kind: types::name(field.data_type()) + if watermark.is_some() { " *ROWTIME*" } else { "" },
            nullable: field.is_nullable(),
            key: tap.primary_key.contains(&index).then(|| format!("PRI({})", key.join(", "))),
            extras: match column {
                TapColumn::Computed(computed) => Some(format!("AS {}", computed.text)),
                TapColumn::Physical(column) => {
                    let virtually = if matches!(column.origin, Origin::Virtual(_)) { " VIRTUAL" } else { "" };
                    column.origin.metadata().map(|key| format!("METADATA FROM '{key}'{virtually}"))
                }
            },
            watermark: watermark.map(|watermark| watermark.text.clone()),
            name: column.name().to_string(),
        }
    };
    tap.columns.iter().enumerate().map(line).collect()
}

fn of_row(row: &RowType) -> Vec<Line> {
    let line = |(index, field): (usize, &Arc<arrow::datatypes::Field>)| Line {
        name: field.name().clone(),
        kind: types::name(field.data_type()) + if row.is_time(index) { " *ROWTIME*" } else { "" },
        nullable: field.is_nullable(),
        key: None,
        extras: None,
        watermark: None,
    };
    row.schema.fields().iter().enumerate().map(line).collect()
}
