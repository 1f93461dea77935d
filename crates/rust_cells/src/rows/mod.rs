//! Rows of steps in Rust, and rows from Rust into topics: `%%rust from bars into alerts`. Each name becomes a
//! struct with the columns as fields and a `Vec` of it: `bars` is full before the cell runs, and what the cell has
//! pushed into `alerts` is written when it has ended. Columns that can be null are an `Option`, and so is all that is
//! pushed; times are milliseconds since 1970.

mod incoming;
mod outgoing;

use arrow::datatypes::{DataType, TimeUnit};

pub use incoming::{Incoming, ask, gather};
pub use outgoing::{Outgoing, outbox};

/// A step may give so many rows; more are cut off, and that is said.
pub const MOST: usize = 1_000_000;

/// What stands behind `%%rust` on its line: which steps are read, and which table is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Steps, tables and views whose rows the cell reads.
    pub from: Vec<String>,
    /// The table into which it pushes rows.
    pub into: Option<String>,
}

impl Exchange {
    /// Reads `from a, b into c`; `None` if it is something else.
    pub fn read(text: &str) -> Option<Exchange> {
        let mut exchange = Exchange::default();
        let mut words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        let mut list: Option<bool> = None;
        for word in words.by_ref() {
            match (word.to_ascii_lowercase().as_str(), list) {
                ("from", _) => list = Some(true),
                ("into", _) => list = Some(false),
                (_, Some(true)) => exchange.from.push(word.to_string()),
                (_, Some(false)) if exchange.into.is_none() => exchange.into = Some(word.to_string()),
                _ => return None,
            }
        }
        // One variable cannot be both what was read and what is to be written.
        if exchange.into.as_ref().is_some_and(|table| exchange.from.contains(table)) {
            return None;
        }
        let whole = list.is_none_or(|reads| if reads { !exchange.from.is_empty() } else { exchange.into.is_some() });
        whole.then_some(exchange)
    }

    /// Whether nothing is read or written.
    pub fn is_empty(&self) -> bool {
        self.from.is_empty() && self.into.is_none()
    }
}

/// A name as a variable of Rust: `demo.bids` as `demo_bids`.
fn variable(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let plain = plain.to_lowercase();
    let starts_well = plain.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    let plain = if starts_well { plain } else { format!("_{plain}") };
    if syn::parse_str::<syn::Ident>(&plain).is_ok() { plain } else { format!("{plain}_") }
}

/// The name of the struct of its rows: `demo.bids` as `DemoBids`.
fn structure(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    let joined: String = variable(name).split('_').map(capital).collect();
    if joined.chars().next().is_some_and(char::is_alphabetic) { joined } else { format!("Row{joined}") }
}

/// The type in Rust of a column; everything without one of its own is text.
fn rust_type(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int8 => "i8",
        DataType::Int16 => "i16",
        DataType::Int32 => "i32",
        DataType::Int64 | DataType::Timestamp(TimeUnit::Millisecond, _) => "i64",
        DataType::Float32 => "f32",
        DataType::Float64 => "f64",
        DataType::Boolean => "bool",
        _ => "String",
    }
}

/// A field of a struct.
fn field(name: &str, rust: &str, nullable: bool) -> String {
    let rust = if nullable { format!("Option<{rust}>") } else { rust.to_string() };
    format!("    pub {}: {rust},\n", variable(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_cell_says_what_it_reads_and_writes() {
        let read = |text: &str| Exchange::read(text).map(|exchange| (exchange.from, exchange.into));
        assert_eq!(read(""), Some((vec![], None)));
        assert_eq!(
            read("from bars, demo.bids into alerts"),
            Some((vec!["bars".into(), "demo.bids".into()], Some("alerts".into())))
        );
        assert_eq!(read("INTO alerts"), Some((vec![], Some("alerts".into()))));
        for wrong in ["from", "bars", "into", "into a b", "from a into", "from a into a"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_of_sql_become_names_of_rust() {
        assert_eq!((variable("demo.bids"), structure("demo.bids")), ("demo_bids".into(), "DemoBids".into()));
        assert_eq!(
            (variable("type"), variable("5 x"), structure("5 x")),
            ("type_".into(), "_5_x".into(), "5X".replace('5', "Row5"))
        );
        assert_eq!(structure("größe_neu"), "GrößeNeu");
    }
}
