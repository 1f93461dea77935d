"""Millstream by itself: how soon it answers over a small file, and how much memory a windowed aggregate takes over a
short and a long embedded topic. It should not matter how long the topic is. `.ci/bench alone`."""

import argparse
import statistics
import tempfile
from pathlib import Path

from data import folder
from measure import Cost, adopt_orphans, run
from queries import BIDS, QUERIES, taps
from report import stamp, table

SMALL, STARTS = 1_000, 21
TUMBLING = next(query for query in QUERIES if query.name == "tumbling")


def start(program: str, log: Path) -> str:
    """How long `millstream -c` takes over a file of a thousand rows, from process start to exit."""
    taps_only = ";\n".join(taps(str(folder(SMALL))))
    command = [program, "--quiet", "--command", f"{taps_only};\nSELECT channel, COUNT(*) FROM bids GROUP BY channel"]
    walls = [run(command, log).wall * 1000 for _ in range(STARTS)]
    figures = [f"{statistics.median(walls):.0f}", f"{min(walls):.0f}", f"{max(walls):.0f}"]
    return table("Answer over a file of 1,000 rows, ms from process start", ["middle", "least", "most"], [figures])


def topic(program: str, rows: int, log: Path) -> Cost:
    """What a tumbling count over an embedded topic of so many rows costs; the topic is filled first."""
    watermark = "WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '2' SECOND"
    options = "'connector' = 'topic', 'format' = 'json', 'partitions' = '1', 'scan.bounded.mode' = 'latest-offset'"
    declare = f"CREATE TABLE log ({BIDS}, {watermark}) WITH ({options})"
    count = TUMBLING.stream.replace("TABLE bids", "TABLE log")
    sink = f"CREATE TABLE answer ({TUMBLING.sink()}) WITH ('connector' = 'blackhole')"
    with tempfile.TemporaryDirectory(dir=folder(SMALL).parent) as workspace:
        command = [program, "--quiet", "--workspace", workspace, "--command"]
        fill = [*taps(str(folder(rows))), declare, "INSERT INTO log SELECT * FROM bids"]
        run([*command, ";\n".join(fill)], log)
        return run([*command, ";\n".join([declare, sink, f"INSERT INTO answer {count}"])], log)


def main() -> None:
    parser = argparse.ArgumentParser(prog="alone", description=__doc__)
    parser.add_argument("--millstream", required=True, help="the program that is measured")
    parser.add_argument("--rows", type=int, default=10_000_000, help="how long the long topic is; the short one has a tenth")
    wanted = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "log"
        print(f"{stamp()}\n\n{start(wanted.millstream, log)}")
        lines = []
        for rows in (wanted.rows // 10, wanted.rows):
            cost = topic(wanted.millstream, rows, log)
            figures = [f"{cost.memory / 2**20:.0f}", f"{cost.cpu * 1e6 / rows:.2f}", f"{cost.wall:.2f}"]
            lines.append([f"{rows:,}", *figures])
    print(table(f"{TUMBLING.title}, over an embedded topic", ["rows", "peak memory, MiB", "CPU µs a row", "wall s"], lines))


main()
