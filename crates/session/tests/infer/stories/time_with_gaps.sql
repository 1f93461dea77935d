-- tapped t · json, 1 column · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `ts` STRING
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/time_with_gaps.jsonl',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
)
