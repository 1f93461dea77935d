//! Values as YAML. What is written is a `serde` object, so that its shape is right by construction; here only
//! its signs are put down: mappings and sequences as blocks, text plain where nobody can take it for something
//! else, in double quotes elsewhere, and over several lines as a literal block.

use serde::Serialize;
use serde_json::Value;

/// Words that YAML readers take for something else than text.
const WORDS: [&str; 11] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"];

/// Objects as the documents of one file.
pub fn documents(objects: &[Value]) -> String {
    let documents: Vec<String> = objects.iter().map(document).collect();
    documents.join("---\n")
}

/// An object as a value.
pub fn value(object: &impl Serialize) -> Value {
    serde_json::to_value(object).expect("the objects of this crate have text as keys")
}

fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(_) | Value::Array(_) => block(value, 0, &mut out),
        scalar => {
            scalar_into(scalar, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

/// A mapping or sequence whose lines are indented by so many blanks.
fn block(value: &Value, indent: usize, out: &mut String) {
    let blanks = " ".repeat(indent);
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                out.push_str(&blanks);
                text_into(key, out);
                out.push(':');
                entry(value, indent, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str(&blanks);
                out.push('-');
                match item {
                    Value::Object(fields) if !fields.is_empty() => {
                        // The first field stands behind the dash.
                        let mut inner = String::new();
                        block(item, indent + 2, &mut inner);
                        out.push(' ');
                        out.push_str(&inner[indent + 2..]);
                    }
                    other => entry(other, indent, out),
                }
            }
        }
        _ => unreachable!("only mappings and sequences are blocks"),
    }
}

/// What follows a key or a dash.
fn entry(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        scalar => {
            out.push(' ');
            scalar_into(scalar, indent + 2, out);
            if !out.ends_with('\n') {
                out.push('\n');
            }
        }
    }
}

fn scalar_into(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::String(text) if is_literal(text) => {
            out.push_str("|\n");
            for line in text.lines() {
                if !line.is_empty() {
                    out.push_str(&" ".repeat(indent));
                    out.push_str(line);
                }
                out.push('\n');
            }
        }
        Value::String(text) => text_into(text, out),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        other => out.push_str(&other.to_string()),
    }
}

/// Whether a text can stand as a literal block and be read back byte for byte.
fn is_literal(text: &str) -> bool {
    let printable =
        |c: char| c == '\n' || (!c.is_control() && !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}'));
    text.ends_with('\n') && !text.ends_with("\n\n") && !text.starts_with([' ', '\n']) && text.chars().all(printable)
}

fn text_into(text: &str, out: &mut String) {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !text.ends_with(':')
        && !text.contains(": ")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-:=".contains(c))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    match plain {
        true => out.push_str(text),
        // The escapes of JSON are YAML's, too.
        false => out.push_str(&Value::from(text).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_never_taken_for_something_else() {
        let value = json!({
            "a": ["x", {"b": 1, "c": [true, "true"]}, [], {}],
            "d": "first\n  second\n\nthird\n",
            "e": {"f.g/h": "1.0", "empty": "", "odd": " x\n", "colon": "a: b", "no": null}
        });
        let wanted = "a:\n  - x\n  - b: 1\n    c:\n      - true\n      - \"true\"\n  - []\n  - {}\n\
                      d: |\n  first\n    second\n\n  third\n\
                      e:\n  colon: \"a: b\"\n  empty: \"\"\n  f.g/h: \"1.0\"\n  \"no\": null\n  odd: \" x\\n\"\n";
        assert_eq!(document(&value), wanted);
    }
}
