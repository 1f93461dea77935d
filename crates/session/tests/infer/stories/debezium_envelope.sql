-- tapped t · debezium-json, 1 column · event time record_time (the log's own time: no column of the record tells one)
-- watermark record_time - 1 s: of 3 sampled records none came late
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `id` BIGINT,
  `record_time` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  WATERMARK FOR `record_time` AS `record_time` - INTERVAL '1' SECOND
)
WITH (
  'connector' = 'topic',
  'topic' = 'debezium_envelope',
  'format' = 'debezium-json',
  'debezium-json.schema-include' = 'true'
)
