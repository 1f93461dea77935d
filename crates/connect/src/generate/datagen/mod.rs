//! `'connector' = 'datagen'`: rows of random values or sequences, with Flink's options. Values are a pure
//! function of the seed, the column and the number of the row; only timestamps also follow the clock.

mod array;
mod field;
mod source;

use std::sync::{Arc, LazyLock};

use arrow::datatypes::DataType;
use millstream_record::{Clock, Column, Connector, Error, OptionKind, OptionSpec, Options, Result, Sink, Source};

use super::connector::count;
use field::Fields;
use source::DatagenSource;

/// Makes rows out of nothing.
pub struct DatagenConnector {
    clock: Arc<dyn Clock>,
}

impl DatagenConnector {
    /// A connector whose rows come, and whose timestamps lie, by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        DatagenConnector { clock }
    }
}

static OPTIONS: LazyLock<Vec<OptionSpec>> = LazyLock::new(|| {
    let spec = |name, kind, default, example, doc| OptionSpec { name, kind, default, doc, example };
    let integer = OptionKind::Integer;
    vec![
        spec("rows-per-second", integer, Some("10000"), "100", "how many rows a second"),
        spec("number-of-rows", integer, None, "1000", "end after so many rows; a sequence ends the table too"),
        spec("scan.parallelism", integer, None, "1", "taken for Flink's sake; rows are made by one thread"),
        spec("seed", integer, Some("1"), "42", "equal seeds give equal rows (Millstream's own)"),
        spec(
            "fields.*",
            OptionKind::Text,
            None,
            "sequence",
            "how a column is made, as fields.<column>.<what>: kind (random, sequence), min, max, max-past, length, \
             var-len, start, end, null-rate",
        ),
    ]
});

impl Connector for DatagenConnector {
    fn name(&self) -> &'static str {
        "datagen"
    }

    fn doc(&self) -> &'static str {
        "rows of random values or sequences, by column"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &OPTIONS
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        Vec::new()
    }

    fn source(&self, name: &str, columns: &[Column], options: &Options) -> Result<Box<dyn Source>> {
        if let Some(column) = columns.iter().find(|column| column.origin.metadata().is_some()) {
            return Err(Error::Invalid(format!(
                "column '{}' of '{name}' cannot be metadata: the connector datagen has none",
                column.name
            )));
        }
        let fields = Fields::new(columns, options)?;
        let rows =
            [count(options, "number-of-rows", u64::MAX)?, fields.shortest_sequence()].into_iter().flatten().min();
        let per_second = count(options, "rows-per-second", 1_000_000_000)?.filter(|&rate| rate > 0);
        let seed = options.integer("seed").unwrap_or_default() as u64;
        let columns = columns.to_vec();
        Ok(Box::new(DatagenSource {
            name: name.into(),
            columns,
            fields,
            seed,
            rows,
            per_second,
            clock: self.clock.clone(),
        }))
    }

    fn sink(&self, name: &str, _: &[Column], _: &[usize], _: &Options) -> Result<Box<dyn Sink>> {
        Err(Error::Invalid(format!("'{name}' is made by datagen: it can be read, not written")))
    }
}
