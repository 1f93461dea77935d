"""One query on DuckDB or DataFusion: runs in the environment of the batch engines, `batch.py ENGINE QUERY FOLDER
THREADS [ANSWER.csv]`. Without a file for the answer its rows are drained and dropped, as into a black hole."""

import sys

import pyarrow as pa
import pyarrow.csv
from queries import QUERIES

BIDS = {"auction": pa.int64(), "bidder": pa.int64(), "price": pa.int64(), "channel": pa.string(), "url": pa.string(),
        "dateTime": pa.timestamp("ms"), "extra": pa.string()}
AUCTIONS = {"id": pa.int64(), "seller": pa.int64(), "category": pa.int64(), "initialBid": pa.int64(),
            "dateTime": pa.timestamp("ms"), "expires": pa.timestamp("ms")}


def duckdb(sql: str, folder: str, threads: int):
    import duckdb

    names = {pa.int64(): "BIGINT", pa.string(): "VARCHAR", pa.timestamp("ms"): "TIMESTAMP"}
    db = duckdb.connect()
    db.execute(f"SET threads = {threads}; SET preserve_insertion_order = false; SET TimeZone = 'UTC'; "
               "SET enable_progress_bar = false")
    for table, columns in (("bids", BIDS), ("auctions", AUCTIONS)):
        typed = ", ".join(f"\"{name}\": '{names[kind]}'" for name, kind in columns.items())
        db.execute(f"CREATE VIEW {table} AS FROM read_json('{folder}/{table}.jsonl', "
                   f"format = 'newline_delimited', columns = {{{typed}}})")
    yield from db.execute(sql.format(bucket="time_bucket")).to_arrow_reader(65536)


def datafusion(sql: str, folder: str, threads: int):
    from datafusion import SessionConfig, SessionContext

    session = SessionContext(SessionConfig().with_target_partitions(threads))
    for table, columns in (("bids", BIDS), ("auctions", AUCTIONS)):
        path, schema = f"{folder}/{table}.jsonl", pa.schema(list(columns.items()))
        session.register_json(table, path, schema=schema, file_extension=".jsonl")
    for batch in session.sql(sql.format(bucket="date_bin")).execute_stream():
        yield batch.to_pyarrow()


def main(engine: str, name: str, folder: str, threads: str, answer: str | None = None) -> None:
    query = next(query for query in QUERIES if query.name == name)
    writer = None
    for batch in {"duckdb": duckdb, "datafusion": datafusion}[engine](query.batch, folder, int(threads)):
        if answer:
            options = pyarrow.csv.WriteOptions(include_header=False)
            writer = writer or pyarrow.csv.CSVWriter(answer, batch.schema, write_options=options)
            writer.write_batch(batch)
    if writer:
        writer.close()


main(*sys.argv[1:])
