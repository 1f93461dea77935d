//! Passwords do not leave the session. Where a table says one, the job says from which variable of the
//! environment it is to be taken.

use millstream_record::sounds_secret;
use millstream_sql::statement::TableDraft;

/// A value that stands in the environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The variable.
    pub variable: String,
    /// What it is for: table and option.
    pub purpose: String,
}

/// The table with references in the place of its secrets; which, is added to `secrets`.
pub fn refer(mut draft: TableDraft, secrets: &mut Vec<Secret>) -> TableDraft {
    for option in &mut draft.options {
        if let Some(reference) = reference(&draft.name.text, &option.key, &option.value) {
            option.value = reference;
        }
        note(&draft.name.text, &option.key, &option.value, secrets);
    }
    draft
}

/// Adds the variable that a value names, with what it is for.
pub fn note(table: &str, key: &str, value: &str, secrets: &mut Vec<Secret>) {
    let Some(variable) = variable(value) else { return };
    let purpose = format!("'{key}' of {table}");
    match secrets.iter_mut().find(|secret| secret.variable == variable) {
        Some(known) if !known.purpose.split(", ").any(|one| one == purpose) => {
            known.purpose = format!("{}, {purpose}", known.purpose);
        }
        Some(_) => {}
        None => secrets.push(Secret { variable: variable.into(), purpose }),
    }
}

/// What is written instead of an option's value; `None` if it can stand.
pub fn reference(table: &str, key: &str, value: &str) -> Option<String> {
    match millstream_record::reference(value) {
        Some(("env" | "file", _)) => None,
        Some(("ask", what)) => Some(format!("${{env:{}}}", upper(what))),
        _ if sounds_secret(key) => {
            let key = key.strip_prefix("properties.").unwrap_or(key);
            Some(format!("${{env:{}_{}}}", upper(table), upper(key)))
        }
        _ => None,
    }
}

/// The variable that a value names.
pub fn variable(value: &str) -> Option<&str> {
    millstream_record::reference(value).filter(|(kind, _)| *kind == "env").map(|(_, name)| name)
}

/// As the name of a variable.
fn upper(text: &str) -> String {
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_become_references_and_references_stay() {
        let of = |key: &str, value: &str| reference("my.trades", key, value);
        assert_eq!(of("properties.sasl.password", "hunter2").as_deref(), Some("${env:MY_TRADES_SASL_PASSWORD}"));
        assert_eq!(of("properties.sasl.password", "${env:PW}"), None);
        assert_eq!(of("properties.ssl.key.pem", "${file:/run/key.pem}"), None);
        assert_eq!(of("properties.sasl.password", "${ask:the broker}").as_deref(), Some("${env:THE_BROKER}"));
        assert_eq!(of("properties.sasl.password", "a ${env:PW}").as_deref(), Some("${env:MY_TRADES_SASL_PASSWORD}"));
        assert_eq!(of("topic", "trades"), None);
    }
}
