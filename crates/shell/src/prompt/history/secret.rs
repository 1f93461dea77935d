//! Lines that speak of secrets. They are answered like all others, and written down nowhere.

/// Words that make a line a secret.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "jaas.config",
    "private key",
    "key.pem",
    "api key",
    "api_key",
    "apikey",
    "credential",
    "bearer ",
];

/// Whether a line says something that must not be written down. `${env:NAME}` and `${file:path}` name a secret
/// without saying it.
pub fn is_secret(line: &str) -> bool {
    let line = line.to_lowercase();
    WORDS.iter().any(|word| line.contains(word)) || names_a_user(&line)
}

/// `scheme://user:password@host`.
fn names_a_user(line: &str) -> bool {
    line.match_indices("://").any(|(at, _)| {
        let rest = &line[at + 3..];
        let end = rest.find(|c: char| c.is_whitespace() || c == '/' || c == '\'').unwrap_or(rest.len());
        rest[..end].split_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn secrets_are_told_by_their_names() {
        assert!(is_secret("CREATE TABLE t (a INT) WITH ('properties.sasl.password' = 'hunter2')"));
        assert!(is_secret("SET 'x.Token' = 'y'"));
        assert!(is_secret("TAP 'kafka://me:hunter2@broker:9092/trades'"));
        assert!(!is_secret("TAP 'kafka://broker:9092/trades'"));
        assert!(!is_secret("SELECT key FROM t -- mail@example.org"));
    }
}
