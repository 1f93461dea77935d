//! The text of one `config.toml`. What nobody knows is refused with its line: a typing error must not pass for a value.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use millstream_record::{OptionKind, OptionSpec, reference, sounds_secret};
use millstream_sql::error::{line_column, nearest};
use serde::Deserialize;
use toml::Spanned;

use super::{Config, Origin, SHELL, Value, Values};
use crate::complete::kind;
use crate::fault::{Class, Fault};
use crate::settings::Settings;

type Table = BTreeMap<Spanned<String>, Spanned<toml::Value>>;

/// The tables of a file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    settings: Table,
    connections: BTreeMap<Spanned<String>, Table>,
    shell: Table,
    keys: Table,
}

/// A file and its text, to tell places in it.
struct Text<'a> {
    file: &'a Path,
    text: &'a str,
}

/// Reads one file.
pub fn read(file: &Path, text: &str) -> Result<Config, Fault> {
    let place = Text { file, text };
    let read: File = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        place.wrong(span, error.message().to_string())
    })?;
    let settings = place.values(read.settings)?;
    check_settings(&settings)?;
    let shell = place.values(read.shell)?;
    for (name, value) in &shell {
        check_shell(name, value)?;
    }
    let connections = read.connections.into_iter().map(|(name, table)| {
        let span = name.span();
        let name = name.into_inner();
        let options = place.connection(&name, span, table)?;
        Ok((name, options))
    });
    let connections = connections.collect::<Result<_, Fault>>()?;
    Ok(Config { files: Vec::new(), settings, connections, shell, keys: place.values(read.keys)? })
}

/// An error of a file.
pub fn wrong(message: String) -> Fault {
    Fault::new(Class::Usage, "E0712", message)
}

impl Text<'_> {
    fn origin(&self, span: &Range<usize>) -> Origin {
        Origin { file: self.file.to_path_buf(), line: line_column(self.text, span.start).0 }
    }

    fn wrong(&self, span: Range<usize>, message: String) -> Fault {
        wrong(format!("{}: {message}", self.origin(&span)))
    }

    fn values(&self, table: Table) -> Result<Values, Fault> {
        let mut values = Values::new();
        for (name, value) in table {
            let span = value.span();
            self.add(&mut values, name.into_inner(), value.into_inner(), &span)?;
        }
        Ok(values)
    }

    /// Adds a value. `client.id = "x"` without quotes around the name is a table in TOML, and meant as one name.
    fn add(&self, values: &mut Values, name: String, value: toml::Value, span: &Range<usize>) -> Result<(), Fault> {
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            toml::Value::Table(below) => {
                let mut parts = below.into_iter();
                return parts.try_for_each(|(part, value)| self.add(values, format!("{name}.{part}"), value, span));
            }
            _ => return Err(self.wrong(span.clone(), format!("'{name}' must be a text, a number, true or false"))),
        };
        values.insert(name, Value { text, origin: self.origin(span) });
        Ok(())
    }

    /// The options of a connection, under their names in `WITH`.
    fn connection(&self, name: &str, span: Range<usize>, table: Table) -> Result<Values, Fault> {
        let mut options = Values::new();
        for (key, value) in self.values(table)? {
            if sounds_secret(&key) && reference(&value.text).is_none() {
                let message = format!("{}: '{key}' of the connection '{name}' stands there in the clear", value.origin);
                return Err(wrong(message)
                    .hint("write where it comes from: \"${env:NAME}\", or \"${ask:what}\" to be asked once"));
            }
            let key = if key.starts_with("properties.") { key } else { format!("properties.{key}") };
            options.insert(key, value);
        }
        if !options.contains_key("properties.bootstrap.servers") {
            return Err(self.wrong(span, format!("the connection '{name}' names no \"bootstrap.servers\"")));
        }
        Ok(options)
    }
}

fn check_settings(settings: &Values) -> Result<(), Fault> {
    for (name, value) in settings {
        let set = Settings::new().set(name, &value.text);
        set.map_err(|fault| Fault { hints: fault.hints, ..wrong(format!("{}: {}", value.origin, fault.message)) })?;
    }
    Ok(())
}

fn check_shell(name: &str, value: &Value) -> Result<(), Fault> {
    let Some(spec) = SHELL.iter().find(|spec| spec.name == name) else {
        let fault = wrong(format!("{}: there is no setting '{name}' in [shell]", value.origin));
        return Err(match nearest(name, SHELL.iter().map(|spec| spec.name)) {
            Some(near) => fault.hint(format!("did you mean '{near}'?")),
            None => fault,
        });
    };
    if fits(spec, &value.text) {
        return Ok(());
    }
    let wanted = kind(spec.kind);
    Err(wrong(format!("{}: '{name}' = '{}' is not {wanted}", value.origin, value.text)))
}

fn fits(spec: &OptionSpec, text: &str) -> bool {
    match spec.kind {
        OptionKind::Integer => text.parse::<i64>().is_ok(),
        OptionKind::Choice(words) => words.contains(&text),
        _ => !text.is_empty(),
    }
}
