-- tapped t · csv with header, 2 columns · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `name` STRING,
  `value` BIGINT
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/csv_semicolon.csv',
  'format' = 'csv',
  'csv.header' = 'true',
  'csv.field-delimiter' = ';'
)
