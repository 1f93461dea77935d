-- Bids and auctions in the shape of Nexmark, written by DuckDB as JSON lines: the same rows for the same count, and
-- the first rows are the same for every count. $rows and $folder are put in before it runs.
--
-- 10,000 bids a second of event time from 2026-01-01 on; every fifth is up to 1.9 s late, the others up to 50 ms.
-- Half of the bids go to the 100 newest auctions, half to the 2,000 newest; 20 auctions open a second.
-- Nine of ten bids come from 100,000 bidders, the tenth from 100. Half of the bids name one of four channels, half one
-- of a thousand. `extra` is 10 to 18 words of 5,000, the frequent ones first as in a language (Zipf).

CREATE MACRO draw(row, salt) AS (hash(row, salt) >> 11)::DOUBLE / 9007199254740992;
CREATE MACRO below(row, salt, limit_) AS floor(draw(row, salt) * limit_)::BIGINT;
CREATE MACRO iso(ms) AS strftime(make_timestamp(ms * 1000), '%Y-%m-%dT%H:%M:%S.%gZ');
CREATE MACRO syllable(n) AS 'bdfghjklmnprstvwz'[1 + n % 17] || 'aeiou'[1 + n // 17 % 5];

SET VARIABLE opening = 1767225600000;
SET VARIABLE words = (
    SELECT list(syllable(n) || 'nrslt'[1 + n // 85 % 5] || if(n < 425, '', syllable(n // 425) || 'k') ORDER BY n) FROM range(5000) t(n));
CREATE TABLE sentences AS
    SELECT n, array_to_string([getvariable('words')[1 + floor(exp(draw(n, place) * ln(5000)))::BIGINT % 5000]
                               FOR place IN range(100, 110 + below(n, 99, 9))], ' ') AS extra FROM range(32768) t(n);

CREATE VIEW drawn AS
    SELECT row, getvariable('opening') + row // 10 AS reached,
           if(draw(row, 1) < 0.2, below(row, 2, 1900), below(row, 2, 50)) AS late,
           if(draw(row, 3) < 0.5, floor(pow(draw(row, 4), 2) * 100)::BIGINT, below(row, 4, 2000)) AS age,
           1000 + if(draw(row, 5) < 0.1, below(row, 6, 100), 100 + below(row, 6, 100000)) AS bidder,
           -- A logarithmic normal distribution, by Box and Muller.
           1 + floor(exp(8 + 1.2 * sqrt(-2 * ln(1 - draw(row, 7))) * cos(2 * pi() * draw(row, 8))))::BIGINT AS price,
           if(draw(row, 9) < 0.5, below(row, 10, 4), 4 + below(row, 10, 1000)) AS channel,
           below(row, 11, 32768) AS sentence
    FROM range($rows) t(row);

COPY (
    SELECT 1000 + 2000 + row // 500 - 1 - age AS auction, bidder, price,
           if(channel < 4, ['Google', 'Facebook', 'Baidu', 'Apple'][1 + channel], 'channel-' || (channel - 4)) AS channel,
           'https://www.nexmark.com/item/' || auction || '.htm?query=1&channel_id=' || drawn.channel AS url,
           iso(greatest(reached - late, getvariable('opening'))) AS "dateTime", extra
    FROM drawn JOIN sentences ON sentence = n ORDER BY row
) TO '$folder/bids.jsonl' (FORMAT json);

COPY (
    SELECT 1000 + n AS id, 1000 + below(n, 21, 100000) AS seller, 10 + below(n, 22, 10) AS category,
           1 + below(n, 23, 999) AS "initialBid", iso(opened) AS "dateTime", iso(opened + 60000 + below(n, 24, 120000)) AS expires
    FROM (SELECT n, getvariable('opening') + greatest(n - 1999, 0) * 50 AS opened FROM range(2000 + $rows // 500) t(n)) ORDER BY n
) TO '$folder/auctions.jsonl' (FORMAT json);
