//! Words for records that people read: names, places, goods and small talk.

use super::json::Word;

pub(super) const FIRST_NAMES: &[&str] = &[
    "Ada", "Alan", "Amara", "Anders", "Bela", "Carla", "Chen", "Dora", "Emil", "Fatima", "Grace", "Hugo", "Ines",
    "Ivan", "Jana", "Kofi", "Lena", "Mateo", "Mina", "Noor", "Olga", "Pablo", "Quinn", "Rosa", "Sami", "Tove", "Uma",
    "Vera", "Wanda", "Xavi", "Yuki", "Zoe",
];

pub(super) const LAST_NAMES: &[&str] = &[
    "Abbott", "Baker", "Costa", "Dietrich", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jansen", "Kowalski",
    "Lopez", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Schulz", "Tanaka", "Urban", "Vega", "Weber",
    "Yilmaz", "Zhang",
];

/// Cities with the state in which they lie.
pub(super) const CITIES: &[(&str, &str)] = &[
    ("Phoenix", "AZ"),
    ("Los Angeles", "CA"),
    ("San Francisco", "CA"),
    ("Boise", "ID"),
    ("Portland", "OR"),
    ("Bend", "OR"),
    ("Redmond", "WA"),
    ("Seattle", "WA"),
    ("Kent", "WA"),
    ("Cheyenne", "WY"),
];

pub(super) const QUALITIES: &[&str] =
    &["old", "rare", "signed", "green", "folding", "brass", "hand-made", "quiet", "heavy", "striped", "spare", "tiny"];

pub(super) const GOODS: &[&str] = &[
    "lamp",
    "bicycle",
    "radio",
    "chair",
    "globe",
    "camera",
    "violin",
    "map",
    "teapot",
    "clock",
    "telescope",
    "coat",
    "printer",
    "kettle",
    "atlas",
    "compass",
];

pub(super) const ROOMS: &[&str] = &[
    "general", "random", "help", "rust", "streams", "music", "books", "cooking", "cycling", "chess", "photos", "jobs",
];

/// Small talk, the most common words first.
pub(super) static TALK: &[Word] = &words([
    "the",
    "a",
    "to",
    "and",
    "it",
    "is",
    "in",
    "of",
    "I",
    "you",
    "that",
    "we",
    "on",
    "for",
    "not",
    "this",
    "with",
    "have",
    "was",
    "but",
    "my",
    "at",
    "so",
    "are",
    "be",
    "just",
    "like",
    "what",
    "do",
    "can",
    "now",
    "they",
    "your",
    "up",
    "about",
    "how",
    "there",
    "out",
    "when",
    "good",
    "think",
    "one",
    "know",
    "time",
    "would",
    "all",
    "really",
    "see",
    "today",
    "from",
    "some",
    "new",
    "did",
    "here",
    "window",
    "too",
    "right",
    "work",
    "people",
    "who",
    "then",
    "thanks",
    "still",
    "stream",
    "morning",
    "yes",
    "query",
    "back",
    "after",
    "again",
    "first",
    "please",
    "data",
    "never",
    "late",
    "coffee",
    "tomorrow",
    "table",
    "maybe",
    "anyone",
    "great",
    "bug",
    "topic",
    "before",
    "test",
    "night",
    "music",
    "event",
    "book",
    "train",
    "record",
    "question",
    "weather",
    "river",
    "bread",
    "garden",
    "partition",
    "mountain",
    "offset",
    "watermark",
]);

const fn words<const N: usize>(texts: [&str; N]) -> [Word; N] {
    let mut words = [Word::new(""); N];
    let mut at = 0;
    while at < N {
        words[at] = Word::new(texts[at]);
        at += 1;
    }
    words
}

pub(super) const CHANNELS: &[&str] = &["Google", "Facebook", "Baidu", "Apple"];

pub(super) const SYMBOLS: &[&str] = &[
    "AAPL", "AMZN", "ASML", "BABA", "GOOG", "IBM", "INTC", "META", "MSFT", "NFLX", "NVDA", "ORCL", "SAP", "SHEL",
    "SONY", "TSLA",
];
