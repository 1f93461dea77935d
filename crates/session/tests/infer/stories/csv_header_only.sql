-- tapped t · csv with header, 3 columns · no event time: no column looks like one, and the log knows none
--   'id' is empty in every line; it is taken as STRING
--   'name' is empty in every line; it is taken as STRING
--   'amount' is empty in every line; it is taken as STRING
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `id` STRING,
  `name` STRING,
  `amount` STRING
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/csv_header_only.csv',
  'format' = 'csv',
  'csv.header' = 'true'
)
