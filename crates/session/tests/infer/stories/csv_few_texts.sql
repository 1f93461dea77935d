-- tapped t · csv with header, 2 columns · no event time: no column looks like one, and the log knows none
--   contradiction: 'amount' is a number in 39 (first 0 at offset 10 of data/csv_few_texts.csv/0), a text in 1 (first bad at offset 175 of data/csv_few_texts.csv/0)
-- 1 records could not be read · definition: SHOW CREATE TABLE t;
--   data/csv_few_texts.csv/0 offset 175: column 'amount': 'bad' is not a valid BIGINT
CREATE TABLE `t` (
  `id` BIGINT,
  `amount` BIGINT
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/csv_few_texts.csv',
  'format' = 'csv',
  'csv.header' = 'true'
)
