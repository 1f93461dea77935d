//! `SET`, `RESET`, `USE`.

use std::sync::Arc;

use arrow::array::StringArray;
use millstream_sql::SqlError;
use millstream_sql::statement::Name;

use crate::fault::Fault;
use crate::reply::Reply;
use crate::session::Session;
use crate::strings::table;

/// `SET 'key' = 'value'`.
pub fn set(session: &mut Session, key: &str, value: &str) -> Result<Reply, Fault> {
    Ok(Reply::Text(session.settings.set(key, value)?))
}

/// `SET` alone.
pub fn list(session: &Session) -> Result<Reply, Fault> {
    let settings: Vec<_> = session.settings.all().collect();
    Ok(table(
        [
            ("setting", StringArray::from_iter_values(settings.iter().map(|setting| setting.name))),
            ("value", StringArray::from_iter(settings.iter().map(|setting| setting.value))),
            ("from", StringArray::from_iter_values(settings.iter().map(|setting| setting.from))),
            ("meaning", StringArray::from_iter_values(settings.iter().map(|setting| setting.doc))),
        ]
        .map(|(name, column)| (name, Arc::new(column) as _)),
    ))
}

/// `RESET`.
pub fn reset(session: &mut Session, key: Option<&str>) -> Result<Reply, Fault> {
    Ok(Reply::Text(session.settings.reset(key)?))
}

/// `USE`: there is nothing to choose from.
pub fn only_one(name: &Name) -> Fault {
    let message = format!("there is one catalogue with one database only, '{}' cannot be used", name.text);
    SqlError::new("E0501", message).at(name.span).into()
}
