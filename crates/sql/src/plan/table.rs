//! `CREATE TABLE` as a tap: types become Arrow's, computed columns and the watermark become expressions,
//! and what makes no sense is refused with its place.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, ExprSchemable};
use millstream_plan::{ComputedColumn, Tap, TapChanges, TapColumn, Watermark};
use millstream_record::{Column, Origin};

use super::bind::{bind, type_of};
use super::{Settings, fault, processing_time};
use crate::SqlError;
use crate::statement::{ColumnDraft, ColumnKind, Expression, Name, TableDraft, WatermarkDraft};
use crate::types::{SqlType, TypeKind};

/// The tap that a declaration describes.
pub fn resolve_table(draft: &TableDraft, settings: &Settings) -> Result<Tap, SqlError> {
    no_name_twice(&draft.columns)?;
    let physical: Vec<Field> = draft.columns.iter().filter_map(physical_field).collect();
    let physical = Schema::new(physical);
    let mut columns = Vec::with_capacity(draft.columns.len());
    for column in &draft.columns {
        columns.push(resolve_column(column, &physical, settings)?);
    }
    let primary_key = primary_key(draft, &mut columns)?;
    let schema = Schema::new(columns.iter().map(TapColumn::field).collect::<Vec<_>>());
    let watermark = match &draft.watermark {
        Some(watermark) => Some(resolve_watermark(watermark, draft, &schema, settings)?),
        None => None,
    };
    if let (Some(declared), Some(watermark)) = (&draft.watermark, &watermark)
        && (reads_processing_time(&columns[watermark.column]) || processing_time::reads(&watermark.expr))
    {
        let message = "the time of processing (PROCTIME) is no event time: a replay could not repeat its watermark";
        return Err(SqlError::new("E0305", message).at(declared.column.span));
    }
    let mut options: BTreeMap<String, String> =
        draft.options.iter().map(|option| (option.key.clone(), option.value.clone())).collect();
    let connector = options.remove("connector").ok_or_else(|| {
        let error = SqlError::new("E0301", format!("the table '{}' has no connector", draft.name.text));
        error.at(draft.name.span).hint("say where its rows are: WITH ('connector' = 'kafka', …)")
    })?;
    let changes = changes(&connector, &options);
    if changes == TapChanges::Upsert && primary_key.is_empty() {
        let error = SqlError::new("E0302", format!("a table of '{connector}' needs a primary key"));
        return Err(error.at(draft.name.span).hint("add PRIMARY KEY (column) NOT ENFORCED"));
    }
    let partitioned_by = draft.partitioned_by.iter().map(|name| name.text.clone()).collect();
    for name in &draft.partitioned_by {
        index(draft, name)?;
    }
    let name = draft.name.text.clone();
    Ok(Tap { name, columns, watermark, primary_key, changes, partitioned_by, options, connector })
}

fn reads_processing_time(column: &TapColumn) -> bool {
    matches!(column, TapColumn::Computed(computed) if processing_time::reads(&computed.expr))
}

fn no_name_twice(columns: &[ColumnDraft]) -> Result<(), SqlError> {
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].iter().any(|before| before.name.text == column.name.text) {
            let error = SqlError::new("E0303", format!("the column '{}' is declared twice", column.name.text));
            return Err(error.at(column.name.span));
        }
    }
    if columns.is_empty() {
        return Err(SqlError::new("E0303", "a table needs at least one column"));
    }
    Ok(())
}

fn physical_field(column: &ColumnDraft) -> Option<Field> {
    match &column.kind {
        ColumnKind::Physical(data_type) | ColumnKind::Metadata { data_type, .. } => {
            Some(data_type.to_field(&column.name.text))
        }
        ColumnKind::Computed(_) => None,
    }
}

fn resolve_column(column: &ColumnDraft, physical: &Schema, settings: &Settings) -> Result<TapColumn, SqlError> {
    let name = column.name.text.clone();
    let declared = |data_type: &SqlType, origin| {
        let field = data_type.to_field(&name);
        TapColumn::Physical(Column {
            name: name.clone(),
            data_type: field.data_type().clone(),
            nullable: field.is_nullable(),
            origin,
        })
    };
    Ok(match &column.kind {
        ColumnKind::Physical(data_type) => declared(data_type, Origin::Payload),
        ColumnKind::Metadata { data_type, from, read_only } => {
            let key = from.clone().unwrap_or_else(|| name.clone());
            declared(data_type, if *read_only { Origin::Virtual(key) } else { Origin::Metadata(key) })
        }
        ColumnKind::Computed(expression) => {
            let expr = bound(expression, physical, settings, |expr, _| Ok(expr))?;
            let field = type_of(&expr, physical).map_err(|error| error.or_at(expression.span))?;
            TapColumn::Computed(ComputedColumn {
                name,
                expr,
                text: expression.text.clone(),
                data_type: field.data_type().clone(),
                nullable: field.is_nullable(),
            })
        }
    })
}

fn bound(
    expression: &Expression,
    schema: &Schema,
    settings: &Settings,
    adapt: impl FnOnce(Expr, &DFSchema) -> Result<Expr, SqlError>,
) -> Result<Expr, SqlError> {
    bind(schema, settings, &expression.expr, adapt).map_err(|error| error.or_at(expression.span))
}

fn index(draft: &TableDraft, name: &Name) -> Result<usize, SqlError> {
    draft.columns.iter().position(|column| column.name.text == name.text).ok_or_else(|| {
        let known = draft.columns.iter().map(|column| column.name.text.as_str());
        SqlError::new("E0204", format!("there is no column '{}'", name.text))
            .at(name.span)
            .did_you_mean(&name.text, known)
    })
}

/// The key's columns; they cannot be null.
fn primary_key(draft: &TableDraft, columns: &mut [TapColumn]) -> Result<Vec<usize>, SqlError> {
    let mut key = Vec::with_capacity(draft.primary_key.len());
    for name in &draft.primary_key {
        let index = index(draft, name)?;
        match &mut columns[index] {
            TapColumn::Physical(column) => column.nullable = false,
            TapColumn::Computed(_) => {
                let message = format!("the computed column '{}' cannot be part of the primary key", name.text);
                return Err(SqlError::new("E0304", message).at(name.span));
            }
        }
        if key.contains(&index) {
            let message = format!("'{}' stands twice in the primary key", name.text);
            return Err(SqlError::new("E0304", message).at(name.span));
        }
        key.push(index);
    }
    Ok(key)
}

fn resolve_watermark(
    watermark: &WatermarkDraft,
    draft: &TableDraft,
    schema: &Schema,
    settings: &Settings,
) -> Result<Watermark, SqlError> {
    let column = index(draft, &watermark.column)?;
    let time = schema.field(column);
    if !is_time(time, &draft.columns[column].kind) {
        let declared = match &draft.columns[column].kind {
            ColumnKind::Physical(data_type) | ColumnKind::Metadata { data_type, .. } => data_type.kind.to_string(),
            ColumnKind::Computed(_) => {
                SqlType::from_field(time).map_or_else(|_| "unknown".into(), |t| t.kind.to_string())
            }
        };
        let message = format!(
            "the event-time column '{}' must be TIMESTAMP(p) or TIMESTAMP_LTZ(p) with p from 0 to 3, it is {declared}",
            watermark.column.text
        );
        return Err(SqlError::new("E0305", message).at(watermark.column.span));
    }
    let wanted = time.data_type().clone();
    let expr = bound(&watermark.expression, schema, settings, |expr, schema| {
        let data_type = expr.get_type(schema).map_err(fault::from_datafusion)?;
        match (&data_type, &wanted) {
            (DataType::Timestamp(_, from), DataType::Timestamp(_, to)) if from.is_some() == to.is_some() => {
                expr.cast_to(&wanted, schema).map_err(fault::from_datafusion)
            }
            _ => {
                let is =
                    SqlType::from_arrow(&data_type, true).map_or_else(|_| data_type.to_string(), |t| t.to_string());
                Err(SqlError::new("E0305", format!("the watermark must have the type of its column, it is {is}")))
            }
        }
    })?;
    Ok(Watermark { column, expr, text: watermark.expression.text.clone() })
}

fn is_time(field: &Field, kind: &ColumnKind) -> bool {
    let declared = match kind {
        ColumnKind::Physical(data_type) | ColumnKind::Metadata { data_type, .. } => {
            matches!(data_type.kind, TypeKind::Timestamp(0..=3) | TypeKind::TimestampLtz(0..=3))
        }
        ColumnKind::Computed(_) => true,
    };
    declared && matches!(field.data_type(), DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Second, _))
}

/// What the records do to the table, which connector and format tell.
fn changes(connector: &str, options: &BTreeMap<String, String>) -> TapChanges {
    let format = options.get("format").or_else(|| options.get("value.format")).map(String::as_str);
    match (connector, format) {
        ("upsert-kafka" | "upsert-topic", _) => TapChanges::Upsert,
        (_, Some("debezium-json" | "changelog-json")) => TapChanges::Retract,
        _ => TapChanges::Append,
    }
}
