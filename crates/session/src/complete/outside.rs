//! What lies outside: files below the folder that a path names, and topics that were seen. Brokers are never
//! asked while somebody types: what they told before is kept here, and that is what is offered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Candidate, CandidateKind};

/// Of a folder so many entries are read.
const MOST: usize = 2_000;

/// Topics that brokers were heard to have. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct SeenTopics(Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>);

impl SeenTopics {
    /// Keeps the topics of a broker (`host:port`, or a list of them) in place of those that were known.
    pub fn learn(&self, broker: &str, topics: impl IntoIterator<Item = String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(broker.to_string(), topics.into_iter().collect());
    }

    /// Every topic of a broker; of all of them if none is named.
    pub fn of(&self, broker: Option<&str>) -> Vec<(String, String)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let named = seen.iter().filter(|(known, _)| broker.is_none_or(|broker| broker == known.as_str()));
        named.flat_map(|(broker, topics)| topics.iter().map(|topic| (broker.clone(), topic.clone()))).collect()
    }
}

/// Files and folders whose path goes on as typed. What cannot be read has none.
pub fn files(typed: &str) -> Vec<Candidate> {
    let (folder, _) = typed.rsplit_once('/').map_or(("", typed), |(folder, name)| (folder, name));
    let place = match (folder, typed.starts_with('/')) {
        ("", true) => Path::new("/"),
        ("", false) => Path::new("."),
        _ => Path::new(folder),
    };
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let prefix = &typed[..typed.rfind('/').map_or(0, |slash| slash + 1)];
    let candidate = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))?;
        let folder = entry.file_type().ok()?.is_dir();
        let text = format!("{prefix}{name}{}", if folder { "/" } else { "" });
        Some(Candidate::new(text, CandidateKind::File, if folder { "folder" } else { "file" }))
    };
    let mut found: Vec<Candidate> = entries.flatten().take(MOST).filter_map(candidate).collect();
    found.sort_by(|left, right| left.text.cmp(&right.text));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_on_from_what_is_typed() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let found = files(here);
        assert!(found.iter().any(|file| file.text == format!("{here}src/")), "{found:?}");
        assert!(found.iter().any(|file| file.text == format!("{here}Cargo.toml")), "{found:?}");
        assert_eq!(files("/no/such/folder/x"), []);
    }

    #[test]
    fn topics_are_known_by_their_broker() {
        let seen = SeenTopics::default();
        seen.learn("a:9092", ["x".to_string(), "y".into()]);
        seen.learn("b:9092", ["z".to_string()]);
        assert_eq!(seen.of(Some("b:9092")), [("b:9092".to_string(), "z".to_string())]);
        assert_eq!(seen.of(None).len(), 3);
        seen.learn("a:9092", []);
        assert_eq!(seen.of(Some("a:9092")), []);
    }
}
