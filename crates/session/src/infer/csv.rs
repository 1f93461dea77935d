//! Lines of fields: which character divides them, whether the first line names the columns, and what the
//! columns hold.

use millstream_connect::format::csv_fields;
use millstream_sql::types::{MAX_LENGTH, SqlType, TypeKind};

use super::number::is_number;
use super::text::time_text;
use super::tree::{Kind, Node};
use super::types::{Conflict, Types, number, string};

/// Characters that divide fields, the usual one first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// So many lines are enough to tell.
const LINES: usize = 200;
/// Texts that stand for null where everything else is a number or a time.
const NULLS: [&str; 8] = ["NULL", "null", "\\N", "N/A", "n/a", "NA", "-", "None"];

/// How fields are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between fields.
    pub delimiter: u8,
    /// How many fields a line has.
    pub fields: usize,
    /// Whether the first line names the columns.
    pub header: bool,
}

/// How the lines are divided into fields; `None` if they are no lines of fields. Only files have headers.
pub fn sniff<'a>(lines: impl Iterator<Item = &'a [u8]>, may_have_header: bool) -> Option<Dialect> {
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).take(LINES).collect();
    let mut best: Option<(usize, usize, u8)> = None;
    for delimiter in DELIMITERS {
        let counts: Vec<usize> =
            lines.iter().filter_map(|line| csv_fields(line, delimiter)).map(|fields| fields.len()).collect();
        let Some((fields, agree)) = most_frequent(&counts) else { continue };
        // Where quotes are cut through at line ends, only some of the lines are whole.
        let quoted = lines.iter().any(|line| line.contains(&b'"'));
        let enough = if quoted { lines.len().div_ceil(3) } else { (lines.len() * 9).div_ceil(10) };
        if fields > 1 && agree >= enough && best.is_none_or(|(most, ..)| agree * fields > most) {
            best = Some((agree * fields, fields, delimiter));
        }
    }
    let (_, fields, delimiter) = best?;
    let header = may_have_header && has_header(&lines, delimiter, fields);
    // One line alone may be any sentence with a comma in it.
    (lines.len() > 1 || header).then_some(Dialect { delimiter, fields, header })
}

fn most_frequent(counts: &[usize]) -> Option<(usize, usize)> {
    let agree = |count: usize| counts.iter().filter(|other| **other == count).count();
    counts.iter().map(|&count| (agree(count), count)).max().map(|(agree, count)| (count, agree))
}

fn has_header(lines: &[&[u8]], delimiter: u8, fields: usize) -> bool {
    let rows: Vec<Vec<String>> = lines.iter().filter_map(|line| csv_fields(line, delimiter)).collect();
    let Some((first, rest)) = rows.split_first() else { return false };
    let is_value = |text: &str| is_number(text.as_bytes()) || time_text(text.as_bytes()).is_some();
    let named = |text: &String| !text.trim().is_empty() && !is_value(text) && text.len() <= 64 && !text.contains('\n');
    if first.len() != fields || !first.iter().all(named) {
        return false;
    }
    let typed = rest.iter().any(|row| row.iter().any(|text| is_value(text)));
    let word = |text: &String| {
        text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '-' | '.' | '/' | '(' | ')'))
    };
    let repeated = rest.iter().any(|row| row.iter().zip(first).any(|(text, name)| text == name));
    typed || (first.iter().all(word) && !repeated)
}

/// Fields of lines, counted by column.
#[derive(Debug)]
pub struct Columns {
    /// By column: what was seen.
    pub nodes: Vec<Node>,
    /// By column: how often each text of [`NULLS`] stood there.
    nulls: Vec<[u64; NULLS.len()]>,
}

impl Columns {
    /// So many columns, of which nothing was seen yet.
    pub fn of_fields(fields: usize) -> Columns {
        Columns { nodes: vec![Node::default(); fields], nulls: vec![[0; NULLS.len()]; fields] }
    }

    /// Takes note of a line; false if it is not CSV or has another number of fields.
    pub fn observe(&mut self, line: &[u8], record: u32, dialect: Dialect) -> bool {
        let Some(fields) = csv_fields(line, dialect.delimiter).filter(|fields| fields.len() == dialect.fields) else {
            return false;
        };
        for (column, text) in fields.iter().enumerate() {
            let (node, bytes) = (&mut self.nodes[column], text.as_bytes());
            if bytes.is_empty() {
                node.seen += 1;
                node.nulls += 1;
            } else if let Some(null) = NULLS.iter().position(|null| null == text) {
                node.seen += 1;
                self.nulls[column][null] += 1;
            } else if is_number(bytes) {
                node.note(Kind::Number, record, bytes);
                node.numbers.add(bytes);
            } else if matches!(text.as_str(), "true" | "false" | "TRUE" | "FALSE" | "True" | "False") {
                node.note(Kind::Boolean, record, bytes);
                node.booleans += 1;
            } else {
                node.note(Kind::Text, record, bytes);
                node.texts.add(bytes);
            }
        }
        true
    }

    /// The text that stands for null, if one does: where everything else of a column is a number, a time
    /// or a truth value.
    pub fn null_literal(&self) -> Option<&'static str> {
        let typed = |node: &Node| node.kinds().len() == 1 && (node.texts.count == 0 || node.texts.plain.is_none());
        let mut counts = [0; NULLS.len()];
        for (_, nulls) in self.nodes.iter().zip(&self.nulls).filter(|(node, _)| typed(node)) {
            nulls.iter().zip(&mut counts).for_each(|(more, count)| *count += more);
        }
        let most = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
        (*most.1 > 0).then_some(NULLS[most.0])
    }

    /// The type of a column. Everything in a line is a text, so texts among a few numbers make a column of
    /// texts; a few texts among many numbers are a contradiction.
    pub fn of(&self, column: usize, name: &str, types: &mut Types) -> SqlType {
        let node = &self.nodes[column];
        let kinds = node.kinds();
        let total: u64 = kinds.iter().map(|(_, count)| count).sum();
        let literal = self.null_literal();
        let odd: u64 = self.nulls[column]
            .iter()
            .zip(NULLS)
            .filter(|(_, null)| literal != Some(*null))
            .map(|(count, _)| count)
            .sum();
        match kinds.first() {
            None if odd == 0 => {
                types.notes.push(format!("'{name}' is empty in every line; it is taken as STRING"));
                string()
            }
            None => string(),
            Some(&(kind, count)) if kind != Kind::Text && count * 20 >= (total + odd) * 19 => {
                types.conflicts.extend(Conflict::of(name, node, &kinds));
                SqlType::nullable(if kind == Kind::Number { number(&node.numbers) } else { TypeKind::Boolean })
            }
            Some(_) if kinds.len() == 1 && odd == 0 && node.texts.count > 0 => {
                SqlType::nullable(types.text(name, &node.texts))
            }
            Some(_) => SqlType::nullable(TypeKind::VarChar(MAX_LENGTH)),
        }
    }
}
