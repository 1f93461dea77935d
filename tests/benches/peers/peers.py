"""Who takes part: what has to be installed, and which command asks a query. An engine that is added here needs an
environment, a command, and a way to write its answer as CSV."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from measure import Cost, run
from queries import Query, taps

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("MILLSTREAM_CACHE") or Path.home() / ".cache/millstream")
PACKAGES = {"batch": ["duckdb==2.0.0", "datafusion==55.0.0", "pyarrow"], "flink": ["apache-flink==2.3.0"]}


def python(environment: str) -> str:
    """The interpreter of an environment in the cache; it is made when it is first needed."""
    place = CACHE / "peers" / f"{environment}-{'-'.join(PACKAGES[environment]).replace('==', '-')}"
    if not (place / "ready").exists():
        print(f"installing {', '.join(PACKAGES[environment])} into {place}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([place / "bin/pip", "install", "--quiet", *PACKAGES[environment]], check=True)
        (place / "ready").touch()
    return str(place / "bin/python")


@dataclass(frozen=True)
class Millstream:
    """The program itself, on all cores."""

    program: str
    name: str = "Millstream"
    # How many rows its answers are checked on, at most.
    checked: int = sys.maxsize

    def script(self, query: Query, folder: Path, statement: str) -> str:
        return ";\n".join([*taps(str(folder)), statement]) + ";\n"

    def ask(self, query: Query, folder: Path, log: Path) -> Cost:
        sink = f"CREATE TABLE answer ({query.sink()}) WITH ('connector' = 'blackhole')"
        return self.run(self.script(query, folder, f"{sink};\nINSERT INTO answer {query.stream}"), log, None)

    def answer(self, query: Query, folder: Path, file: Path, log: Path) -> None:
        self.run(self.script(query, folder, query.stream), log, file)
        rows = file.read_bytes()
        file.write_bytes(rows[rows.find(b"\n") + 1 :])

    def run(self, script: str, log: Path, stdout: Path | None) -> Cost:
        return run([self.program, "--quiet", "--output", "csv", "--command", script], log, stdout)


@dataclass(frozen=True)
class Batch:
    """DuckDB or DataFusion over the same file, on all cores: a bound, for they know no watermark and answer once."""

    name: str
    checked: int = sys.maxsize

    def command(self, query: Query, folder: Path) -> list[str]:
        script = str(HERE / "batch.py")
        return [python("batch"), script, self.name.lower(), query.name, str(folder), str(os.cpu_count())]

    def ask(self, query: Query, folder: Path, log: Path) -> Cost:
        return run(self.command(query, folder), log)

    def answer(self, query: Query, folder: Path, file: Path, log: Path) -> None:
        run([*self.command(query, folder), str(file)], log)


@dataclass(frozen=True)
class Flink:
    """Apache Flink's SQL in a local cluster."""

    name: str = "Flink"
    # Its changes are printed and folded here, two lines a row or more.
    checked: int = 100_000

    def command(self, query: Query, folder: Path) -> list[str]:
        return [python("flink"), str(HERE / "flink.py"), query.name, str(folder)]

    def ask(self, query: Query, folder: Path, log: Path) -> Cost:
        return run(self.command(query, folder), log, environment=self.environment())

    def answer(self, query: Query, folder: Path, file: Path, log: Path) -> None:
        parts = file.with_suffix(".parts")
        printed = file.with_suffix(".printed")
        run([*self.command(query, folder), str(parts)], log, printed, self.environment())
        if query.changes:
            file.write_text(folded(printed))
        else:
            files = sorted(part for part in parts.rglob("*") if part.is_file())
            file.write_bytes(b"".join(part.read_bytes() for part in files))

    @staticmethod
    def environment() -> dict[str, str]:
        java = os.environ.get("JAVA_HOME") or str(Path(os.path.realpath("/usr/bin/java")).parents[1])
        return {"JAVA_HOME": java}


def folded(printed: Path) -> str:
    """The last value of each key among the changes that Flink prints: `+I[key, value]`, `-U[..]`, `+U[..]`. Line by line,
    because the largest size that this process ever had counts as one of its children."""
    last = {}
    change = re.compile(r"(?:\d+> )?([+-][IUD])\[(.*), (\d+)\]$")
    with open(printed) as lines:
        for kind, key, value in (found.groups() for found in map(change.match, lines) if found):
            if kind[0] == "+":
                last[key] = value
            elif kind == "-D":
                del last[key]
    return "".join(f"{json.dumps(key)},{value}\n" for key, value in last.items())
