-- tapped t · json, 1 column · no event time: no column looks like one, and the log knows none
--   contradiction: 'qty' is a number in 3 (first 5 at offset 0 of data/mixed_number_text.jsonl/0), a text in 1 (first n/a at offset 30 of data/mixed_number_text.jsonl/0)
-- 1 records could not be read · definition: SHOW CREATE TABLE t;
--   data/mixed_number_text.jsonl/0 offset 30: column 'qty': 'n/a' is not a valid BIGINT
CREATE TABLE `t` (
  `qty` BIGINT
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/mixed_number_text.jsonl',
  'format' = 'json'
)
