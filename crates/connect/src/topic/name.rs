//! Names of topics. They become names of folders and are shown on terminals, and they may come from
//! anywhere, so only the characters that Kafka allows pass: no separators, no control characters, nothing
//! hidden.

use millstream_record::{Error, Result};

/// The longest name, as in Kafka.
pub const LONGEST_NAME: usize = 249;

/// Says whether `name` may be the name of a topic; the error says what is wrong with it.
pub fn check_name(name: &str) -> Result<()> {
    let reason = if name.is_empty() {
        "it is empty".to_string()
    } else if name.len() > LONGEST_NAME {
        format!("it is longer than {LONGEST_NAME} characters")
    } else if let Some(bad) = name.chars().find(|&c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        format!("the character '{}' is not allowed", bad.escape_default())
    } else if name.starts_with('.') {
        "it begins with a dot".to_string()
    } else {
        return Ok(());
    };
    Err(Error::Invalid(format!(
        "'{}' cannot be the name of a topic: {reason}; use letters, digits, '.', '_' and '-', for example 'orders-2026'",
        shown(name)
    )))
}

/// The name without anything that could act on a terminal, cut to a readable length.
fn shown(name: &str) -> String {
    let escaped: String = name.chars().take(60).flat_map(char::escape_default).collect();
    if name.chars().nth(60).is_some() { format!("{escaped}…") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit() {
        for name in ["orders", "a", "demo.bids", "x_y-z.2026", "0", &"n".repeat(249)] {
            check_name(name).expect(name);
        }
    }

    #[test]
    fn names_that_could_do_harm() {
        for name in ["", ".", "..", "../x", "a/b", "/etc", "a\\b", ".hidden", "a\0b", "a\nb", "\u{1b}[2J", "é", "a b"]
        {
            check_name(name).expect_err(name);
        }
        check_name(&"n".repeat(250)).expect_err("too long");
        let error = check_name("\u{1b}[2J\u{202e}x").expect_err("escape").to_string();
        assert_eq!(
            error,
            "'\\u{1b}[2J\\u{202e}x' cannot be the name of a topic: the character '\\u{1b}' is not allowed; \
             use letters, digits, '.', '_' and '-', for example 'orders-2026'"
        );
    }
}
