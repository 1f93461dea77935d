-- bars: a job exported by Millstream 0.1.0. Run it with: millstream run .
-- How it runs stands in millstream.toml.
SET 'table.local-time-zone' = 'UTC';

-- what it reads
CREATE TABLE `trades` (
  `symbol` STRING,
  `qty` BIGINT,
  `ts` TIMESTAMP(3),
  WATERMARK FOR `ts` AS ts - INTERVAL '2' SECOND
)
WITH (
  'connector' = 'filesystem',
  'path' = 'trades.jsonl',
  'format' = 'json'
);

-- its steps
CREATE VIEW `bars` AS
SELECT
  symbol,
  window_start,
  window_end,
  SUM(qty) AS volume
FROM
  TABLE(TUMBLE(TABLE trades, DESCRIPTOR(ts), INTERVAL '10' SECOND)) AS trades
GROUP BY
  symbol, window_start, window_end;

-- what it writes
CREATE TABLE `sums` (
  `symbol` STRING,
  `window_start` TIMESTAMP(3),
  `window_end` TIMESTAMP(3),
  `volume` BIGINT
)
WITH (
  'connector' = 'kafka',
  'topic' = 'sums',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json',
  'properties.sasl.username' = 'me',
  'properties.sasl.password' = '${env:SUMS_SASL_PASSWORD}',
  'sink.delivery-guarantee' = 'exactly-once'
);

EXECUTE STATEMENT SET BEGIN
INSERT INTO `sums`
SELECT
  *
FROM
  bars;
END;
