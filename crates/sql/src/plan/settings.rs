//! What a session sets that changes what a query means: the zone of wall clocks, the moment that the query
//! calls now, and the functions that its users brought.

use millstream_plan::UserFunctions;
use millstream_record::Millis;

/// The settings that planning needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `table.local-time-zone`: the zone in which `TIMESTAMP_LTZ` is cut into windows and written as text.
    pub zone: String,
    /// What `CURRENT_TIMESTAMP` and its sisters say. It is one moment for the whole query, handed in, so
    /// that a replay gives the same answer.
    pub now: Millis,
    /// The functions that users brought.
    pub functions: UserFunctions,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { zone: "UTC".into(), now: Millis(0), functions: UserFunctions::default() }
    }
}

impl Settings {
    /// Takes a setting of a session if it is one of these; `Err` says why the value does not fit.
    pub fn apply(&mut self, key: &str, value: &str) -> Result<bool, crate::SqlError> {
        if key != "table.local-time-zone" {
            return Ok(false);
        }
        let known = value.parse::<chrono_tz::Tz>().is_ok() || value.parse::<chrono::FixedOffset>().is_ok();
        if !known {
            let error = crate::SqlError::new("E0203", format!("'{value}' is not the name of a time zone"));
            return Err(error.hint("for example 'UTC', 'Europe/Berlin' or '+02:00'"));
        }
        self.zone = value.to_string();
        Ok(true)
    }
}
