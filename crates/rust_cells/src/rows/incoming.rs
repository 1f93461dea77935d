//! The rows of a step on their way into Rust: a struct for a row, and a file that the cell's code reads, a line a
//! row.

use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use millstream_session::{Class, Fault, Fold, Live, Reply, Script, Session, Step, Stop, quoted};
use tempfile::NamedTempFile;

use super::{MOST, field, rust_type, structure, variable};

/// How long to wait for rows before looking around.
const LOOK: Duration = Duration::from_millis(20);

/// Rows with the code that makes them Rust's. The file goes with it.
pub struct Incoming {
    /// Declares the struct and fills the variable.
    pub code: String,
    /// How many rows there are.
    pub rows: usize,
    /// Whether there would have been more.
    pub cut: bool,
    _file: NamedTempFile,
}

/// Asks for all rows of a step, table or view.
pub fn ask(session: &mut Session, name: &str) -> Result<Live, Fault> {
    let mut script = Script::new(&format!("SELECT * FROM {}", quoted(name)));
    match session.next(&mut script) {
        Some(Ok(Reply::Live(live))) => Ok(*live),
        Some(Err(fault)) => Err(fault),
        _ => Err(Fault::new(Class::Query, "E0201", format!("'{name}' has no rows"))),
    }
}

/// Takes the rows of a query to its end, or for as long as is given to one without an end. What is taken back
/// while it runs is not among them.
pub fn gather(mut live: Live, name: &str, stop: &Stop, most: Duration) -> Result<Incoming, Fault> {
    let Some(columns) = live.columns.clone() else {
        return Err(Fault::new(Class::Query, "E0201", format!("'{name}' has no rows")));
    };
    let mut fold = Fold::new(columns.schema.clone())?;
    let (end, mut cut) = ((!live.bounded).then(|| Instant::now() + most), false);
    loop {
        if stop.raised() {
            live.stop();
            return Err(Fault::new(Class::Interrupted, "E0600", "the cell was stopped while it read rows"));
        }
        if end.is_some_and(|end| Instant::now() >= end) || fold.len() > MOST {
            cut = true;
            break;
        }
        match live.next(LOOK) {
            Step::Rows(batch) => fold.take(&batch)?,
            Step::Quiet => {}
            Step::End => break,
        }
    }
    live.stop();
    if cut {
        // Closing what has no end may take its time; nobody waits for that.
        std::thread::spawn(move || drop(live.finish()));
    } else {
        live.finish()?;
    }
    let batches = fold.batches(MOST)?;
    let rows = batches.first().map(|batch| batch.slice(0, batch.num_rows().min(MOST)));
    let rows = rows.unwrap_or_else(|| RecordBatch::new_empty(columns.schema.clone()));
    incoming(name, &columns.schema, &rows, cut).map_err(|error| {
        Fault::new(Class::Query, "E0604", format!("the rows of '{name}' cannot be handed to Rust: {error}"))
    })
}

fn incoming(name: &str, schema: &Schema, rows: &RecordBatch, cut: bool) -> std::io::Result<Incoming> {
    let mut file = NamedTempFile::new()?;
    let mut out = BufWriter::new(file.as_file_mut());
    let columns: Vec<ArrayRef> = rows.columns().iter().map(plain).collect();
    let options = FormatOptions::default();
    let formatters = columns.iter().map(|column| ArrayFormatter::try_new(column, &options));
    let formatters = formatters.collect::<Result<Vec<_>, _>>().map_err(std::io::Error::other)?;
    for row in 0..rows.num_rows() {
        for (at, (column, formatter)) in columns.iter().zip(&formatters).enumerate() {
            out.write_all(if at == 0 { b"" } else { b"\t" })?;
            match column.is_null(row) {
                true => out.write_all(b"\\N")?,
                false => out.write_all(escaped(&formatter.value(row).to_string()).as_bytes())?,
            }
        }
        out.write_all(b"\n")?;
    }
    out.flush()?;
    drop(out);
    let code = code(name, schema, &file.path().display().to_string());
    Ok(Incoming { code, rows: rows.num_rows(), cut, _file: file })
}

/// Times as their milliseconds.
fn plain(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            arrow::compute::cast(column, &DataType::Int64).unwrap_or_else(|_| column.clone())
        }
        _ => column.clone(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

fn code(name: &str, schema: &Schema, path: &str) -> String {
    let (row, rows) = (structure(name), variable(name));
    let fields: String = schema
        .fields()
        .iter()
        .map(|column| field(column.name(), rust_type(column.data_type()), column.is_nullable()))
        .collect();
    let reads: String = schema
        .fields()
        .iter()
        .map(|column| {
            let read = match rust_type(column.data_type()) {
                "String" => "millstream_text(cell)".to_string(),
                number => format!("cell.parse::<{number}>().expect(\"it was written as {number}\")"),
            };
            let name = variable(column.name());
            match column.is_nullable() {
                true => format!("{name}: cells.next().filter(|cell| *cell != \"\\\\N\").map(|cell| {read}),\n"),
                false => format!("{name}: cells.next().map(|cell| {read}).expect(\"every row has its cells\"),\n"),
            }
        })
        .collect();
    format!(
        "fn millstream_text(cell: &str) -> String {{
    let (mut text, mut letters) = (String::with_capacity(cell.len()), cell.chars());
    while let Some(letter) = letters.next() {{
        text.push(match letter {{
            '\\\\' => match letters.next() {{ Some('t') => '\\t', Some('n') => '\\n', Some('r') => '\\r', _ => '\\\\' }},
            other => other,
        }});
    }}
    text
}}
#[derive(Clone, Debug, PartialEq)]
pub struct {row} {{
{fields}}}
let {rows}: Vec<{row}> = std::fs::read_to_string({path:?}).expect(\"the rows are there\").split_terminator('\\n').map(|line| {{
    let mut cells = line.split('\\t');
    {row} {{ {reads} }}
}}).collect();"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray, TimestampMillisecondArray};
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn rows_become_a_struct_and_a_file() {
        let fields = vec![
            Field::new("user name", DataType::Utf8, true),
            Field::new("type", DataType::Int64, false),
            Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        ];
        let schema = Arc::new(Schema::new(fields));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![Some("a\tb\\\n"), None])),
            Arc::new(Int64Array::from(vec![1, 2])),
            Arc::new(TimestampMillisecondArray::from(vec![Some(-5), None])),
        ];
        let rows = RecordBatch::try_new(schema.clone(), columns).expect("three columns");
        let made = incoming("demo.bids", &schema, &rows, false).expect("writes");
        let text = std::fs::read_to_string(made._file.path()).expect("is there");
        assert_eq!(text, "a\\tb\\\\\\n\t1\t-5\n\\N\t2\t\\N\n");
        for line in [
            "pub struct DemoBids {",
            "    pub user_name: Option<String>,",
            "    pub type_: i64,",
            "    pub ts: Option<i64>,",
        ] {
            assert!(made.code.contains(line), "{line}: {}", made.code);
        }
        assert!(syn::parse_str::<syn::Block>(&format!("{{{}}}", made.code)).is_ok(), "{}", made.code);
    }
}
