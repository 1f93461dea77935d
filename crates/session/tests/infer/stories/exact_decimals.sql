-- tapped t · json, 1 column · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `rate` DECIMAL(38, 20)
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/exact_decimals.jsonl',
  'format' = 'json'
)
