-- tapped t · json, 2 columns · event time event_time (epoch nanoseconds, detected)
--   named like a time, goes forward in 100 % of steps
-- watermark event_time_2 - 1 s: of 5 sampled records none came late
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `event_time` BIGINT,
  `v` BIGINT,
  `event_time_2` AS TO_TIMESTAMP_LTZ(`event_time` / 1000000, 3),
  WATERMARK FOR `event_time_2` AS `event_time_2` - INTERVAL '1' SECOND
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/epoch_nanos.jsonl',
  'format' = 'json'
)
