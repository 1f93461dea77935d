//! A declaration as a whole: what `CREATE TABLE` and `CREATE VIEW` put into the catalogue, checked against
//! the connectors that there are. The prompt and jobs declare in this one way.

use std::sync::Arc;

use arrow::datatypes::Schema;
use millstream_plan::{Compiler, Graph, RowType, Tap, TapColumn, Uncompiled, UserFunction};
use millstream_record::{Connector, OptionError, OptionKind, OptionSpec, Options, Stop};

use crate::catalog::{Catalog, Relation, Table, View};
use crate::error::{Span, SqlError, line_column};
use crate::plan::{Settings, plan_query, resolve_table};
use crate::statement::{FunctionDraft, FunctionText, TableDraft, TableOption, ViewDraft};

/// All connectors.
pub type Connectors = [Arc<dyn Connector>];

/// Options of every tap, whatever its connector.
pub const TAP_OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "scan.watermark.idle-timeout",
        kind: OptionKind::Duration,
        default: None,
        doc: "after so long without records a partition no longer holds the watermark back",
        example: "5 s",
    },
    OptionSpec {
        name: "scan.watermark.max-future",
        kind: OptionKind::Duration,
        default: Some("1 d"),
        doc: "a record whose event time lies further ahead of the clock is set aside and moves no watermark; 0 believes all",
        example: "1 h",
    },
];

/// The option by which a sink that knows it is told of `PARTITIONED BY (…)`.
const PARTITIONED_BY: &str = "sink.partitioned-by";

/// The connector of this name.
pub fn connector<'a>(connectors: &'a Connectors, name: &str) -> Result<&'a Arc<dyn Connector>, SqlError> {
    connectors.iter().find(|connector| connector.name() == name).ok_or_else(|| {
        let known = connectors.iter().map(|connector| connector.name());
        let error = SqlError::new("E0301", format!("there is no connector '{name}'")).did_you_mean(name, known);
        error.hint("SHOW CONNECTORS; lists all connectors")
    })
}

/// A tap's options, checked against its connector's table.
pub fn options<'a>(connectors: &'a Connectors, tap: &Tap) -> Result<(&'a Arc<dyn Connector>, Options), SqlError> {
    let connector = connector(connectors, &tap.connector)?;
    let checked = check(connector, tap).map_err(|error| wrong_option(&tap.connector, &error))?;
    Ok((connector, checked))
}

fn check(connector: &Arc<dyn Connector>, tap: &Tap) -> Result<Options, OptionError> {
    let folders = tap.partitioned_by.join(", ");
    let told = !folders.is_empty() && connector.options().iter().any(|spec| spec.name == PARTITIONED_BY);
    let typed = tap.options.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let typed = typed.chain(told.then_some((PARTITIONED_BY, folders.as_str())));
    Options::check(typed, &[connector.options(), TAP_OPTIONS])
}

/// An option that does not fit, as an error of the statement.
pub fn wrong_option(connector: &str, error: &OptionError) -> SqlError {
    let found = SqlError::new("E0302", error.to_string());
    match error {
        OptionError::Unknown { near: None, .. } => {
            found.hint(format!("connector '{connector}' knows no option like it"))
        }
        _ => found,
    }
}

/// The option that an error speaks of, as typed.
fn option_of(error: &OptionError) -> Option<&str> {
    match error {
        OptionError::Unknown { name, .. } | OptionError::Value { name, .. } => Some(name),
        OptionError::Missing { .. } => None,
    }
}

/// The table of a `CREATE TABLE`. Without `'connector'` it is an embedded topic of the table's name, in JSON.
pub fn table(
    catalog: &Catalog,
    settings: &Settings,
    connectors: &Connectors,
    draft: TableDraft,
) -> Result<Table, SqlError> {
    let draft = with_default_connector(like(catalog, draft)?);
    let tap = resolve_table(&draft, settings)?;
    check_outside(connectors, &draft, &tap)?;
    Ok(Table { tap: Arc::new(tap), draft: Arc::new(draft) })
}

/// `LIKE other`: what the other table declares is worked in.
fn like(catalog: &Catalog, draft: TableDraft) -> Result<TableDraft, SqlError> {
    let Some(like) = &draft.like else { return Ok(draft) };
    match catalog.lookup(&like.table.text, like.table.span)? {
        Relation::Table(other) => crate::ddl::apply_like(&draft, &other.draft),
        Relation::View(_) => {
            let message = format!("'{}' is a view; LIKE takes the declaration of a table", like.table.text);
            Err(SqlError::new("E0301", message).at(like.table.span))
        }
    }
}

fn with_default_connector(mut draft: TableDraft) -> TableDraft {
    let given = |draft: &TableDraft, key: &str| draft.options.iter().any(|option| option.key == key);
    if !given(&draft, "connector") {
        let span = draft.name.span;
        let mut add = |key: &str, value: &str| {
            draft.options.push(TableOption { key: key.to_string(), value: value.to_string(), span });
        };
        add("connector", "topic");
        if !given(&draft, "format") && !given(&draft, "value.format") {
            draft.options.push(TableOption { key: "format".into(), value: "json".into(), span });
        }
        if !given(&draft, "partitions") {
            draft.options.push(TableOption { key: "partitions".into(), value: "1".into(), span });
        }
    }
    draft
}

/// Options and metadata columns against what the connector knows, with the place in the declaration.
fn check_outside(connectors: &Connectors, draft: &TableDraft, tap: &Tap) -> Result<(), SqlError> {
    let place = |key: &str| draft.options.iter().find(|option| option.key == key).map(|option| option.span);
    let connector = connector(connectors, &tap.connector).map_err(|error| error.at(place("connector")))?;
    if let Err(error) = check(connector, tap) {
        let at = option_of(&error).and_then(place).unwrap_or(draft.name.span);
        return Err(wrong_option(&tap.connector, &error).at(at));
    }
    let known = connector.metadata();
    for (column, declared) in tap.columns.iter().zip(&draft.columns) {
        if let TapColumn::Physical(column) = column
            && let Some(key) = column.origin.metadata()
            && !known.iter().any(|(name, _)| *name == key)
        {
            let message = format!("connector '{}' has no metadata '{key}'", tap.connector);
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let error = SqlError::new("E0303", message).at(declared.name.span).did_you_mean(key, names.iter().copied());
            return Err(error.hint(format!("it knows {}", names.join(", "))));
        }
    }
    Ok(())
}

/// The view of a `CREATE VIEW`: planned once, so that what is wrong is said now and not when it is read.
pub fn view(catalog: &Catalog, settings: &Settings, draft: ViewDraft) -> Result<View, SqlError> {
    let graph = plan_query(catalog, settings, &draft.query)?;
    let columns = row_of(&graph).schema.fields().len();
    if !draft.columns.is_empty() && draft.columns.len() != columns {
        let message = format!("the view names {} columns, its query has {columns}", draft.columns.len());
        return Err(SqlError::new("E0204", message).at(draft.name.span));
    }
    Ok(View {
        name: draft.name.text,
        columns: draft.columns.into_iter().map(|column| column.text).collect(),
        query: crate::query(&draft.text)?,
        text: draft.text,
        temporary: draft.temporary,
        comment: draft.comment,
    })
}

fn row_of(graph: &Graph) -> &RowType {
    let output = graph.outputs.first().expect("a query has an output");
    &graph.node(output.node).row
}

/// Reads the file of a function's text.
pub type ReadFile<'a> = dyn Fn(&str) -> std::io::Result<String> + 'a;

/// The function of a `CREATE FUNCTION`. What is wrong is told with its place in the statement or in the file.
pub fn function(
    draft: &FunctionDraft,
    compiler: &dyn Compiler,
    read: &ReadFile<'_>,
    stop: &Stop,
) -> Result<UserFunction, SqlError> {
    let compiled = match &draft.text {
        FunctionText::Here { text, inside } => compiler.compile(text, stop).map_err(|error| {
            let place = error.place.zip(*inside);
            let span = place.map(|((start, end), inside)| Span::new(start + inside, end + inside));
            uncompiled(error, String::new()).at(span)
        })?,
        FunctionText::File { path, span } => {
            let text = read(path).map_err(|error| SqlError::new("E0211", format!("{path}: {error}")).at(*span))?;
            compiler.compile(&text, stop).map_err(|error| {
                let place = error.place.map(|(start, _)| line_column(&text, start));
                let place = place.map_or(format!("{path}: "), |(line, column)| format!("{path}:{line}:{column}: "));
                uncompiled(error, place).at(*span)
            })?
        }
    };
    let names: Vec<String> = compiled.iter().map(|function| function.name.clone()).collect();
    let named = compiled.into_iter().find(|function| function.name.eq_ignore_ascii_case(&draft.name.text));
    named.ok_or_else(|| {
        let message = format!("the text declares no function '{}', but {}", draft.name.text, names.join(", "));
        SqlError::new("E0211", message).at(draft.name.span)
    })
}

/// Why a text gives no functions, with the place before it.
fn uncompiled(error: Uncompiled, place: String) -> SqlError {
    let code = if error.stopped { "E0600" } else { "E0211" };
    let refused = SqlError::new(code, format!("{place}{}", error.message));
    error.hints.into_iter().fold(refused, SqlError::hint)
}

/// The rows of a view, under its own names of columns.
pub fn view_row(catalog: &Catalog, settings: &Settings, view: &View) -> Result<RowType, SqlError> {
    let graph = plan_query(catalog, settings, &view.query)?;
    let mut row = row_of(&graph).clone();
    if view.columns.len() == row.schema.fields().len() {
        let renamed = row.schema.fields().iter().zip(&view.columns);
        let fields = renamed.map(|(field, name)| field.as_ref().clone().with_name(name)).collect::<Vec<_>>();
        row.schema = Schema::new(fields).into();
    }
    Ok(row)
}
