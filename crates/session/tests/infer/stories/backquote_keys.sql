-- tapped t · json, 5 columns · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `a``b` BIGINT,
  `select` BIGINT,
  `with space` BIGINT,
  `quote'd` STRING,
  `semi;colon` BIGINT
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/backquote_keys.jsonl',
  'format' = 'json'
)
