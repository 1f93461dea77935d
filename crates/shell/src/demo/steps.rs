//! What the tour shows: a heading, a few sentences, and the SQL that is run.

use std::time::Duration;

/// One stop of the tour.
pub struct Stop {
    /// Its heading.
    pub title: &'static str,
    /// What is about to be seen, in short lines.
    pub words: &'static str,
    /// The statements, each shown before its answer.
    pub sql: &'static [Sql],
}

/// A statement, and how it is shown.
pub struct Sql {
    /// The text.
    pub text: &'static str,
    /// Whether every change is shown.
    pub changelog: bool,
    /// A query without end is stopped after so long.
    pub stop_after: Option<Duration>,
}

const fn sql(text: &'static str) -> Sql {
    Sql { text, changelog: false, stop_after: None }
}

/// All stops, in order.
pub const STOPS: &[Stop] = &[
    Stop {
        title: "A topic, and a tap on it",
        words: "\
A topic is a log of records. A tap gives it columns, types and a sense of time; in SQL that is CREATE TABLE.
This topic comes with Millstream: trades at a stock exchange, 500 a second, up to one second out of order.
WATERMARK says how long to wait for stragglers. The table ends after 20 000 records, so it can be asked like a file.",
        sql: &[
            sql("\
CREATE TABLE trades (
  symbol STRING, price DOUBLE, qty INT, side STRING, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'demo', 'topic' = 'trades', 'number-of-rows' = '20000');"),
            sql("SELECT * FROM trades LIMIT 4;"),
        ],
    },
    Stop {
        title: "Filter and compute",
        words: "\
Rows pass one by one. The last line on the way out is the ledger: every record that came in is accounted for.",
        sql: &[sql("\
SELECT ts, symbol, side, ROUND(price * qty, 2) AS amount
FROM trades
WHERE price * qty > 700000;")],
    },
    Stop {
        title: "Windows of time",
        words: "\
TUMBLE cuts event time into windows side by side. A window is final when the watermark has passed its end:
one row per symbol and window, never taken back.",
        sql: &[sql("\
SELECT window_start, window_end, symbol, COUNT(*) AS trades, SUM(qty) AS volume, MAX(price) AS high
FROM TABLE(TUMBLE(TABLE trades, DESCRIPTOR(ts), INTERVAL '10' SECONDS))
WHERE symbol IN ('AAPL', 'MSFT')
GROUP BY window_start, window_end, symbol;")],
    },
    Stop {
        title: "The same, step by step",
        words: "\
Pipe syntax reads from top to bottom: each |> takes the rows of the line above. It means the same as the nested form.",
        sql: &[sql("\
FROM trades
|> WHERE side = 'buy'
|> CALL TUMBLE(DESCRIPTOR(ts), INTERVAL '20' SECOND)
|> AGGREGATE COUNT(*) AS trades, SUM(qty) AS volume GROUP BY window_start, window_end;")],
    },
    Stop {
        title: "Late rows do not vanish",
        words: "\
This tap is hasty: its watermark waits for nobody, so rows that come out of order are late for windows that have closed.
They are counted in the ledger and kept in a table of their own, query$late.",
        sql: &[
            sql("\
CREATE TABLE hasty (
  symbol STRING, price DOUBLE, qty INT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts
) WITH ('connector' = 'demo', 'topic' = 'trades', 'number-of-rows' = '2000');"),
            sql("\
SELECT window_start, COUNT(*) AS trades
FROM TABLE(TUMBLE(TABLE hasty, DESCRIPTOR(ts), INTERVAL '1' SECOND))
GROUP BY window_start, window_end;"),
            sql("SELECT * FROM `query$late` LIMIT 3;"),
        ],
    },
    Stop {
        title: "Answers that change",
        words: "\
Without a window there is no last word: each new record changes the count of its words. First every change of three
lines of chat: +I a new row, -U and +U the old and the new version of a row. Then the final rows of many lines.",
        sql: &[
            sql("\
CREATE TABLE chat (room STRING, line STRING)
WITH ('connector' = 'demo', 'topic' = 'chat', 'number-of-rows' = '3', 'partitions' = '1');"),
            Sql {
                text: "\
SELECT word, COUNT(*) AS times
FROM chat CROSS JOIN UNNEST(SPLIT(line, ' ')) AS t(word)
GROUP BY word;",
                changelog: true,
                stop_after: None,
            },
            sql("\
CREATE TABLE more_chat (line STRING)
WITH ('connector' = 'demo', 'topic' = 'chat', 'number-of-rows' = '50000');"),
            sql("\
SELECT word, COUNT(*) AS times
FROM more_chat CROSS JOIN UNNEST(SPLIT(line, ' ')) AS t(word)
GROUP BY word
HAVING COUNT(*) > 10000;"),
        ],
    },
    Stop {
        title: "Write to a topic, and read it back",
        words: "\
INSERT INTO runs a query into a topic. This one is embedded: a folder in the workspace, durable, no server.
With 'connector' = 'kafka' the same statements speak to Kafka.",
        sql: &[
            sql("\
CREATE TABLE big_trades (symbol STRING, amount DOUBLE, ts TIMESTAMP(3))
WITH ('connector' = 'topic', 'format' = 'json', 'partitions' = '2', 'scan.bounded.mode' = 'latest-offset');"),
            sql("INSERT INTO big_trades SELECT symbol, price * qty, ts FROM trades WHERE price * qty > 200000;"),
            sql("SELECT COUNT(*) AS big_trades, MAX(amount) AS biggest FROM big_trades;"),
            sql("SHOW TOPICS;"),
        ],
    },
    Stop {
        title: "Records that cannot be read",
        words: "\
Real topics hold broken records. They never stop a question, and they never vanish: TABLE$errors tells partition, offset,
reason and bytes. The bytes are shown, not obeyed: the third record tries to paint your terminal red.",
        sql: &[
            sql("\
CREATE TABLE raw_lines (line STRING)
WITH ('connector' = 'topic', 'topic' = 'readings', 'format' = 'raw', 'partitions' = '1');"),
            sql("\
INSERT INTO raw_lines VALUES
  ('{\"sensor\": \"kitchen\", \"celsius\": 21.5}'), ('{\"sensor\": \"cellar\", \"celsius\": \"cold\"}'),
  ('\u{1b}[31mall red'), ('{\"sensor\": \"attic\", \"celsius\": 30.25}');"),
            sql("\
CREATE TABLE readings (sensor STRING, celsius DOUBLE)
WITH ('connector' = 'topic', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');"),
            sql("SELECT * FROM readings;"),
            sql("SELECT `offset`, reason, bytes FROM `readings$errors`;"),
        ],
    },
    Stop {
        title: "Live",
        words: "\
And now without an end: demo.trades is the same topic, running on the clock. Windows of one second close while you
watch. At the prompt Ctrl-C stops such a query; here it stops by itself after four seconds.",
        sql: &[Sql {
            text: "\
SELECT window_end, COUNT(*) AS trades, SUM(qty) AS volume, ROUND(MAX(price), 2) AS high
FROM TABLE(TUMBLE(TABLE demo.trades, DESCRIPTOR(ts), INTERVAL '1' SECOND))
GROUP BY window_start, window_end;",
            changelog: false,
            stop_after: Some(Duration::from_secs(4)),
        }],
    },
];
