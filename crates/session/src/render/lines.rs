//! The formats that are written row by row: CSV, TSV, JSON, NDJSON, Markdown, vertical.

use std::borrow::Cow;
use std::io::{self, Write};

use millstream_record::Batch;

use super::gate;
use super::json::{json, string};
use super::text::{for_people, scalar};
use super::value::{Value, value};
use super::width::{pad, width};
use super::{Columns, Look, Tone, Writer};

/// Values between separators, below a line of names.
pub struct Separated {
    columns: Columns,
    look: Look,
    separator: char,
    quote: fn(&str) -> Cow<'_, str>,
    begun: bool,
}

impl Separated {
    /// Comma-separated (RFC 4180); null is empty, an empty text is `""`.
    pub fn csv(columns: Columns, look: Look) -> Separated {
        Separated { columns, look, separator: ',', quote: csv_quoted, begun: false }
    }

    /// Tab-separated; null is `\N`, as databases write it.
    pub fn tsv(columns: Columns, look: Look) -> Separated {
        Separated { columns, look, separator: '\t', quote: tsv_escaped, begun: false }
    }

    fn field(&self, line: &mut String, text: &str) {
        let quoted = (self.quote)(text);
        // A pipe gets the bytes as they are, a terminal gets them through the gate.
        line.push_str(&if self.look.terminal { Cow::Owned(gate::shown_lines(&quoted).into_owned()) } else { quoted });
    }

    fn names(&mut self, line: &mut String) {
        self.begun = true;
        let kind = self.columns.kinds.then(|| self.columns.kind_name());
        let names = kind.iter().chain(self.columns.schema.fields().iter().map(|field| field.name()));
        for (number, name) in names.enumerate() {
            line.extend((number > 0).then_some(self.separator));
            self.field(line, name);
        }
        line.push('\n');
    }

    fn row(&self, line: &mut String, batch: &Batch, row: usize) {
        if self.columns.kinds {
            line.push_str(batch.kind(row).mark());
        }
        for (number, column) in batch.rows.columns().iter().enumerate() {
            line.extend((number > 0 || self.columns.kinds).then_some(self.separator));
            match value(column.as_ref(), row) {
                Value::Null => line.push_str(if self.separator == '\t' { "\\N" } else { "" }),
                Value::Text(text) => self.field(line, text),
                nested @ (Value::List(_) | Value::Map(..) | Value::Row(..)) => {
                    let mut text = String::new();
                    json(&mut text, &nested);
                    self.field(line, &text);
                }
                plain => scalar(line, &plain),
            }
        }
        line.push('\n');
    }
}

impl Writer for Separated {
    fn rows(&mut self, out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
        let mut text = String::new();
        if !self.begun {
            self.names(&mut text);
        }
        (0..batch.len()).for_each(|row| self.row(&mut text, batch, row));
        out.write_all(text.as_bytes())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut text = String::new();
        if !self.begun {
            self.names(&mut text);
        }
        out.write_all(text.as_bytes())
    }
}

fn csv_quoted(text: &str) -> Cow<'_, str> {
    let blank = |c: char| c == ' ' || c == '\t';
    let plain = !text.is_empty()
        && !text.contains(['"', ',', '\n', '\r'])
        && !text.starts_with(blank)
        && !text.ends_with(blank);
    if plain { Cow::Borrowed(text) } else { Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))) }
}

fn tsv_escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\t', '\n', '\r', '\\']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r"))
}

/// One JSON object a row.
pub struct Objects {
    columns: Columns,
    array: bool,
    /// The last object of an array, written when it is known whether a comma follows: what has been
    /// written always ends with a line.
    last: Option<String>,
    begun: bool,
}

impl Objects {
    /// An object a line.
    pub fn lines(columns: Columns) -> Objects {
        Objects { columns, array: false, last: None, begun: false }
    }

    /// All objects in one array.
    pub fn array(columns: Columns) -> Objects {
        Objects { columns, array: true, last: None, begun: false }
    }

    fn object(&self, text: &mut String, batch: &Batch, row: usize, kind: Option<&str>) {
        text.push('{');
        if let Some(kind) = kind {
            string(text, kind);
            text.extend([":\"", batch.kind(row).mark(), "\""]);
        }
        for (number, (column, field)) in batch.rows.columns().iter().zip(self.columns.schema.fields()).enumerate() {
            text.push_str(if number > 0 || kind.is_some() { "," } else { "" });
            string(text, field.name());
            text.push(':');
            json(text, &value(column.as_ref(), row));
        }
        text.push('}');
    }
}

impl Writer for Objects {
    fn rows(&mut self, out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
        let mut text = String::new();
        let kind = self.columns.kinds.then(|| self.columns.kind_name());
        if self.array && !std::mem::replace(&mut self.begun, true) {
            text.push_str("[\n");
        }
        for row in 0..batch.len() {
            if self.array {
                text.extend(self.last.take().into_iter().flat_map(|last| [last, ",\n".into()]));
                let mut last = String::new();
                self.object(&mut last, batch, row, kind.as_deref());
                self.last = Some(last);
            } else {
                self.object(&mut text, batch, row, kind.as_deref());
                text.push('\n');
            }
        }
        out.write_all(text.as_bytes())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.array {
            return Ok(());
        }
        let begin = if self.begun { "" } else { "[" };
        let last = self.last.take().map(|last| last + "\n").unwrap_or_default();
        writeln!(out, "{begin}{last}]")
    }
}

/// A Markdown table.
pub struct Markdown {
    columns: Columns,
    look: Look,
    begun: bool,
}

impl Markdown {
    /// An empty table.
    pub fn new(columns: Columns, look: Look) -> Markdown {
        Markdown { columns, look, begun: false }
    }

    fn names(&mut self, text: &mut String) {
        self.begun = true;
        let heads = self.columns.heads();
        markdown_row(text, heads.iter().map(|head| head.name.as_str()));
        markdown_row(text, heads.iter().map(|head| if head.right { "---:" } else { "---" }));
    }
}

/// A pipe would end the cell, and Markdown passes tags on to the page: both are written so that they stay text.
fn markdown_row<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>) {
    for cell in cells {
        let cell = cell.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|").replace('[', "\\[");
        text.extend(["| ", &cell, " "]);
    }
    text.push_str("|\n");
}

impl Writer for Markdown {
    fn rows(&mut self, out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
        let mut text = String::new();
        if !self.begun {
            self.names(&mut text);
        }
        for row in 0..batch.len() {
            let cells = self.columns.cells(batch, row, &self.look);
            markdown_row(&mut text, cells.iter().map(|cell| cell.text.as_str()));
        }
        out.write_all(text.as_bytes())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut text = String::new();
        if !self.begun {
            self.names(&mut text);
        }
        out.write_all(text.as_bytes())
    }
}

/// One line a column.
pub struct Vertical {
    columns: Columns,
    look: Look,
    count: u64,
}

impl Vertical {
    /// No row yet.
    pub fn new(columns: Columns, look: Look) -> Vertical {
        Vertical { columns, look, count: 0 }
    }
}

impl Writer for Vertical {
    fn rows(&mut self, out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
        let mut text = String::new();
        let names: Vec<String> =
            self.columns.schema.fields().iter().map(|field| gate::shown(field.name()).into_owned()).collect();
        let room = names.iter().map(|name| width(name)).max().unwrap_or(0);
        for row in 0..batch.len() {
            self.count += 1;
            let kind = if self.columns.kinds { format!(" {}", batch.kind(row).mark()) } else { String::new() };
            Tone::Dim.paint(&mut text, &format!("── row {}{kind} ──", self.count), &self.look);
            text.push('\n');
            for (name, column) in names.iter().zip(batch.rows.columns()) {
                let mut padded = String::new();
                pad(&mut padded, name, room, true);
                Tone::Head.paint(&mut text, &padded, &self.look);
                text.push_str(" = ");
                for_people(&mut text, &value(column.as_ref(), row), self.look.zone);
                text.push('\n');
            }
        }
        out.write_all(text.as_bytes())
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
