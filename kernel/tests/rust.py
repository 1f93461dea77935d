"""Cells of Rust: functions for SQL, code that is evaluated, and what must not take the session down."""

import time
import unittest

from kernels import PATIENCE, KernelCase, elapsed, shown

WORDS = """%%rust
#[udf]
fn words(line: &str) -> Vec<String> { line.split_whitespace().map(str::to_lowercase).collect() }
"""
SPOKEN = "SELECT word, COUNT(*) AS n FROM (VALUES ('Be not to'), ('be'), (CAST(NULL AS STRING))) AS t(line), " \
         "LATERAL TABLE(words(line)) AS w(word) GROUP BY word"
NUMBERS = "(VALUES (1), (2), (3)) AS t(n)"


class RustCase(KernelCase):
    def said(self, heard, stream="stdout"):
        return "".join(message["content"]["text"] for message in heard
                       if message["msg_type"] == "stream" and message["content"]["name"] == stream)

    def good(self, code):
        reply, heard = self.run_cell(code)
        self.assertEqual(reply["status"], "ok", reply)
        return heard

    def bad(self, code):
        reply, _ = self.run_cell(code)
        self.assertEqual(reply["status"], "error")
        return "\n".join(reply["traceback"])

    def interrupted(self, code, wait):
        """What a cell says that is stopped once `wait` has returned."""
        message = self.client.execute(code)
        wait(message)
        began = time.monotonic()
        self.manager.interrupt_kernel()
        reply = self.reply(message)
        self.until_idle(message)
        self.assertEqual(reply["status"], "error")
        return reply, elapsed(began)


class Functions(RustCase):
    def test_a_function_is_there_in_the_next_statement(self):
        heard = self.good(WORDS)
        self.assertRegex(self.said(heard), r"^words\(line STRING\) -> table of STRING, ready in \d+\.\d s\n$")
        table = shown(self.good(SPOKEN))[-1]
        for line in ("be", "not", "to"):
            self.assertIn(line, table)
        self.assertRegex(table, r"be\s+.\s+2")
        listed = shown(self.good("SHOW USER FUNCTIONS"))[-1]
        self.assertIn("words(line STRING) -> table of STRING", listed)
        self.assertIn("RUST", listed)
        self.assertIn("split_whitespace", shown(self.good("SHOW CREATE FUNCTION words"))[-1])

    def test_an_aggregate_works_in_windows(self):
        self.good("""%%rust
            struct Longest { word: String }
            #[udf]
            impl Longest {
                fn init() -> Self { Longest { word: String::new() } }
                fn update(&mut self, line: &str) {
                    for word in line.split(' ') { if word.len() > self.word.len() { self.word = word.to_string() } }
                }
                fn merge(&mut self, other: Self) { if other.word.len() > self.word.len() { *self = other } }
                fn finish(&self) -> Option<&str> { (!self.word.is_empty()).then_some(&self.word) }
            }""")
        self.good("CREATE TABLE chat (room STRING, line STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) "
                  "WITH ('connector' = 'demo', 'topic' = 'chat', 'number-of-rows' = '3000')")
        windows = "TABLE(HOP(TABLE chat, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY window_start, window_end"
        # The function against one that SQL has.
        both = (f"SELECT COUNT(*) AS windows, SUM(CASE WHEN l = m THEN 1 ELSE 0 END) AS equal FROM (SELECT "
                f"CHAR_LENGTH(longest(line)) AS l, MAX(longest_in(line)) AS m FROM {windows})")
        self.good("%%rust\n#[udf] fn longest_in(line: &str) -> i32 { line.split(' ').map(str::len).max().unwrap_or(0) as i32 }")
        self.good("SET 'live-for' = '5 s'")
        table = shown(self.good(both))[-1].splitlines()[-2]
        counts = [int(cell) for cell in table.replace("│", " ").split() if cell.isdigit()]
        self.assertEqual(counts[0], counts[1], table)
        self.assertGreater(counts[0], 3)

    def test_rustc_and_the_reader_name_the_place(self):
        text = self.bad("%%rust\n#[udf]\nfn twice(n: i64) -> i64 { n.shout() }")
        self.assertIn("LINE 3", text)
        self.assertIn("no method named `shout` found for type `i64`", text)
        text = self.bad("%%rust\n#[udf] fn f(when: std::time::Instant) -> i64 { 1 }")
        self.assertIn("the argument 'when' of f is std::time::Instant", text)
        self.assertIn("^^^", text)

    def test_a_wrong_call_names_the_argument(self):
        self.good("%%rust\n#[udf] fn twice(n: i64) -> i64 { 2 * n }")
        text = self.bad("SELECT twice('x')")
        self.assertIn("the argument 'n' of twice is BIGINT, not STRING", text)

    def test_what_panics_hangs_or_aborts_leaves_the_session(self):
        self.good("""%%rust
            #[udf] fn third(n: i64) -> i64 { if n == 3 { panic!("no third") } n }
            #[udf] fn spin(n: i64) -> i64 { while std::hint::black_box(n) == 2 {} n }
            #[udf] fn dive(n: i64) -> i64 { if n == 2 { std::process::abort() } n }""")
        self.assertIn("third panicked at line 2 of its cell: no third (where n = 3)", self.bad(f"SELECT third(n) FROM {NUMBERS}"))
        self.assertIn("dive ended the process in which it ran (signal: 6", self.bad(f"SELECT dive(n) FROM {NUMBERS}"))
        reply, took = self.interrupted(f"SELECT spin(n) FROM {NUMBERS}", lambda message: time.sleep(0.5))
        self.assertEqual(reply["ename"], "Interrupted")
        self.assertLess(took, 2)
        self.assertIn("3", shown(self.good(f"SELECT dive(n) AS n FROM {NUMBERS} WHERE n = 3"))[-1])

    def test_a_run_goes_on_with_the_function_it_has(self):
        self.good("%%rust\n#[udf] fn label(n: i64) -> i64 { 1000 + n }")
        self.good("CREATE VIEW labelled AS SELECT label(auction) AS label FROM demo.bids")
        self.good("START labelled")
        heard = self.good("%%rust\n#[udf] fn label(n: i64) -> i64 { -n }")
        self.assertIn("replaces the one before, with which the run labelled goes on", self.said(heard))
        self.assertIn("-7", shown(self.good("SELECT label(7) AS now"))[-1])
        self.good("STOP labelled")

    def test_a_statement_makes_a_function_too(self):
        self.good("CREATE FUNCTION twice AS $$#[udf] fn twice(n: i64) -> i64 { 2 * n }$$ LANGUAGE RUST")
        self.assertIn("42", shown(self.good("SELECT twice(21) AS n"))[-1])
        self.good("DROP FUNCTION twice")
        self.assertIn("E0208", self.bad("SELECT twice(21)"))


class Code(RustCase):
    def test_variables_items_and_outputs(self):
        heard = self.good('%%rust\nlet mut total = 40i64;\nprintln!("made {total}");\neprintln!("beside");\ntotal += 2; total')
        self.assertEqual(self.said(heard), "made 40\n")
        self.assertIn("beside\n", self.said(heard, "stderr"))
        self.assertEqual(shown(heard)[-1], "42")
        self.good("%%rust\nfn half(n: i64) -> i64 { n / 2 }")
        self.assertEqual(shown(self.good("%%rust\nhalf(total)"))[-1], "21")
        # A function of SQL is known to the code that follows.
        self.good("%%rust\n#[udf] fn twice(n: i64) -> i64 { 2 * n }")
        self.assertEqual(shown(self.good("%%rust\ntwice(half(total))"))[-1], "42")
        rich = 'println!("EVCXR_BEGIN_CONTENT text/html\\n<b>bold</b>\\nEVCXR_END_CONTENT");'
        self.assertEqual(shown(self.good(f"%%rust\n{rich}"), "text/html")[-1].strip(), "<b>bold</b>")

        text = self.bad('%%rust\nlet y: i64 =\n    "a";')
        self.assertIn("mismatched types [E0308]", text)
        self.assertIn("LINE 3", text)
        self.assertIn("the cell panicked: oh no", self.bad('%%rust\npanic!("oh no")'))

        reply, took = self.interrupted("%%rust\nprintln!(\"begins\");\nloop {}", lambda message: self.wait_for(message, "stream"))
        self.assertEqual(reply["ename"], "Interrupted")
        self.assertIn("variables are gone", reply["evalue"])
        self.assertLess(took, 3)
        self.assertIn("has ended", self.bad("%%rust\nstd::process::abort()"))
        self.assertEqual(shown(self.good("%%rust\nhalf(10)"))[-1], "5", "functions are still there")
        self.assertIn("1", shown(self.good("SELECT 1 AS one"))[-1], "and so is the session")

    def test_rows_go_in_and_come_out(self):
        self.good("CREATE TABLE scores (who STRING, points INT NOT NULL, at TIMESTAMP(3)) WITH ('topic' = 'scores', 'scan.bounded.mode' = 'latest-offset');"
                  "INSERT INTO scores VALUES ('ä\tb', 3, TIMESTAMP '2026-01-01 00:00:01'), (CAST(NULL AS STRING), 4, CAST(NULL AS TIMESTAMP(3)))")
        self.good("CREATE TABLE best (who STRING, points INT, at TIMESTAMP(3)) WITH ('topic' = 'best', 'scan.bounded.mode' = 'latest-offset')")
        heard = self.good("""%%rust from scores into best
let total: i32 = scores.iter().map(|score| score.points).sum();
for score in &scores {
    best.push(Best { who: score.who.clone().map(|who| who + "'s"), points: Some(score.points * 2), at: score.at.map(|at| at + 500) });
}
total""")
        self.assertEqual(self.said(heard), "2 rows of scores\n2 rows into best\n")
        self.assertEqual(shown(heard)[-1], "7")
        table = shown(self.good("SELECT who, points, at FROM best WHERE points = 6"))[-1]
        self.assertIn("2026-01-01 00:00:01.500", table)
        self.assertIn("b's", table)
        self.assertIn("8", shown(self.good("SELECT points FROM best WHERE who IS NULL AND at IS NULL"))[-1])
        self.assertIn("there is no table", self.bad("%%rust from nothing\n1"))
        self.assertIn("%%rust from step", self.bad("%%rust with nothing\n1"))


if __name__ == "__main__":
    unittest.main()
