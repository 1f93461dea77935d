//! The sink of `EXPORT … INTO`: a table that there is, or one that is declared for a place: a topic of Kafka, an
//! embedded topic, files. Its columns are those of the step.

use millstream_plan::{Changes, RowType};
use millstream_sql::statement::{Export, Insert, Name, Place, Statement};
use millstream_sql::types::{SqlType, literal, quoted};
use millstream_sql::{Catalog, Relation, SqlError, declare};

use crate::fault::Fault;
use crate::place;
use crate::planning;
use crate::session::Session;

/// Options of a table: keys and values.
type Options = Vec<(String, String)>;

/// The catalogue with the sink in it, and the insert that fills it.
pub fn insert(session: &Session, wanted: &Export) -> Result<(Catalog, Insert), Fault> {
    session.catalog.lookup(&wanted.step.text, wanted.step.span)?;
    let rows = crate::verbs::query::all_of(session, &wanted.step)?;
    let output = rows.outputs.first().expect("a query has an output");
    let row = &rows.node(output.node).row;
    let mut catalog = session.catalog.clone();
    let table = match &wanted.into {
        Place::Name(name) if matches!(session.catalog.get(&name.text), Some(Relation::Table(_))) => {
            if let Some(first) = wanted.keyed_by.first() {
                let error =
                    SqlError::new("E0430", format!("'{}' is a table, whose declaration says its key", name.text));
                return Err(error
                    .at(first.span)
                    .hint("leave KEYED BY out, or name a place instead of the table")
                    .into());
            }
            name.clone()
        }
        place => declared(session, &mut catalog, wanted, place, row)?,
    };
    let text = format!("SELECT * FROM {}", name_in_sql(&wanted.step.text));
    let query = millstream_sql::query(&text)?;
    Ok((catalog, Insert { table, columns: Vec::new(), query, overwrite: false, options: Vec::new() }))
}

/// A name as it stands in a query: `demo.bids` has two parts.
fn name_in_sql(name: &str) -> String {
    match name.split_once('.') {
        Some((database, table)) if database == millstream_sql::catalog::DEMO => {
            format!("{}.{}", quoted(database), quoted(table))
        }
        _ => quoted(name),
    }
}

/// Declares a table over a place.
fn declared(
    session: &Session,
    catalog: &mut Catalog,
    wanted: &Export,
    place: &Place,
    row: &RowType,
) -> Result<Name, Fault> {
    let columns: Vec<&str> = row.schema.fields().iter().map(|field| field.name().as_str()).collect();
    for key in &wanted.keyed_by {
        if !columns.contains(&key.text.as_str()) {
            let error =
                SqlError::new("E0204", format!("'{}' has no column '{}'", wanted.step.text, key.text)).at(key.span);
            return Err(error.did_you_mean(&key.text, columns.iter().copied()).into());
        }
    }
    let (options, keyed) = options(session, wanted, place, row).map_err(|fault| fault.or_at(Some(place.span())))?;
    let step = wanted.step.text.replace(['.', '@', '$'], "_");
    let numbered = (2..).map(|number| format!("{step}_out_{number}"));
    let name = std::iter::once(format!("{step}_out")).chain(numbered).find(|name| !catalog.contains(name));
    let name = name.expect("numbers do not end");
    let text = ddl(&name, row, &options, if keyed { &wanted.keyed_by } else { &[] })?;
    let Some(Statement::CreateTable(draft)) = millstream_sql::parse(&text)?.pop().map(|statement| statement.value)
    else {
        unreachable!("a CREATE TABLE was written")
    };
    let table = declare::table(catalog, &planning::settings(session), session.outside.connectors(), *draft)
        .map_err(|error| SqlError { span: Some(place.span()), ..error })?;
    catalog.register(Relation::Table(table), false, None)?;
    Ok(Name { text: name, span: place.span() })
}

fn ddl(name: &str, row: &RowType, options: &Options, key: &[Name]) -> Result<String, SqlError> {
    let mut items = Vec::new();
    for field in row.schema.fields() {
        let data_type = SqlType { nullable: true, ..SqlType::from_field(field)? };
        items.push(format!("{} {data_type}", quoted(field.name())));
    }
    if !key.is_empty() {
        let key: Vec<String> = key.iter().map(|column| quoted(&column.text)).collect();
        items.push(format!("PRIMARY KEY ({}) NOT ENFORCED", key.join(", ")));
    }
    let options: Vec<String> =
        options.iter().map(|(key, value)| format!("{} = {}", literal(key), literal(value))).collect();
    Ok(format!("CREATE TABLE {} ({}) WITH ({})", quoted(name), items.join(", "), options.join(", ")))
}

/// The options of the sink, and whether its key is declared as a primary key.
fn options(session: &Session, wanted: &Export, place: &Place, row: &RowType) -> Result<(Options, bool), Fault> {
    let option = |key: &str, value: &str| (key.to_string(), value.to_string());
    let changes = row.changes == Changes::Retract;
    let text = match place {
        Place::Url { text, .. } => text.as_str(),
        Place::Name(name) => name.text.as_str(),
    };
    let keyed = !wanted.keyed_by.is_empty();
    if matches!(text, "print" | "blackhole") {
        return Ok((vec![option("connector", text)], false));
    }
    let topic = text.strip_prefix("topic://").or((!text.contains(['/', '.', '*'])).then_some(text));
    if changes && !keyed && (topic.is_some() || text.starts_with("kafka://")) {
        let error = SqlError::new(
            "E0430",
            format!("'{}' takes rows back, and a topic knows them by their keys only", wanted.step.text),
        );
        return Err(error.hint("say which columns make the key: INTO … KEYED BY (column, …) AS JOB …").into());
    }
    if let Some(topic) = topic {
        let mut options = vec![option("connector", "topic"), option("topic", topic)];
        if !session.topics().exists(topic)? {
            options.push(option("partitions", "1"));
        }
        options.extend(formats(wanted, changes));
        return Ok((options, changes));
    }
    let found = place::find(session, &Place::Url { text: text.into(), span: place.span() })?;
    match found.connector.name() {
        "kafka" => {
            if !found.options.iter().any(|(key, _)| key == "topic") {
                let error = SqlError::new("E0430", "the place names no topic to write to");
                return Err(error.hint("the form is 'kafka://host:port/topic'").into());
            }
            let mut options = vec![option("connector", if changes { "upsert-kafka" } else { "kafka" })];
            options.extend(found.options.iter().cloned());
            options.extend(formats(wanted, changes));
            options.push(option("sink.delivery-guarantee", "exactly-once"));
            Ok((options, changes))
        }
        "filesystem" if keyed => {
            let error = SqlError::new("E0430", "files have no keys").at(wanted.keyed_by[0].span);
            Err(error.hint("leave KEYED BY out; changes are written as debezium-json").into())
        }
        "filesystem" => {
            let mut options = vec![option("connector", "filesystem")];
            options.extend(found.options.iter().cloned());
            options.push(option("format", if changes { "debezium-json" } else { "json" }));
            Ok((options, false))
        }
        other => {
            let error = SqlError::new("E0430", format!("nothing can be written to connector '{other}'"));
            Err(error.hint("write INTO 'kafka://host:port/topic', a folder, or the name of a topic or table").into())
        }
    }
}

/// How keys and values are written. A table with a primary key takes its key from there.
fn formats(wanted: &Export, changes: bool) -> Options {
    let option = |key: &str, value: &str| (key.to_string(), value.to_string());
    if wanted.keyed_by.is_empty() {
        return vec![option("format", "json")];
    }
    let mut options = vec![option("key.format", "json"), option("value.format", "json")];
    if !changes {
        let fields: Vec<&str> = wanted.keyed_by.iter().map(|column| column.text.as_str()).collect();
        options.push(option("key.fields", &fields.join(";")));
    }
    options
}
