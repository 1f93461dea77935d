//! `config.toml`: what a user sets once. One file belongs to the user, one may lie in the workspace and goes before it.
//! Every value remembers the line that it was read from, so that one can be told where it came from.

mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::StringArray;
use millstream_record::{OptionKind, OptionSpec};
use millstream_sql::SqlError;
use millstream_sql::statement::{TableDraft, TableOption};

use crate::fault::Fault;
use crate::reply::Reply;
use crate::strings::table;

/// What `[shell]` can say. The command line goes before it.
pub const SHELL: &[OptionSpec] = &[
    OptionSpec {
        name: "output",
        kind: OptionKind::Text,
        default: None,
        doc: "format of results, as with --output",
        example: "markdown",
    },
    OptionSpec {
        name: "rows",
        kind: OptionKind::Integer,
        default: Some("40"),
        doc: "how many rows of a table are shown, as with --rows",
        example: "100",
    },
    OptionSpec {
        name: "color",
        kind: OptionKind::Choice(&["auto", "always", "never"]),
        default: Some("auto"),
        doc: "when to colour, as with --color",
        example: "never",
    },
    OptionSpec {
        name: "theme",
        kind: OptionKind::Choice(&["dark", "light", "plain"]),
        default: None,
        doc: "how WATCH looks; what fits the terminal if it is not set",
        example: "light",
    },
    OptionSpec {
        name: "pager",
        kind: OptionKind::Text,
        default: None,
        doc: "what shows a result that is higher than the screen; $PAGER if it is not set",
        example: "less -S",
    },
    OptionSpec {
        name: "editor",
        kind: OptionKind::Text,
        default: None,
        doc: "what Alt-E opens; $VISUAL or $EDITOR if it is not set",
        example: "nano",
    },
];

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// As it would be typed in a statement.
    pub text: String,
    /// Where it stands.
    pub origin: Origin,
}

/// Values by name.
pub type Values = BTreeMap<String, Value>;

/// What the files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The files that were there, the one that goes before all others last.
    pub files: Vec<PathBuf>,
    /// `[settings]`: values of `SET`.
    pub settings: Values,
    /// `[connections.NAME]`: options of a broker under their names in `WITH`.
    pub connections: BTreeMap<String, Values>,
    /// `[shell]`.
    pub shell: Values,
    /// `[keys]`: what a key does on a screen, by the name of the action.
    pub keys: Values,
}

impl Config {
    /// Reads the files that are there; a later one goes before an earlier one, value by value.
    ///
    /// # Errors
    /// A file that cannot be read, or holds what nobody knows, with the line.
    pub fn load(files: &[PathBuf]) -> Result<Config, Fault> {
        let mut config = Config::default();
        for file in files {
            match std::fs::read_to_string(file) {
                Ok(text) => config.add(read::read(file, &text)?, file),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(read::wrong(format!("cannot read {}: {error}", file.display()))),
            }
        }
        Ok(config)
    }

    /// The files to look for: the user's (`$MILLSTREAM_CONFIG`, else `millstream/config.toml` where the XDG rules put it) and
    /// the workspace's.
    pub fn places(workspace: &Path) -> Vec<PathBuf> {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = || named("XDG_CONFIG_HOME").or_else(|| Some(named("HOME")?.join(".config")));
        let own = named("MILLSTREAM_CONFIG").or_else(|| Some(folder()?.join("millstream/config.toml")));
        own.into_iter().chain([workspace.join("config.toml")]).collect()
    }

    fn add(&mut self, more: Config, file: &Path) {
        self.files.push(file.to_path_buf());
        self.settings.extend(more.settings);
        self.connections.extend(more.connections);
        self.shell.extend(more.shell);
        self.keys.extend(more.keys);
    }

    /// A value of `[shell]`.
    pub fn shell(&self, name: &str) -> Option<&str> {
        self.shell.get(name).map(|value| value.text.as_str())
    }

    /// The options of a connection.
    ///
    /// # Errors
    /// `E0711` if there is none of this name.
    pub fn connection(&self, name: &str) -> Result<&Values, SqlError> {
        self.connections.get(name).ok_or_else(|| {
            let error = SqlError::new("E0711", format!("there is no connection '{name}'"));
            let error = error.did_you_mean(name, self.connections.keys().map(String::as_str));
            error.hint(format!(
                "write [connections.{name}] with \"bootstrap.servers\" into config.toml; `millstream config` names the files"
            ))
        })
    }

    /// All values, each with the line that it came from.
    pub fn listing(&self) -> Reply {
        let section = |name: &str, values: &Values| -> Vec<[String; 4]> {
            let row = |(key, value): (&String, &Value)| {
                [name.to_string(), key.clone(), value.text.clone(), value.origin.to_string()]
            };
            values.iter().map(row).collect()
        };
        let connections =
            self.connections.iter().map(|(name, options)| section(&format!("connections.{name}"), options));
        let others = [("settings", &self.settings), ("shell", &self.shell), ("keys", &self.keys)];
        let rows: Vec<_> = connections.chain(others.map(|(name, values)| section(name, values))).flatten().collect();
        let column = |at: usize| Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row[at].as_str()))) as _;
        table([("section", column(0)), ("name", column(1)), ("value", column(2)), ("from", column(3))])
    }

    /// Puts the options of the connection that a declaration names in its place. What the declaration says
    /// itself goes before them. So the table says all that it needs, wherever it is read.
    pub fn put_into(&self, draft: &mut TableDraft) -> Result<(), SqlError> {
        let Some(at) = draft.options.iter().position(|option| option.key == "connection") else { return Ok(()) };
        let named = draft.options.remove(at);
        let options = self.connection(&named.value).map_err(|error| error.at(named.span))?;
        for (key, value) in options {
            if !draft.options.iter().any(|given| given.key == *key) {
                let option = TableOption { key: key.clone(), value: value.text.clone(), span: named.span };
                draft.options.push(option);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)]) -> Result<Config, Fault> {
        let folder = tempfile::tempdir().expect("there is room");
        let write = |(name, text): &(&str, &str)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("writes");
            path
        };
        let mut files: Vec<PathBuf> = files.iter().map(write).collect();
        files.push(folder.path().join("not there.toml"));
        Config::load(&files)
    }

    #[test]
    fn a_later_file_goes_before_an_earlier_one_and_every_value_knows_its_line() {
        let config = load(&[
            ("user.toml", "[settings]\nbatch-rows = 64\n\"table.local-time-zone\" = \"Europe/Berlin\"\n"),
            ("workspace.toml", "[shell]\noutput = \"csv\"\n\n[settings]\nbatch-rows = 128\n"),
        ]);
        let config = config.expect("both are sound");
        let told = |name: &str| {
            let value = &config.settings[name];
            let file = value.origin.file.file_name().expect("a file").to_string_lossy().into_owned();
            (value.text.clone(), file, value.origin.line)
        };
        assert_eq!(told("batch-rows"), ("128".into(), "workspace.toml".into(), 5));
        assert_eq!(told("table.local-time-zone"), ("Europe/Berlin".into(), "user.toml".into(), 3));
        assert_eq!((config.shell("output"), config.files.len()), (Some("csv"), 2));
    }

    #[test]
    fn options_of_a_connection_stand_under_their_names_in_with() {
        let text =
            "[connections.prod]\n\"bootstrap.servers\" = \"b:9092\"\n\"properties.sasl.password\" = \"${env:P}\"\n";
        let config = load(&[("c.toml", text)]).expect("sound");
        let options = config.connection("prod").expect("is there");
        let names: Vec<&str> = options.keys().map(String::as_str).collect();
        assert_eq!(names, ["properties.bootstrap.servers", "properties.sasl.password"]);
        let missing = config.connection("prid").expect_err("there is none");
        assert_eq!(missing.hints[0], "did you mean 'prod'?");
    }

    #[test]
    fn what_nobody_knows_is_refused_with_its_place() {
        let refusal = |text: &str| {
            let fault = load(&[("c.toml", text)]).expect_err("is refused");
            let (place, reason) = fault.message.split_once(".toml:").expect("a place");
            assert!(place.ends_with("/c"), "{place}");
            (reason.to_string(), fault.hints)
        };
        assert_eq!(refusal("[settings]\n\nbatch-rowz = 3").0, "3: there is no setting 'batch-rowz'");
        assert_eq!(refusal("[settings]\nbatch-rowz = 3").1, ["did you mean 'batch-rows'?"]);
        assert!(refusal("[shel]\noutput = 3").0.starts_with("1: unknown field `shel`"));
        assert_eq!(refusal("[shell]\noutputt = 3").0, "2: there is no setting 'outputt' in [shell]");
        assert!(refusal("[settings]\nbatch-rows = \"many\"").0.starts_with("2: "));
        assert_eq!(
            refusal("[settings]\nbatch-rows = [1]").0,
            "2: 'batch-rows' must be a text, a number, true or false"
        );
        assert_eq!(
            refusal("[connections.a]\nclient.id = \"x\"").0,
            "1: the connection 'a' names no \"bootstrap.servers\""
        );
        assert!(refusal("a = [").0.starts_with("1: "));
    }

    #[test]
    fn a_password_in_the_clear_is_refused() {
        let text = "[connections.a]\n\"bootstrap.servers\" = \"b:1\"\n\"sasl.password\" = \"hunter2\"\n";
        let fault = load(&[("c.toml", text)]).expect_err("is refused");
        assert!(fault.message.contains("c.toml:3: ") && !fault.message.contains("hunter2"), "{}", fault.message);
        assert!(fault.hints[0].contains("${env:"), "{:?}", fault.hints);
    }
}
