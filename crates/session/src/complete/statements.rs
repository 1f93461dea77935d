//! What each statement is for: the text beside it in the menu, behind `\help VERB` and in the reference.

/// A statement in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its first word.
    pub verb: &'static str,
    /// How it is written.
    pub form: &'static str,
    /// What it does.
    pub doc: &'static str,
}

const fn says(verb: &'static str, form: &'static str, doc: &'static str) -> Statement {
    Statement { verb, form, doc }
}

/// All statements, in the order in which one meets them.
pub const STATEMENTS: &[Statement] = &[
    says(
        "SHOW",
        "SHOW TABLES | TOPICS | TAPES | STATE | FUNCTIONS | CREATE TABLE name | … [LIKE 'pattern']",
        "lists what there is",
    ),
    says("PEEK", "PEEK 'place' | name [LIMIT n]", "shows raw records of a topic or file, as they are"),
    says(
        "TAP",
        "TAP 'kafka://host:port/topic' | 'data/*.jsonl' | name",
        "samples a topic or file and declares a table over it: format, columns, event time, watermark",
    ),
    says("ADVISE", "ADVISE WATERMARK table", "shows what each bound of the watermark costs in late rows and in delay"),
    says(
        "CHECK",
        "CHECK name | query | name ORDER [SEEDS n]",
        "compares the streamed answer with the answer of one batch, row by row; or with those of other orders of arrival",
    ),
    says("DESCRIBE", "DESCRIBE name", "shows the columns of a table or view, with types, keys and watermark"),
    says("DESC", "DESC name", "is short for DESCRIBE"),
    says("SELECT", "SELECT … FROM … [WHERE …] [GROUP BY …]", "asks; the answer comes in as long as rows do"),
    says("FROM", "FROM name |> step |> step …", "asks step by step, in the order in which rows flow"),
    says("WITH", "WITH name AS (query) SELECT …", "names a query for the one that follows"),
    says("VALUES", "VALUES (…), (…)", "gives rows that are written out"),
    says(
        "CREATE",
        "CREATE TABLE name (columns) WITH (options) | CREATE VIEW name AS query | CREATE FUNCTION name AS $$text$$ LANGUAGE RUST | CREATE FUNCTION name LANGUAGE RUST USING FILE 'path'",
        "declares a table over a topic, names a query, or makes a function of Rust",
    ),
    says(
        "DROP",
        "DROP TABLE | VIEW | FUNCTION | TAPE [IF EXISTS] name",
        "forgets a table, view or function; its topic stays; deletes a tape",
    ),
    says("INSERT", "INSERT INTO name query", "writes the rows of a query into a table"),
    says("EXECUTE", "EXECUTE STATEMENT SET BEGIN INSERT …; INSERT …; END", "runs several inserts as one job"),
    says("BEGIN", "BEGIN STATEMENT SET; INSERT …; INSERT …; END", "runs several inserts as one job"),
    says("EXPLAIN", "EXPLAIN query", "shows the graph that would run"),
    says("SET", "SET ['key' = 'value']", "changes a setting; alone it lists all of them"),
    says("RESET", "RESET ['key']", "puts a setting back to its default, or all of them"),
    says("PREVIEW", "PREVIEW name | query", "shows what comes of a step or query over the sample that is kept"),
    says("UNDO", "UNDO", "takes the last change of the workbook back: a stage, a step, a table"),
    says("REDO", "REDO", "does again what was undone"),
    says("START", "START name | query | INSERT …", "runs a query in the background; its rows appear above the prompt"),
    says("STOP", "STOP name | ALL", "stops a run in the background"),
    says("WHY", "WHY name", "says why a step gives no row yet, or why it gives fewer than one thinks"),
    says(
        "WATCH",
        "WATCH name[, name …]",
        "shows steps as they run, over the whole screen: rows, changes, chart, operators",
    ),
    says("PLOT", "PLOT name x column y column [color column]", "draws the rows of a step as a chart"),
    says(
        "RECORD",
        "RECORD tap, … [FROM EARLIEST | LATEST | TIMESTAMP '…'] [FOR 60 s | ROWS n] AS name",
        "keeps the records of taps on a tape, in the order of their arrival; Ctrl-C ends it",
    ),
    says(
        "REPLAY",
        "REPLAY tape [RATE 1x | 10x | MAX] [FROM 12:04] [TO 12:05] [LOOP | THEN LIVE]",
        "lets every step read a tape under its clock, as fast as it can or at a rate",
    ),
    says("LIVE", "LIVE", "ends the replay: steps read their topics again"),
    says("RESUME", "RESUME", "plays on from where the replay stands, to a breakpoint, the end or Ctrl-C"),
    says("PAUSE", "PAUSE", "stops the time of the replay"),
    says(
        "STEP",
        "STEP [n] [EVENT | WATERMARK | WINDOW]",
        "goes over records, moves of a watermark, or closing windows",
    ),
    says("GOTO", "GOTO 12:04 | RECORD n", "goes to a place on the tape, forth or back"),
    says("BACK", "BACK [n]", "goes so many records back"),
    says(
        "BREAK",
        "BREAK ON step [WHEN condition] | BREAK OFF [step]",
        "stops the replay before a step gives such a change; SHOW STATE then tells what its operators hold",
    ),
    says(
        "TRACE",
        "TRACE step [WHERE condition] [LIMIT n] | RECORD tap PARTITION n OFFSET n",
        "lists the records that made a row, or tells what became of a record",
    ),
    says("DIFF", "DIFF step@3 step@4", "compares what two versions of a step make of the tape"),
    says(
        "EXPORT",
        "EXPORT [OR REPLACE] step INTO place [KEYED BY (column, …)] AS JOB 'folder' [FLINK] [VERIFY] [ON tape]",
        "writes a step as a job that runs without the workbench, tested against its sample",
    ),
    says("USE", "USE name", "chooses a catalogue or database; there is one only"),
];

/// The statement that begins with a verb.
pub fn statement(verb: &str) -> Option<&'static Statement> {
    STATEMENTS.iter().find(|known| known.verb.eq_ignore_ascii_case(verb))
}

/// Steps of a pipe, each with its form and meaning.
pub const STEPS: &[Statement] = &[
    says("WHERE", "|> WHERE condition", "keeps the rows that fit"),
    says("SELECT", "|> SELECT column, …", "keeps these columns and no others"),
    says("EXTEND", "|> EXTEND expression AS name, …", "adds columns behind those there are"),
    says("SET", "|> SET column = expression, …", "puts other values into columns"),
    says("DROP", "|> DROP column, …", "leaves columns out"),
    says("RENAME", "|> RENAME column AS name, …", "gives columns other names"),
    says("AGGREGATE", "|> AGGREGATE function AS name, … GROUP BY column, …", "makes a row of each group"),
    says("CALL", "|> CALL TUMBLE(DESCRIPTOR(time), INTERVAL '10' SECOND)", "cuts time into windows"),
    says("JOIN", "|> [LEFT] JOIN name ON condition", "puts rows of another table beside"),
    says("DISTINCT", "|> DISTINCT", "keeps one of equal rows"),
    says("ORDER BY", "|> ORDER BY column [DESC], …", "sorts"),
    says("LIMIT", "|> LIMIT number", "keeps the first rows"),
    says("UNION ALL", "|> UNION ALL (query)", "adds the rows of another query"),
    says("AS", "|> AS name", "gives what was built so far a name"),
];

/// Types that a column can have.
pub const TYPES: &[&str] = &[
    "ARRAY<",
    "BIGINT",
    "BOOLEAN",
    "BYTES",
    "CHAR(",
    "DATE",
    "DECIMAL(",
    "DOUBLE",
    "FLOAT",
    "INT",
    "MAP<",
    "ROW<",
    "SMALLINT",
    "STRING",
    "TIME",
    "TIMESTAMP(3)",
    "TIMESTAMP_LTZ(3)",
    "TINYINT",
    "VARCHAR(",
];

/// Units of an `INTERVAL`.
pub const UNITS: &[&str] = &["SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "YEAR"];

/// What goes on behind an expression or a table.
pub const CLAUSES: &[&str] = &[
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "CROSS JOIN",
    "DESC",
    "ELSE",
    "END",
    "FROM",
    "FULL JOIN",
    "GROUP BY",
    "HAVING",
    "IN",
    "IS NOT NULL",
    "IS NULL",
    "JOIN",
    "LEFT JOIN",
    "LIKE",
    "LIMIT",
    "NOT",
    "ON",
    "OR",
    "ORDER BY",
    "RIGHT JOIN",
    "THEN",
    "UNION ALL",
    "VALUES",
    "WATERMARK FOR",
    "WHEN",
    "WHERE",
    "WITH (",
    "|>",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_of_the_parser_says_what_it_does() {
        let said: Vec<&str> = STATEMENTS.iter().map(|statement| statement.verb).collect();
        for verb in millstream_sql::parse::VERBS {
            assert!(said.contains(verb), "{verb} needs a line in complete/statements.rs");
        }
        assert_eq!(
            said.len(),
            millstream_sql::parse::VERBS.len(),
            "a statement that the parser does not know is offered"
        );
    }
}
