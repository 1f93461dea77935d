//! What was seen at each place of the records: how often, as what, and one example of each kind. The tree
//! grows with the shape of the data, not with its size: texts and numbers are counted, not kept.

use std::collections::HashMap;

use super::number::Numbers;
use super::text::Texts;

/// More fields than this in one object are taken for the keys of a map.
pub const MOST_FIELDS: usize = 500;
/// An example is cut to so many bytes.
const EXAMPLE_BYTES: usize = 40;

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `true`, `false`
    Boolean,
    /// `1.5`
    Number,
    /// `"x"`
    Text,
    /// `{…}`
    Object,
    /// `[…]`
    Array,
}

impl Kind {
    /// In words: "a number".
    pub fn words(self) -> &'static str {
        match self {
            Kind::Boolean => "true or false",
            Kind::Number => "a number",
            Kind::Text => "a text",
            Kind::Object => "an object",
            Kind::Array => "an array",
        }
    }
}

/// The first value of its kind at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The record: its number in the sample's order of reading.
    pub record: u32,
    /// How it is written, cut.
    pub text: String,
}

impl Example {
    fn new(record: u32, bytes: &[u8]) -> Example {
        let cut = &bytes[..bytes.len().min(EXAMPLE_BYTES)];
        let dots = if cut.len() < bytes.len() { "…" } else { "" };
        Example { record, text: format!("{}{dots}", String::from_utf8_lossy(cut)) }
    }
}

/// One place of the records.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// How often a value stood here; null counts.
    pub seen: u64,
    /// How often it was null.
    pub nulls: u64,
    /// How often it was true or false.
    pub booleans: u64,
    /// The numbers.
    pub numbers: Numbers,
    /// The texts.
    pub texts: Texts,
    /// The objects.
    pub object: Option<Box<Object>>,
    /// The arrays: how many, and their elements.
    pub array: Option<Box<(u64, Node)>>,
    /// The first value of each kind.
    pub examples: Vec<(Kind, Example)>,
}

/// The objects at one place.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// How many.
    pub count: u64,
    /// Their fields in the order in which they were first seen.
    pub fields: Vec<(String, Node)>,
    /// Whether there were more names than are kept.
    pub overflow: bool,
    /// A name that stood twice in one object, and the record.
    pub twice: Option<(String, u32)>,
    places: HashMap<String, usize>,
    /// By field: the number of the last object that had it.
    last: Vec<u64>,
}

impl Node {
    /// Takes note of a kind that is seen here.
    pub fn note(&mut self, kind: Kind, record: u32, bytes: &[u8]) {
        self.seen += 1;
        if self.examples.iter().all(|(known, _)| *known != kind) {
            self.examples.push((kind, Example::new(record, bytes)));
        }
    }

    /// How often each kind was seen, the most frequent first.
    pub fn kinds(&self) -> Vec<(Kind, u64)> {
        let all = [
            (Kind::Boolean, self.booleans),
            (Kind::Number, self.numbers.count()),
            (Kind::Text, self.texts.count),
            (Kind::Object, self.object.as_ref().map_or(0, |object| object.count)),
            (Kind::Array, self.array.as_ref().map_or(0, |array| array.0)),
        ];
        let mut kinds: Vec<_> = all.into_iter().filter(|(_, count)| *count > 0).collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        kinds
    }

    /// The first value of this kind.
    pub fn example(&self, wanted: Kind) -> Option<&Example> {
        self.examples.iter().find(|(kind, _)| *kind == wanted).map(|(_, example)| example)
    }

    /// Takes over what another place knows.
    pub fn merge(&mut self, other: &Node) {
        self.seen += other.seen;
        self.nulls += other.nulls;
        self.booleans += other.booleans;
        self.numbers.merge(&other.numbers);
        self.texts.merge(&other.texts);
        if let Some(theirs) = &other.object {
            let ours = self.object.get_or_insert_default();
            ours.count += theirs.count;
            ours.overflow |= theirs.overflow;
            for (name, node) in &theirs.fields {
                if let Some(place) = ours.place(name, usize::MAX) {
                    ours.fields[place].1.merge(node);
                }
            }
        }
        if let Some(theirs) = &other.array {
            let ours = self.array.get_or_insert_default();
            ours.0 += theirs.0;
            ours.1.merge(&theirs.1);
        }
        for (kind, example) in &other.examples {
            if self.example(*kind).is_none() {
                self.examples.push((*kind, example.clone()));
            }
        }
    }
}

impl Object {
    /// The place of the field `name`, which is probably `guess`; `None` if there are too many fields.
    pub fn place(&mut self, name: &str, guess: usize) -> Option<usize> {
        if self.fields.get(guess).is_some_and(|(known, _)| known == name) {
            return Some(guess);
        }
        if let Some(&place) = self.places.get(name) {
            return Some(place);
        }
        if self.fields.len() >= MOST_FIELDS {
            self.overflow = true;
            return None;
        }
        self.places.insert(name.to_string(), self.fields.len());
        self.fields.push((name.to_string(), Node::default()));
        self.last.push(0);
        Some(self.fields.len() - 1)
    }

    /// The present object has this field.
    pub fn has(&mut self, place: usize, record: u32) {
        if self.last[place] == self.count && self.twice.is_none() {
            self.twice = Some((self.fields[place].0.clone(), record));
        }
        self.last[place] = self.count;
    }

    /// Whether the names look like data and not like fields: many, and each in few of the objects.
    pub fn is_map(&self) -> bool {
        let seen: u64 = self.fields.iter().map(|(_, node)| node.seen).sum();
        self.overflow || (self.fields.len() > 30 && seen * 5 < self.count * self.fields.len() as u64)
    }

    /// All values as those of one place.
    pub fn values(&self) -> Node {
        let mut all = Node::default();
        self.fields.iter().for_each(|(_, node)| all.merge(node));
        all
    }
}
