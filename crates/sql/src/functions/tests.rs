//! Every line of `tests/functions/` is an expression with its value, or with a piece of its error. The values
//! are those that Flink's documentation and Flink itself give. The zone is Berlin, now is 2021-07-01 12:00 there.

use std::fs;
use std::path::PathBuf;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::Schema;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::logical_expr::Expr;
use millstream_record::Millis;

use crate::functions::functions;
use crate::plan::{Settings, bind_expression};

fn settings() -> Settings {
    Settings { zone: "Europe/Berlin".into(), now: Millis(1_625_133_600_000) }
}

fn shown(array: &ArrayRef) -> String {
    if array.is_null(0) {
        return "NULL".into();
    }
    let options = FormatOptions::default().with_null("NULL");
    ArrayFormatter::try_new(array, &options).expect("can be shown").value(0).to_string()
}

fn value(text: &str) -> String {
    let expr = crate::expression(text).and_then(|expr| bind_expression(&Schema::empty(), &settings(), &expr));
    match expr {
        Ok(Expr::Literal(value, _)) => shown(&value.to_array().expect("a value is an array of one")),
        Ok(other) => evaluated(&other),
        Err(error) => format!("error {error}"),
    }
}

/// What the simplifier leaves, since a run would fail on it, fails here.
fn evaluated(expr: &Expr) -> String {
    use arrow::array::{RecordBatch, RecordBatchOptions};
    use datafusion::common::DFSchema;
    let schema = DFSchema::empty();
    let physical = datafusion::physical_expr::create_physical_expr(
        expr,
        &schema,
        &Default::default(),
        &Default::default(),
    );
    let rows = RecordBatch::try_new_with_options(
        std::sync::Arc::new(Schema::empty()),
        Vec::new(),
        &RecordBatchOptions::new().with_row_count(Some(1)),
    );
    let evaluated = physical.and_then(|physical| physical.evaluate(&rows?)?.into_array(1));
    match evaluated {
        Ok(array) => shown(&array),
        Err(error) => format!("error {error}"),
    }
}

#[test]
fn expressions_have_flinks_values() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/functions");
    let (mut wrong, mut lines) = (Vec::new(), 0);
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let text = fs::read_to_string(entry.expect("can be listed").path()).expect("is text");
        for line in text.lines() {
            let Some((expr, expected)) = line.split_once(" =>") else { continue };
            let (given, expected) = (value(expr), expected.strip_prefix(' ').unwrap_or(expected));
            lines += 1;
            let fits = match expected.strip_prefix("error ") {
                Some(piece) => given.starts_with("error ") && given.contains(piece),
                None => given == expected,
            };
            if !fits {
                wrong.push(format!("{expr} gives {given}, not {expected}"));
            }
        }
    }
    assert!(lines > 150, "only {lines} expressions were found");
    assert!(wrong.is_empty(), "{} of {lines} values are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_function_is_found_by_its_name_and_described() {
    let found = super::Functions::new("UTC", Millis(0));
    let mut before = "";
    for function in functions() {
        assert!(function.name > before, "{} stands twice", function.name);
        before = function.name;
        assert!(function.doc.ends_with('.'), "{}: {}", function.name, function.doc);
        let known = match function.kind {
            super::FunctionKind::Scalar => found.scalar(function.name).is_some(),
            super::FunctionKind::Aggregate => found.aggregate(function.name).is_some(),
            super::FunctionKind::Window => true,
        };
        assert!(known, "{} is described but not there", function.name);
    }
}
