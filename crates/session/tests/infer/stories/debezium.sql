-- tapped t · debezium-json, 3 columns · event time made (epoch microseconds, detected)
--   goes forward in 100 % of steps, 2 ms from the log's own times
-- watermark event_time - 1 s: of 4 sampled records none came late
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `id` BIGINT,
  `name` STRING,
  `made` BIGINT,
  `event_time` AS TO_TIMESTAMP_LTZ(`made` / 1000, 3),
  WATERMARK FOR `event_time` AS `event_time` - INTERVAL '1' SECOND
)
WITH (
  'connector' = 'topic',
  'topic' = 'debezium',
  'format' = 'debezium-json'
)
