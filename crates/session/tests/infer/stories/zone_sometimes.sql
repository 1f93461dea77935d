-- tapped t · json, 1 column · no event time: no column looks like one, and the log knows none
--   the timestamps of 'ts' have a zone in 1 of 2 records; it stays STRING
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `ts` STRING
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/zone_sometimes.jsonl',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
)
