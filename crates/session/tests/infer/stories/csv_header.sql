-- tapped t · csv with header, 4 columns · event time ts (timestamps without zone, detected)
--   named like a time, goes forward in 100 % of steps
-- watermark ts - 1 s: of 2 sampled records none came late
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `symbol` STRING,
  `price` DOUBLE,
  `qty` BIGINT,
  `ts` TIMESTAMP(3),
  WATERMARK FOR `ts` AS `ts` - INTERVAL '1' SECOND
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/csv_header.csv',
  'format' = 'csv',
  'csv.header' = 'true'
)
