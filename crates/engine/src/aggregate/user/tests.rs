//! The accumulator of user's functions over a routine of ours.

use arrow::array::{BinaryBuilder, BooleanArray, Int64Array};
use arrow::datatypes::{Int64Type, UInt32Type};
use millstream_plan::{Argument, Routine, UserKind, Work};

use super::*;

/// Joins whole numbers to a text in the order in which they come.
#[derive(Debug)]
struct Trail;

impl Routine for Trail {
    fn run(&self, work: Work, columns: &[ArrayRef], _rows: usize) -> std::result::Result<ArrayRef, String> {
        let texts = |at: usize| columns[at].as_binary::<i32>().iter().map(|cell| cell.unwrap_or_default().to_vec());
        let mut cells: Vec<Vec<u8>> = texts(0).collect();
        match work {
            Work::Update | Work::Change => {
                let (groups, values) = (
                    columns[1].as_primitive::<UInt32Type>(),
                    columns.last().expect("an argument").as_primitive::<Int64Type>(),
                );
                for (row, (group, value)) in groups.values().iter().zip(values).enumerate() {
                    let text = value.map_or("-".into(), |value| value.to_string());
                    let back = work == Work::Change && columns[2].as_boolean().value(row);
                    let text = if back { format!("<{text}") } else { text };
                    cells[*group as usize].extend_from_slice(text.as_bytes());
                }
            }
            Work::Merge => cells.iter_mut().zip(texts(1)).for_each(|(cell, other)| cell.extend(other)),
            Work::Finish => {
                let text = |cell: Vec<u8>| String::from_utf8(cell).expect("is text");
                return Ok(Arc::new(arrow::array::StringArray::from_iter_values(cells.into_iter().map(text))));
            }
            Work::Rows => return Err("is no function of rows".into()),
        }
        let mut out = BinaryBuilder::new();
        cells.iter().for_each(|cell| out.append_value(cell));
        Ok(Arc::new(out.finish()))
    }
}

fn trail(layout: u64) -> User {
    User::new(Arc::new(UserFunction {
        name: "trail".into(),
        arguments: vec![Argument { name: "value".into(), data_type: DataType::Int64, sees_null: true }],
        gives: DataType::Utf8,
        nullable: false,
        kind: UserKind::Aggregate,
        signature: "trail(value BIGINT) -> STRING".into(),
        language: "RUST",
        source: "".into(),
        version: 1,
        retracts: true,
        layout,
        routine: Arc::new(Trail),
    }))
}

#[test]
fn rows_are_taken_back_in_their_order_and_a_filter_holds_for_them_too() {
    use millstream_record::{Kind, Kinds};
    let mut user = trail(1);
    user.resize(2);
    let kinds = [Kind::Insert, Kind::UpdateBefore, Kind::UpdateAfter, Kind::Delete];
    let rows = Rows {
        args: vec![Arc::new(Int64Array::from(vec![1, 1, 2, 9]))],
        keep: Some(BooleanArray::from(vec![true, true, true, false])),
        kinds: Some(Kinds::new(kinds)),
        len: 4,
    };
    user.update(&rows, &[0, 0, 1, 0]).expect("the function has retract");
    let texts = user.evaluate(&[0, 1]).expect("finishes");
    assert_eq!(texts.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["1<1", "2"]);
}

fn add(user: &mut User, values: &[Option<i64>], keep: Option<Vec<Option<bool>>>, groups: &[u32]) {
    let args: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(values.to_vec()))];
    let rows = Rows { args, keep: keep.map(BooleanArray::from), kinds: None, len: values.len() };
    user.update(&rows, groups).expect("adds");
}

fn results(user: &mut User, groups: &[u32]) -> Vec<String> {
    let results = user.evaluate(groups).expect("evaluates");
    results.as_string::<i32>().iter().map(|text| text.unwrap_or("NULL").to_string()).collect()
}

#[test]
fn rows_reach_their_cells_in_order_and_filtered_ones_do_not() {
    let mut user = trail(1);
    user.resize(5);
    add(&mut user, &[Some(1), Some(2), Some(3), None], None, &[4, 1, 4, 1]);
    add(&mut user, &[Some(7), Some(8), Some(9)], Some(vec![Some(true), Some(false), None]), &[4, 4, 1]);
    assert_eq!(results(&mut user, &[1, 4, 0]), ["2-", "137", ""]);
}

#[test]
fn panes_are_merged_more_than_once_and_groups_may_meet() {
    let (mut pane, mut first, mut second) = (trail(1), trail(1), trail(1));
    [&mut pane, &mut first, &mut second].iter_mut().for_each(|user| user.resize(3));
    add(&mut pane, &[Some(1), Some(2), Some(3)], None, &[0, 1, 2]);
    add(&mut first, &[Some(9)], None, &[0]);
    first.merge(&mut pane, &[0, 0, 2]).expect("merges");
    second.merge(&mut pane, &[2, 1, 0]).expect("merges again");
    assert_eq!(results(&mut first, &[0, 1, 2]), ["912", "", "3"]);
    assert_eq!(results(&mut second, &[0, 1, 2]), ["3", "2", "1"]);
    first.absorb(2, 0).expect("joins");
    first.reset(2);
    assert_eq!(results(&mut first, &[0, 2]), ["9123", ""]);
}

#[test]
fn cells_are_saved_and_loaded_unless_their_layout_has_changed() {
    let mut user = trail(1);
    user.resize(3);
    add(&mut user, &[Some(1), Some(2)], None, &[0, 2]);
    let saved = user.save().expect("saves");
    let through_a_file = crate::state::decode_table("u", &crate::state::encode_table(&saved).expect("writes"));
    let mut loaded = trail(1);
    loaded.load(&through_a_file.expect("reads")).expect("loads");
    assert_eq!(results(&mut loaded, &[0, 1, 2]), ["1", "", "2"]);
    let error = trail(2).load(&saved).expect_err("is another layout");
    assert!(error.to_string().contains("the state of trail does not fit: the fields"), "{error}");
}
