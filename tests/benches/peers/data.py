"""The input: made by DuckDB once per number of rows, kept in the cache."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from string import Template

from peers import CACHE, HERE, python

MAKE = """
import duckdb, sys
db = duckdb.connect()
db.execute("SET enable_progress_bar = false")
db.execute(sys.argv[1])
"""


def folder(rows: int) -> Path:
    """The folder with `bids.jsonl` and `auctions.jsonl` for so many bids."""
    recipe = (HERE / "bids.sql").read_text()
    place = CACHE / "bids" / f"{rows}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"
    if not place.exists():
        print(f"writing {rows} bids into {place}", file=sys.stderr)
        place.parent.mkdir(parents=True, exist_ok=True)
        # It gets its name when it is complete.
        coming = tempfile.mkdtemp(dir=place.parent)
        subprocess.run([python("batch"), "-c", MAKE, Template(recipe).substitute(rows=rows, folder=coming)], check=True)
        Path(coming).rename(place)
    return place
