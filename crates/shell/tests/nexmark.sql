-- The Nexmark queries that event time can answer, over the demo's bids, auctions and persons. Left out: q6 (an OVER that Flink
-- has not either), q10 (a file sink), q12 (processing time).

-- q0: pass through
SELECT auction, bidder, price, dateTime, extra FROM bid;

-- q1: currency conversion
SELECT auction, bidder, 0.908 * price AS price, dateTime, extra FROM bid;

-- q2: selection
SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0;

-- q3: local item suggestion: a join without bounds
SELECT P.name, P.city, P.state, A.id FROM auction AS A INNER JOIN person AS P on A.seller = P.id WHERE A.category = 10 and
(P.state = 'OR' OR P.state = 'ID' OR P.state = 'CA');

-- q4: average price for a category: a join on a changing time, two aggregates
SELECT Q.category, AVG(Q.final) FROM (SELECT MAX(B.price) AS final, A.category FROM auction A, bid B WHERE A.id = B.auction AND
B.dateTime BETWEEN A.dateTime AND A.expires GROUP BY A.id, A.category) Q GROUP BY Q.category;

-- q5: hot items: two hopping windows, joined by their windows
SELECT AuctionBids.auction, AuctionBids.num FROM (SELECT auction, count(*) AS num, window_start AS starttime, window_end AS
endtime FROM TABLE(HOP(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '2' SECOND, INTERVAL '10' SECOND)) GROUP BY auction,
window_start, window_end) AS AuctionBids JOIN (SELECT max(CountBids.num) AS maxn, CountBids.starttime, CountBids.endtime FROM
(SELECT count(*) AS num, window_start AS starttime, window_end AS endtime FROM TABLE(HOP(TABLE bid, DESCRIPTOR(dateTime),
INTERVAL '2' SECOND, INTERVAL '10' SECOND)) GROUP BY auction, window_start, window_end) AS CountBids GROUP BY
CountBids.starttime, CountBids.endtime) AS MaxBids ON AuctionBids.starttime = MaxBids.starttime AND AuctionBids.endtime =
MaxBids.endtime AND AuctionBids.num >= MaxBids.maxn;

-- q7: highest bid: a window joined with the rows it came from
SELECT B.auction, B.price, B.bidder, B.dateTime, B.extra from bid B JOIN (SELECT MAX(price) AS maxprice, window_end as dateTime
FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(dateTime), INTERVAL '10' SECOND)) GROUP BY window_start, window_end) B1 ON B.price =
B1.maxprice WHERE B.dateTime BETWEEN B1.dateTime - INTERVAL '10' SECOND AND B1.dateTime;

-- q8: monitor new users: a join of windows
SELECT P.id, P.name, P.starttime FROM (SELECT id, name, window_start AS starttime, window_end AS endtime FROM TABLE(TUMBLE(TABLE
person, DESCRIPTOR(dateTime), INTERVAL '10' SECOND)) GROUP BY id, name, window_start, window_end) P JOIN (SELECT seller,
window_start AS starttime, window_end AS endtime FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(dateTime), INTERVAL '10' SECOND))
GROUP BY seller, window_start, window_end) A ON P.id = A.seller AND P.starttime = A.starttime AND P.endtime = A.endtime;

-- q9: winning bids: the first of each group over a join
SELECT id, itemName, bid_price FROM (SELECT A.*, B.auction, B.bidder, B.price AS bid_price, B.dateTime AS bid_dateTime,
ROW_NUMBER() OVER (PARTITION BY A.id ORDER BY B.price DESC, B.dateTime ASC) AS rownum FROM auction A, bid B WHERE A.id =
B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires) WHERE rownum <= 1;

-- q11: user sessions, in the older form
SELECT B.bidder, count(*) as bid_count, SESSION_START(B.dateTime, INTERVAL '10' SECOND) as starttime, SESSION_END(B.dateTime,
INTERVAL '10' SECOND) as endtime FROM bid B GROUP BY B.bidder, SESSION(B.dateTime, INTERVAL '10' SECOND);

-- q13: bounded side input: a lookup join with a file
SELECT B.auction, B.bidder, B.price, B.dateTime, S.`value` FROM (SELECT *, PROCTIME() as p_time FROM bid) B JOIN side_input FOR
SYSTEM_TIME AS OF B.p_time AS S ON mod(B.auction, 10000) = S.key;

-- q14: calculation
SELECT auction, bidder, 0.908 * price as price, CASE WHEN HOUR(dateTime) >= 8 AND HOUR(dateTime) <= 18 THEN 'dayTime' WHEN
HOUR(dateTime) <= 6 OR HOUR(dateTime) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS bidTimeType, dateTime, extra,
CHAR_LENGTH(extra) - CHAR_LENGTH(REPLACE(extra, 'c', '')) AS c_counts FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price <
50000000;

-- q15: bidding statistics: distinct counts with filters
SELECT DATE_FORMAT(dateTime, 'yyyy-MM-dd') as `day`, count(*) AS total_bids, count(*) filter (where price < 10000) AS
rank1_bids, count(distinct bidder) AS total_bidders, count(distinct bidder) filter (where price < 10000) AS rank1_bidders FROM
bid GROUP BY DATE_FORMAT(dateTime, 'yyyy-MM-dd');

-- q16: channel statistics
SELECT channel, DATE_FORMAT(dateTime, 'yyyy-MM-dd') as `day`, max(DATE_FORMAT(dateTime, 'HH:mm')) as `minute`, count(*) AS
total_bids FROM bid GROUP BY channel, DATE_FORMAT(dateTime, 'yyyy-MM-dd');

-- q17: auction statistics
SELECT auction, DATE_FORMAT(dateTime, 'yyyy-MM-dd') as `day`, count(*) AS total_bids, min(price) AS min_price, max(price) AS
max_price, avg(price) AS avg_price, sum(price) AS sum_price FROM bid GROUP BY auction, DATE_FORMAT(dateTime, 'yyyy-MM-dd');

-- q18: the last bid of each bidder
SELECT auction, bidder, price, channel, url, dateTime, extra FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction
ORDER BY dateTime DESC) AS rank_number FROM bid) WHERE rank_number <= 1;

-- q19: the ten highest bids of each auction
SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rank_number FROM bid) WHERE rank_number
<= 10;

-- q20: bids with their auction: a join without bounds
SELECT auction, bidder, price, B.extra, itemName, description FROM bid AS B INNER JOIN auction AS A on B.auction = A.id WHERE
A.category = 10;

-- q21: channel ids by regular expression
SELECT auction, bidder, price, channel, CASE WHEN lower(channel) = 'apple' THEN '0' WHEN lower(channel) = 'google' THEN '1' ELSE
REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) END AS channel_id FROM bid where REGEXP_EXTRACT(url,
'(&|^)channel_id=([^&]*)', 2) is not null or lower(channel) in ('apple', 'google', 'facebook', 'baidu');

-- q22: directories of a url
SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3) as dir1, SPLIT_INDEX(url, '/', 4) as dir2, SPLIT_INDEX(url,
'/', 5) as dir3 FROM bid;
