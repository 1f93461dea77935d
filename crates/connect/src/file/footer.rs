//! What Parquet files say of themselves: their columns, how many rows they hold, and between which values those
//! lie. All of it stands in the footers, so no row is read for it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Field, Int64Type, TimeUnit};
use millstream_record::{Error, Options, Result, Stop};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use super::listing::Listing;
use super::options;
use super::parquet::guarded;
use crate::format::FileOrigin;

/// The footers of so many files are read; more files are taken to be like those.
const MOST_FOOTERS: usize = 256;
/// What every Parquet file begins with.
const MAGIC: &[u8] = b"PAR1";

/// What files say of themselves.
#[derive(Debug, Default)]
pub struct Footer {
    /// How many files there are.
    pub files: usize,
    /// How many of them were looked at.
    pub read: usize,
    /// How many rows the files that were looked at hold.
    pub rows: u64,
    /// The columns of all of them, in the order of the first file that has each. One that a file lacks can be null.
    pub columns: Vec<Field>,
    /// The least and the greatest value of columns that hold whole numbers or moments, as numbers in the unit of the
    /// column; only where every file tells.
    pub ranges: BTreeMap<String, (i64, i64)>,
    /// Files that disagree about the type of a column, a sentence each.
    pub conflicts: Vec<String>,
}

/// What the files behind these options say of themselves; `None` if they are not of Parquet. A named format decides;
/// without one, the first bytes of the first file that is not empty do.
pub fn footer(options: &Options, stop: &Stop) -> Result<Option<Footer>> {
    let named = options.text("value.format").or(options.text("format"));
    if named.is_some_and(|format| format != "parquet") {
        return Ok(None);
    }
    let listing = Listing { path: options::path(options)?, pattern: options::pattern(options)?, may_be_absent: false };
    let files = listing.find()?;
    let first = files.iter().find(|file| file.size > 0);
    if named.is_none() && !first.map(begins_so).transpose()?.unwrap_or(false) {
        return Ok(None);
    }
    let mut footer = Footer { files: files.len(), ..Footer::default() };
    for (number, file) in files.iter().take(MOST_FOOTERS).enumerate() {
        if stop.raised() {
            return Err(Error::Stopped);
        }
        let opened = File::open(&file.path).map_err(|error| Error::io(&file.path, error))?;
        let metadata = guarded(&file.path, || ArrowReaderMetadata::load(&opened, ArrowReaderOptions::default()))?;
        footer.add(number, file, &metadata)?;
    }
    Ok(Some(footer))
}

fn begins_so(file: &FileOrigin) -> Result<bool> {
    let mut first = [0; MAGIC.len()];
    let read = File::open(&file.path).and_then(|mut file| file.read_exact(&mut first));
    match read {
        Ok(()) => Ok(first == MAGIC),
        // Shorter than that, it is something else.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Error::io(&file.path, error)),
    }
}

impl Footer {
    /// Adds what one file says; `number` files were added before.
    fn add(&mut self, number: usize, file: &FileOrigin, metadata: &ArrowReaderMetadata) -> Result<()> {
        let fields = metadata.schema().fields();
        for known in self.columns.iter_mut().filter(|known| fields.find(known.name()).is_none()) {
            known.set_nullable(true);
        }
        for field in fields {
            let range = range(&file.path, field, metadata)?;
            match self.columns.iter_mut().find(|known| known.name() == field.name()) {
                None => {
                    let nullable = field.is_nullable() || number > 0;
                    self.columns.push(field.as_ref().clone().with_nullable(nullable));
                    self.ranges.extend(range.map(|range| (field.name().clone(), range)));
                }
                Some(known) if known.data_type() == field.data_type() => {
                    known.set_nullable(known.is_nullable() || field.is_nullable());
                    self.widen(field.name(), range);
                }
                Some(known) => {
                    self.ranges.remove(field.name());
                    self.conflicts.push(format!(
                        "'{}' is {} in the first file that has it, and {} in {}",
                        field.name(),
                        known.data_type(),
                        field.data_type(),
                        file.path
                    ));
                }
            }
        }
        self.read += 1;
        self.rows += u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
        Ok(())
    }

    /// The range of a column with that of one file more; what one file does not tell, nobody knows.
    fn widen(&mut self, name: &str, range: Option<(i64, i64)>) {
        match (self.ranges.get_mut(name), range) {
            (Some((least, greatest)), Some((low, high))) => {
                (*least, *greatest) = (low.min(*least), high.max(*greatest));
            }
            (Some(_), None) => drop(self.ranges.remove(name)),
            (None, _) => {}
        }
    }
}

/// Between which numbers the values of a column lie, if all groups of rows tell.
fn range(path: &str, field: &Field, metadata: &ArrowReaderMetadata) -> Result<Option<(i64, i64)>> {
    let whole = field.data_type().is_signed_integer()
        || matches!(field.data_type(), DataType::Timestamp(unit, _) if *unit != TimeUnit::Second);
    if !whole {
        return Ok(None);
    }
    guarded(path, || {
        let groups = metadata.metadata().row_groups();
        let converter = StatisticsConverter::try_new(field.name(), metadata.schema(), metadata.parquet_schema())?;
        let told = |told: ArrayRef| -> parquet::errors::Result<ArrayRef> { Ok(cast(&told, &DataType::Int64)?) };
        let least = told(converter.row_group_mins(groups)?)?;
        let greatest = told(converter.row_group_maxes(groups)?)?;
        if least.null_count() > 0 || greatest.null_count() > 0 {
            return Ok(None);
        }
        Ok(min(least.as_primitive::<Int64Type>()).zip(max(greatest.as_primitive::<Int64Type>())))
    })
}
