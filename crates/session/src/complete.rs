//! Completion: what may be typed at a place, from the catalogue, the functions and the grammar. It knows
//! no terminal: a prompt shows it as a menu, a notebook in its own way.

use std::collections::BTreeMap;

use millstream_sql::functions::Function;
use millstream_sql::{Catalog, Relation};

/// Words of the language, for completion and for colour.
pub const KEYWORDS: &[&str] = &[
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BEGIN",
    "BETWEEN",
    "BOUNDED",
    "BY",
    "CALL",
    "CASE",
    "CAST",
    "COLUMNS",
    "CONNECTORS",
    "CREATE",
    "CROSS",
    "CUBE",
    "CUMULATE",
    "DATE",
    "DAY",
    "DESC",
    "DESCRIBE",
    "DESCRIPTOR",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "ENFORCED",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "EXTEND",
    "FALSE",
    "FILTER",
    "FORMATS",
    "FROM",
    "FULL",
    "FUNCTIONS",
    "GROUP",
    "GROUPING",
    "HAVING",
    "HOP",
    "HOUR",
    "IF",
    "IN",
    "INNER",
    "INSERT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "METADATA",
    "MINUTE",
    "MONTH",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "ORDINALITY",
    "OUTER",
    "PARTITION",
    "PARTITIONED",
    "PRIMARY",
    "REPLACE",
    "RESET",
    "RIGHT",
    "ROLLUP",
    "ROW",
    "ROWS",
    "SECOND",
    "SELECT",
    "SESSION",
    "SET",
    "SETS",
    "SHOW",
    "STATEMENT",
    "TABLE",
    "TABLES",
    "TEMPORARY",
    "THEN",
    "TIMESTAMP",
    "TOPICS",
    "TRUE",
    "TUMBLE",
    "UNION",
    "UNNEST",
    "VALUES",
    "VIEW",
    "VIEWS",
    "VIRTUAL",
    "WATERMARK",
    "WHEN",
    "WHERE",
    "WITH",
    "YEAR",
    "AGGREGATE",
];

/// The words that may stand where a table may.
const BEFORE_TABLES: &[&str] = &["IF", "LATERAL", "TABLE", "UNNEST"];

/// The names that can be typed: a snapshot of the catalogue.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// The columns of each table, with their types; of views without.
    pub relations: BTreeMap<String, Vec<(String, String)>>,
}

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The text that takes the place of what was typed.
    pub text: String,
    /// What it is, in a word or two.
    pub doc: String,
}

impl Vocabulary {
    /// The names of a catalogue.
    pub fn of(catalog: &Catalog) -> Vocabulary {
        let columns = |relation: &Relation| match relation {
            Relation::Table(table) => {
                let column = |column: &millstream_plan::TapColumn| {
                    (column.name().to_string(), crate::types::name(column.field().data_type()))
                };
                table.tap.columns.iter().map(column).collect()
            }
            Relation::View(view) => view.columns.iter().map(|name| (name.clone(), String::new())).collect(),
        };
        let relations = catalog.relations().map(|relation| (relation.name().to_string(), columns(relation)));
        Vocabulary { relations: relations.collect() }
    }

    /// What may stand at byte `at` of a text: where the word begins that it replaces, and the candidates.
    pub fn complete(&self, text: &str, at: usize) -> (usize, Vec<Candidate>) {
        let before = text.get(..at).unwrap_or(text);
        let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == '`' || c == '.';
        let start =
            before.rfind(|c| !inside(c)).map_or(0, |end| end + before[end..].chars().next().map_or(1, char::len_utf8));
        let word = &before[start..];
        let wants_table = wants_table(&before[..start]);
        let mut found = Vec::new();
        if !wants_table {
            self.columns(text, word, &mut found);
        }
        self.tables(word, wants_table, &mut found);
        if !wants_table && !word.is_empty() {
            let fits = functions().iter().filter(|function| starts_with(function.name, word));
            found.extend(
                fits.map(|function| Candidate { text: format!("{}(", function.name), doc: function.signature.into() }),
            );
        }
        if !word.is_empty() {
            let upper = word.chars().next().is_some_and(char::is_uppercase);
            let case = |name: &&str| if upper { name.to_string() } else { name.to_lowercase() };
            let fits_here = |name: &&&str| !wants_table || BEFORE_TABLES.contains(*name);
            let fits = KEYWORDS.iter().filter(fits_here).filter(|name| starts_with(name, word));
            found.extend(fits.map(|name| Candidate { text: case(name), doc: "keyword".into() }));
        }
        let mut seen = std::collections::HashSet::new();
        found.retain(|candidate| seen.insert(candidate.text.clone()));
        (start, found)
    }

    /// Columns of the tables that the text names; of all tables while it names none.
    fn columns(&self, text: &str, word: &str, found: &mut Vec<Candidate>) {
        let named = |name: &&String| text.match_indices(name.as_str()).next().is_some();
        let of: Vec<&String> = self.relations.keys().filter(named).collect();
        if of.is_empty() && word.is_empty() {
            return;
        }
        let tables = if of.is_empty() { self.relations.keys().collect() } else { of };
        for table in tables {
            for (column, kind) in &self.relations[table] {
                if starts_with(column, word) {
                    found.push(Candidate { text: quoted(column), doc: format!("{kind} of {table}").trim().into() });
                }
            }
        }
    }

    fn tables(&self, word: &str, wanted: bool, found: &mut Vec<Candidate>) {
        if wanted || !word.is_empty() {
            let fits = self.relations.keys().filter(|name| starts_with(name, word));
            found.extend(fits.map(|name| Candidate { text: quoted(name), doc: "table".into() }));
        }
    }
}

/// The functions of the language by name.
pub fn functions() -> &'static [Function] {
    static FUNCTIONS: std::sync::LazyLock<Vec<Function>> =
        std::sync::LazyLock::new(millstream_sql::functions::functions);
    &FUNCTIONS
}

fn starts_with(name: &str, word: &str) -> bool {
    let word = word.trim_start_matches('`');
    name.len() >= word.len() && name.is_char_boundary(word.len()) && name[..word.len()].eq_ignore_ascii_case(word)
}

/// Whether the last word before the place asks for a table.
fn wants_table(before: &str) -> bool {
    let last = before.split_whitespace().next_back().unwrap_or("");
    ["FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "DESC", "VIEW", "(TABLE"]
        .iter()
        .any(|word| last.eq_ignore_ascii_case(word))
        || last.to_uppercase().ends_with("(TABLE")
}

/// A name as it must be typed.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$' || c == '.';
    let keyword = KEYWORDS.iter().any(|word| word.eq_ignore_ascii_case(name));
    let starts_well = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if starts_well && name.chars().all(plain) && !keyword {
        name.to_string()
    } else {
        millstream_sql::types::quoted(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(text: &str) -> (usize, Vec<String>) {
        let column = |name: &str| (name.to_string(), "INT".to_string());
        let relations = [
            ("bids".to_string(), vec![column("price"), column("user"), column("proper")]),
            ("persons".to_string(), vec![column("city")]),
        ];
        let (start, found) = Vocabulary { relations: relations.into() }.complete(text, text.len());
        (start, found.into_iter().map(|candidate| candidate.text).collect())
    }

    #[test]
    fn a_place_for_a_table_offers_tables_only() {
        assert_eq!(offered("SELECT * FROM "), (14, vec!["bids".into(), "persons".into()]));
        assert_eq!(offered("SELECT * FROM b"), (14, vec!["bids".into()]));
        assert_eq!(offered("SELECT * FROM TABLE(TUMBLE(TABLE pe").1, ["persons"]);
    }

    #[test]
    fn columns_of_the_named_table_come_before_functions_and_keywords() {
        let (start, found) = offered("SELECT a FROM bids WHERE pr");
        assert_eq!((start, &found[..2]), (25, &["price".to_string(), "proper".to_string()][..]));
        assert!(found.contains(&"primary".to_string()), "{found:?}");
        assert!(!offered("SELECT * FROM bids WHERE ci").1.contains(&"city".to_string()));
    }

    #[test]
    fn names_that_are_keywords_or_have_odd_letters_are_quoted() {
        assert_eq!(quoted("price"), "price");
        assert_eq!(quoted("from"), "`from`");
        assert_eq!(quoted("größe"), "`größe`");
        assert_eq!(quoted("demo.bids"), "demo.bids");
    }

    #[test]
    fn any_place_in_any_text_is_no_panic() {
        let text = "SELECT `größe`, '漢字' FROM bids WHERE 🦀 = 1";
        for at in 0..text.len() + 3 {
            Vocabulary::default().complete(text, at);
        }
    }
}
