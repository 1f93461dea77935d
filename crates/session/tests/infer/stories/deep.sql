-- tapped t · json, 1 column · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `a` ROW<`b` ROW<`c` ROW<`d` ROW<`ts` BIGINT>>>>
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/deep.jsonl',
  'format' = 'json'
)
