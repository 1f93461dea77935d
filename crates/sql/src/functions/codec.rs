//! Digests and codes of bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::functions::crypto;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::call::Call;
use super::spec::{Gives, Kind, Nulls, Spec};

/// A digest in hexadecimal digits.
macro_rules! digest {
    ($name:literal, $doc:literal, $function:expr) => {
        Spec {
            name: $name,
            aliases: &[],
            signature: concat!($name, "(text)"),
            doc: $doc,
            takes: &[Kind::Bytes],
            required: 1,
            more: false,
            gives: Gives::Text,
            nulls: Nulls::Strict,
            run: |call| hex_digest(call, $function),
        }
    };
}

pub(super) const FUNCTIONS: &[Spec] = &[
    digest!("MD5", "The MD5 digest in 32 hexadecimal digits.", crypto::md5()),
    digest!("SHA224", "The SHA-224 digest in hexadecimal digits.", crypto::sha224()),
    digest!("SHA256", "The SHA-256 digest in hexadecimal digits.", crypto::sha256()),
    digest!("SHA384", "The SHA-384 digest in hexadecimal digits.", crypto::sha384()),
    digest!("SHA512", "The SHA-512 digest in hexadecimal digits.", crypto::sha512()),
    Spec {
        name: "TO_BASE64",
        aliases: &[],
        signature: "TO_BASE64(text)",
        doc: "The bytes of the text in base 64.",
        takes: &[Kind::Bytes],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let bytes = call.bytes(0)?;
            call.texts(|row| bytes.at(row).map(|bytes| base64(bytes).into()))
        },
    },
    Spec {
        name: "FROM_BASE64",
        aliases: &[],
        signature: "FROM_BASE64(text)",
        doc: "The text whose bytes are written in base 64; null if it is not base 64.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: |call| {
            let text = call.text(0)?;
            call.texts(|row| Some(String::from_utf8_lossy(&from_base64(text.at(row)?)?).into_owned().into()))
        },
    },
    Spec {
        name: "UNHEX",
        aliases: &[],
        signature: "UNHEX(text)",
        doc: "The bytes written in hexadecimal digits; null if they are not.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Type(DataType::Binary),
        nulls: Nulls::Maybe,
        run: |call| {
            let text = call.text(0)?;
            let mut out = BinaryBuilder::new();
            (0..call.rows).for_each(|row| out.append_option(text.at(row).and_then(from_hex)));
            Ok(Arc::new(out.finish()))
        },
    },
    Spec {
        name: "URL_ENCODE",
        aliases: &[],
        signature: "URL_ENCODE(text)",
        doc: "The text in the letters of a web form: blanks as +, others as %xx.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Strict,
        run: |call| {
            let text = call.text(0)?;
            call.texts(|row| text.at(row).map(|text| url_encode(text).into()))
        },
    },
    Spec {
        name: "URL_DECODE",
        aliases: &[],
        signature: "URL_DECODE(text)",
        doc: "The text that a web form wrote so; null if it is not well formed.",
        takes: &[Kind::Text],
        required: 1,
        more: false,
        gives: Gives::Text,
        nulls: Nulls::Maybe,
        run: |call| {
            let text = call.text(0)?;
            call.texts(|row| url_decode(text.at(row)?).map(Into::into))
        },
    },
];

/// Runs DataFusion's digest, which gives bytes or (MD5) digits already.
fn hex_digest(call: &Call<'_>, function: Arc<ScalarUDF>) -> Result<ArrayRef> {
    let input = Arc::new(Field::new("bytes", DataType::Binary, true));
    let data_type = function.return_type(&[DataType::Binary])?;
    let args = ScalarFunctionArgs {
        args: vec![ColumnarValue::Array(call.array(0)?)],
        arg_fields: vec![input],
        number_rows: call.rows,
        return_field: Arc::new(Field::new("digest", data_type, true)),
        config_options: Arc::new(ConfigOptions::default()),
    };
    let digest = function.invoke_with_args(args)?.into_array(call.rows)?;
    if let Some(bytes) = digest.as_binary_opt::<i32>() {
        use arrow::array::Array;
        let digits = |byte: &u8| format!("{byte:02x}");
        return call
            .texts(|row| bytes.is_valid(row).then(|| bytes.value(row).iter().map(digits).collect::<String>().into()));
    }
    arrow::compute::cast(&digest, &DataType::Utf8)
        .map_err(|error| internal_datafusion_err!("a digest is text: {error}"))
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=').as_bytes();
    if text.len() - body.len() > 2 || body.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(body.len() * 3 / 4);
    for chunk in body.chunks(4) {
        let mut word = 0u32;
        for byte in chunk {
            word = word << 6 | DIGITS.iter().position(|digit| digit == byte)? as u32;
        }
        word <<= 6 * (4 - chunk.len());
        out.extend(&word.to_be_bytes()[1..chunk.len()]);
    }
    Some(out)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect::<Option<_>>()?;
    // An odd number of digits has a zero before it.
    let (head, pairs) = digits.split_at(digits.len() % 2);
    Some(head.iter().copied().chain(pairs.chunks(2).map(|pair| pair[0] << 4 | pair[1])).collect())
}

fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn url_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_there_and_back() {
        for (text, code) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("hello world", "aGVsbG8gd29ybGQ=")]
        {
            assert_eq!(base64(text.as_bytes()), code);
            assert_eq!(from_base64(code).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(from_base64("a"), None);
        assert_eq!(from_base64("Zm9v!"), None);
        assert_eq!(url_encode("http://flink.apache.org/ä b"), "http%3A%2F%2Fflink.apache.org%2F%C3%A4+b");
        assert_eq!(url_decode("a%2Fb+c").as_deref(), Some("a/b c"));
        assert_eq!(url_decode("a%2"), None);
        assert_eq!(from_hex("abc"), Some(vec![0x0a, 0xbc]));
    }
}
