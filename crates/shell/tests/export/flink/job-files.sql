-- bars: the same queries over the input in test/, with an answer in files that test.sh compares.
RESET;
SET 'execution.target' = 'local';
SET 'execution.runtime-mode' = 'streaming';
SET 'table.dml-sync' = 'true';
SET 'parallelism.default' = '1';
SET 'pipeline.auto-watermark-interval' = '0 ms';
SET 'table.local-time-zone' = 'UTC';

CREATE TEMPORARY TABLE `trades` (
  `symbol` STRING,
  `qty` BIGINT,
  `ts` TIMESTAMP(3),
  WATERMARK FOR `ts` AS ts - INTERVAL '2' SECOND
)
WITH (
  'connector' = 'filesystem',
  'path' = 'file://${env:JOB_FOLDER}/test/flink/trades.jsonl',
  'format' = 'json'
);

CREATE TEMPORARY VIEW `bars` AS
SELECT
  symbol,
  window_start,
  window_end,
  SUM(qty) AS volume
FROM
  TABLE(TUMBLE(TABLE trades, DESCRIPTOR(ts), INTERVAL '10' SECOND)) AS trades
GROUP BY
  symbol, window_start, window_end;

CREATE TEMPORARY TABLE `sums` (
  `symbol` STRING,
  `window_start` TIMESTAMP(3),
  `window_end` TIMESTAMP(3),
  `volume` BIGINT
)
WITH (
  'connector' = 'filesystem',
  'path' = 'file://${env:JOB_FOLDER}/flink-answer/sums',
  'format' = 'json'
);

EXECUTE STATEMENT SET BEGIN
INSERT INTO `sums`
SELECT
  *
FROM
  bars;
END;
