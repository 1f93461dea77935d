"""The questions that all engines are asked, and the columns of their answers.

Millstream and Flink read the same text. The batch engines get the closest that they can say; `{bucket}` and the like
stand where DuckDB and DataFusion differ, see `batch.py`.
"""

from dataclasses import dataclass

BIDS = "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP_LTZ(3), extra STRING"
AUCTIONS = "id BIGINT, seller BIGINT, category BIGINT, `initialBid` BIGINT, `dateTime` TIMESTAMP_LTZ(3), expires TIMESTAMP_LTZ(3)"

TIME, NUMBER, TEXT = "TIMESTAMP(3)", "BIGINT", "STRING"
INSTANT = "TIMESTAMP_LTZ(3)"


@dataclass(frozen=True)
class Query:
    """One question. `columns` are those of the answer, in order; `changes` says that a stream answers it with changes."""

    name: str
    title: str
    columns: dict[str, str]
    stream: str
    batch: str
    changes: bool = False

    def sink(self) -> str:
        """The columns as a table is declared with them."""
        return ", ".join(f"`{name}` {kind}" for name, kind in self.columns.items())


def taps(folder: str) -> list[str]:
    """The statements that declare bids and auctions for Millstream and Flink."""

    def tap(name: str, columns: str) -> str:
        return (
            f"CREATE TABLE {name} ({columns}, WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '2' SECOND) WITH ("
            f"'connector' = 'filesystem', 'path' = 'file://{folder}/{name}.jsonl', 'format' = 'json', "
            "'json.timestamp-format.standard' = 'ISO-8601')"
        )

    return [tap("bids", BIDS), tap("auctions", AUCTIONS)]


QUERIES = [
    Query(
        "filter",
        "filter and project",
        {"auction": NUMBER, "bidder": NUMBER, "price": NUMBER, "at": INSTANT},
        "SELECT auction, bidder, price * 2, `dateTime` FROM bids WHERE MOD(auction, 4) <> 0 AND price >= 1000",
        'SELECT auction, bidder, price * 2, "dateTime" FROM bids WHERE auction % 4 <> 0 AND price >= 1000',
    ),
    Query(
        "tumbling",
        "tumbling 10 s per auction: count, sum, max",
        {"start": TIME, "auction": NUMBER, "bids": NUMBER, "total": NUMBER, "highest": NUMBER},
        "SELECT window_start, auction, COUNT(*), SUM(price), MAX(price) "
        "FROM TUMBLE(TABLE bids, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND) "
        "GROUP BY window_start, window_end, auction",
        """SELECT {bucket}(INTERVAL '10 seconds', "dateTime"), auction, count(*), sum(price), max(price)
           FROM bids GROUP BY 1, 2""",
    ),
    Query(
        "hopping",
        "hopping 10 s / 2 s per auction: count",
        {"start": TIME, "auction": NUMBER, "bids": NUMBER},
        "SELECT window_start, auction, COUNT(*) "
        "FROM HOP(TABLE bids, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND) "
        "GROUP BY window_start, window_end, auction",
        # As a stream does it: counted once per slice, then summed per window.
        """SELECT slice - back, auction, CAST(sum(bids) AS BIGINT)
           FROM (SELECT {bucket}(INTERVAL '2 seconds', "dateTime") AS slice, auction, count(*) AS bids
                 FROM bids GROUP BY 1, 2) slices,
                (VALUES (INTERVAL '0 seconds'), (INTERVAL '2 seconds'), (INTERVAL '4 seconds'),
                        (INTERVAL '6 seconds'), (INTERVAL '8 seconds')) hops(back) GROUP BY 1, 2""",
    ),
    Query(
        "session",
        "session, gap 10 s, per bidder: count",
        {"start": TIME, "end": TIME, "bidder": NUMBER, "bids": NUMBER},
        "SELECT window_start, window_end, bidder, COUNT(*) "
        "FROM SESSION(TABLE bids PARTITION BY bidder, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND) "
        "GROUP BY window_start, window_end, bidder",
        """SELECT min("dateTime"), max("dateTime") + INTERVAL '10 seconds', bidder, count(*) FROM (
             SELECT bidder, "dateTime", sum(opens) OVER (PARTITION BY bidder ORDER BY "dateTime") AS session FROM (
               SELECT bidder, "dateTime", CASE WHEN "dateTime" - lag("dateTime") OVER (
                 PARTITION BY bidder ORDER BY "dateTime") > INTERVAL '10 seconds' THEN 1 ELSE 0 END AS opens
               FROM bids) marked) numbered GROUP BY bidder, session""",
    ),
    Query(
        "channels",
        "count per channel, as changes",
        {"channel": TEXT, "bids": NUMBER},
        "SELECT channel, COUNT(*) FROM bids GROUP BY channel",
        "SELECT channel, count(*) FROM bids GROUP BY 1",
        changes=True,
    ),
    Query(
        "interval-join",
        "interval join of bids and auctions, 0..20 s",
        {"auction": NUMBER, "bidder": NUMBER, "price": NUMBER, "category": NUMBER, "initial": NUMBER, "at": INSTANT},
        "SELECT b.auction, b.bidder, b.price, a.category, a.`initialBid`, b.`dateTime` FROM bids b JOIN auctions a "
        "ON b.auction = a.id AND b.`dateTime` BETWEEN a.`dateTime` AND a.`dateTime` + INTERVAL '20' SECOND",
        """SELECT b.auction, b.bidder, b.price, a.category, a."initialBid", b."dateTime" FROM bids b JOIN auctions a
           ON b.auction = a.id AND b."dateTime" >= a."dateTime"
           AND b."dateTime" <= a."dateTime" + INTERVAL '20 seconds'""",
    ),
    Query(
        "words",
        "word count, as changes",
        {"word": TEXT, "times": NUMBER},
        "SELECT word, COUNT(*) FROM bids CROSS JOIN UNNEST(SPLIT(extra, ' ')) AS t(word) GROUP BY word",
        "SELECT word, count(*) FROM (SELECT unnest(string_to_array(extra, ' ')) AS word FROM bids) t GROUP BY 1",
        changes=True,
    ),
]
