//! The settings of librdkafka, which Millstream speaks Kafka with, in the words of the Java client, which Flink
//! does. User and password become a line of JAAS; certificates in files become key stores of PEM.

/// Settings that both clients have under one name.
const SHARED: [&str; 22] = [
    "bootstrap.servers",
    "group.id",
    "client.id",
    "client.rack",
    "security.protocol",
    "sasl.mechanism",
    "sasl.jaas.config",
    "auto.offset.reset",
    "isolation.level",
    "fetch.min.bytes",
    "fetch.max.bytes",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "acks",
    "linger.ms",
    "batch.size",
    "enable.idempotence",
    "transaction.timeout.ms",
    "request.timeout.ms",
    "delivery.timeout.ms",
    "retries",
];

/// Settings that the Java client has under another name.
const RENAMED: [(&str, &str); 6] = [
    ("compression.codec", "compression.type"),
    ("compression.type", "compression.type"),
    ("sasl.mechanisms", "sasl.mechanism"),
    ("fetch.wait.max.ms", "fetch.max.wait.ms"),
    ("message.max.bytes", "max.request.size"),
    ("ssl.endpoint.identification.algorithm", "ssl.endpoint.identification.algorithm"),
];

/// Certificates and keys, which the Java client takes in stores.
const STORES: [(&str, &str, &str); 5] = [
    ("ssl.ca.location", "ssl.truststore.location", "ssl.truststore.type"),
    ("ssl.ca.pem", "ssl.truststore.certificates", "ssl.truststore.type"),
    ("ssl.keystore.location", "ssl.keystore.location", ""),
    ("ssl.certificate.pem", "ssl.keystore.certificate.chain", "ssl.keystore.type"),
    ("ssl.key.pem", "ssl.keystore.key", "ssl.keystore.type"),
];

/// How the login modules are called inside of Flink's jar of the SQL connector.
const MODULES: &str = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security";

/// The options under `properties.` for the client's settings of the table `name`, and notes on those that the
/// Java client does not have.
pub fn client(name: &str, properties: &[(&str, &str)]) -> (Vec<(String, String)>, Vec<String>) {
    let (mut options, mut notes) = (Vec::<(String, String)>::new(), Vec::new());
    let mut put = |key: &str, value: &str| {
        let key = format!("properties.{key}");
        if !options.iter().any(|(known, _)| *known == key) {
            options.push((key, value.to_string()));
        }
    };
    let of = |wanted: &str| properties.iter().find(|(key, _)| *key == wanted).map(|(_, value)| *value);
    for &(key, value) in properties {
        if let Some((_, java)) = RENAMED.iter().find(|(own, _)| *own == key) {
            put(java, value);
        } else if let Some((_, java, kind)) = STORES.iter().find(|(own, _, _)| *own == key) {
            put(java, value);
            if !kind.is_empty() {
                put(kind, "PEM");
            }
        } else if SHARED.contains(&key) {
            put(key, value);
        } else if !matches!(key, "sasl.username" | "sasl.password") {
            notes.push(format!(
                "'properties.{key}' of {name} is a setting of librdkafka that the Java client does not have"
            ));
        }
    }
    if let (Some(user), Some(password), None) = (of("sasl.username"), of("sasl.password"), of("sasl.jaas.config")) {
        let mechanism = of("sasl.mechanism").or(of("sasl.mechanisms")).unwrap_or("PLAIN");
        let module = if mechanism.starts_with("SCRAM") { "scram.ScramLoginModule" } else { "plain.PlainLoginModule" };
        let escaped = user.replace('\\', "\\\\").replace('"', "\\\"");
        put(
            "sasl.jaas.config",
            &format!("{MODULES}.{module} required username=\"{escaped}\" password=\"{password}\";"),
        );
    }
    (options, notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_become_a_line_of_jaas() {
        let (options, notes) = client(
            "t",
            &[
                ("bootstrap.servers", "a:1"),
                ("sasl.mechanisms", "SCRAM-SHA-512"),
                ("sasl.username", "me"),
                ("sasl.password", "${env:PW}"),
                ("ssl.ca.location", "/ca.pem"),
                ("queued.min.messages", "7"),
            ],
        );
        let value = |key: &str| options.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        assert_eq!(value("properties.sasl.mechanism"), Some("SCRAM-SHA-512"));
        let jaas = value("properties.sasl.jaas.config").expect("a line");
        assert!(jaas.ends_with("scram.ScramLoginModule required username=\"me\" password=\"${env:PW}\";"), "{jaas}");
        assert_eq!(value("properties.ssl.truststore.type"), Some("PEM"));
        assert_eq!(value("properties.sasl.username"), None);
        assert_eq!(notes.len(), 1, "{notes:?}");
    }
}
