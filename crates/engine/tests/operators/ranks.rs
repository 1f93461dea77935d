//! Steps of stories that put rows in order: `over`, `rank` and `sort`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use millstream_plan::{
    AggregateCall, AggregateKind, Changes, Emits, Frame, Op, Order, Over, OverCall, Rank, Reads, RowType, Sort,
};

use crate::graph::{Words, columns};

/// `over rows N|all` or `over range MS|all`, `by k: sum(v), rank(), lag(v)`.
pub fn over(words: &mut Words, calls: Vec<AggregateCall>, input: &RowType) -> (Op, RowType) {
    let rows = words.next() == "rows";
    let bound = words.next().to_string();
    let bound = (bound != "all").then(|| bound.parse::<i64>().expect("a number"));
    let frame = if rows { Frame::Rows(bound.map(|rows| rows as u64)) } else { Frame::Range(bound) };
    let fields = input.schema.fields().iter().map(|field| field.as_ref().clone());
    let fields: Vec<Field> = fields.chain(columns(&[], &calls, input)).collect();
    let call = |call: AggregateCall| {
        let reads = match call.name.as_str() {
            "rank(*)" => Reads::Rank,
            _ if rows => Reads::Row,
            _ => Reads::Peers,
        };
        OverCall { call, reads }
    };
    let plan =
        Over { partition: words.keys(), time: input.times[0], frame, calls: calls.into_iter().map(call).collect() };
    (Op::Over(plan), RowType { schema: Arc::new(Schema::new(fields)), ..input.clone() })
}

/// `rank FIRST LAST order v,ts- number by k`, with `newest`, `earliest` or `window END` for when rows come out.
pub fn rank(words: &mut Words, input: &RowType) -> (Op, RowType) {
    let (first, last) = (words.number() as u64, words.number() as u64);
    let order = order(words);
    let number = words.flag("number");
    let emits = match () {
        () if words.flag("newest") => Emits::Newest,
        () if words.flag("earliest") => Emits::Earliest { time: input.times[0] },
        () => match words.text_after("window") {
            Some(end) => {
                let end = input.schema.index_of(&end).expect("the end of the window");
                Emits::Window { end, zone: None, newest: words.flag("last") }
            }
            None => Emits::Changes,
        },
    };
    let own = number.then(|| Field::new("n", DataType::Int64, false));
    let fields: Vec<Field> = input.schema.fields().iter().map(|field| field.as_ref().clone()).chain(own).collect();
    let changes = match emits {
        Emits::Changes | Emits::Newest => Changes::Retract,
        _ => Changes::Append,
    };
    let op = Op::Rank(Rank { partition: words.keys(), order, first, last, number, emits });
    (op, RowType { schema: Arc::new(Schema::new(fields)), changes, ..input.clone() })
}

/// `sort then v-`.
pub fn sort(words: &mut Words, input: &RowType) -> (Op, RowType) {
    let then = order(words);
    (Op::Sort(Sort { time: input.times[0], then }), input.clone())
}

/// `order a,b-`: ascending with nulls first, or descending with nulls last.
fn order(words: &mut Words) -> Vec<Order> {
    let text = words.text_after("order").or_else(|| words.text_after("then")).unwrap_or_default();
    let column = |name: &str| {
        let (name, descending) = name.strip_suffix('-').map_or((name, false), |name| (name, true));
        Order { column: words.schema().index_of(name).expect("a column"), descending, nulls_first: !descending }
    };
    text.split(',').filter(|name| !name.is_empty()).map(column).collect()
}

/// The functions that only stand in an order: `rank(*)` and `lag(x)`.
pub fn kind(name: &str) -> Option<AggregateKind> {
    match name {
        "rank" => Some(AggregateKind::Count),
        "lag" => Some(AggregateKind::Lag { offset: 1 }),
        _ => None,
    }
}
