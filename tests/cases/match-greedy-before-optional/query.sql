SELECT * FROM ev MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.id AS a, B.id AS b, C.id AS c PATTERN (A+ B* C) DEFINE A AS typ = 'A', B AS typ = 'B', C AS typ = 'C')
