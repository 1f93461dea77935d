//! `connector = 'print'`: writes every row to the standard output as Flink does, `+I[1, a]`, behind an
//! identifier if one is given. Payload is hostile to terminals, so control and direction characters are
//! written as escapes.

use std::fmt::Write as _;
use std::io::Write;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use millstream_record::{Batch, Column, Connector, Error, OptionKind, OptionSpec, Options, Result, Sink, Source};

/// Writes rows to the standard output.
pub struct Print;

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "print-identifier",
        kind: OptionKind::Text,
        default: None,
        doc: "what to write before each row",
        example: "bids",
    },
    OptionSpec {
        name: "standard-error",
        kind: OptionKind::Bool,
        default: Some("false"),
        doc: "write to the standard error instead",
        example: "true",
    },
];

impl Connector for Print {
    fn name(&self) -> &'static str {
        "print"
    }

    fn doc(&self) -> &'static str {
        "a sink that writes every row to the standard output"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        Vec::new()
    }

    fn source(&self, name: &str, _: &[Column], _: &Options) -> Result<Box<dyn Source>> {
        Err(Error::Invalid(format!("'{name}' cannot be read: 'print' is a sink only")))
    }

    fn sink(&self, _: &str, _: &[Column], _: &[usize], options: &Options) -> Result<Box<dyn Sink>> {
        let prefix = options.text("print-identifier").map(|text| format!("{}> ", shown(text))).unwrap_or_default();
        let out: Box<dyn Write + Send> =
            if options.bool("standard-error") { Box::new(std::io::stderr()) } else { Box::new(std::io::stdout()) };
        Ok(Box::new(Rows { prefix, out }))
    }
}

struct Rows {
    prefix: String,
    out: Box<dyn Write + Send>,
}

impl Sink for Rows {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        let mut text = String::new();
        let options = FormatOptions::default().with_null("null").with_duration_format(DurationFormat::Pretty);
        let columns = batch.rows.columns().iter().map(without_zone).collect::<Result<Vec<_>>>()?;
        let cells =
            columns.iter().map(|column| ArrayFormatter::try_new(column, &options)).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.len() {
            let values: Vec<String> = cells.iter().map(|cell| shown(&cell.value(row).to_string())).collect();
            writeln!(text, "{}{}[{}]", self.prefix, batch.kind(row).mark(), values.join(", "))
                .expect("a string takes all text");
        }
        self.out.write_all(text.as_bytes()).map_err(|error| Error::io("the output of 'print'", error))
    }

    fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(|error| Error::io("the output of 'print'", error))
    }
}

/// Instants are shown in UTC; the zone's name would need a table of zones to be shown.
fn without_zone(column: &ArrayRef) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let shown = DataType::Timestamp(*unit, Some("+00:00".into()));
            Ok(arrow::compute::cast(column, &shown)?)
        }
        _ => Ok(column.clone()),
    }
}

/// Text without what could command a terminal: controls, direction marks and zero-width characters are
/// written as escapes.
fn shown(text: &str) -> String {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(hostile) {
        return text.to_string();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if hostile(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use arrow::array::{Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
    use millstream_record::{Kind, Kinds};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("one thread").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn rows_with_their_kinds_and_nothing_that_commands_a_terminal() {
        let out = Shared::default();
        let mut sink = Rows { prefix: "t> ".into(), out: Box::new(out.clone()) };
        let rows = RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef),
            ("t", Arc::new(StringArray::from(vec!["a\u{1b}[2J", "\u{202e}é"])) as ArrayRef),
            ("s", Arc::new(TimestampMillisecondArray::from(vec![0, 1]).with_timezone("UTC")) as ArrayRef),
        ])
        .expect("fits");
        sink.write(&Batch::changes(rows, Kinds::new([Kind::Insert, Kind::Delete]))).expect("written");
        let text = String::from_utf8(out.0.lock().expect("one thread").clone()).expect("text");
        assert_eq!(
            text,
            "t> +I[1, a\\u{1b}[2J, 1970-01-01T00:00:00Z]\nt> -D[null, \\u{202e}é, 1970-01-01T00:00:00.001Z]\n"
        );
    }
}
