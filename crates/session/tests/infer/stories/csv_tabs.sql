-- tapped t · csv with header, 3 columns · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `id` BIGINT,
  `name` STRING,
  `ok` BOOLEAN
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/csv_tabs.tsv',
  'format' = 'csv',
  'csv.header' = 'true',
  'csv.field-delimiter' = '\t'
)
