-- tapped t · csv, 3 columns · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `c1` STRING,
  `c2` DOUBLE,
  `c3` BIGINT
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/csv_plain.csv',
  'format' = 'csv'
)
