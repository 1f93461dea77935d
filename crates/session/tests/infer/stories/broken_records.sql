-- tapped t · json, 1 column · no event time: no column looks like one, and the log knows none
-- 2 records could not be read · definition: SHOW CREATE TABLE t;
--   data/broken_records.jsonl/0 offset 8: this is not JSON: the record ends where a value should stand (at byte 5)
--   data/broken_records.jsonl/0 offset 14: this is not JSON: the record is no object (at byte 0)
CREATE TABLE `t` (
  `a` BIGINT
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/broken_records.jsonl',
  'format' = 'json'
)
