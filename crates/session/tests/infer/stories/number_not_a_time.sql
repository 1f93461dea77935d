-- tapped t · json, 2 columns · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `account` BIGINT,
  `amount` BIGINT
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/number_not_a_time.jsonl',
  'format' = 'json'
)
