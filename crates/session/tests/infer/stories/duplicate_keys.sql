-- tapped t · json, 2 columns · no event time: no column looks like one, and the log knows none
--   'a' stands twice in some records; the last one counts
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `a` BIGINT,
  `b` BIGINT
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/duplicate_keys.jsonl',
  'format' = 'json'
)
