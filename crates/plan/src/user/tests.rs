//! Functions of users over a routine of ours.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, BinaryArray, BinaryBuilder, Int64Array, UInt32Array};
use arrow::datatypes::{DataType, Int64Type};

use super::*;

/// Sums whole numbers; a cell is the sum in eight bytes.
#[derive(Debug)]
struct Sums;

fn sum(cell: Option<&[u8]>) -> i64 {
    cell.map_or(0, |bytes| i64::from_le_bytes(bytes.try_into().expect("a cell has eight bytes")))
}

fn cells(sums: impl IntoIterator<Item = i64>) -> BinaryArray {
    let mut cells = BinaryBuilder::new();
    sums.into_iter().for_each(|sum| cells.append_value(sum.to_le_bytes()));
    cells.finish()
}

impl Routine for Sums {
    fn run(&self, work: Work, columns: &[ArrayRef], _rows: usize) -> Result<ArrayRef, String> {
        let given = |at: usize| columns[at].as_binary::<i32>().iter().map(sum);
        Ok(match work {
            Work::Rows | Work::Change => return Err("cannot do that".into()),
            Work::Update => {
                let mut sums: Vec<i64> = given(0).collect();
                let groups = columns[1].as_primitive::<arrow::datatypes::UInt32Type>();
                let values = columns[2].as_primitive::<Int64Type>();
                groups.iter().zip(values).for_each(|(group, value)| {
                    sums[group.expect("no group is null") as usize] += value.unwrap_or(0);
                });
                Arc::new(cells(sums))
            }
            Work::Merge => Arc::new(cells(given(0).zip(given(1)).map(|(one, other)| one + other))),
            Work::Finish => Arc::new(given(0).collect::<Int64Array>()),
        })
    }
}

fn function(name: &str, kind: UserKind, version: u64) -> Arc<UserFunction> {
    let argument = Argument { name: "value".into(), data_type: DataType::Int64, sees_null: false };
    Arc::new(UserFunction {
        name: name.into(),
        arguments: vec![argument],
        gives: DataType::Int64,
        nullable: false,
        kind,
        signature: format!("{name}(value BIGINT) -> BIGINT"),
        language: "RUST",
        source: "".into(),
        version,
        retracts: false,
        layout: 0,
        routine: Arc::new(Sums),
    })
}

#[test]
fn cells_are_added_to_joined_and_finished() {
    let sums = function("sums", UserKind::Aggregate, 1);
    assert_eq!(UserAggregate::of(&sums.aggregate().expect("it is one of groups")), Some(&sums));
    assert!(sums.scalar().is_none());
    let (groups, values) = (UInt32Array::from(vec![0, 1, 0]), Arc::new(Int64Array::from(vec![1, 10, 2])) as ArrayRef);
    let once = sums.update(&BinaryArray::new_null(2), &groups, &[values]).expect("adds");
    assert_eq!(once, cells([3, 10]));
    let twice = sums.merge(&once, &cells([100, 100])).expect("joins");
    assert_eq!(sums.finish(&twice).expect("finishes").as_ref(), &Int64Array::from(vec![103, 110]));
}

#[test]
fn a_version_is_a_function_of_its_own() {
    let mut all = UserFunctions::default();
    assert!(all.insert(function("f", UserKind::Scalar, 1)).is_none());
    let before = all.clone();
    let replaced = all.insert(function("f", UserKind::Scalar, 2)).expect("takes the place of the first");
    assert_eq!(replaced.version, 1);
    assert_eq!((before.get("F").expect("is there").version, all.get("f").expect("is there").version), (1, 2));
    assert_ne!(before.get("f").expect("is there").scalar(), all.get("f").expect("is there").scalar());
    assert!(all.remove("F").is_some() && all.get("f").is_none());
}

#[test]
fn a_wrong_call_names_the_argument() {
    let function = function("twice", UserKind::Scalar, 1);
    let wrong = |given: &[DataType]| function.coerced(given).expect_err("does not fit").strip_backtrace();
    let sentence = wrong(&[DataType::Utf8]);
    assert!(sentence.contains("the argument 'value' of twice is BIGINT, not STRING"), "{sentence}");
    let sentence = wrong(&[]);
    assert!(sentence.contains("twice takes 1 argument, not 0: twice(value BIGINT) -> BIGINT"), "{sentence}");
    assert_eq!(function.coerced(&[DataType::Int8]).expect("fits"), [DataType::Int64]);
}

#[test]
fn what_fails_is_said_with_the_functions_name_and_row() {
    let function = function("twice", UserKind::Scalar, 1);
    let values: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(7)]));
    let failed = function.run(Work::Rows, std::slice::from_ref(&values), 2).expect_err("this routine cannot");
    assert!(failed.to_string().contains("twice cannot do that"), "{failed}");
    assert_eq!(shown_row(&function.arguments, std::slice::from_ref(&values), 1), "value = 7");
    assert_eq!(shown_row(&function.arguments, &[values], 0), "value = NULL");
}
