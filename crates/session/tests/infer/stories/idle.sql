-- tapped t · json, 1 column · event time ts (epoch milliseconds, detected)
--   named like a time, goes forward in 100 % of steps, 0 ms from the log's own times
-- watermark event_time - 1 s: of 41 sampled records none came late; partition 0 is idle
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `ts` BIGINT,
  `event_time` AS TO_TIMESTAMP_LTZ(`ts`, 3),
  WATERMARK FOR `event_time` AS `event_time` - INTERVAL '1' SECOND
)
WITH (
  'connector' = 'topic',
  'topic' = 'idle',
  'format' = 'json',
  'scan.watermark.idle-timeout' = '5 s'
)
