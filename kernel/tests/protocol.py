"""What the public suite leaves out: interrupt, restart, shutdown, questions, live displays, queues."""

import json
import os
import pathlib
import re
import stat
import subprocess
import time
import unittest

from kernels import PATIENCE, KernelCase, elapsed, kinds, shown

LIVE = "SELECT auction, price FROM demo.bids"


def alive(pid):
    """Whether a process lives and is no zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def resident(pid):
    """Kilobytes of memory that a process holds."""
    return int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


class SharedWorkspace(KernelCase):
    def prompt(self, *lines):
        """What a prompt on the workspace of the kernel shows when these lines are typed."""
        keyboard, terminal = os.openpty()
        program = pathlib.Path(os.environ["MILLSTREAM_KERNEL"]).with_name("millstream")
        environment = dict(os.environ, MILLSTREAM_WORKSPACE=str(self.work / "workspace"), HOME=str(self.work), TERM="dumb")
        process = subprocess.Popen([program], stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
        os.close(terminal)
        os.write(keyboard, "".join(line + "\n" for line in [*lines, "\\quit"]).encode())
        heard = b""
        while True:
            try:
                heard += os.read(keyboard, 4096)
            except OSError:  # Nobody holds the other side any more.
                break
        os.close(keyboard)
        self.assertEqual(process.wait(timeout=PATIENCE), 0)
        return heard.decode()

    def test_a_prompt_and_a_notebook_share_the_topics_and_neither_takes_the_names_of_the_other(self):
        bounded = "WITH ('scan.bounded.mode' = 'latest-offset')"
        self.run_cell(f"CREATE TABLE orders (id INT) {bounded}; INSERT INTO orders VALUES (1)")
        said = self.prompt(f"CREATE TABLE orders (id STRING) {bounded};", "INSERT INTO orders VALUES ('2');")
        self.assertIn("1 row written", said)
        _, heard = self.run_cell("INSERT INTO orders VALUES (3); SELECT COUNT(*) AS n FROM orders")
        self.assertIn("3", shown(heard)[-1])
        _, heard = self.run_cell("SHOW CREATE TABLE orders")
        self.assertIn("`id` INT", shown(heard)[-1])
        self.assertIn("`id` STRING", self.prompt("SHOW CREATE TABLE orders;"))


class Cells(KernelCase):
    def test_a_cell_is_framed_by_busy_and_idle_and_its_last_table_is_its_result(self):
        reply, heard = self.run_cell("SELECT 1 AS one; SELECT 2 AS two")
        self.assertEqual(reply["status"], "ok")
        self.assertEqual(kinds(heard), ["status", "execute_input", "display_data", "execute_result", "status"])
        self.assertEqual(heard[0]["content"]["execution_state"], "busy")
        self.assertIn("two", heard[3]["content"]["data"]["text/html"])

    def test_a_fault_is_one_error_with_place_reason_and_hint(self):
        reply, heard = self.run_cell("SELECT 1;\nSELECT * FROM demo.bidz")
        self.assertEqual(reply["status"], "error")
        errors = [said["content"] for said in heard if said["msg_type"] == "error"]
        self.assertEqual(len(errors), 1)
        for field in ("ename", "evalue", "traceback"):
            self.assertEqual(errors[0][field], reply[field])
        text = "\n".join(reply["traceback"])
        self.assertIn("LINE 2", text)
        self.assertIn("^^^", text)
        self.assertIn("demo.bids", text)
        self.assertRegex(reply["ename"], r"^E\d{4}$")

    def test_cells_that_wait_are_given_back_after_a_fault_unless_asked_otherwise(self):
        live = self.client.execute(LIVE)
        self.wait_for(live, "display_data")
        waiting = [self.client.execute("SELECT 1 AS one") for _ in range(3)]
        # Answered behind what was sent before, so the cells are in the kernel's queue.
        self.reply(self.client.complete("SEL"))
        self.manager.interrupt_kernel()
        self.assertEqual(self.reply(live)["status"], "error")
        for message in waiting:
            self.assertEqual(self.reply(message)["status"], "aborted")
        first = self.client.execute("SELECT nonsense", stop_on_error=False)
        second = self.client.execute("SELECT 1 AS one")
        self.assertEqual(self.reply(first)["status"], "error")
        self.assertEqual(self.reply(second)["status"], "ok")

    def test_a_silent_cell_says_nothing_and_counts_for_nothing(self):
        reply, heard = self.run_cell("SELECT 1 AS one", silent=True)
        self.assertEqual((reply["status"], kinds(heard)), ("ok", ["status", "status"]))
        before = reply["execution_count"]
        reply, _ = self.run_cell("SELECT 2 AS two", store_history=False)
        self.assertEqual(reply["execution_count"], before)
        reply, _ = self.run_cell("SELECT 3 AS three")
        self.assertEqual(reply["execution_count"], before + 1)
        history = self.reply(self.client.history(hist_access_type="tail", n=9))["history"]
        self.assertEqual([entry[2] for entry in history], ["SELECT 3 AS three"])

    def test_a_big_result_is_shown_by_its_ends_and_counted(self):
        numbers = self.work / "numbers.csv"
        numbers.write_text("\n".join(f"{number},{'x' * 100}" for number in range(200_000)))
        reply, heard = self.run_cell(
            f"CREATE TABLE numbers (n INT, x STRING) WITH "
            f"('connector' = 'filesystem', 'path' = '{numbers}', 'format' = 'csv'); SELECT n, x FROM numbers"
        )
        self.assertEqual(reply["status"], "ok", reply)
        html, text = shown(heard, "text/html")[-1], shown(heard)[-1]
        for form in (html, text):
            self.assertIn("40 of 200000 rows shown", form)
            self.assertIn("199999", form)
            self.assertLess(len(form), 40_000)

    def test_cursors_are_counted_in_code_points(self):
        for before in ("", "SELECT '🦀🦀漢字é'; "):
            code = before + "SELECT * FROM demo.bid"
            content = self.reply(self.client.complete(code, len(code)))
            self.assertEqual(content["matches"][0], "demo.bids")
            replaced = code[: content["cursor_start"]] + content["matches"][0] + code[content["cursor_end"] :]
            self.assertEqual(replaced, before + "SELECT * FROM demo.bids")
            inspected = self.reply(self.client.inspect(code + "s", len(code) - 1))
            self.assertTrue(inspected["found"], inspected)
            self.assertIn("auction", inspected["data"]["text/plain"])

    def test_inspection_tells_columns_sample_statistics_and_watermark(self):
        self.run_cell("CREATE TABLE trades (symbol STRING, price DOUBLE, qty INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) "
                      "WITH ('connector' = 'demo', 'topic' = 'trades', 'number-of-rows' = '1000')")
        code = "SELECT price FROM trades"
        table = self.reply(self.client.inspect(code, len(code)))["data"]["text/plain"]
        for part in ("qty", "*ROWTIME*", "sample", "watermark", "statistics"):
            self.assertIn(part, table)
        counted = r"price: 1000 of 1000 are not null, \d+ different, from [\d.]+ to [\d.]+"
        self.assertRegex(table, counted)
        column = self.reply(self.client.inspect(code, 9))["data"]["text/plain"]
        self.assertIn("price DOUBLE, column of trades", column)
        self.assertRegex(column, counted)
        self.assertNotIn("qty:", column)

    def test_a_graph_and_a_chart_come_in_every_form(self):
        _, heard = self.run_cell("EXPLAIN SELECT channel, COUNT(*) AS n FROM demo.bids GROUP BY channel")
        self.assertIn("group-aggregate", shown(heard, "image/svg+xml")[0])
        self.run_cell("CREATE TEMPORARY VIEW v AS SELECT * FROM (VALUES (1, 2.5), (2, 7.5)) AS t(a, b)")
        reply, heard = self.run_cell("PLOT v x a y b AS line")
        self.assertEqual(reply["status"], "ok", reply)
        data = heard[2]["content"]["data"]
        chart = data["application/vnd.vegalite.v5+json"]
        self.assertEqual([(point["x"], point["y"]) for point in chart["data"]["values"]], [(1, 2.5), (2, 7.5)])
        self.assertIn("<polyline", data["image/svg+xml"])
        self.assertNotIn("text/html", data)
        self.assertIn("7.5", data["text/plain"])


class Running(KernelCase):
    def test_an_interrupt_stops_the_query_and_keeps_the_session(self):
        self.run_cell("CREATE TEMPORARY VIEW kept AS SELECT 42 AS answer")
        took = []
        for _ in range(3):
            message = self.client.execute(LIVE)
            self.wait_for(message, "update_display_data")
            began = time.monotonic()
            self.manager.interrupt_kernel()
            reply = self.reply(message)
            took.append(elapsed(began))
            heard = self.until_idle(message)
            self.assertEqual((reply["status"], reply["ename"]), ("error", "Interrupted"))
            self.assertEqual(kinds(heard).count("error"), 1)
        print(f"\n  interrupt: {sorted(took)[1] * 1000:.0f} ms", end=" ", flush=True)
        _, heard = self.run_cell("SELECT answer FROM kept")
        self.assertIn("42", shown(heard)[-1])

    def test_a_live_display_is_drawn_again_and_again(self):
        message = self.client.execute(LIVE)
        first = self.wait_for(message, "display_data")["content"]
        updates = [self.wait_for(message, "update_display_data")["content"] for _ in range(5)]
        self.manager.interrupt_kernel()
        self.reply(message)
        places = {said["transient"]["display_id"] for said in [first, *updates]}
        self.assertEqual(len(places), 1)
        self.assertGreater(len({said["data"]["text/html"] for said in updates}), 1)
        self.assertIn("watermark", updates[-1]["data"]["text/plain"])

    def test_other_requests_are_answered_while_a_cell_runs(self):
        message = self.client.execute(LIVE)
        self.wait_for(message, "display_data")
        for asked, field in (
            (self.client.complete("SELECT * FROM demo.bid"), "matches"),
            (self.client.inspect("demo.bids"), "data"),
            (self.client.kernel_info(), "banner"),
            (self.client.comm_info(), "comms"),
            (self.client.is_complete("SELECT 1;"), "status"),
            (self.client.history(hist_access_type="tail"), "history"),
        ):
            self.assertIn(field, self.reply(asked))
        self.manager.interrupt_kernel()
        self.assertEqual(self.reply(message)["status"], "error")

    def test_a_cell_that_nobody_sits_at_ends_by_itself(self):
        self.run_cell("SET 'live-for' = '300 ms'")
        for code in (LIVE, "WATCH demo.bids"):
            reply, heard = self.run_cell(code, allow_stdin=False)
            self.assertEqual(reply["status"], "ok", reply)
            self.assertIn("stopped", shown(heard)[-1])

    def test_a_watch_goes_on_while_other_cells_run_until_it_is_stopped(self):
        reply, heard = self.run_cell("WATCH demo.bids")
        self.assertEqual(reply["status"], "ok", reply)
        watch = heard[0]["parent_header"]["msg_id"]
        _, heard = self.run_cell("SHOW RUNS")
        self.assertIn("demo.bids", shown(heard)[-1])
        for _ in range(3):
            text = self.wait_for(watch, "update_display_data")["content"]["data"]["text/plain"]
            self.assertRegex(text, r"rows/s · .* in · watermark .* · (lag .* · )?late \d+")
        reply, _ = self.run_cell("STOP `demo.bids`")
        self.assertEqual(reply["status"], "ok", reply)

    def test_an_hour_of_a_watch_takes_no_memory(self):
        # The records of an hour at 500 a second, as fast as they can be had.
        reply, _ = self.run_cell("""CREATE TABLE fast (symbol STRING, price DOUBLE, qty INT, side STRING, ts TIMESTAMP(3),
          WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
          WITH ('connector' = 'demo', 'topic' = 'trades', 'rows-per-second' = '500000')""")
        self.assertEqual(reply["status"], "ok", reply)
        _, heard = self.run_cell("WATCH fast")
        watch, sizes = heard[0]["parent_header"]["msg_id"], {}
        for wanted in (200_000, 1_800_000):
            while True:
                text = self.wait_for(watch, "update_display_data")["content"]["data"]["text/plain"]
                if int(re.search(r"· ([0-9 ]+) in ·", text)[1].replace(" ", "")) >= wanted:
                    break
            sizes[wanted] = resident(self.manager.provisioner.pid)
        self.assertLess(sizes[1_800_000] - sizes[200_000], 30_000, sizes)

    def test_a_password_is_asked_for_and_shown_nowhere(self):
        declared = """CREATE TABLE k (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json',
          'properties.bootstrap.servers' = '127.0.0.1:1', 'properties.security.protocol' = 'SASL_PLAINTEXT',
          'properties.sasl.mechanism' = 'PLAIN', 'properties.sasl.username' = 'me',
          'properties.sasl.password' = '${ask:password of the broker}')"""
        reply, _ = self.run_cell(declared)
        self.assertEqual(reply["status"], "ok", reply)
        message = self.client.execute("SELECT * FROM k", allow_stdin=True)
        asked = self.client.get_stdin_msg(timeout=PATIENCE)
        self.assertEqual(asked["content"], {"prompt": "password of the broker: ", "password": True})
        self.client.input("hunter2-secret")
        # Nobody listens on port 1; what counts is that the answer was taken and is not told.
        time.sleep(0.2)
        self.manager.interrupt_kernel()
        reply, heard = self.reply(message), self.until_idle(message)
        self.assertEqual(reply["status"], "error")
        self.assertNotIn("hunter2", json.dumps([reply, *heard], default=str))
        for file in self.work.rglob("*"):
            if file.is_file():
                self.assertNotIn(b"hunter2", file.read_bytes(), file)
        reply, _ = self.run_cell("SELECT * FROM k", allow_stdin=False)
        self.assertEqual(reply["status"], "error")


class Life(KernelCase):
    def test_a_shutdown_leaves_nothing_behind(self):
        pid = self.manager.provisioner.pid
        message = self.client.execute(LIVE)
        self.wait_for(message, "display_data")
        self.run_until_gone(lambda: self.client.shutdown(), pid)

    def test_a_kernel_ends_with_sigterm(self):
        pid = self.manager.provisioner.pid
        self.client.execute("WATCH demo.bids")
        self.run_until_gone(lambda: os.kill(pid, 15), pid)

    def run_until_gone(self, end, pid):
        end()
        deadline = time.monotonic() + PATIENCE
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertFalse(alive(pid))

    def test_a_restarted_kernel_is_new_and_its_forerunner_gone(self):
        self.run_cell("CREATE TEMPORARY VIEW kept AS SELECT 42 AS answer")
        pid = self.manager.provisioner.pid
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=PATIENCE)
        self.assertFalse(alive(pid))
        reply, _ = self.run_cell("SELECT answer FROM kept")
        self.assertEqual(reply["status"], "error")
        history = self.reply(self.client.history(hist_access_type="tail", n=9))["history"]
        self.assertTrue(any("CREATE TEMPORARY VIEW kept" in entry[2] for entry in history), history)

    def test_two_kernels_share_a_workspace(self):
        _, other = self.start()
        declared = "CREATE TABLE shared (n INT) WITH ('topic' = 'shared', 'partitions' = '1')"
        for client in (self.client, other):
            reply, _ = self.run_cell(declared, client)
            self.assertEqual(reply["status"], "ok", reply)
        reply, _ = self.run_cell("INSERT INTO shared VALUES (1), (2)")
        self.assertEqual(reply["status"], "ok", reply)
        bounded = "SELECT SUM(n) AS total FROM shared /*+ OPTIONS('scan.bounded.mode' = 'latest-offset') */"
        reply, heard = self.run_cell(bounded, other)
        self.assertEqual(reply["status"], "ok", reply)
        self.assertIn("3", shown(heard)[-1])

    def test_the_key_is_private_and_nobody_else_can_connect(self):
        mode = stat.S_IMODE(os.stat(self.manager.connection_file).st_mode)
        self.assertEqual(mode & 0o077, 0)
        pid, listening = self.manager.provisioner.pid, 0
        sockets = {os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
        for table in ("tcp", "tcp6"):
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                    listening += 1
                    self.assertTrue(fields[1].startswith("0100007F:"), line)
        self.assertEqual(listening, 5)


if __name__ == "__main__":
    unittest.main()
