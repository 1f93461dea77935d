"""The figures as tables of Markdown: the middle one of all runs, per query and engine."""

import os
import platform
import statistics
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from measure import Cost
from queries import Query

Figures = dict[tuple[str, str], list[Cost]]


def middle(figures: Figures, query: Query, engine: str, pick: Callable[[Cost], float]) -> float | None:
    costs = figures.get((query.name, engine))
    return statistics.median(map(pick, costs)) if costs else None


def table(title: str, header: list[str], rows: list[list[str]]) -> str:
    rule = ["---", *["--:"] * (len(header) - 1)]
    lines = [f"| {' | '.join(cells)} |" for cells in [header, rule, *rows]]
    return "\n".join([f"### {title}", "", *lines, ""])


def quotient(above: float | None, below: float | None) -> str:
    return f"{above / below:.2f}" if above and below else ""


def report(figures: Figures, queries: list[Query], engines: list[str], rows: int) -> str:
    """Processor time, wall time and memory of every engine, and how they compare with Millstream's."""

    def part(title: str, pick: Callable[[Cost], float], spell: str, compared: str, compare: Callable) -> str:
        lines = []
        for query in queries:
            found = {engine: middle(figures, query, engine, pick) for engine in engines}
            cells = [format(value, spell) if value is not None else "" for value in found.values()]
            lines.append([query.title, *cells, compare(found)])
        return table(title, ["query", *engines, compared], lines)

    def flink(found: dict[str, float | None]) -> str:
        return quotient(found.get("Flink"), found.get("Millstream"))

    def batch(found: dict[str, float | None]) -> str:
        best = min((found[name] for name in ("DuckDB", "DataFusion") if found.get(name)), default=None)
        return quotient(found.get("Millstream"), best)

    return "\n".join([
        part("Processor time, µs a row", lambda cost: cost.cpu * 1e6 / rows, ".2f", "Flink ÷ Millstream", flink),
        part("Wall time, s", lambda cost: cost.wall, ".2f", "Millstream ÷ the better batch engine", batch),
        part("Peak memory, MiB", lambda cost: cost.memory / 2**20, ",.0f", "Flink ÷ Millstream", flink),
    ])


def stamp() -> str:
    """When and on what the figures were measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    now = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"
    return f"{now}, {os.cpu_count()} cores of {model}, {memory:.0f} GiB, Linux {platform.release()}"
