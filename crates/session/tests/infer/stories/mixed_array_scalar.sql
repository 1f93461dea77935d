-- tapped t · json, 1 column · no event time: no column looks like one, and the log knows none
--   contradiction: 'v' is an array in 2 (first [1,2]} at offset 0 of data/mixed_array_scalar.jsonl/0), a number in 1 (first 3 at offset 12 of data/mixed_array_scalar.jsonl/0)
-- 1 records could not be read · definition: SHOW CREATE TABLE t;
--   data/mixed_array_scalar.jsonl/0 offset 12: column 'v': 3 is not a valid ARRAY
CREATE TABLE `t` (
  `v` ARRAY<BIGINT>
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/mixed_array_scalar.jsonl',
  'format' = 'json'
)
