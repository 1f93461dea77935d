-- tapped t · csv with header, 2 columns · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `id` BIGINT,
  `text` STRING
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/csv_quoted_newlines.csv',
  'format' = 'csv',
  'csv.header' = 'true'
)
