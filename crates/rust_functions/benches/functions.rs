//! What a user's function costs beside the same work built in: ten million texts in batches of 8192, computed by
//! a loop of this program, by a library in this process, and by a process of its own. CPU time would leave out the
//! other process, so it is the wall's; the ratio is what counts.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Int64Array, StringArray};
use millstream_plan::{Compiler, UserFunction, Work};
use millstream_record::Stop;
use millstream_rust_functions::{Functions, Place};

const ROWS: usize = 10_000_000;
const BATCH: usize = 8192;
const CELL: &str = "
#[udf] fn letters(line: &str) -> i64 { line.chars().count() as i64 }
#[udf] fn loud(line: &str) -> String { line.to_uppercase() }
";

fn texts() -> ArrayRef {
    let text = |row: usize| (row % 100 != 7).then(|| format!("größe {row} of the river {}", row * 7919 % 10_007));
    Arc::new((0..BATCH).map(text).collect::<StringArray>())
}

fn letters(texts: &ArrayRef) -> usize {
    let counted: Int64Array =
        texts.as_string::<i32>().iter().map(|text| text.map(|text| text.chars().count() as i64)).collect();
    counted.len()
}

fn loud(texts: &ArrayRef) -> usize {
    let loud: StringArray = texts.as_string::<i32>().iter().map(|text| text.map(str::to_uppercase)).collect();
    loud.len()
}

/// Nanoseconds a row, the better of two runs.
fn measured(mut batch: impl FnMut() -> usize) -> f64 {
    let once = |batch: &mut dyn FnMut() -> usize| {
        let (began, mut rows) = (Instant::now(), 0);
        while rows < ROWS {
            rows += batch();
        }
        began.elapsed().as_nanos() as f64 / rows as f64
    };
    once(&mut batch).min(once(&mut batch))
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let functions = |place: Place| -> Vec<UserFunction> {
        let compiler = Functions::kept_in(place, folder.path().to_path_buf());
        let began = Instant::now();
        let compiled = compiler.compile(CELL, &Stop::default()).unwrap_or_else(|error| panic!("{error:?}"));
        println!("{place:?}: ready after {:.2} s", began.elapsed().as_secs_f64());
        compiled
    };
    let texts = texts();
    let (apart, here) = (functions(Place::Apart), functions(Place::Here));
    for (at, (name, built_in)) in
        [("letters", letters as fn(&ArrayRef) -> usize), ("loud", loud)].into_iter().enumerate()
    {
        let plain = measured(|| built_in(&texts));
        let call = |function: &UserFunction| {
            let column = function.routine.run(Work::Rows, std::slice::from_ref(&texts), BATCH);
            column.unwrap_or_else(|error| panic!("{error}")).len()
        };
        let (inside, outside) = (measured(|| call(&here[at])), measured(|| call(&apart[at])));
        println!(
            "{name}: built in {plain:.1} ns a row, in the process {inside:.1} ({:.2} ×), apart {outside:.1} ({:.2} ×)",
            inside / plain,
            outside / plain
        );
    }
}
