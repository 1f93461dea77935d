"""Whether two engines gave the same answer, whatever the order of its rows and the spelling of its times."""

import subprocess
from pathlib import Path

from peers import python
from queries import INSTANT, NUMBER, TIME, Query

# One row of the answer becomes one number; the sum of those does not depend on their order.
DIGEST = """
import duckdb, sys
db = duckdb.connect()
db.execute("SET enable_progress_bar = false")
print(*db.execute(sys.argv[1]).fetchone())
"""


def digest(query: Query, file: Path) -> str:
    """The number of rows in a CSV file without a header, and the sum of their hashes."""
    texts = ", ".join(f"'{name}': 'VARCHAR'" for name in query.columns)

    def same(name: str, kind: str) -> str:
        if kind in (TIME, INSTANT):
            return f"epoch_ms(regexp_replace(regexp_replace(\"{name}\", 'Z$', ''), 'T', ' ')::TIMESTAMP)"
        return f'"{name}"::BIGINT' if kind == NUMBER else f'"{name}"'

    columns = ", ".join(same(name, kind) for name, kind in query.columns.items())
    rows = f"read_csv('{file}', header = false, columns = {{{texts}}})"
    sql = f"SELECT count(*), sum(hash(concat_ws('|', {columns}))::HUGEINT) FROM {rows}"
    done = subprocess.run([python("batch"), "-c", DIGEST, sql], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()
