-- tapped t · json, 1 column · no event time: no column looks like one, and the log knows none
--   contradiction: 'on' is true or false in 2 (first true at offset 0 of data/mixed_boolean_number.jsonl/0), a number in 1 (first 1 at offset 25 of data/mixed_boolean_number.jsonl/0)
-- 1 records could not be read · definition: SHOW CREATE TABLE t;
--   data/mixed_boolean_number.jsonl/0 offset 25: column 'on': 1 is not a valid BOOLEAN
CREATE TABLE `t` (
  `on` BOOLEAN
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/mixed_boolean_number.jsonl',
  'format' = 'json'
)
