-- tapped t · json, 2 columns · event time record_time (the log's own time: no column of the record tells one)
-- watermark record_time - 1 s: of 5 sampled records none came late
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `word` STRING,
  `n` BIGINT,
  `record_time` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  WATERMARK FOR `record_time` AS `record_time` - INTERVAL '1' SECOND
)
WITH (
  'connector' = 'topic',
  'topic' = 'log_time',
  'format' = 'json'
)
