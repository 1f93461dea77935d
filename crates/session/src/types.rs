//! Names of types as SQL writes them.

use arrow::datatypes::DataType;
use millstream_sql::types::SqlType;

/// The name of an Arrow type, as `CREATE TABLE` would say it, without `NOT NULL`.
pub fn name(data_type: &DataType) -> String {
    match SqlType::from_arrow(data_type, true) {
        Ok(named) => named.to_string(),
        Err(_) => data_type.to_string(),
    }
}
