-- tapped t · json, 2 columns · event time ts (timestamps without zone, detected)
--   named like a time, goes forward in 100 % of steps
-- watermark ts - 1 s: of 3 sampled records none came late
--   the timestamps of 'made' are spelled in another way than most of the topic; it stays STRING
-- 0 records could not be read · definition: SHOW CREATE TABLE t;
CREATE TABLE `t` (
  `ts` TIMESTAMP(3),
  `made` STRING,
  WATERMARK FOR `ts` AS `ts` - INTERVAL '1' SECOND
)
WITH (
  'connector' = 'filesystem',
  'path' = 'data/two_spellings.jsonl',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
)
