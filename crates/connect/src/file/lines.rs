//! Where records end in a file: at line ends, except those inside of quoted CSV fields.

use millstream_record::{Error, Result};

use crate::format::csv::{Dialect, names, next_record};
use crate::format::settings::Settings;

/// How records are cut.
#[derive(Clone, Debug)]
pub(super) enum Framing {
    /// One record a line; a line of blanks is none.
    Json,
    /// One record a line, whatever it holds.
    Raw,
    /// One record a line, where quoted fields may hold line ends.
    Csv(Dialect),
}

impl Framing {
    /// How lines of a format are cut; `None` for one of whole files.
    pub(super) fn of(settings: &Settings) -> Result<Option<Framing>> {
        Ok(match settings.format.as_str() {
            "parquet" => None,
            "csv" => Some(Framing::Csv(Dialect::new(&settings.options)?)),
            "raw" => Some(Framing::Raw),
            "json" | "debezium-json" => Some(Framing::Json),
            other => return Err(Error::Invalid(format!("files of the format '{other}' cannot be read"))),
        })
    }

    pub(super) fn has_header(&self) -> bool {
        matches!(self, Framing::Csv(dialect) if dialect.header)
    }

    /// How many bytes of `bytes` are whole records (all, if the file is `ended`), and where the records
    /// are if that took more than finding the last line end.
    pub(super) fn cut(&self, bytes: &[u8], ended: bool) -> (usize, Option<Vec<(u32, u32)>>) {
        let last_line = || if ended { bytes.len() } else { memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1) };
        let Framing::Csv(dialect) = self else { return (last_line(), None) };
        if dialect.quote.is_none_or(|quote| memchr::memchr(quote, bytes).is_none()) && dialect.escape.is_none() {
            return (last_line(), None);
        }
        let (mut records, mut at) = (Vec::new(), 0);
        while let Some((end, next)) = next_record(bytes, at, dialect).filter(|_| at < bytes.len()) {
            records.push((at as u32, end as u32));
            at = next;
        }
        if ended && at < bytes.len() {
            records.push((at as u32, bytes.len() as u32));
            at = bytes.len();
        }
        (at, Some(records))
    }

    /// The records of whole lines.
    pub(super) fn records(&self, bytes: &[u8]) -> Vec<(u32, u32)> {
        let mut records = Vec::with_capacity(bytes.len() / 64);
        let mut start = 0;
        let skips_blank = matches!(self, Framing::Json);
        for end in memchr::memchr_iter(b'\n', bytes).chain((!bytes.ends_with(b"\n")).then_some(bytes.len())) {
            let stop = end - usize::from(end > start && bytes[end - 1] == b'\r');
            if !(skips_blank && bytes[start..stop].trim_ascii().is_empty()) {
                records.push((start as u32, stop as u32));
            }
            start = end + 1;
        }
        records
    }

    /// The names in the first record and its length; `None` if it is not complete or no CSV.
    pub(super) fn header(&self, bytes: &[u8], ended: bool) -> Option<(Vec<String>, usize)> {
        let Framing::Csv(dialect) = self else { return None };
        let end = match next_record(bytes, 0, dialect) {
            Some((_, next)) => next,
            None if ended && !bytes.is_empty() => bytes.len(),
            None => return None,
        };
        Some((names(&bytes[..end], dialect)?, end))
    }
}
