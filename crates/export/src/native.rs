//! `job.sql`: the job as one readable script, which Millstream runs as it stands.

use std::fmt::Write as _;

use millstream_sql::show::{create_function_in, create_table_as_given};
use millstream_sql::types::quoted;

use crate::{Insert, Job, Step};

/// The script.
pub fn script(job: &Job) -> String {
    let mut text = format!(
        "-- {}: a job exported by Millstream {}. Run it with: millstream run .\n\
         -- How it runs stands in millstream.toml.\n\
         SET 'table.local-time-zone' = '{}';\n",
        job.name,
        env!("CARGO_PKG_VERSION"),
        job.policies.zone
    );
    let mut part = |title: &str, statements: Vec<String>| {
        if !statements.is_empty() {
            let _ = write!(text, "\n-- {title}\n{};\n", statements.join(";\n\n"));
        }
    };
    let function = |function: &crate::Function| create_function_in(&function.name, &function.file);
    part("its functions", job.functions.iter().map(function).collect());
    part("what it reads", job.taps.iter().map(|table| create_table_as_given(&table.draft)).collect());
    part("its steps", job.steps.iter().map(|step| view(step, "CREATE VIEW")).collect());
    part("what it writes", job.sinks.iter().map(|table| create_table_as_given(&table.draft)).collect());
    text + "\n" + &statement_set(&job.inserts)
}

/// A view; `verb` is `CREATE VIEW`, or `CREATE TEMPORARY VIEW`.
pub fn view(step: &Step, verb: &str) -> String {
    format!("{verb} {}{} AS\n{}", quoted(&step.name), names(&step.columns), step.query)
}

/// All inserts as one job.
pub fn statement_set(inserts: &[Insert]) -> String {
    let mut text = String::from("EXECUTE STATEMENT SET BEGIN\n");
    for Insert { table, columns, query } in inserts {
        let _ = write!(text, "INSERT INTO {}{}\n{query};\n", quoted(table), names(columns));
    }
    text + "END;\n"
}

fn names(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}
