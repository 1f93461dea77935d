//! Results as text: one value reader, one gate for what cannot be trusted, and one small writer a format.
//! Every front end shows tables through this room, so a cell looks the same at the prompt, in a script and
//! in a notebook.

mod arrow_stream;
mod base64;
pub(crate) mod clock_text;
mod columns;
mod excerpt;
pub mod gate;
mod grid;
mod json;
mod lines;
mod live;
mod parquet_file;
mod table;
pub(crate) mod text;
pub(crate) mod value;
pub mod width;

use std::io::{self, Write};

use millstream_record::{Batch, Millis};

pub use base64::base64;
pub use clock_text::Zone;
pub use columns::{Columns, batch_of};
pub use excerpt::Excerpt;
pub use grid::{Cell, Head, Tone};
pub(crate) use json::string;
pub use live::LiveTable;

/// How text for people looks.
#[derive(Clone, Debug)]
pub struct Look {
    /// Whether to colour.
    pub color: bool,
    /// Lines from `+`, `-` and `|`, for terminals that know no others.
    pub ascii: bool,
    /// Columns of the screen; `None` where there is no screen.
    pub width: Option<usize>,
    /// How many rows of a table are shown; of more, the first and the last.
    pub rows: usize,
    /// The zone in which instants are shown.
    pub zone: Zone,
    /// Whether the text goes to a terminal: then every format passes the gate.
    pub terminal: bool,
}

impl Look {
    /// No colour, no screen, UTC.
    pub fn plain() -> Look {
        Look { color: false, ascii: false, width: None, rows: 40, zone: Zone::UTC, terminal: false }
    }
}

/// The formats of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Boxes, for people.
    Table,
    /// RFC 4180, with a line of names.
    Csv,
    /// Tab-separated, with `\t`, `\n`, `\\` escaped and a line of names.
    Tsv,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// A table of Markdown.
    Markdown,
    /// One line a column, for wide rows.
    Vertical,
    /// The Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

impl Format {
    /// All formats, with the names by which they are chosen.
    pub const ALL: [(&'static str, Format); 9] = [
        ("table", Format::Table),
        ("csv", Format::Csv),
        ("tsv", Format::Tsv),
        ("json", Format::Json),
        ("ndjson", Format::Ndjson),
        ("markdown", Format::Markdown),
        ("vertical", Format::Vertical),
        ("arrow", Format::Arrow),
        ("parquet", Format::Parquet),
    ];

    /// The endings of files, with the format that each means.
    pub const ENDINGS: [(&'static str, Format); 12] = [
        ("txt", Format::Table),
        ("csv", Format::Csv),
        ("tsv", Format::Tsv),
        ("json", Format::Json),
        ("ndjson", Format::Ndjson),
        ("jsonl", Format::Ndjson),
        ("md", Format::Markdown),
        ("arrow", Format::Arrow),
        ("arrows", Format::Arrow),
        ("parquet", Format::Parquet),
        ("pq", Format::Parquet),
        ("vertical", Format::Vertical),
    ];

    /// The format that the ending of a file means.
    pub fn of_ending(ending: &str) -> Option<Format> {
        let known = Format::ENDINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending));
        known.map(|(_, format)| *format)
    }

    /// What it is, in a few words.
    pub fn doc(self) -> &'static str {
        match self {
            Format::Table => "boxes, for people",
            Format::Csv => "values between commas, below a line of names",
            Format::Tsv => "values between tabs, below a line of names",
            Format::Json => "one array of objects",
            Format::Ndjson => "an object a line",
            Format::Markdown => "a table of Markdown",
            Format::Vertical => "a line a column, for wide rows",
            Format::Arrow => "an Arrow IPC stream, into a file or a program",
            Format::Parquet => "a Parquet file",
        }
    }

    /// Whether it is no text, and nothing for a terminal.
    pub fn is_binary(self) -> bool {
        matches!(self, Format::Arrow | Format::Parquet)
    }

    /// The format of this name.
    pub fn parse(name: &str) -> Option<Format> {
        Format::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Format::ALL.iter().find(|(_, format)| *format == self).map_or("table", |(name, _)| *name)
    }

    /// A writer of one result in this format.
    pub fn writer(self, columns: Columns, look: Look) -> Box<dyn Writer> {
        match self {
            Format::Table => Box::new(table::Table::new(columns, look)),
            Format::Csv => Box::new(lines::Separated::csv(columns, look)),
            Format::Tsv => Box::new(lines::Separated::tsv(columns, look)),
            Format::Json => Box::new(lines::Objects::array(columns)),
            Format::Ndjson => Box::new(lines::Objects::lines(columns)),
            Format::Markdown => Box::new(lines::Markdown::new(columns, look)),
            Format::Vertical => Box::new(lines::Vertical::new(columns, look)),
            Format::Arrow => Box::new(arrow_stream::ArrowStream::new(columns)),
            Format::Parquet => Box::new(parquet_file::ParquetFile::new(columns)),
        }
    }
}

/// Writes one result. The rows come in pieces; between two pieces everything before has been written,
/// except by a table, which must know its widths first.
pub trait Writer {
    /// Writes rows.
    fn rows(&mut self, out: &mut dyn Write, batch: &Batch) -> io::Result<()>;

    /// Writes what stands behind the last row.
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

/// A moment of event time on the wall clock of `zone`.
pub fn timestamp_text(at: Millis, zone: Zone) -> String {
    let mut out = String::new();
    clock_text::instant(&mut out, at.0, arrow::datatypes::TimeUnit::Millisecond, zone);
    out
}

/// The time of day of a moment of event time on the wall clock of `zone`; `the end` behind all time.
pub fn time_text(at: Millis, zone: Zone) -> String {
    match at {
        Millis::MAX => "at the end".into(),
        at => timestamp_text(at, zone).split(' ').next_back().unwrap_or_default().to_string(),
    }
}

/// A whole result as text.
pub fn to_text(format: Format, columns: Columns, batches: &[Batch], look: &Look) -> String {
    let mut out = Vec::new();
    let mut writer = format.writer(columns, look.clone());
    let written = batches.iter().try_for_each(|batch| writer.rows(&mut out, batch));
    written.and_then(|()| writer.end(&mut out)).expect("memory takes everything");
    String::from_utf8_lossy(&out).into_owned()
}
