//! From a place as a user names it (`'kafka://host:port/topic'`, `'data/*.jsonl'`, `demo.bids`, the name of
//! a topic or table) to a connector and the options that mean it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use millstream_connect::file::{self, Footer};
use millstream_connect::format::{FORMAT_OPTIONS, KEY_OPTIONS};
use millstream_record::{Connector, Options, Stop};
use millstream_sql::declare::{TAP_OPTIONS, wrong_option};
use millstream_sql::statement::{Name, Place};
use millstream_sql::{Relation, Span, SqlError};

use crate::fault::Fault;
use crate::session::Session;

/// Topics or files, found.
pub struct Found {
    /// Who reaches them.
    pub connector: Arc<dyn Connector>,
    /// What a table over them says in `WITH`, without the connector and without a format.
    pub options: Vec<(String, String)>,
    /// What a table over them would be called; `None` if no single topic is named.
    pub name: Option<String>,
    /// The table, if the place is one.
    pub table: Option<String>,
    /// The options with the passwords that they name put in.
    opening: BTreeMap<String, String>,
}

const FORMS: &str =
    "places are 'kafka://host:port/topic', 'data/*.jsonl', demo.NAME, and the names of embedded topics and tables";

/// Finds what a place means.
pub fn find(session: &Session, place: &Place) -> Result<Found, Fault> {
    let found = match place {
        Place::Name(name) => by_name(session, name),
        Place::Url { text, span } => by_url(session, text, *span),
    };
    let opened = found.and_then(|found| {
        let declared: BTreeMap<String, String> = found.options.iter().cloned().collect();
        Ok(Found { opening: session.outside.secrets().put_in(&declared)?, ..found })
    });
    opened.map_err(|fault| fault.or_at(Some(place.span())))
}

impl Found {
    /// The options, checked, with `more` of a format.
    pub fn checked(&self, more: &[(String, String)]) -> Result<Options, Fault> {
        let more = more.iter().map(|(key, value)| (key, value));
        let typed = self.opening.iter().chain(more).map(|(key, value)| (key.as_str(), value.as_str()));
        let checked = Options::check(typed, &[self.connector.options(), TAP_OPTIONS]);
        Ok(checked.map_err(|error| wrong_option(self.connector.name(), &error))?)
    }

    /// What files say of themselves; `None` where records must be looked at.
    pub fn footer(&self, stop: &Stop) -> Result<Option<Footer>, Fault> {
        if self.connector.name() != "filesystem" {
            return Ok(None);
        }
        Ok(file::footer(&self.checked(&[])?, stop)?)
    }

    /// Whether its tables name a format.
    pub fn has_formats(&self) -> bool {
        self.connector.options().iter().any(|spec| spec.name == "format")
    }
}

fn by_name(session: &Session, name: &Name) -> Result<Found, Fault> {
    match session.catalog.get(&name.text) {
        Some(Relation::Table(table)) => {
            let connector = session.outside.connector(&table.tap.connector)?.clone();
            let format = |key: &str| FORMAT_OPTIONS.iter().chain(KEY_OPTIONS).any(|spec| spec.name == key);
            let options = table.tap.options.iter().filter(|(key, _)| !format(key) && !key.starts_with("sink."));
            let mut options: Vec<(String, String)> = options.map(|(key, value)| (key.clone(), value.clone())).collect();
            if connector.name() == "topic" && !table.tap.options.contains_key("topic") {
                options.push(("topic".into(), table.tap.name.clone()));
            }
            let short = name.text.rsplit('.').next().unwrap_or(&name.text).to_string();
            Ok(Found {
                connector,
                options,
                name: Some(short),
                table: Some(name.text.clone()),
                opening: BTreeMap::new(),
            })
        }
        Some(Relation::View(_)) => {
            let message = format!("'{}' is a view: it has rows, and no records of its own", name.text);
            Err(SqlError::new("E0201", message).hint(format!("FROM {} shows its rows", name.text)).into())
        }
        None => match topic(session, &name.text)? {
            Some(found) => Ok(found),
            None => Err(nothing(session, &name.text)),
        },
    }
}

/// The embedded topic of this name.
fn topic(session: &Session, name: &str) -> Result<Option<Found>, Fault> {
    // What cannot be a name is none.
    if !session.topics().exists(name).unwrap_or(false) {
        return Ok(None);
    }
    let connector = session.outside.connector("topic")?.clone();
    let options = vec![("topic".into(), name.to_string())];
    Ok(Some(Found { connector, options, name: typed(name), table: None, opening: BTreeMap::new() }))
}

fn nothing(session: &Session, name: &str) -> Fault {
    let topics = session.topics().inner().list().unwrap_or_default();
    let known = session.catalog.names().chain(topics.iter().map(|topic| topic.name.as_str()));
    let error = SqlError::new("E0201", format!("there is no topic, file or table '{name}'"));
    error.did_you_mean(name, known).hint(FORMS).into()
}

fn by_url(session: &Session, text: &str, span: Span) -> Result<Found, Fault> {
    match text.split_once("://") {
        Some(("kafka", rest)) => kafka(session, rest),
        Some(("demo", name)) => by_name(session, &Name { text: format!("demo.{name}"), span }),
        Some(("topic", name)) => topic(session, name)?.ok_or_else(|| nothing(session, name)),
        Some(("file", path)) => files(session, path),
        Some((scheme, _)) => Err(SqlError::new("E0301", format!("nothing here reads {scheme}://")).hint(FORMS).into()),
        None => {
            let is_file = text.contains(['*', '?', '/']) || Path::new(text).exists();
            if let (false, Some(found)) = (is_file, topic(session, text)?) {
                return Ok(found);
            }
            if !is_file && session.catalog.contains(text) {
                return by_name(session, &Name { text: text.into(), span });
            }
            if is_file || text.contains('.') { files(session, text) } else { Err(nothing(session, text)) }
        }
    }
}

/// `host:port[,host:port][/topic][?setting=value&…]`.
fn kafka(session: &Session, rest: &str) -> Result<Found, Fault> {
    let (place, settings) = rest.split_once('?').unwrap_or((rest, ""));
    let (servers, topic) = place.split_once('/').unwrap_or((place, ""));
    if servers.contains('@') {
        let error = SqlError::new("E0301", "user and password do not belong into a place, where everybody sees them");
        return Err(error
            .hint("CREATE TABLE with 'properties.sasl.username' and '….password', then PEEK or TAP that table")
            .into());
    }
    if servers.is_empty() {
        return Err(SqlError::new("E0301", "the place names no server")
            .hint("for example 'kafka://localhost:9092/trades'")
            .into());
    }
    let mut options: Vec<(String, String)> = match session.config.connection(servers) {
        Ok(connection) => connection.iter().map(|(key, value)| (key.clone(), value.text.clone())).collect(),
        // A name without a port that nearly is a connection is none of a host.
        Err(error) if !servers.contains([':', '.', ',']) && error.hints.len() > 1 => return Err(error.into()),
        Err(_) => vec![("properties.bootstrap.servers".to_string(), servers.to_string())],
    };
    for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
        let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
        options.push((format!("properties.{key}"), value.to_string()));
    }
    if !topic.is_empty() {
        options.insert(0, ("topic".into(), topic.into()));
    }
    let connector = session.outside.connector("kafka")?.clone();
    Ok(Found { connector, options, name: typed(topic), table: None, opening: BTreeMap::new() })
}

fn files(session: &Session, path: &str) -> Result<Found, Fault> {
    let connector = session.outside.connector("filesystem")?.clone();
    let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    // 'data/*.jsonl' is called after its folder.
    let folder = Path::new(path).parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let name = typed(stem).or_else(|| typed(&folder?));
    Ok(Found {
        connector,
        options: vec![("path".into(), path.into())],
        name: Some(name.unwrap_or_else(|| "files".into())),
        table: None,
        opening: BTreeMap::new(),
    })
}

/// What a table over a topic or file of this name is called, so that one can type it without quotes: words with
/// underscores between them. `None` if no letter is left.
fn typed(name: &str) -> Option<String> {
    let words: String = name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { ' ' }).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join("_");
    let digit = words.starts_with(|c: char| c.is_numeric());
    (!words.is_empty()).then(|| if digit { format!("t_{words}") } else { words })
}
