-- tapped t · json, 1 column · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `ts` BIGINT
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/epoch_mixed_units.jsonl',
  'format' = 'json'
)
