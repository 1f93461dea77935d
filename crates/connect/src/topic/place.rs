//! Where a topic lives: a folder with the database (`log/`), the description (`topic.json`) and two lock
//! files (`owner`, `queue`). The description does not change while the topic exists; its id tells a topic
//! from another one that got the same name later.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_record::{Error, Millis, Result, TopicIds};
use serde_json::{Value, json};

/// The version of the layout of folders that this program writes and reads.
const LAYOUT: u64 = 1;

/// A topic that exists, or did when we looked.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its name.
    pub name: Arc<str>,
    /// Its folder.
    pub folder: PathBuf,
    /// How many partitions it has.
    pub partitions: u32,
    /// When it was made.
    pub created: Millis,
    id: String,
}

impl Place {
    /// Reads the description of topic `name`, which must be a good name; `None` if there is no such topic.
    pub fn find(root: &Path, name: &str) -> Result<Option<Place>> {
        let folder = root.join(name);
        let path = folder.join("topic.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(&path, error)),
        };
        let damaged = || Error::Invalid(format!("{} is damaged: it does not describe a topic", path.display()));
        let described: Value = serde_json::from_slice(&text).map_err(|_| damaged())?;
        let number = |field: &str| described.get(field).and_then(Value::as_u64);
        if let Some(layout) = number("layout").filter(|&layout| layout != LAYOUT) {
            return Err(Error::Invalid(format!(
                "topic '{name}' has storage layout {layout}, this program reads layout {LAYOUT}: use the release that wrote it"
            )));
        }
        let read = || {
            let partitions = u32::try_from(number("partitions")?).ok().filter(|&count| count > 0)?;
            let created = Millis(described.get("created")?.as_i64()?);
            let id = described.get("id")?.as_str()?.to_string();
            Some(Place { name: name.into(), folder: folder.clone(), partitions, created, id })
        };
        read().map(Some).ok_or_else(damaged)
    }

    /// Writes the description of a new topic into `folder`.
    pub fn describe(folder: &Path, partitions: u32, created: Millis, id: &str) -> Result<()> {
        let described = json!({ "layout": LAYOUT, "partitions": partitions, "created": created.0, "id": id });
        let path = folder.join("topic.json");
        std::fs::write(&path, format!("{described:#}\n")).map_err(|error| Error::io(path, error))
    }

    /// Its id, by its name: what a saved position belongs to.
    pub fn ids(&self) -> TopicIds {
        [(self.name.clone(), self.id.as_str().into())].into()
    }

    /// Whether both describe the very same topic, not only one of the same name.
    pub fn same_as(&self, other: &Place) -> bool {
        self.id == other.id && self.folder == other.folder
    }

    /// The folder of the database.
    pub fn database(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// An error if the topic has been deleted, or deleted and made anew, since this was read.
    pub fn check_same(&self) -> Result<()> {
        let root = self.folder.parent().unwrap_or(Path::new("."));
        match Place::find(root, &self.name)? {
            None => Err(self.gone()),
            Some(now) if now.id != self.id => Err(Error::DataLoss {
                place: format!("topic '{}'", self.name),
                reason: "it was deleted and made anew; start again to read the new one".into(),
            }),
            Some(_) => Ok(()),
        }
    }

    /// The error of a topic that has been deleted under our hands.
    pub fn gone(&self) -> Error {
        Error::DataLoss { place: format!("topic '{}'", self.name), reason: "the topic has been deleted".into() }
    }

    /// The error of stored bytes that make no sense.
    pub fn damaged(&self, what: &str) -> Error {
        Error::DataLoss {
            place: format!("topic '{}'", self.name),
            reason: format!("{what} in {} is damaged; restore the folder from a copy", self.database().display()),
        }
    }
}
