"""One query on Apache Flink, streaming, in a mini cluster of its own: runs in Flink's environment, `flink.py QUERY
FOLDER [ANSWER]`. Python only submits the SQL; no row passes through it. With a place for the answer, appended rows go
into CSV files in that folder and changes are printed."""

import sys

from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment
from queries import QUERIES, taps


def main(name: str, folder: str, answer: str | None = None) -> None:
    query = next(query for query in QUERIES if query.name == name)
    settings = Configuration()
    # One lane: a file is read in its order, which the watermark needs.
    for key, value in (("parallelism.default", "1"), ("table.local-time-zone", "UTC"),
                       ("rest.address", "127.0.0.1"), ("rest.bind-address", "127.0.0.1")):
        settings.set_string(key, value)
    environment = EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(settings).build()
    tables = TableEnvironment.create(environment)
    for tap in taps(folder):
        tables.execute_sql(tap)
    if not answer:
        sink = "'connector' = 'blackhole'"
    elif query.changes:
        sink = "'connector' = 'print'"
    else:
        sink = f"'connector' = 'filesystem', 'path' = 'file://{answer}', 'format' = 'csv'"
    tables.execute_sql(f"CREATE TABLE answer ({query.sink()}) WITH ({sink})")
    tables.execute_sql(f"INSERT INTO answer {query.stream}").wait()


main(*sys.argv[1:])
