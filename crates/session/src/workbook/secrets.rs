//! Secrets inside the text of a query: `/*+ OPTIONS('sasl.password' = '…') */`. The declaration of a table
//! redacts its own; a query is text, so its hints are gone through here before it is written to disk.

use millstream_record::sounds_secret;
use millstream_sql::show::REDACTED;
use millstream_sql::types::literal;

/// The text with the secrets of its hints redacted.
pub fn without_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\'', '`', '"', '-', '/']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let length = if from.starts_with("/*+") {
            let end = from.find("*/").map_or(from.len(), |end| end + 2);
            out.push_str(&redacted(&from[..end]));
            rest = &from[end..];
            continue;
        } else if from.starts_with("/*") {
            from.find("*/").map_or(from.len(), |end| end + 2)
        } else if from.starts_with("--") {
            from.find('\n').unwrap_or(from.len())
        } else if from.starts_with(['\'', '`', '"']) {
            quoted(from)
        } else {
            1
        };
        out.push_str(&from[..length]);
        rest = &from[length..];
    }
    out + rest
}

/// How long the quoted text is that begins here, with its quotes; a quote inside is written twice.
fn quoted(text: &str) -> usize {
    let quote = text.chars().next().unwrap_or('\'');
    let mut from = 1;
    while let Some(end) = text[from..].find(quote) {
        from += end + 1;
        if !text[from..].starts_with(quote) {
            return from;
        }
        from += 1;
    }
    text.len()
}

/// A hint whose options that sound secret have no value any more.
fn redacted(hint: &str) -> String {
    let mut out = String::with_capacity(hint.len());
    let mut rest = hint;
    let mut secret = false;
    while let Some(at) = rest.find('\'') {
        out.push_str(&rest[..at]);
        let length = quoted(&rest[at..]);
        let (value, behind) = rest[at..].split_at(length);
        out.push_str(&if secret { literal(REDACTED) } else { value.to_string() });
        // What stands before `=` is a key; what follows it is its value.
        secret = !secret && behind.trim_start().starts_with('=') && sounds_secret(value.trim_matches('\''));
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn only_the_secrets_of_hints_go() {
        for (text, wanted) in [
            (
                "SELECT * FROM t /*+ OPTIONS('a' = 'b', 'properties.sasl.password' = 'it''s me', 'c'='d') */ WHERE x",
                "SELECT * FROM t /*+ OPTIONS('a' = 'b', 'properties.sasl.password' = '[redacted]', 'c'='d') */ WHERE x",
            ),
            ("SELECT 'password' = 'x' FROM t", "SELECT 'password' = 'x' FROM t"),
            (
                "-- don't\nSELECT '/*+' FROM t /* it's */ /*+ OPTIONS('ssl.key.password'='p') */",
                "-- don't\nSELECT '/*+' FROM t /* it's */ /*+ OPTIONS('ssl.key.password'='[redacted]') */",
            ),
            ("SELECT 'open", "SELECT 'open"),
            ("/*+ OPTIONS('password' = 'x", "/*+ OPTIONS('password' = '[redacted]'"),
        ] {
            assert_eq!(without_secrets(text), wanted);
        }
    }
}
