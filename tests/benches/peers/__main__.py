"""Side by side: Millstream, Flink, DuckDB and DataFusion answer the same questions over the same file. Their answers
are compared first; then they are measured in turn, so that a busy moment hits all of them. `make bench`."""

import argparse
import sys
import tempfile
from pathlib import Path

from answers import digest
from data import folder
from measure import Cost, adopt_orphans
from peers import Batch, Flink, Millstream
from queries import QUERIES, Query
from report import report, stamp


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="peers", description=__doc__)
    parser.add_argument("--millstream", required=True, help="the program that is measured")
    parser.add_argument("--rows", type=int, default=5_000_000, help="how many bids")
    parser.add_argument("--runs", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--flink-runs", type=int, help="how often Flink is measured, which takes longest")
    parser.add_argument("--peers", nargs="*", default=["flink", "duckdb", "datafusion"], help="who is compared")
    names = [query.name for query in QUERIES]
    parser.add_argument("--queries", nargs="*", default=names, choices=names, help="what is asked")
    parser.add_argument("--unchecked", action="store_true", help="do not compare the answers first")
    return parser.parse_args()


def check(engines: list, queries: list[Query], rows: int, work: Path) -> None:
    """Ends the program if an engine's answer is not that of DuckDB."""
    referee = Batch("DuckDB")
    for query in queries:
        expected: dict[int, str] = {}
        for engine in engines:
            size = min(rows, engine.checked)
            if size not in expected:
                referee.answer(query, folder(size), work / "expected.csv", work / "log")
                expected[size] = digest(query, work / "expected.csv")
            if engine != referee:
                file = work / f"{engine.name}-{query.name}.csv"
                engine.answer(query, folder(size), file, work / "log")
                found = digest(query, file)
                if found != expected[size]:
                    sys.exit(f"{engine.name} answers {query.title} over {size} rows with {found}, "
                             f"DuckDB with {expected[size]} (rows and digest)")
                file.unlink()
        print(f"all answer alike: {query.title} ({expected[max(expected)].split()[0]} rows)", file=sys.stderr)


def main() -> None:
    wanted = arguments()
    peers = {"flink": Flink(), "duckdb": Batch("DuckDB"), "datafusion": Batch("DataFusion")}
    engines = [Millstream(wanted.millstream), *(peers[name] for name in wanted.peers)]
    queries = [query for query in QUERIES if query.name in wanted.queries]
    adopt_orphans()
    figures: dict[tuple[str, str], list[Cost]] = {}
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        if not wanted.unchecked:
            check(engines, queries, wanted.rows, work)
        for number in range(wanted.runs):
            for query in queries:
                for engine in engines:
                    if engine.name == "Flink" and wanted.flink_runs is not None and number >= wanted.flink_runs:
                        continue
                    cost = engine.ask(query, folder(wanted.rows), work / "log")
                    figures.setdefault((query.name, engine.name), []).append(cost)
                    print(f"run {number + 1}, {query.name}, {engine.name}: {cost.wall:.2f} s, "
                          f"CPU {cost.cpu:.2f} s, {cost.memory / 2**20:.0f} MiB", file=sys.stderr)
    print(f"{stamp()}; {wanted.rows:,} bids, medians of {wanted.runs}\n")
    print(report(figures, queries, [engine.name for engine in engines], wanted.rows))


main()
