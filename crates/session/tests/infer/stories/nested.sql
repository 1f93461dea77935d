-- tapped t · json, 4 columns · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `id` BIGINT,
  `user` ROW<`name` STRING, `address` ROW<`city` STRING, `zip` STRING>>,
  `tags` ARRAY<STRING>,
  `items` ARRAY<ROW<`sku` STRING, `n` BIGINT>>
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/nested.jsonl',
  'format' = 'json'
)
