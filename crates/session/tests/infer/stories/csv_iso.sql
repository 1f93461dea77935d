-- tapped t · csv with header, 2 columns · event time ts (timestamps with zone, detected)
--   named like a time, goes forward in 50 % of steps
-- watermark ts - 5 s: of 3 sampled records the latest came 2 s late
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `ts` TIMESTAMP_LTZ(3),
  `v` BIGINT,
  WATERMARK FOR `ts` AS `ts` - INTERVAL '5' SECOND
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/csv_iso.csv',
  'format' = 'csv',
  'csv.header' = 'true'
)
