//! Which format reads or writes a part of a record, with its options in one place: `json.x` and
//! `value.json.x` mean the same for a value, `key.json.x` speaks of the key.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use millstream_record::{Column, Error, Options, Origin, Result};

use super::cells::Span;
use super::csv::{CsvDecoder, CsvWriter, Dialect};
use super::debezium::{DebeziumDecoder, DebeziumWriter};
use super::encode::Writer;
use super::json::{JsonDecoder, JsonWriter, NullKey, Rules, Style};
use super::raw::{RawDecoder, RawWriter};
use super::scalar::Separators;
use super::{Decoder, FORMAT_OPTIONS};

/// The format of one part (key or value) and its options under their plain names.
pub(crate) struct Settings {
    pub(crate) format: String,
    pub(crate) options: Options,
}

impl Settings {
    /// The format of values; an error if none is named.
    pub(crate) fn of_value(options: &Options) -> Result<Settings> {
        let format = match options.text("value.format") {
            Some(format) => format,
            None => options.required("format")?,
        };
        let plain = FORMAT_OPTIONS.iter().filter(|spec| options.given(spec.name));
        let plain = plain.filter_map(|spec| Some((spec.name, options.text(spec.name)?)));
        let prefixed = options.under("value.").filter(|(name, _)| name.contains('.'));
        Ok(Settings { format: format.into(), options: Options::check(plain.chain(prefixed), &[FORMAT_OPTIONS])? })
    }

    /// The format of keys, if one is named.
    pub(crate) fn of_key(options: &Options) -> Result<Option<Settings>> {
        let Some(format) = options.text("key.format") else { return Ok(None) };
        if format == "debezium-json" {
            return Err(Error::Invalid(
                "'key.format' = 'debezium-json': a key is no change; write it in json, csv or raw".into(),
            ));
        }
        let prefixed = options.under("key.").filter(|(name, _)| name.contains('.'));
        let longest = options.text("max-record-bytes").map(|bytes| ("max-record-bytes", bytes));
        let options = Options::check(prefixed.chain(longest), &[FORMAT_OPTIONS])?;
        Ok(Some(Settings { format: format.into(), options }))
    }

    /// The longest record that is decoded.
    pub(crate) fn most_bytes(&self) -> usize {
        let most = self.options.bytes("max-record-bytes").unwrap_or(u64::MAX);
        usize::try_from(most).unwrap_or(usize::MAX).min(Span::MOST_BYTES)
    }

    /// The rules of JSON under the options of `json` or `debezium-json`.
    pub(crate) fn rules(&self) -> Rules {
        let name = |option: &str| format!("{}.{option}", self.format);
        let standard = name("timestamp-format.standard");
        let separators = match self.options.text(&standard) {
            _ if !self.options.given(&standard) => Separators::Either,
            Some("ISO-8601") => Separators::T,
            _ => Separators::Blank,
        };
        Rules {
            null_on_error: self.options.bool(&name("ignore-parse-errors")),
            missing_fails: self.options.bool(&name("fail-on-missing-field")),
            separators,
            most_bytes: self.most_bytes(),
        }
    }

    /// A decoder of the fields `wanted` (as indices) of a part that holds `fields`; `header` are the names
    /// of the fields of a CSV line, if the file tells them.
    pub(crate) fn decoder(
        &self,
        fields: &[FieldRef],
        wanted: &[usize],
        header: Option<&[String]>,
    ) -> Result<Box<dyn Decoder>> {
        let selected: Vec<FieldRef> = wanted.iter().map(|&index| fields[index].clone()).collect();
        match self.format.as_str() {
            "json" => Ok(Box::new(JsonDecoder::new(&selected, self.rules())?)),
            "csv" => Ok(Box::new(self.csv_decoder(fields, wanted, header)?)),
            "raw" => Ok(Box::new(RawDecoder::new(fields, wanted, &self.options, self.most_bytes())?)),
            "debezium-json" => Ok(Box::new(DebeziumDecoder::new(&selected, self.in_envelope(), self.rules())?)),
            other => Err(only_whole_files(other)),
        }
    }

    fn csv_decoder(&self, fields: &[FieldRef], wanted: &[usize], header: Option<&[String]>) -> Result<CsvDecoder> {
        let lenient = self.options.bool("csv.ignore-parse-errors");
        CsvDecoder::new(fields, wanted, header, Dialect::new(&self.options)?, lenient, self.most_bytes())
    }

    fn in_envelope(&self) -> bool {
        self.options.bool("debezium-json.schema-include")
    }

    /// How JSON is written under the options of `json` or `debezium-json`.
    fn style(&self) -> Style {
        let text = |option: &str| self.options.text(&format!("{}.{option}", self.format));
        Style {
            separator: if text("timestamp-format.standard") == Some("ISO-8601") { b'T' } else { b' ' },
            null_key: match text("map-null-key.mode") {
                Some("DROP") => NullKey::Drop,
                Some("LITERAL") => NullKey::Literal(text("map-null-key.literal").unwrap_or("null").into()),
                _ => NullKey::Fail,
            },
            plain_decimals: text("encode.decimal-as-plain-number") == Some("true"),
            omit_nulls: text("encode.ignore-null-fields") == Some("true"),
        }
    }

    /// A writer of a part that holds `fields`.
    pub(crate) fn writer(&self, fields: &[FieldRef]) -> Result<Writer> {
        Ok(match self.format.as_str() {
            "json" => Writer::Json(JsonWriter::new(fields, self.style())?),
            "csv" => Writer::Csv(CsvWriter::new(fields, Dialect::new(&self.options)?)?),
            "raw" => Writer::Raw(RawWriter::new(fields, &self.options)?),
            "debezium-json" => Writer::Debezium(DebeziumWriter::new(fields, self.in_envelope(), self.style())?),
            other => return Err(only_whole_files(other)),
        })
    }

    /// The format of keys where none is named: that of the values, without kinds.
    pub(crate) fn for_key(&self) -> Settings {
        let format = if self.format == "csv" { "csv" } else { "json" };
        Settings { format: format.into(), options: self.options.clone() }
    }
}

fn only_whole_files(format: &str) -> Error {
    Error::Invalid(format!(
        "the format '{format}' is one of whole files; records are written in json, csv, raw or debezium-json"
    ))
}

/// Which payload columns stand in the key and which in the value.
pub(crate) struct Parts {
    /// The columns of the key, as indices into the table's columns, in the order of the key.
    pub(crate) key: Vec<usize>,
    /// The columns of the value.
    pub(crate) value: Vec<usize>,
    /// What the key's column names begin with, beyond the names in the key.
    prefix: String,
}

impl Parts {
    /// Divides the payload columns as `key.fields`, `key.fields-prefix` and `value.fields-include` say.
    pub(crate) fn new(columns: &[Column], options: &Options) -> Result<Parts> {
        let names = options.text("key.fields").unwrap_or_default();
        let key: Vec<usize> = names
            .split(';')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(|name| {
                let found = columns.iter().position(|column| column.name == name && column.origin == Origin::Payload);
                found.ok_or_else(|| {
                    Error::Invalid(format!("'key.fields' names '{name}', which is no column of the record"))
                })
            })
            .collect::<Result<_>>()?;
        let except_key = options.text("value.fields-include") == Some("EXCEPT_KEY");
        let is_payload = |index: &usize| columns[*index].origin == Origin::Payload;
        let value = (0..columns.len()).filter(is_payload).filter(|index| !except_key || !key.contains(index)).collect();
        let prefix = options.text("key.fields-prefix").unwrap_or_default().to_string();
        if let Some(&index) = key.iter().find(|index| !columns[**index].name.starts_with(&prefix)) {
            let name = &columns[index].name;
            return Err(Error::Invalid(format!(
                "the key column '{name}' does not begin with 'key.fields-prefix' = '{prefix}'"
            )));
        }
        Ok(Parts { key, value, prefix })
    }

    /// The fields of the key under the names that they have in it.
    pub(crate) fn key_fields(&self, columns: &[Column]) -> Vec<FieldRef> {
        let field = |index: &usize| {
            let column = &columns[*index];
            Arc::new(Field::new(&column.name[self.prefix.len()..], column.data_type.clone(), column.nullable))
        };
        self.key.iter().map(field).collect()
    }

    /// The fields of the value.
    pub(crate) fn value_fields(&self, columns: &[Column]) -> Vec<FieldRef> {
        self.value.iter().map(|index| Arc::new(field_of(&columns[*index]))).collect()
    }
}

/// The Arrow field of a column.
pub(crate) fn field_of(column: &Column) -> Field {
    Field::new(&column.name, column.data_type.clone(), column.nullable)
}
