//! `kernel_info`: who answers, in which language.

use serde_json::{Value, json};

use crate::wire::VERSION;

/// The answer to `kernel_info_request`, with every field.
pub fn kernel_info() -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "status": "ok",
        "protocol_version": VERSION,
        "implementation": "millstream",
        "implementation_version": version,
        "language_info": {
            "name": "sql",
            "version": version,
            "mimetype": "text/x-sql",
            "file_extension": ".sql",
            "pygments_lexer": "sql",
            "codemirror_mode": "sql",
            "nbconvert_exporter": "script",
        },
        "banner": format!("Millstream {version}: a workbench for streams. SHOW TOPICS; lists what there is, \\help helps."),
        "help_links": [{ "text": "Flink SQL", "url": "https://nightlies.apache.org/flink/flink-docs-stable/docs/sql/reference/overview/" }],
        "debugger": false,
        "supported_features": [],
    })
}
