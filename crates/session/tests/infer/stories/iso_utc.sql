-- tapped t · json, 2 columns · event time ts (timestamps with zone, detected)
--   named like a time, goes forward in 100 % of steps
-- watermark ts - 1 s: of 5 sampled records none came late
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `ts` TIMESTAMP_LTZ(3),
  `v` BIGINT,
  WATERMARK FOR `ts` AS `ts` - INTERVAL '1' SECOND
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/iso_utc.jsonl',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
)
