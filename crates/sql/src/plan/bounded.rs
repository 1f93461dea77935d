//! Whether a table ends by itself. A join may read such a table to its end before the first row of the
//! other side; the options alone tell, since nothing is opened while a query is planned.

use millstream_plan::Tap;

/// Whether reading this tap comes to an end.
pub fn is_bounded(tap: &Tap) -> bool {
    let given = |option: &str| tap.options.contains_key(option);
    match tap.connector.as_str() {
        "filesystem" => !given("source.monitor-interval"),
        "datagen" => given("number-of-rows"),
        _ => tap.options.get("scan.bounded.mode").is_some_and(|mode| mode != "unbounded"),
    }
}
