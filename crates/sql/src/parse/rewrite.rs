//! The pass over the tokens of a query before sqlparser sees them: what Flink has and sqlparser has not is
//! said in words that it knows. Every new token keeps the place of the old one.
//!
//! | written | handed on |
//! |---|---|
//! | `t /*+ OPTIONS('k' = 'v') */` | `t PARTITION ('k', 'v')`, which the walk over the tree makes `with_hints` |
//! | `TIMESTAMP(3) WITH LOCAL TIME ZONE` | `TIMESTAMP_LTZ(3)` |
//! | `ROW<…>`, `MAP<…>`, `ARRAY<…>` | a type with the whole text as its quoted name |
//! | `MAP[k, v]` | `MAP(k, v)` |
//! | `PATTERN (…) WITHIN INTERVAL … DEFINE` | ``PATTERN (…) DEFINE `WITHIN` AS INTERVAL …,`` |
//! | `AFTER MATCH SKIP TO a` | `AFTER MATCH SKIP TO LAST a` |
//! | `(SELECT …) MATCH_RECOGNIZE` | `` `@rows`((SELECT …)) MATCH_RECOGNIZE`` |
//! | `FINAL LAST(…)` in `MEASURES` | `LAST(…)`: all measures are final |
//! | `\|> DISTINCT`, `\|> SELECT DISTINCT …` | `\|> CALL DISTINCT()` (behind the list) |
//! | `JSON_OBJECT(KEY k VALUE v, …)` | `JSON_OBJECT(k, v, …)` |
//! | `WINDOW TUMBLING (SIZE 1 HOUR) … GROUP BY k` | ``… GROUP BY TUMBLE(`ROWTIME`, INTERVAL '1' HOUR), k`` |
//! | `EMIT CHANGES`, `EMIT ON WINDOW CLOSE` at the end | nothing: that is how every query here emits |

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Span, SqlError};
use crate::parse::cursor::is_word;
use crate::parse::tokens::{self, span_of};
use crate::parse::{Cursor, ksql, matched, types};
use crate::statement::TableOption;

/// The tokens that are left, in words that sqlparser knows.
pub fn tokens(cursor: &Cursor<'_>) -> Result<Vec<TokenWithSpan>, SqlError> {
    let out = Vec::with_capacity(cursor.rest().len());
    let mut cursor = without_emit(cursor.clone());
    let from = cursor.position();
    let matched = matched::queries(cursor.rest()).into_iter().map(|at| from + at).collect();
    let mut rewrite = Rewrite { out, closing: Vec::new(), distinct: Vec::new(), window: None, matched };
    while let Some(token) = cursor.peek() {
        rewrite.finish_distinct(cursor.position());
        if !rewrite.special(token, &mut cursor)? {
            rewrite.out.extend(cursor.next().cloned());
        }
    }
    rewrite.finish_distinct(cursor.position());
    if let Some(window) = rewrite.window {
        let error = SqlError::new("E0404", "a WINDOW needs a GROUP BY behind it");
        return Err(error.at(window.key.first().map(span_of)));
    }
    Ok(rewrite.out)
}

/// The options of a hint, `/*+ OPTIONS('k' = 'v', …) */`.
pub fn options(text: &str, hint: &TokenWithSpan) -> Result<Vec<TableOption>, SqlError> {
    let span = span_of(hint);
    let tokens = tokens::read(text, Span::new(span.start + "/*+".len(), span.end - "*/".len()))?;
    let mut cursor = Cursor::new(text, &tokens);
    if !cursor.takes_word("OPTIONS") {
        let error = SqlError::new("E0502", "this hint is not supported").at(span);
        return Err(error.hint("a table takes /*+ OPTIONS('key' = 'value') */"));
    }
    let options = table_options(&mut cursor)?;
    cursor.expect_end().map(|()| options)
}

/// Reads `('k' = 'v', …)`.
pub fn table_options(cursor: &mut Cursor<'_>) -> Result<Vec<TableOption>, SqlError> {
    cursor.expect_token(&Token::LParen)?;
    let mut options: Vec<TableOption> = Vec::new();
    while !cursor.takes_token(&Token::RParen) {
        if !options.is_empty() {
            cursor.expect_token(&Token::Comma)?;
        }
        let span = cursor.here();
        let key = cursor.string("an option as 'key' = 'value'")?;
        cursor.expect_token(&Token::Eq)?;
        let value = cursor.string("the option's value in quotes")?;
        if options.iter().any(|option| option.key == key) {
            return Err(SqlError::new("E0302", format!("the option '{key}' is given twice")).at(span));
        }
        options.push(TableOption { key, value, span: span.to(cursor.behind()) });
    }
    Ok(options)
}

/// Leaves an `EMIT` clause at the end away.
fn without_emit(cursor: Cursor<'_>) -> Cursor<'_> {
    let rest = cursor.rest();
    for tail in [&["EMIT", "CHANGES"][..], &["EMIT", "ON", "WINDOW", "CLOSE"][..]] {
        if let Some(keep) = rest.len().checked_sub(tail.len())
            && rest[keep..].iter().zip(tail).all(|(token, word)| is_word(&token.token, word))
        {
            return Cursor::new(cursor.text(), &rest[..keep]);
        }
    }
    cursor
}

/// Leaves the word `KEY` before a key away; a column may be called that too.
fn skip_key(cursor: &mut Cursor<'_>) {
    let named = matches!(cursor.ahead(1), None | Some(Token::Comma | Token::RParen | Token::Period));
    if cursor.is_word_at(0, "KEY") && !named && !cursor.is_word_at(1, "VALUE") {
        cursor.next();
    }
}

struct Rewrite {
    out: Vec<TokenWithSpan>,
    /// The brackets that are open, and what becomes of the closing one.
    closing: Vec<Closing>,
    /// The lists of `|> SELECT DISTINCT` that are being read: at which token each ends, and its place.
    distinct: Vec<(usize, Span)>,
    /// A window of ksqlDB that waits for its `GROUP BY`.
    window: Option<Waiting>,
    /// The brackets that open a query with a pattern behind it.
    matched: BTreeSet<usize>,
}

/// A key that waits for the `GROUP BY` of its level.
struct Waiting {
    key: Vec<TokenWithSpan>,
    depth: usize,
}

/// What happens at the bracket that closes this one.
enum Closing {
    /// Nothing.
    Same,
    /// `]` becomes `)`.
    Round,
    /// `KEY k VALUE v` in it becomes `k, v`.
    Pairs,
    /// It closes two.
    Twice,
}

impl Rewrite {
    /// Deals with what stands next if it is one of the cases; says whether it did.
    fn special(&mut self, token: &Token, cursor: &mut Cursor<'_>) -> Result<bool, SqlError> {
        if tokens::hint(token).is_some() {
            return self.hint(cursor).map(|()| true);
        }
        match token {
            Token::LParen if self.matched.contains(&cursor.position()) => {
                self.put(Token::make_word(matched::ROWS, Some('`')), cursor.here());
                self.put(Token::LParen, cursor.here());
                self.closing.push(Closing::Twice);
            }
            Token::LBrace if cursor.ahead(1) == Some(&Token::Minus) => {
                let error = SqlError::new("E0417", "{- … -} is not supported: all rows of a match count");
                return Err(error.at(cursor.here()));
            }
            Token::LParen | Token::LBracket | Token::LBrace => self.closing.push(Closing::Same),
            Token::RParen | Token::RBracket | Token::RBrace => {
                let place = cursor.here();
                match self.closing.pop() {
                    Some(Closing::Round) => {
                        cursor.next();
                        self.put(Token::RParen, place);
                        return Ok(true);
                    }
                    Some(Closing::Twice) => self.put(Token::RParen, place),
                    _ => {}
                }
            }
            Token::Comma if matches!(self.closing.last(), Some(Closing::Pairs)) => {
                self.out.extend(cursor.next().cloned());
                skip_key(cursor);
                return Ok(true);
            }
            Token::VerticalBarRightAngleBracket => return Ok(self.pipe(cursor)),
            Token::Word(word) if word.quote_style.is_none() => {
                if word.value.eq_ignore_ascii_case("SUBSET") && self.is_subset(cursor) {
                    let error = SqlError::new("E0417", "SUBSET is not supported in MATCH_RECOGNIZE").at(cursor.here());
                    return Err(error.hint("name the variables one by one, or read all rows with a column alone"));
                }
                return Ok(self.ksql_window(&word.value, cursor)? || self.word(&word.value, cursor));
            }
            _ => {}
        }
        Ok(false)
    }

    /// Takes a window of ksqlDB out, and puts it in behind `GROUP BY`.
    fn ksql_window(&mut self, word: &str, cursor: &mut Cursor<'_>) -> Result<bool, SqlError> {
        let depth = self.closing.len();
        if word.eq_ignore_ascii_case("WINDOW")
            && let Some(key) = ksql::window(cursor)?
        {
            self.window = Some(Waiting { key, depth });
            return Ok(true);
        }
        if word.eq_ignore_ascii_case("GROUP")
            && cursor.is_word_at(1, "BY")
            && let Some(window) = self.window.take_if(|window| window.depth == depth)
        {
            self.out.extend([cursor.next(), cursor.next()].into_iter().flatten().cloned());
            self.out.extend(window.key);
            return Ok(true);
        }
        Ok(false)
    }

    fn word(&mut self, word: &str, cursor: &mut Cursor<'_>) -> bool {
        let is = |name: &str| word.eq_ignore_ascii_case(name);
        let behind = cursor.ahead(1);
        if is("MAP") && behind == Some(&Token::LBracket) {
            self.out.extend(cursor.next().cloned());
            self.put(Token::LParen, cursor.here());
            cursor.next();
            self.closing.push(Closing::Round);
            return true;
        }
        if (is("JSON_OBJECT") || is("JSON_OBJECTAGG")) && behind == Some(&Token::LParen) {
            self.out.extend([cursor.next(), cursor.next()].into_iter().flatten().cloned());
            self.closing.push(Closing::Pairs);
            skip_key(cursor);
            return true;
        }
        if is("VALUE") && matches!(self.closing.last(), Some(Closing::Pairs)) && self.is_behind_key() {
            let place = cursor.here();
            cursor.next();
            self.put(Token::Comma, place);
            return true;
        }
        if (is("ROW") || is("MAP") || is("ARRAY")) && behind == Some(&Token::Lt) {
            return self.nested_type(cursor);
        }
        if is("TIMESTAMP") {
            return self.local_timestamp(cursor);
        }
        if is("TO") || is("FINAL") {
            return self.of_a_match(is("TO"), cursor);
        }
        is("WITHIN") && self.within(cursor)
    }

    /// Whether a key has been read, so that `VALUE` is no name of a column.
    fn is_behind_key(&self) -> bool {
        self.out.last().is_some_and(|token| !matches!(token.token, Token::LParen | Token::Comma))
    }

    fn put(&mut self, token: Token, place: Span) {
        self.out.push(TokenWithSpan { token, span: tokens::byte_span(place) });
    }

    fn hint(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
        let hint = cursor.next().expect("the caller has seen it");
        let place = span_of(hint);
        let names = self.out.last().is_some_and(|token| match &token.token {
            Token::Word(word) => word.quote_style.is_some() || word.keyword != Keyword::SELECT,
            _ => false,
        });
        let options = options(cursor.text(), hint)?;
        if !names {
            return Err(SqlError::new("E0502", "a hint with OPTIONS stands behind the name of a table").at(place));
        }
        self.put(Token::make_keyword("PARTITION"), place);
        self.put(Token::LParen, place);
        for (index, option) in options.into_iter().enumerate() {
            if index > 0 {
                self.put(Token::Comma, place);
            }
            self.put(Token::SingleQuotedString(option.key), option.span);
            self.put(Token::Comma, place);
            self.put(Token::SingleQuotedString(option.value), option.span);
        }
        self.put(Token::RParen, place);
        Ok(())
    }

    fn nested_type(&mut self, cursor: &mut Cursor<'_>) -> bool {
        let mut ahead = cursor.clone();
        let start = ahead.here();
        let Ok(data_type) = types::sql_type(&mut ahead) else { return false };
        let place = start.to(ahead.behind());
        *cursor = ahead;
        self.put(Token::make_word(&data_type.to_string(), Some('`')), place);
        true
    }

    fn local_timestamp(&mut self, cursor: &mut Cursor<'_>) -> bool {
        let mut ahead = cursor.clone();
        let start = ahead.here();
        ahead.next();
        let precision = match (ahead.peek(), ahead.ahead(1), ahead.ahead(2)) {
            (Some(Token::LParen), Some(Token::Number(..)), Some(Token::RParen)) => 3,
            _ => 0,
        };
        let digits: Vec<TokenWithSpan> = (0..precision).filter_map(|_| ahead.next().cloned()).collect();
        if !ahead.takes(&["WITH", "LOCAL", "TIME", "ZONE"]) {
            return false;
        }
        *cursor = ahead;
        self.put(Token::make_word("TIMESTAMP_LTZ", None), start);
        self.out.extend(digits);
        true
    }

    /// `WITHIN INTERVAL … DEFINE`, behind the bracket of `PATTERN`.
    fn within(&mut self, cursor: &mut Cursor<'_>) -> bool {
        let behind_bracket = matches!(self.out.last(), Some(TokenWithSpan { token: Token::RParen, .. }));
        if !behind_bracket || !cursor.is_word_at(1, "INTERVAL") {
            return false;
        }
        let mut ahead = cursor.clone();
        let place = ahead.here();
        ahead.next();
        let interval = ahead.until(&["DEFINE"]);
        if !ahead.sees(&["DEFINE"]) {
            return false;
        }
        self.out.extend(ahead.next().cloned());
        self.put(Token::make_word(WITHIN, Some('`')), place);
        self.put(Token::make_keyword("AS"), place);
        self.out.extend(interval.rest().iter().cloned());
        self.put(Token::Comma, place);
        *cursor = ahead;
        true
    }

    /// `SUBSET u = (a, b)` behind the bracket of `PATTERN`, or behind `WITHIN`.
    fn is_subset(&self, cursor: &Cursor<'_>) -> bool {
        let in_brackets = matches!(cursor.ahead(3), Some(Token::LParen));
        in_brackets && cursor.ahead(2) == Some(&Token::Eq) && matches!(cursor.ahead(1), Some(Token::Word(_)))
    }

    /// `SKIP TO a`, which is to the last of its rows, and `FINAL` before a function, which says what holds anyway.
    fn of_a_match(&mut self, to: bool, cursor: &mut Cursor<'_>) -> bool {
        if !to {
            let function = cursor.is_word_at(1, "FIRST") || cursor.is_word_at(1, "LAST");
            if !function || cursor.ahead(2) != Some(&Token::LParen) {
                return false;
            }
            cursor.next();
            return true;
        }
        let behind_skip = self.out.last().is_some_and(|token| is_word(&token.token, "SKIP"));
        let named = ["NEXT", "FIRST", "LAST"].iter().any(|word| cursor.is_word_at(1, word));
        if !behind_skip || named {
            return false;
        }
        let place = cursor.here();
        self.out.extend(cursor.next().cloned());
        self.put(Token::make_keyword("LAST"), place);
        true
    }

    /// `|> DISTINCT` becomes a call; `|> SELECT DISTINCT` becomes one behind the list.
    fn pipe(&mut self, cursor: &mut Cursor<'_>) -> bool {
        let place = cursor.here();
        if cursor.is_word_at(1, "DISTINCT") {
            cursor.next();
            cursor.next();
            self.distinct(place);
            return true;
        }
        if cursor.is_word_at(1, "SELECT") && cursor.is_word_at(2, "DISTINCT") {
            self.out.extend([cursor.next(), cursor.next()].into_iter().flatten().cloned());
            cursor.next();
            self.distinct.push((cursor.position() + list_length(cursor.rest()), place));
            return true;
        }
        false
    }

    fn distinct(&mut self, place: Span) {
        self.put(Token::VerticalBarRightAngleBracket, place);
        self.put(Token::make_keyword("CALL"), place);
        self.put(Token::make_keyword("DISTINCT"), place);
        self.put(Token::LParen, place);
        self.put(Token::RParen, place);
    }

    /// Writes the calls whose list ends here.
    fn finish_distinct(&mut self, position: usize) {
        while let Some((_, place)) = self.distinct.pop_if(|(end, _)| *end <= position) {
            self.distinct(place);
        }
    }
}

/// The number of tokens up to the next pipe of this level, the bracket that closes it, or the end.
fn list_length(tokens: &[TokenWithSpan]) -> usize {
    let mut depth = 0usize;
    let ends = |token: &TokenWithSpan| {
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket if depth == 0 => return true,
            Token::RParen | Token::RBracket => depth -= 1,
            Token::VerticalBarRightAngleBracket => return depth == 0,
            _ => {}
        }
        false
    };
    tokens.iter().position(ends).unwrap_or(tokens.len())
}

/// The name under which `WITHIN` stands among the definitions of `MATCH_RECOGNIZE`.
pub const WITHIN: &str = "WITHIN";
