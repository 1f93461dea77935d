-- tapped t · json, 2 columns · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `amount` STRING,
  `n` STRING
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/quoted_numbers.jsonl',
  'format' = 'json'
)
