-- tapped t · json, 3 columns · no event time: no column looks like one, and the log knows none
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `day` DATE,
  `at` TIME(0),
  `note` STRING
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/dates_and_clocks.jsonl',
  'format' = 'json'
)
