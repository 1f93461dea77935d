-- tapped t · json, 1 column · no event time: no column looks like one, and the log knows none
--   contradiction: 'v' is an object in 2 (first {"a":1}} at offset 0 of data/mixed_object_text.jsonl/0), a text in 1 (first none at offset 28 of data/mixed_object_text.jsonl/0)
-- 1 records could not be read · definition: SHOW CREATE TABLE t;
--   data/mixed_object_text.jsonl/0 offset 28: column 'v': 'none' is not a valid ROW
CREATE TABLE `t` (
  `v` ROW<`a` BIGINT>
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/mixed_object_text.jsonl',
  'format' = 'json'
)
