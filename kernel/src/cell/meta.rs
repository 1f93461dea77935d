//! Lines that are for the notebook and not for the session: `\help` and `\clear`.

use millstream_session::{Class, Fault};

use super::output::Output;
use super::run::Failure;
use crate::bundle::Bundle;

const HELP: &str = "\
Millstream in a notebook
  A cell holds statements of SQL, each but the last with a ; behind it.

  SHOW TABLES; SHOW TOPICS; DESCRIBE name;     what there is
  SELECT … FROM demo.bids …                    a query; over a live topic its table keeps changing
                                               until the stop button, alone 10 s (SET 'live-for')
  PLOT step x column y column color column     a chart; AS line | bar | point | area
  %%rust                                       on the first line: the cell holds Rust; functions marked
                                               #[udf] are SQL's from the next statement on;
                                               %%rust from step into table  reads and writes rows
  WATCH step                                   a table that goes on while other cells run
  STOP [step]                                  ends it; without a name, all of them
  EXPLAIN query                                the graph that would run
  SET; RESET;                                  settings
  \\help                                        this page
  \\clear                                       takes away what the cell has shown

  Tab completes, Shift-Tab explains what stands under the cursor, the stop button stops.";

/// Answers a line that begins with a backslash.
pub fn answer(line: &str, output: &mut Output) -> Result<(), Failure> {
    match line.trim().trim_end_matches(';') {
        "\\help" | "\\?" => output.page(&Bundle::text(HELP)),
        "\\clear" => output.clear(false),
        other => {
            let word = other.split_whitespace().next().unwrap_or("\\");
            let fault = Fault::new(Class::Usage, "E0001", format!("a notebook knows no {word}"));
            return Err(Failure::of(&fault.hint("there are \\help and \\clear; \\help says what cells hold")));
        }
    }
    Ok(())
}
