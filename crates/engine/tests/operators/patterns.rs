//! Steps of stories that search patterns:
//!
//! ```text
//! step: match A+? B{1,2} within 10 skip past then v- by k where A: t='a'; B: v>last(B.v,1) | last(B.v,1)=_ measures A.v, count(B.v), time
//! ```

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::{Expr, ident, lit};
use millstream_plan::{
    AfterMatch, AggregateCall, AggregateKind, Changes, MatchRead, MatchRecognize, MatchValue, Op, Order,
    PatternVariable, Repeats, RowType,
};

/// What is read of the rows of a match, as it is met.
pub struct Reader<'r> {
    input: &'r RowType,
    names: Vec<String>,
    reads: Vec<MatchRead>,
}

/// `match …`.
pub fn step(text: &str, input: &RowType) -> (Op, RowType) {
    let (rest, measures) = text.split_once(" measures ").expect("a match has measures");
    let (head, conditions) = rest.split_once(" where ").unwrap_or((rest, ""));
    let mut words = head.split_whitespace().skip(1).peekable();
    let mut variables = Vec::new();
    while let Some(word) = words.next_if(|word| word.starts_with(char::is_uppercase)) {
        variables.push(variable(word));
    }
    let names: Vec<String> = variables.iter().map(|variable: &PatternVariable| variable.name.clone()).collect();
    let column = |name: &str| input.schema.index_of(name).expect("a column of the input");
    let place = |name: &str| names.iter().position(|known| known == name).expect("a variable");
    let (mut within, mut after, mut then, mut partition) = (None, AfterMatch::ToNextRow, Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        let value = words.next().expect("every word has a value");
        match word {
            "within" => within = Some(value.parse().expect("milliseconds")),
            "by" => partition = value.split(',').map(column).collect(),
            "then" => then.push(order(value, column)),
            "skip" => {
                after = match value.split_once('=') {
                    Some(("first", name)) => AfterMatch::ToFirst(place(name)),
                    Some((_, name)) => AfterMatch::ToLast(place(name)),
                    None if value == "past" => AfterMatch::PastLastRow,
                    None => AfterMatch::ToNextRow,
                }
            }
            other => panic!("a match has no {other}"),
        }
    }
    let mut reader = Reader { input, names: names.clone(), reads: Vec::new() };
    for condition in conditions.split("; ").filter(|condition| !condition.is_empty()) {
        let (name, condition) = condition.split_once(": ").expect("NAME: condition");
        variables[place(name)].condition = Some(reader.any(condition));
    }
    let measures: Vec<(String, Expr)> =
        measures.split(", ").map(|measure| (measure.to_string(), reader.term(measure))).collect();
    let mut fields: Vec<Field> = partition.iter().map(|&key| input.schema.field(key).clone()).collect();
    let mut times = Vec::new();
    for (name, measure) in &measures {
        let read = measure.column_refs().into_iter().next().map(|column| column.name.clone());
        let read = reader.reads.iter().find(|known| Some(&known.name) == read.as_ref()).expect("a measure is a read");
        if read.value == MatchValue::Time {
            times.push(fields.len());
        }
        fields.push(Field::new(name, read.data_type.clone(), true));
    }
    let measures = measures.into_iter().map(|(_, measure)| measure).collect();
    let (time, reads) = (input.times[0], reader.reads);
    let plan = MatchRecognize { partition, time, then, variables, after, within, reads, measures };
    (Op::MatchRecognize(plan), RowType { schema: Arc::new(Schema::new(fields)), times, changes: Changes::Append })
}

fn order(text: &str, column: impl Fn(&str) -> usize) -> Order {
    let (name, descending) = text.strip_suffix('-').map_or((text, false), |name| (name, true));
    Order { column: column(name), descending, nulls_first: !descending }
}

/// `A`, `A*?`, `A{2,}`.
pub fn variable(word: &str) -> PatternVariable {
    let end = word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len());
    let (name, quantifier) = word.split_at(end);
    let (times, reluctant) = match quantifier {
        "?" => ("?", false),
        other => other.strip_suffix('?').map_or((other, false), |times| (times, true)),
    };
    let (least, most) = match times {
        "" => (1, Some(1)),
        "*" => (0, None),
        "+" => (1, None),
        "?" => (0, Some(1)),
        range => {
            let range = range.trim_matches(['{', '}']);
            let number = |text: &str| text.parse::<u32>().expect("a number");
            match range.split_once(',') {
                None => (number(range), Some(number(range))),
                Some((least, "")) => (number(least), None),
                Some((least, most)) => (number(least), Some(number(most))),
            }
        }
    };
    PatternVariable { name: name.into(), repeats: Repeats { least, most, greedy: !reluctant }, condition: None }
}

impl Reader<'_> {
    /// `… & … | …`.
    fn any(&mut self, text: &str) -> Expr {
        let any = text.split(" | ").map(|all| {
            let all: Vec<Expr> = all.split(" & ").map(|one| self.comparison(one)).collect();
            all.into_iter().reduce(Expr::and).expect("a comparison")
        });
        any.collect::<Vec<_>>().into_iter().reduce(Expr::or).expect("a comparison")
    }

    fn comparison(&mut self, text: &str) -> Expr {
        let (sign, at) = ["<=", ">=", "=", "<", ">"]
            .iter()
            .find_map(|sign| text.find(sign).map(|at| (*sign, at)))
            .unwrap_or_else(|| panic!("{text} compares nothing"));
        let (left, right) = (self.term(text[..at].trim()), text[at + sign.len()..].trim());
        if right == "_" {
            return left.is_null();
        }
        let right = self.term(right);
        match sign {
            "<=" => left.lt_eq(right),
            ">=" => left.gt_eq(right),
            "=" => left.eq(right),
            "<" => left.lt(right),
            _ => left.gt(right),
        }
    }

    /// A number, a `'text'`, a column of the row at hand, or something that is read.
    fn term(&mut self, text: &str) -> Expr {
        if let Ok(number) = text.parse::<i64>() {
            return lit(number);
        }
        if let Some(text) = text.strip_prefix('\'') {
            return lit(text.trim_end_matches('\''));
        }
        if self.input.schema.index_of(text).is_ok() {
            return ident(text);
        }
        if !self.reads.iter().any(|read| read.name == text) {
            let read = self.read(text);
            self.reads.push(read);
        }
        ident(text)
    }

    /// `A.v`, `first(A.v,1)`, `last(*.v)`, `sum(B.v)`, `count(*.v)`, `time`.
    fn read(&self, text: &str) -> MatchRead {
        let name = text.to_string();
        if text == "time" {
            let data_type = self.input.data_type(self.input.times[0]).clone();
            return MatchRead { name, data_type, of: None, value: MatchValue::Time };
        }
        let (function, path) = text.strip_suffix(')').and_then(|call| call.split_once('(')).unwrap_or(("last", text));
        let (path, offset) = path.split_once(',').map_or((path, 0), |(path, n)| (path, n.parse().expect("an offset")));
        let (variable, column) = path.split_once('.').unwrap_or_else(|| panic!("{text} reads nothing"));
        let of = self.names.iter().position(|known| known == variable);
        assert!(of.is_some() || variable == "*", "{variable} is no variable");
        let column = self.input.schema.index_of(column).expect("a column");
        let own = self.input.data_type(column).clone();
        let (value, data_type) = match function {
            "first" => (MatchValue::First { column, offset }, own),
            "last" => (MatchValue::Last { column, offset }, own),
            other => {
                let kind = match other {
                    "count" => AggregateKind::Count,
                    "sum" => AggregateKind::Sum,
                    "avg" => AggregateKind::Avg,
                    "min" => AggregateKind::Min,
                    "max" => AggregateKind::Max,
                    other => panic!("no aggregate is called {other}"),
                };
                let data_type = if other == "count" { DataType::Int64 } else { own };
                let (args, nullable) = (vec![column], true);
                let call = AggregateCall {
                    kind,
                    args,
                    distinct: false,
                    filter: None,
                    name: name.clone(),
                    data_type,
                    nullable,
                };
                let data_type = call.data_type.clone();
                (MatchValue::Aggregate(call), data_type)
            }
        };
        MatchRead { name, data_type, of, value }
    }
}
