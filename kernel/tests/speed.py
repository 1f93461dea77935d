"""How fast the kernel is: from its start to the first answer, a cell over 20 000 records, completion, interrupt.

Wall time and, because other work slows a machine down, the processor time of the kernel; medians.
"""

import os
import pathlib
import statistics
import time

from kernels import KernelCase, elapsed

ROUNDS = 5
RECORDS = """CREATE TABLE trades (symbol STRING, price DOUBLE, qty INT, side STRING, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'demo', 'topic' = 'trades', 'number-of-rows' = '20000')"""
CELL = """SELECT symbol, window_end, SUM(qty) AS volume, MAX(price) AS high
  FROM TABLE(TUMBLE(TABLE trades, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY symbol, window_start, window_end"""


def processor(pid):
    """Seconds of processor time that a process has taken."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def say(what, walls, processors):
    wall, own = (statistics.median(times) * 1000 for times in (walls, processors))
    print(f"\n  {what:32} {wall:7.0f} ms, processor {own:6.0f} ms", end="", flush=True)


class Speed(KernelCase):
    def test_how_fast_it_is(self):
        walls, processors = [], []
        for _ in range(ROUNDS):
            began = time.monotonic()
            manager, client = self.start()
            self.run_cell("SELECT 1 AS one", client)
            walls.append(elapsed(began))
            processors.append(processor(manager.provisioner.pid))
        say("start to first answer", walls, processors)
        self.assertLess(statistics.median(processors), 1.0)
        self.run_cell(RECORDS)
        self.assertLess(self.measure("a cell over 20 000 records", lambda: self.run_cell(CELL)), 0.2)
        self.measure("completion", lambda: self.reply(self.client.complete("SELECT * FROM demo.bid")))

    def measure(self, what, act):
        pid, walls, processors = self.manager.provisioner.pid, [], []
        for _ in range(ROUNDS):
            before, began = processor(pid), time.monotonic()
            act()
            walls.append(elapsed(began))
            processors.append(processor(pid) - before)
        say(what, walls, processors)
        return statistics.median(processors)
