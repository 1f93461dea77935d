//! The options of formats, under Flink's names where Flink has one. A connector adds these tables to its
//! own. With `key.format` and `value.format` each name may be written behind `key.` or `value.`.

use millstream_record::{OptionKind, OptionSpec, Options};

const FORMATS: &[&str] = &["json", "csv", "raw", "parquet", "debezium-json"];
const TIMES: &[&str] = &["SQL", "ISO-8601"];
const NULL_KEYS: &[&str] = &["FAIL", "DROP", "LITERAL"];

const fn spec(
    name: &'static str,
    kind: OptionKind,
    default: Option<&'static str>,
    example: &'static str,
    doc: &'static str,
) -> OptionSpec {
    OptionSpec { name, kind, default, doc, example }
}

/// The options of values, for every connector that has formats.
#[rustfmt::skip]
pub const FORMAT_OPTIONS: &[OptionSpec] = &[
    spec("format", OptionKind::Choice(FORMATS), None, "json", "how the values of records are written"),
    spec("max-record-bytes", OptionKind::Bytes, Some("1 mb"), "16 mb", "a longer record is refused before it is decoded"),
    spec("json.ignore-parse-errors", OptionKind::Bool, Some("false"), "true", "a field that cannot be read becomes null; a record that is no JSON gives no row"),
    spec("json.fail-on-missing-field", OptionKind::Bool, Some("false"), "true", "refuse a record in which a column's field is missing, instead of reading null"),
    spec("json.timestamp-format.standard", OptionKind::Choice(TIMES), Some("SQL"), "ISO-8601", "how timestamps are written; when it is not given, both forms are read"),
    spec("json.map-null-key.mode", OptionKind::Choice(NULL_KEYS), Some("FAIL"), "DROP", "what to write for a null key of a map"),
    spec("json.map-null-key.literal", OptionKind::Text, Some("null"), "none", "the key to write in the mode LITERAL"),
    spec("json.encode.decimal-as-plain-number", OptionKind::Bool, Some("false"), "true", "write decimals without exponent"),
    spec("json.encode.ignore-null-fields", OptionKind::Bool, Some("false"), "true", "leave fields that are null out"),
    spec("csv.field-delimiter", OptionKind::Text, Some(","), "\\t", "the character between fields; \\t is a tab"),
    spec("csv.quote-character", OptionKind::Text, Some("\""), "'", "the character around fields that hold delimiters, quotes or line ends"),
    spec("csv.disable-quote-character", OptionKind::Bool, Some("false"), "true", "no character quotes"),
    spec("csv.allow-comments", OptionKind::Bool, Some("false"), "true", "skip lines that begin with #"),
    spec("csv.ignore-parse-errors", OptionKind::Bool, Some("false"), "true", "a field that cannot be read becomes null; a line that is no CSV gives no row"),
    spec("csv.array-element-delimiter", OptionKind::Text, Some(";"), "|", "the text between the elements of arrays and the fields of rows"),
    spec("csv.escape-character", OptionKind::Text, None, "\\", "the character that takes the next one literally"),
    spec("csv.null-literal", OptionKind::Text, None, "NULL", "the text that stands for null"),
    spec("csv.header", OptionKind::Bool, Some("false"), "true", "the first line of a file names the columns; fields are then found by name (Millstream's own)"),
    spec("raw.charset", OptionKind::Choice(&["UTF-8"]), Some("UTF-8"), "UTF-8", "the character set of text"),
    spec("raw.endianness", OptionKind::Choice(&["big-endian", "little-endian"]), Some("big-endian"), "little-endian", "the order of the bytes of numbers"),
    spec("debezium-json.schema-include", OptionKind::Bool, Some("false"), "true", "whether the messages carry their schema"),
    spec("debezium-json.ignore-parse-errors", OptionKind::Bool, Some("false"), "true", "as json.ignore-parse-errors"),
    spec("debezium-json.timestamp-format.standard", OptionKind::Choice(TIMES), Some("SQL"), "ISO-8601", "as json.timestamp-format.standard"),
    spec("debezium-json.map-null-key.mode", OptionKind::Choice(NULL_KEYS), Some("FAIL"), "DROP", "as json.map-null-key.mode"),
    spec("debezium-json.map-null-key.literal", OptionKind::Text, Some("null"), "none", "as json.map-null-key.literal"),
    spec("debezium-json.encode.decimal-as-plain-number", OptionKind::Bool, Some("false"), "true", "as json.encode.decimal-as-plain-number"),
];

/// The options of keys, for connectors whose records have keys.
#[rustfmt::skip]
pub const KEY_OPTIONS: &[OptionSpec] = &[
    spec("value.format", OptionKind::Choice(FORMATS), None, "json", "the same as format, where a key format stands beside it"),
    spec("key.format", OptionKind::Choice(FORMATS), None, "raw", "how the keys of records are written"),
    spec("key.fields", OptionKind::Text, None, "user;day", "the columns that the key holds"),
    spec("key.fields-prefix", OptionKind::Text, Some(""), "k_", "what the names of key columns begin with, so that they differ from value columns"),
    spec("value.fields-include", OptionKind::Choice(&["ALL", "EXCEPT_KEY"]), Some("ALL"), "EXCEPT_KEY", "whether the value holds the key columns too"),
    spec("key.json.*", OptionKind::Text, None, "true", "an option of json, for the key"),
    spec("key.csv.*", OptionKind::Text, None, "|", "an option of csv, for the key"),
    spec("key.raw.*", OptionKind::Text, None, "little-endian", "an option of raw, for the key"),
    spec("value.json.*", OptionKind::Text, None, "true", "an option of json, for the value"),
    spec("value.csv.*", OptionKind::Text, None, "|", "an option of csv, for the value"),
    spec("value.raw.*", OptionKind::Text, None, "little-endian", "an option of raw, for the value"),
    spec("value.debezium-json.*", OptionKind::Text, None, "true", "an option of debezium-json, for the value"),
];

/// Whether the user asked for unreadable records to be passed over (`….ignore-parse-errors`). They are
/// still handed over as refused; the policy for refused records must then not be to fail.
pub fn ignores_parse_errors(options: &Options) -> bool {
    let names = ["json", "csv", "debezium-json"];
    let ignored = |name: &str| options.bool(&format!("{name}.ignore-parse-errors"));
    names.iter().any(|name| ignored(name) || ignored(&format!("value.{name}")))
}
