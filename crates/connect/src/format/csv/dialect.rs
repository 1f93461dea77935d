//! The characters of a CSV file, from the options.

use millstream_record::{Error, Options, Result};

/// Which characters mean what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
    pub(crate) escape: Option<u8>,
    /// Lines that begin with `#` are skipped.
    pub(crate) comments: bool,
    /// The text that stands for null.
    pub(crate) null_literal: Option<Vec<u8>>,
    /// What stands between the elements of an array and the fields of a row.
    pub(crate) array_delimiter: Vec<u8>,
    /// The first line of a file names its columns.
    pub(crate) header: bool,
}

impl Dialect {
    /// The dialect that the `csv.*` options describe.
    pub(crate) fn new(options: &Options) -> Result<Dialect> {
        let quoted = !options.bool("csv.disable-quote-character");
        let array_delimiter = options.text("csv.array-element-delimiter").unwrap_or(";").as_bytes().to_vec();
        if array_delimiter.is_empty() {
            return Err(Error::Invalid("'csv.array-element-delimiter' is empty".into()));
        }
        let dialect = Dialect {
            delimiter: character(options, "csv.field-delimiter")?.unwrap_or(b','),
            quote: if quoted { character(options, "csv.quote-character")? } else { None },
            escape: character(options, "csv.escape-character")?,
            comments: options.bool("csv.allow-comments"),
            null_literal: options.text("csv.null-literal").map(|text| text.as_bytes().to_vec()),
            array_delimiter,
            header: options.bool("csv.header"),
        };
        if dialect.quote == Some(dialect.delimiter) || dialect.escape == Some(dialect.delimiter) {
            return Err(Error::Invalid(
                "'csv.field-delimiter' must differ from the quote and escape characters".into(),
            ));
        }
        Ok(dialect)
    }

    /// Appends a field's text without doubled quotes and escapes.
    pub(super) fn unescape(&self, text: &[u8], quoted: bool, out: &mut Vec<u8>) {
        let mut at = 0;
        while at < text.len() {
            let doubled = quoted && Some(text[at]) == self.quote;
            at += usize::from(doubled || Some(text[at]) == self.escape);
            out.extend(text.get(at));
            at += 1;
        }
    }
}

/// An option of one ASCII character; `\t` and the like are understood.
fn character(options: &Options, name: &str) -> Result<Option<u8>> {
    match options.text(name).map(str::as_bytes) {
        None => Ok(None),
        Some(b"\\t") => Ok(Some(b'\t')),
        Some(b"\\\\") => Ok(Some(b'\\')),
        Some(&[byte]) if byte.is_ascii() && byte != b'\n' && byte != b'\r' => Ok(Some(byte)),
        Some(_) => Err(Error::Invalid(format!("'{name}' must be one ASCII character, for example ';' or '\\t'"))),
    }
}
