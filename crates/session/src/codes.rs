//! What each code of a failure means: the text behind `\explain E0204` and in the reference. A test holds this list
//! against the sources, so that no code is without its explanation.

/// A code with its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `E0204`.
    pub code: &'static str,
    /// What it says, as a heading.
    pub title: &'static str,
    /// When it comes up, and the way out.
    pub text: &'static str,
}

const fn says(code: &'static str, title: &'static str, text: &'static str) -> Code {
    Code { code, title, text }
}

/// Every code in order. `E01` the text cannot be read, `E02` a name or type does not fit, `E03` a table is declared
/// wrongly, `E04` a query cannot be planned, `E05` not supported, `E06` a run failed, `E07` the world outside,
/// `E08` the user stopped it, or two answers differ, `E09` tapes and replays.
pub const CODES: &[Code] = &[
    says(
        "E0001",
        "the command makes no sense",
        "An option, a file or a combination of them does not fit. millstream --help lists what there is.",
    ),
    says(
        "E0101",
        "the text cannot be read",
        "Something else stands where a word, a sign or a bracket is expected. The caret shows the place; the word before it is often the one that is wrong.",
    ),
    says(
        "E0102",
        "a bracket without its other half",
        "One bracket is never closed, or closes nothing. At the prompt it is red while you type.",
    ),
    says(
        "E0103",
        "too long or nested too deep",
        "The statement has more text than the parser takes, or brackets and types stand inside of each other too often. Name parts of the query with WITH or CREATE VIEW.",
    ),
    says(
        "E0104",
        "no such statement",
        "No statement begins so, or there is no such list to SHOW. \\help lists the statements.",
    ),
    says(
        "E0106",
        "no query to go on with",
        "A line that begins with |> goes on with the query before it. Begin one with FROM.",
    ),
    says("E0107", "nothing to undo or to do again", "UNDO takes back changes of this workbook, REDO what was undone."),
    says(
        "E0201",
        "no such table or view",
        "The name is not in the catalogue. Names are told apart by their case; SHOW TABLES lists them all.",
    ),
    says(
        "E0202",
        "the name is taken",
        "A table or view of this name is there already, or is kept by the session. CREATE OR REPLACE replaces it, IF NOT EXISTS leaves it as it is.",
    ),
    says(
        "E0203",
        "no such type, or it does not fit",
        "The type is not one of Flink SQL, or its length or precision is out of range.",
    ),
    says(
        "E0204",
        "no such column",
        "No table that the query reads has a column of this name, or the number of names is wrong. DESCRIBE shows the columns of a table.",
    ),
    says(
        "E0205",
        "the column stands in several tables",
        "Say which one is meant with the name of its table: t.column.",
    ),
    says(
        "E0206",
        "a value of the wrong type",
        "A function or a step was given a value that it does not take. CAST(value AS type) turns one into another.",
    ),
    says("E0207", "a name cannot be resolved here", "The name is known, but not at this place of the query."),
    says("E0208", "no such function", "SHOW FUNCTIONS lists all functions with their signatures."),
    says(
        "E0209",
        "wrong arguments",
        "The function is there but takes other arguments. SHOW FUNCTIONS LIKE 'NAME' shows how it is called.",
    ),
    says("E0210", "a type without a name", "SQL has no name for values of this kind. Cast them to a type that it has."),
    says(
        "E0211",
        "the function cannot be compiled",
        "What stands in the text is no Rust, or no function that SQL could call. The caret shows the place of rustc's first complaint; the hints are rustc's.",
    ),
    says(
        "E0212",
        "no Rust here",
        "The program that runs this session cannot compile Rust, or the machine has no rustc. https://rustup.rs installs one.",
    ),
    says(
        "E0301",
        "the declaration of a table does not hold together",
        "Its connector, key, watermark or columns contradict each other.",
    ),
    says(
        "E0302",
        "an option does not fit",
        "The option is unknown to the connector, given twice, or its value is of the wrong kind. Completion behind WITH ( lists the options.",
    ),
    says(
        "E0303",
        "a column is declared wrongly",
        "It is there twice, clashes with another table's, or asks for metadata that the connector has not.",
    ),
    says("E0304", "the primary key does not fit", "It names a column that cannot be part of a key."),
    says(
        "E0305",
        "the watermark does not fit",
        "A watermark stands on a TIMESTAMP(3) or TIMESTAMP_LTZ(3) column of the table and has its type.",
    ),
    says("E0401", "the query cannot be planned", "The parts of the query do not fit each other."),
    says(
        "E0402",
        "a view stands on itself",
        "Somewhere below it the view reads itself. Give one of the views in the circle another query.",
    ),
    says("E0403", "a table cannot be read so", "The table takes rows only, or lacks what the query needs of it."),
    says(
        "E0404",
        "an interval or window is written wrongly",
        "Intervals are written INTERVAL '10' SECOND, windows TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND).",
    ),
    says(
        "E0410",
        "the window does not fit",
        "Its size, slide, step or offset contradict each other: a slide must not be zero, a size must hold whole steps.",
    ),
    says(
        "E0411",
        "no time attribute here",
        "A window needs the column of a watermark. A column that was computed from it is no longer one.",
    ),
    says("E0412", "a count must be a whole number", "LIMIT and OFFSET take numbers that are written out."),
    says(
        "E0413",
        "rows cannot be ordered or limited so",
        "A query without end can be ordered by its time only; the first rows of each group are asked with ROW_NUMBER().",
    ),
    says(
        "E0414",
        "not an aggregate function",
        "Only aggregate functions stand beside GROUP BY; other expressions must be part of the key.",
    ),
    says("E0415", "grouping sets do not resolve", "GROUPING SETS, ROLLUP and CUBE take lists of columns."),
    says(
        "E0416",
        "a version of the table cannot be found",
        "FOR SYSTEM_TIME AS OF o.ts stands behind the right table of an inner or left join. It takes an event-time column of the left side; the right side has event time and a primary key, and the join names that key.",
    ),
    says(
        "E0417",
        "the pattern cannot be searched",
        "Flink's search has limits: variables one behind the other, none twice, no greedy one at the end.",
    ),
    says("E0420", "a view takes no rows", "INSERT INTO writes into tables. Write into the table below the view."),
    says(
        "E0421",
        "the columns of the insert do not fit",
        "Name each column that is filled once, and give each a value.",
    ),
    says(
        "E0422",
        "a column must not be null",
        "The query may give NULL where the table forbids it. COALESCE(value, other) gives another value instead.",
    ),
    says(
        "E0423",
        "the type does not fit the table",
        "A column of the query has another type than that of the table. CAST(value AS type) turns it.",
    ),
    says(
        "E0424",
        "the table takes no changes",
        "The query takes rows back, but the table can only be added to. Window the query, or write into a table with a primary key.",
    ),
    says(
        "E0430",
        "this cannot become a job",
        "A job runs without the session: it cannot read what the session keeps, ask for a password, overwrite, or write rows that are taken back to a place that knows no keys.",
    ),
    says(
        "E0431",
        "this cannot be said to Flink",
        "Flink would answer otherwise, or not at all. Each place is named with the reason and a way out; without FLINK and VERIFY the job is exported for Millstream alone.",
    ),
    says(
        "E0501",
        "not supported",
        "Flink SQL knows it, Millstream does not yet. COMPAT.md lists what works row by row.",
    ),
    says(
        "E0502",
        "a hint that is not known",
        "The hint OPTIONS('key' = 'value') behind the name of a table is supported.",
    ),
    says("E0503", "the spelling of another database", "The hint says how Flink writes it."),
    says("E0504", "CALL takes a windowing function", "|> CALL takes TUMBLE, HOP, CUMULATE or SESSION."),
    says(
        "E0511",
        "nothing has run yet that WHY could look into",
        "WHY tells of the newest run: ask first, or name a step that runs in the background.",
    ),
    says(
        "E0600",
        "the run was stopped",
        "It was stopped before it had come to its end. What it had given until then stands.",
    ),
    says(
        "E0601",
        "a computation failed",
        "A value could not be computed: a division by zero, a number out of range, a text that is no number. TRY_CAST gives NULL instead.",
    ),
    says(
        "E0602",
        "a record could not be read",
        "In scripts that ends the run. SET 'bad-records' = 'keep' sets such records aside in TABLE$errors.",
    ),
    says("E0603", "the state cannot be kept", "What the query must remember could not be read or written."),
    says(
        "E0604",
        "a run cannot be started",
        "The system gives no further thread. STOP ALL stops the runs in the background.",
    ),
    says("E0605", "nothing has run yet", "A ledger is of a run or a preview. PREVIEW name or START name makes one."),
    says("E0606", "no such run", "SHOW RUNS lists the runs in the background."),
    says(
        "E0607",
        "a script starts no runs",
        "A run in the background would end with the script. At the prompt START works; a script asks, or inserts.",
    ),
    says(
        "E0699",
        "a fault of the program",
        "This should not happen, whatever was asked. Please report it with the statement.",
    ),
    says(
        "E0701",
        "no connection",
        "The other side does not answer: check its address, the network and the credentials.",
    ),
    says("E0702", "a file cannot be read or written", "The message says which, and what the system answered."),
    says("E0703", "the outside world and the table disagree", "A topic or file is not as the declaration says."),
    says("E0704", "an option or setting does not fit", "SET lists all settings with their values and meanings."),
    says(
        "E0705",
        "records are gone",
        "They were deleted before they were read. Start from the earliest that is still there.",
    ),
    says("E0706", "the content cannot be read", "It is not in the format that the table declares."),
    says("E0707", "columns do not fit each other", "Two pieces of data that should have one shape have not."),
    says(
        "E0708",
        "stopped while waiting for the other side",
        "Ctrl-C was pressed before the other side had answered. Nothing was changed.",
    ),
    says(
        "E0709",
        "a password was not given",
        "The statement needs a value that only you know, and the question was left without an answer.",
    ),
    says(
        "E0710",
        "a value from outside is not there",
        "An option names a variable of the environment, or a question, that has no answer here.",
    ),
    says(
        "E0711",
        "there is no such connection",
        "A connection is a broker with its options under [connections.NAME] in config.toml.",
    ),
    says("E0712", "config.toml does not fit", "The message names the file and the line."),
    says(
        "E0713",
        "there is nothing to find columns in",
        "TAP infers columns from records. There is none yet, none that SQL has types for, or rows that have columns already.",
    ),
    says(
        "E0714",
        "records in a form that is not read",
        "The message names the form. PEEK shows records as they are; files packed with gzip (.gz) or zstd (.zst) are unpacked.",
    ),
    says(
        "E0720",
        "the job cannot be written there",
        "The folder is there already, is no job, holds the state of one that has run, or the disk refuses it. What was there before is untouched.",
    ),
    says(
        "E0721",
        "Flink is not there, or refuses the job",
        "VERIFY runs the job on the Flink in FLINK_HOME. The sentence behind it is Flink's own; nothing was written.",
    ),
    says("E0801", "stopped", "Ctrl-C was pressed. What had begun outside comes to its end by itself."),
    says(
        "E0802",
        "the answers cannot be compared",
        "The batch that an answer is held against did not come to its end.",
    ),
    says(
        "E0803",
        "the answer depends on the order of arrival",
        "CHECK step ORDER has found an order of the same records that gives another answer; the example shows a few of them that are enough. Late rows do that, and so do FIRST_VALUE, LAST_VALUE and the like.",
    ),
    says(
        "E0810",
        "two answers that should be equal differ",
        "What was written gives other rows than its prototype, or than Flink. The rows that differ are shown; verify/report.md in the folder keeps the comparison.",
    ),
    says(
        "E0902",
        "this cannot be recorded",
        "What is recorded are the records of taps. A step has none: record the taps that it reads. A table that gives rows and no records (datagen, Parquet) has none either: write its rows into a topic first.",
    ),
    says(
        "E0903",
        "the file does not say what it is",
        "A tape is carried as JSON lines (.jsonl) or Parquet (.parquet), by the ending of the file's name.",
    ),
    says("E0910", "nothing is replayed", "REPLAY name; begins. SHOW TAPES lists what there is."),
    says(
        "E0911",
        "the tap is not on the tape",
        "A replay reads the taps that were recorded together. LIVE; goes back to the topics.",
    ),
    says("E0912", "a replay writes nowhere", "INSERT INTO is for live topics. LIVE; goes back to them."),
    says("E0913", "no record on that stretch", "FROM and TO leave nothing of the tape. SHOW TAPES tells its times."),
    says("E0914", "no step reads the tape", "The debugger drives the steps of the workbook. CREATE VIEW makes one."),
    says(
        "E0915",
        "nothing in common to compare",
        "DIFF compares the columns that have one name and type in both versions.",
    ),
    says(
        "E0916",
        "the tape is too long for this",
        "Tracing, and other orders of arrival, go over every record by itself. Replay a stretch: REPLAY name FROM 12:04 TO 12:05.",
    ),
    says("E0917", "no such record on the tape", "The partition has no record of that offset on the tape."),
    says(
        "E0918",
        "a tap has no place in other orders",
        "CHECK step ORDER lays the records of the tape in other orders; all taps of the step must be on it.",
    ),
];

/// The meaning of a code, in any case.
pub fn code(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|known| known.code.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Every `"E` and four digits in the sources below a folder.
    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("is there").flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("text");
                let starts = text.match_indices("\"E").map(|(at, _)| &text[at + 1..]);
                let codes = starts.filter(|rest| rest.as_bytes().get(5) == Some(&b'"'));
                found.extend(codes.map(|rest| rest[..5].to_string()).filter(|code| code[1..].parse::<u16>().is_ok()));
            }
        }
    }

    #[test]
    fn every_code_in_the_sources_is_explained() {
        let mut used = BTreeSet::new();
        for room in ["crates", "kernel"] {
            collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(room), &mut used);
        }
        assert!(used.len() > 40, "{used:?}");
        let explained: BTreeSet<String> = CODES.iter().map(|known| known.code.to_string()).collect();
        assert_eq!(explained.len(), CODES.len(), "a code is explained twice");
        let missing: Vec<_> = used.difference(&explained).collect();
        assert!(missing.is_empty(), "give these codes a line in codes.rs: {missing:?}");
        assert!(CODES.is_sorted_by_key(|known| known.code));
    }
}
