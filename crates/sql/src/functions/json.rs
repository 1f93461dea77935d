//! Functions of JSON texts. Paths are SQL/JSON's in lax mode unless `strict` stands before them; what is
//! no JSON, or not there, gives null.

mod build;
mod path;

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::types::Int32Type;
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use serde_json::Value;

use self::path::Path;
use super::call::Call;
use super::spec::{Gives, Kind, Nulls, Spec};

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "JSON_VALUE",
        aliases: &[],
        signature: "JSON_VALUE(json, path [RETURNING type])",
        doc: "The text, number or truth at the path, as text; null for objects and arrays.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: |call| {
            let found = Lookup::new(call)?;
            call.try_texts(|row| Ok(found.one(row)?.and_then(|value| scalar(&value)).map(Into::into)))
        },
    },
    Spec {
        name: "JSON_QUERY",
        aliases: &[],
        signature: "JSON_QUERY(json, path)",
        doc: "The object or array at the path, as JSON; null for a plain value.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: |call| {
            let found = Lookup::new(call)?;
            let whole = |value: Value| (value.is_object() || value.is_array()).then(|| value.to_string().into());
            call.try_texts(|row| Ok(found.one(row)?.and_then(whole)))
        },
    },
    Spec {
        name: "JSON_EXISTS",
        aliases: &[],
        signature: "JSON_EXISTS(json, path)",
        doc: "Whether there is anything at the path.",
        takes: &[Kind::Text, Kind::Text],
        required: 2,
        more: false,
        gives: Gives::Type(DataType::Boolean),
        nulls: Nulls::Strict,
        run: |call| {
            let found = Lookup::new(call)?;
            let (json, path) = (call.text(0)?, call.text(1)?);
            let exists = (0..call.rows).map(|row| {
                let given = json.at(row).and(path.at(row)).is_some();
                Ok(if given { Some(!found.all(row)?.is_empty()) } else { None })
            });
            Ok(Arc::new(arrow::array::BooleanArray::from(exists.collect::<Result<Vec<_>>>()?)))
        },
    },
    Spec {
        name: "IS_JSON",
        aliases: &[],
        signature: "IS_JSON(text [, kind])",
        doc: "Whether the text is JSON, of the kind VALUE, SCALAR, ARRAY or OBJECT.",
        takes: &[Kind::Text, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Type(DataType::Boolean),
        nulls: Nulls::Strict,
        run: |call| {
            let (json, kind) = (call.text(0)?, call.optional_text(1)?);
            call.bools(|row| {
                let kind = kind.as_ref().and_then(|kind| kind.at(row)).unwrap_or("VALUE").to_uppercase();
                let value: Option<Value> = serde_json::from_str(json.at(row)?).ok();
                Some(value.is_some_and(|value| match kind.as_str() {
                    "SCALAR" => !value.is_object() && !value.is_array(),
                    "ARRAY" => value.is_array(),
                    "OBJECT" => value.is_object(),
                    _ => true,
                }))
            })
        },
    },
    Spec {
        name: "JSON_STRING",
        aliases: &[],
        signature: "JSON_STRING(value)",
        doc: "The value as JSON.",
        takes: &[Kind::Any],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let value = call.array(0)?;
            call.try_texts(|row| {
                let mut text = String::new();
                build::write(&value, row, &mut text)?;
                Ok(value.is_valid(row).then_some(text.into()))
            })
        },
    },
    Spec {
        name: "JSON_OBJECT",
        aliases: &[],
        signature: "JSON_OBJECT([KEY] key VALUE value, … [{NULL | ABSENT} ON NULL])",
        doc: "A JSON object of these members; null values stay, unless ABSENT ON NULL is said. Null if a key is null.",
        takes: &[Kind::Text, Kind::Any],
        required: 1,
        more: true,
        gives: Gives::By(|args| match args.get(1) {
            Some(DataType::List(_)) if args.len() == 2 => Ok(DataType::Utf8),
            _ if args.len() % 2 == 1 => {
                let keys = args.iter().skip(1).step_by(2);
                match keys.into_iter().find(|key| !matches!(key, DataType::Utf8 | DataType::Utf8View)) {
                    Some(_) => plan_err!("a key of JSON_OBJECT must be a STRING"),
                    None => Ok(DataType::Utf8),
                }
            }
            _ => plan_err!("JSON_OBJECT takes pairs: KEY key VALUE value"),
        }),
        nulls: Nulls::Maybe,
        run: build::object,
    },
    Spec {
        name: "JSON_ARRAY",
        aliases: &[],
        signature: "JSON_ARRAY([value, …] [{NULL | ABSENT} ON NULL])",
        doc: "A JSON array of these values; null values are left out, unless NULL ON NULL is said.",
        takes: &[Kind::Text, Kind::Any],
        required: 1,
        more: true,
        gives: Gives::Text,
        nulls: Nulls::Never,
        run: build::array,
    },
    Spec {
        name: "JSON_QUOTE",
        aliases: &[],
        signature: "JSON_QUOTE(text)",
        doc: "The text as a JSON string, in double quotes.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let text = call.text(0)?;
            call.texts(|row| text.at(row).map(|text| Value::from(text).to_string().into()))
        },
    },
    Spec {
        name: "JSON_UNQUOTE",
        aliases: &[],
        signature: "JSON_UNQUOTE(json)",
        doc: "The text of a JSON string; what is none stays as it is.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let text = call.text(0)?;
            call.texts(|row| {
                let text = text.at(row)?;
                Some(serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_string()).into())
            })
        },
    },
    Spec {
        name: "JSON_LENGTH",
        aliases: &[],
        signature: "JSON_LENGTH(json [, path])",
        doc: "How many members or elements there are; 1 for a plain value.",
        takes: &[Kind::Text, Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Type(DataType::Int32),
        nulls: Nulls::Maybe,
        run: |call| {
            let found = Lookup::new(call)?;
            call.try_numbers::<Int32Type>(|row| {
                Ok(found.one(row)?.map(|value| match value {
                    Value::Object(members) => members.len() as i32,
                    Value::Array(elements) => elements.len() as i32,
                    _ => 1,
                }))
            })
        },
    },
];

/// Texts with the paths to follow; a path that is the same for all rows is read once.
struct Lookup {
    json: super::call::Arg<arrow::array::StringArray>,
    path: Option<super::call::Arg<arrow::array::StringArray>>,
    constant: Option<Path>,
}

impl Lookup {
    fn new(call: &Call<'_>) -> Result<Lookup> {
        let path = call.optional_text(1)?;
        let constant = match &path {
            None => Some(Path::read("$")?),
            Some(path) if path.is_constant() => path.at(0).map(Path::read).transpose()?,
            Some(_) => None,
        };
        Ok(Lookup { json: call.text(0)?, path, constant })
    }

    /// Everything at the path; nothing if the text is null or no JSON.
    fn all(&self, row: usize) -> Result<Vec<Value>> {
        let value = self.json.at(row).and_then(|json| serde_json::from_str::<Value>(json).ok());
        let Some(value) = value else { return Ok(Vec::new()) };
        if let Some(path) = &self.constant {
            return Ok(path.follow(value));
        }
        match self.path.as_ref().and_then(|path| path.at(row)) {
            Some(path) => Ok(Path::read(path)?.follow(value)),
            None => Ok(Vec::new()),
        }
    }

    /// The value at the path, if it is only one.
    fn one(&self, row: usize) -> Result<Option<Value>> {
        let mut all = self.all(row)?;
        Ok(if all.len() == 1 { all.pop() } else { None })
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
