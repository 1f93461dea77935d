//! Every line of `tests/functions/` is an expression with its value, or with a piece of its error. The values
//! are those that Flink's documentation and Flink itself give. The zone is Berlin, now is 2021-07-01 12:00 there.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::create_physical_expr;
use datafusion::sql::sqlparser::ast;
use millstream_record::Millis;

use crate::SqlError;
use crate::functions::{FunctionKind, functions};
use crate::plan::{Settings, bind_expression};
use crate::walk::{self, Rewrite};

fn settings() -> Settings {
    Settings { zone: "Europe/Berlin".into(), now: Millis(1_625_133_600_000), ..Settings::default() }
}

fn shown(array: &ArrayRef) -> String {
    row(array, 0)
}

fn row(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "NULL".into();
    }
    let options = FormatOptions::default().with_null("NULL");
    ArrayFormatter::try_new(array, &options).expect("can be shown").value(row).to_string()
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
    let rows = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        Vec::new(),
        &RecordBatchOptions::new().with_row_count(Some(1)),
    );
    match computed(expr, &rows.expect("a row without columns")) {
        Ok(array) => shown(&array),
        Err(error) => format!("error {error}"),
    }
}

/// The expression over rows, as a run computes it.
fn computed(expr: &Expr, rows: &RecordBatch) -> Result<ArrayRef, DataFusionError> {
    let schema = DFSchema::try_from(rows.schema())?;
    let physical = create_physical_expr(expr, &schema, &Default::default(), &Default::default())?;
    physical.evaluate(rows)?.into_array(rows.num_rows())
}

/// Takes the constants out of an expression and leaves columns in their place.
#[derive(Default)]
struct Columns {
    fields: Vec<Field>,
    values: Vec<ArrayRef>,
}

impl Rewrite for Columns {
    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> Result<(), SqlError> {
        if !matches!(expr, ast::Expr::Value(_)) {
            return Ok(());
        }
        let bound = bind_expression(&Schema::empty(), &settings(), expr);
        if let Ok(Expr::Literal(value, _)) = bound
            && !value.is_null()
        {
            let name = format!("c{}", self.fields.len());
            let null = ScalarValue::try_new_null(&value.data_type()).expect("has a null");
            let values = ScalarValue::iter_to_array([value.clone(), null, value.clone()]).expect("are of one type");
            self.fields.push(Field::new(&name, value.data_type(), true));
            self.values.push(values);
            *expr = ast::Expr::Identifier(ast::Ident::new(name));
        }
        Ok(())
    }
}

/// The same expression over columns of three rows, the middle one null; `None` where the grammar wants a
/// constant.
fn over_columns(text: &str) -> Option<Result<ArrayRef, DataFusionError>> {
    if text.contains("MAP[") {
        return None; // a null key is an error
    }
    let mut expr = crate::expression(text).ok()?;
    let mut columns = Columns::default();
    walk::rewrite(&mut expr, &mut columns).expect("nothing is refused");
    let schema = Schema::new(columns.fields);
    let bound = bind_expression(&schema, &settings(), &expr).ok()?;
    let rows = RecordBatch::try_new(Arc::new(schema), columns.values).ok()?;
    Some(computed(&bound, &rows))
}

/// Every expression of the files with its value.
fn lines() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/functions");
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let text = fs::read_to_string(entry.expect("can be listed").path()).expect("is text");
        let split = text.lines().filter_map(|line| line.split_once(" =>"));
        lines.extend(split.map(|(expr, value)| (expr.into(), value.strip_prefix(' ').unwrap_or(value).into())));
    }
    assert!(lines.len() > 150, "only {} expressions were found", lines.len());
    lines
}

#[test]
fn expressions_have_flinks_values() {
    let mut wrong = Vec::new();
    for (expr, expected) in lines() {
        let given = value(&expr);
        let fits = match expected.strip_prefix("error ") {
            Some(piece) => given.starts_with("error ") && given.contains(piece),
            None => given == expected,
        };
        if !fits {
            wrong.push(format!("{expr} gives {given}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} values are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn columns_give_what_constants_give() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (expr, expected) in lines() {
        let Some(given) = over_columns(&expr) else { continue };
        compared += 1;
        match (expected.strip_prefix("error "), given) {
            (Some(_), Ok(array)) => wrong.push(format!("{expr} gives {} over columns, not an error", shown(&array))),
            (Some(piece), Err(error)) if error.to_string().contains(piece) => {}
            (None, Ok(array)) if [row(&array, 0), row(&array, 2)] == [expected.as_str(); 2] => {}
            (None, Ok(array)) => wrong.push(format!("{expr} gives {} over columns, not {expected}", row(&array, 2))),
            (_, Err(error)) => wrong.push(format!("{expr} fails over columns: {error}")),
        }
    }
    assert!(compared > 120, "only {compared} expressions could be compared");
    assert!(wrong.is_empty(), "{} values are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_reference_lists_every_function() {
    let mut text = String::from(
        "# Functions\n\nWritten by a test from the tables in `src/functions/` (`UPDATE_FUNCTIONS=1` writes it anew). \
         Names may be written in any case.\n",
    );
    for (kind, title) in [
        (FunctionKind::Scalar, "For each row"),
        (FunctionKind::Aggregate, "For each group or window"),
        (FunctionKind::Window, "Windows"),
    ] {
        let _ = write!(text, "\n## {title}\n\n| function | gives |\n|---|---|\n");
        for function in functions().iter().filter(|function| function.kind == kind) {
            let signature = function.signature.replace('|', "\\|");
            let _ = writeln!(text, "| `{signature}` | {} |", function.doc.replace('|', "\\|"));
        }
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("FUNCTIONS.md");
    if std::env::var_os("UPDATE_FUNCTIONS").is_some() {
        fs::write(&path, &text).expect("can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, text, "FUNCTIONS.md is old");
}

#[test]
fn every_function_is_found_by_its_name_and_described() {
    let found = super::Functions::new("UTC", Millis(0), millstream_plan::UserFunctions::default());
    let mut before = "";
    for function in functions() {
        assert!(function.name > before, "{} stands twice", function.name);
        before = function.name;
        assert!(function.doc.ends_with('.'), "{}: {}", function.name, function.doc);
        let known = match function.kind {
            FunctionKind::Scalar => found.scalar(function.name).is_some(),
            FunctionKind::Aggregate => found.aggregate(function.name).is_some(),
            FunctionKind::Window => true,
        };
        assert!(known, "{} is described but not there", function.name);
    }
}
