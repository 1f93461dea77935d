-- tapped t · json, 3 columns · no event time: no column looks like one, and the log knows none
--   the arrays of 'list' are empty; their elements are taken as STRING
--   'nothing' is null wherever it stands; it is taken as STRING
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `list` ARRAY<STRING>,
  `object` MAP<STRING, STRING>,
  `nothing` STRING
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/empty_things.jsonl',
  'format' = 'json'
)
