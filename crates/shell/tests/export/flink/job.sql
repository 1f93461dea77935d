-- bars: exported by Millstream for Apache Flink 2.2 and 2.3.
-- Values of the environment are filled in by session-cluster.sh.
SET 'pipeline.name' = 'bars';
SET 'table.local-time-zone' = 'UTC';
SET 'parallelism.default' = '2';
SET 'execution.checkpointing.interval' = '10 s';
SET 'execution.checkpointing.mode' = 'EXACTLY_ONCE';
SET 'pipeline.auto-watermark-interval' = '0 ms';

CREATE TEMPORARY TABLE `trades` (
  `symbol` STRING,
  `qty` BIGINT,
  `ts` TIMESTAMP(3),
  WATERMARK FOR `ts` AS ts - INTERVAL '2' SECOND
)
WITH (
  'connector' = 'filesystem',
  'path' = 'file://${env:DATA_FOLDER}/trades.jsonl',
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
  'connector' = 'kafka',
  'topic' = 'sums',
  'format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.sasl.jaas.config' = 'org.apache.flink.kafka.shaded.org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="${env:SUMS_SASL_PASSWORD}";',
  'sink.transactional-id-prefix' = 'bars-sums',
  'properties.transaction.timeout.ms' = '900000'
);

EXECUTE STATEMENT SET BEGIN
INSERT INTO `sums`
SELECT
  *
FROM
  bars;
END;
