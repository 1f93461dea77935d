"""The public suite for Jupyter kernels, with every attribute set: nothing is skipped."""

import os
import tempfile

import jupyter_kernel_test as suite

WORK = tempfile.mkdtemp(prefix="millstream-suite-")
os.environ["MILLSTREAM_WORKSPACE"] = os.path.join(WORK, "workspace")
with open(os.path.join(WORK, "some.jsonl"), "w", encoding="utf-8") as some:
    some.write('{"n": 1}\nnonsense\n{"n": 2}\n')

BROKEN = f"""CREATE OR REPLACE TABLE some (n INT) WITH
  ('connector' = 'filesystem', 'path' = '{WORK}/some.jsonl', 'format' = 'json');
SELECT n FROM some;"""


class MillstreamTests(suite.KernelTests):
    kernel_name = "millstream"
    language_name = "sql"
    file_extension = ".sql"
    code_hello_world = "CREATE OR REPLACE TEMPORARY VIEW `hello, world` AS SELECT 1 AS one; DROP VIEW `hello, world`"
    code_stderr = BROKEN
    completion_samples = [
        {"text": "SELECT * FROM demo.bid"},
        {"text": "EXPLA", "matches": ["EXPLAIN"]},
    ]
    complete_code_samples = ["SELECT 1;", "SELECT 1; SHOW TABLES;", "", "\\help"]
    incomplete_code_samples = ["SELECT 1", "SELECT (1", "SELECT 'a", "CREATE TABLE t (", "/* a comment"]
    invalid_code_samples = ["SELEKT 1;", "SELECT FROM WHERE;", "CREATE TABLE;"]
    code_page_something = "\\help"
    code_generate_error = "SELECT * FROM there_is_none"
    code_execute_result = [
        {"code": "SELECT 6 * 7 AS answer", "mime": "text/html"},
        {"code": "EXPLAIN SELECT 1 AS one", "mime": "image/svg+xml"},
        {"code": "SELECT 'größe 🦀' AS `名前`", "mime": "text/plain"},
    ]
    code_display_data = [
        {"code": "SELECT 1 AS first; SELECT 2 AS second", "mime": "text/html"},
    ]
    code_history_pattern = "SELECT*answer"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "demo.bids"
    code_clear_output = "\\clear"


class MillstreamWelcome(suite.IopubWelcomeTests):
    kernel_name = "millstream"
    support_iopub_welcome = True
