-- tapped t · json, 2 columns · event time ts (epoch milliseconds, detected)
--   named like a time
-- watermark event_time - 1 s: of 1 sampled records none came late
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `only` BIGINT,
  `ts` BIGINT,
  `event_time` AS TO_TIMESTAMP_LTZ(`ts`, 3),
  WATERMARK FOR `event_time` AS `event_time` - INTERVAL '1' SECOND
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/one_record.jsonl',
  'format' = 'json'
)
