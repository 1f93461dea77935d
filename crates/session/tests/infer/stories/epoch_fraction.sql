-- tapped t · json, 2 columns · event time ts (epoch seconds with a fraction, detected)
--   named like a time, goes forward in 100 % of steps
-- watermark event_time - 1 s: of 5 sampled records none came late
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `ts` DOUBLE,
  `v` BIGINT,
  `event_time` AS TO_TIMESTAMP_LTZ(CAST(`ts` * 1000 AS BIGINT), 3),
  WATERMARK FOR `event_time` AS `event_time` - INTERVAL '1' SECOND
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/epoch_fraction.jsonl',
  'format' = 'json'
)
