-- tapped t · json, 4 columns · no event time: no column looks like one, and the log knows none
--   'd' is null wherever it stands; it is taken as STRING
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `a` BIGINT,
  `b` STRING,
  `c` BOOLEAN,
  `d` STRING
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/sparse.jsonl',
  'format' = 'json'
)
