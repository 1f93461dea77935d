-- tapped t · json, 4 columns · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `größe` BIGINT,
  `名前` STRING,
  `😀` BOOLEAN,
  `naïve key` DOUBLE
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/unicode_keys.jsonl',
  'format' = 'json'
)
