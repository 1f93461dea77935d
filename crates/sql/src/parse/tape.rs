//! The statements about tapes and replays: `RECORD`, `REPLAY`, `STEP`, `BREAK`, `TRACE`, `DIFF` and their like.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::{Span, SqlError};
use crate::parse::Cursor;
use crate::statement::{
    Condition, Name, Rate, Record, RecordFrom, RecordUntil, Replay, StepUnit, TapePlace, TapeVerb, Then, Version,
};

/// The verbs that are read here.
pub const VERBS: &[&str] =
    &["RECORD", "REPLAY", "LIVE", "PAUSE", "RESUME", "STEP", "GOTO", "BACK", "BREAK", "TRACE", "DIFF"];

/// Reads a statement that begins with one of [`VERBS`].
pub fn verb(cursor: &mut Cursor<'_>, verb: &str) -> Result<TapeVerb, SqlError> {
    cursor.next();
    Ok(match verb {
        "RECORD" => TapeVerb::Record(record(cursor)?),
        "REPLAY" => TapeVerb::Replay(replay(cursor)?),
        "LIVE" => TapeVerb::Live,
        "PAUSE" => TapeVerb::Pause,
        "RESUME" => TapeVerb::Resume,
        "STEP" => step(cursor)?,
        "GOTO" => TapeVerb::Goto(place(cursor, &[])?),
        "BACK" => TapeVerb::Back(if cursor.is_done() { 1 } else { number(cursor, "how many records")? }),
        "BREAK" => breakpoint(cursor)?,
        "TRACE" => trace(cursor)?,
        _ => TapeVerb::Diff(version(cursor)?, version(cursor)?),
    })
}

/// Reads `DROP TAPE [IF EXISTS] name`.
pub fn drop(cursor: &mut Cursor<'_>) -> Result<TapeVerb, SqlError> {
    cursor.expect_words(&["DROP", "TAPE"])?;
    let if_exists = cursor.takes(&["IF", "EXISTS"]);
    Ok(TapeVerb::Drop { if_exists, name: cursor.name("the name of a tape")? })
}

/// Reads what follows `CHECK step ORDER`.
pub fn check_order(cursor: &mut Cursor<'_>, step: Name) -> Result<TapeVerb, SqlError> {
    let seeds = if cursor.takes_word("SEEDS") { Some(number(cursor, "how many orders to try")?) } else { None };
    Ok(TapeVerb::CheckOrder(step, seeds))
}

fn record(cursor: &mut Cursor<'_>) -> Result<Record, SqlError> {
    let mut taps = vec![cursor.path("a tap to record")?];
    while cursor.takes_token(&Token::Comma) {
        taps.push(cursor.path("a tap to record")?);
    }
    let (mut from, mut until) = (None, RecordUntil::Ended);
    loop {
        if from.is_none() && cursor.takes_word("FROM") {
            from = Some(beginning(cursor)?);
        } else if until == RecordUntil::Ended && cursor.takes_word("FOR") {
            until = RecordUntil::Time(duration(cursor)?);
        } else if until == RecordUntil::Ended && cursor.takes_word("ROWS") {
            until = RecordUntil::Records(number(cursor, "how many records")?);
        } else if cursor.takes_word("AS") {
            return Ok(Record { taps, from, until, name: cursor.name("a name for the tape")? });
        } else {
            return Err(cursor.unexpected("FROM, FOR, ROWS or AS with a name for the tape"));
        }
    }
}

fn beginning(cursor: &mut Cursor<'_>) -> Result<RecordFrom, SqlError> {
    if cursor.takes_word("EARLIEST") {
        Ok(RecordFrom::Earliest)
    } else if cursor.takes_word("LATEST") || cursor.takes_word("NEWEST") {
        Ok(RecordFrom::Latest)
    } else if cursor.takes_word("TIMESTAMP") {
        let span = cursor.here();
        let text = cursor.string("a time in quotes, for example '2026-01-01 00:00:00'")?;
        Ok(RecordFrom::Timestamp(text, span))
    } else {
        Err(cursor.unexpected("EARLIEST, LATEST or TIMESTAMP"))
    }
}

/// `60 s`, `2 min`, `'60 s'`.
fn duration(cursor: &mut Cursor<'_>) -> Result<std::time::Duration, SqlError> {
    const WANTED: &str = "a time: 60 s, 5 min, 1 h";
    let start = cursor.here();
    if let Some(Token::SingleQuotedString(_)) = cursor.peek() {
        let text = cursor.string(WANTED)?;
        return parsed(&text, start);
    }
    if !matches!(cursor.peek(), Some(Token::Number(..) | Token::Word(_))) {
        return Err(cursor.unexpected(WANTED));
    }
    cursor.next();
    if matches!(cursor.peek(), Some(Token::Word(_))) && !["AS", "FROM"].iter().any(|word| cursor.sees(&[word])) {
        cursor.next();
    }
    let span = start.to(cursor.behind());
    parsed(span.text(cursor.text()), span)
}

fn parsed(text: &str, span: Span) -> Result<std::time::Duration, SqlError> {
    let duration = millstream_record::parse_duration(&text.to_ascii_lowercase()).filter(|time| !time.is_zero());
    duration.ok_or_else(|| {
        SqlError::new("E0301", format!("'{text}' is no length of time")).at(span).hint("write 60 s, 5 min or 1 h")
    })
}

fn replay(cursor: &mut Cursor<'_>) -> Result<Replay, SqlError> {
    let name = cursor.name("the name of a tape")?;
    let mut replay = Replay { name, rate: Rate::Max, from: None, to: None, then: Then::End };
    let mut rate = None;
    while !cursor.is_done() {
        if rate.is_none() && cursor.takes_word("RATE") {
            rate = Some(speed(cursor)?);
        } else if replay.from.is_none() && cursor.takes_word("FROM") {
            replay.from = Some(place(cursor, CLAUSES)?);
        } else if replay.to.is_none() && cursor.takes_word("TO") {
            replay.to = Some(place(cursor, CLAUSES)?);
        } else if replay.then == Then::End && cursor.takes_word("LOOP") {
            replay.then = Then::Loop;
        } else if replay.then == Then::End && cursor.takes(&["THEN", "LIVE"]) {
            replay.then = Then::Live;
        } else {
            return Err(cursor.unexpected("RATE, FROM, TO, LOOP, THEN LIVE or the end of the statement"));
        }
    }
    replay.rate = rate.unwrap_or(replay.rate);
    Ok(replay)
}

/// The words that end a place in `REPLAY`.
const CLAUSES: &[&str] = &["RATE", "FROM", "TO", "LOOP", "THEN"];

/// `10x`, `0.5`, `MAX`.
fn speed(cursor: &mut Cursor<'_>) -> Result<Rate, SqlError> {
    const WANTED: &str = "a rate: 1x, 10x or MAX";
    if cursor.takes_word("MAX") {
        return Ok(Rate::Max);
    }
    let start = cursor.here();
    if !matches!(cursor.peek(), Some(Token::Number(..) | Token::Word(_))) {
        return Err(cursor.unexpected(WANTED));
    }
    cursor.next();
    cursor.takes_word("X");
    let span = start.to(cursor.behind());
    let text = span.text(cursor.text()).to_ascii_lowercase();
    let times = text.trim_end_matches('x').trim().parse::<f64>().ok();
    match times.filter(|times| times.is_finite() && (0.001..=1e6).contains(times)) {
        Some(times) => Ok(Rate::Times(times)),
        None => {
            let error = SqlError::new("E0301", format!("'{text}' is no rate")).at(span);
            Err(error.hint("write how many times as fast: 1x, 10x, 0.5x, up to 1000000x; or MAX"))
        }
    }
}

/// `RECORD n`, a time in quotes, or a time as `12:04` up to one of these words.
fn place(cursor: &mut Cursor<'_>, ends: &[&str]) -> Result<TapePlace, SqlError> {
    const WANTED: &str = "a place on the tape: 12:04, '2026-01-01 12:04:00' or RECORD 100";
    if cursor.takes_word("RECORD") {
        return Ok(TapePlace::Record(number(cursor, "the number of a record")?));
    }
    let span = cursor.here();
    if let Some(Token::SingleQuotedString(_)) = cursor.peek() {
        return Ok(TapePlace::Time(cursor.string(WANTED)?, span));
    }
    let typed = cursor.until(ends);
    if typed.is_done() {
        return Err(cursor.unexpected(WANTED));
    }
    let span = typed.extent();
    Ok(TapePlace::Time(span.text(cursor.text()).to_string(), span))
}

fn step(cursor: &mut Cursor<'_>) -> Result<TapeVerb, SqlError> {
    let count = match cursor.peek() {
        Some(Token::Number(..)) => number(cursor, "how many steps")?,
        _ => 1,
    };
    const UNITS: [(&str, &str, StepUnit); 3] = [
        ("EVENT", "EVENTS", StepUnit::Event),
        ("WATERMARK", "WATERMARKS", StepUnit::Watermark),
        ("WINDOW", "WINDOWS", StepUnit::Window),
    ];
    let unit = UNITS.iter().find(|(one, many, _)| cursor.takes_word(one) || cursor.takes_word(many));
    match unit {
        Some((.., unit)) => Ok(TapeVerb::Step(count, *unit)),
        None if cursor.is_done() => Ok(TapeVerb::Step(count, StepUnit::Event)),
        None => Err(cursor.unexpected("EVENT, WATERMARK or WINDOW")),
    }
}

fn breakpoint(cursor: &mut Cursor<'_>) -> Result<TapeVerb, SqlError> {
    if cursor.takes_word("OFF") {
        let step = if cursor.is_done() { None } else { Some(cursor.path("the name of a step")?) };
        return Ok(TapeVerb::BreakOff(step));
    }
    cursor.expect_words(&["ON"])?;
    let step = cursor.path("the name of a step")?;
    Ok(TapeVerb::Break(step, condition(cursor, "WHEN")?))
}

fn trace(cursor: &mut Cursor<'_>) -> Result<TapeVerb, SqlError> {
    if cursor.sees(&["RECORD"]) && matches!(cursor.ahead(1), Some(Token::Word(_))) && !cursor.is_word_at(1, "WHERE") {
        cursor.next();
        let tap = cursor.path("the name of a tap")?;
        let partition = if cursor.takes_word("PARTITION") { number(cursor, "the number of a partition")? } else { 0 };
        cursor.expect_words(&["OFFSET"])?;
        return Ok(TapeVerb::TraceRecord { tap, partition, offset: number(cursor, "an offset")? });
    }
    let step = cursor.path("the name of a step, or RECORD and a tap")?;
    let when = condition(&mut cursor.until(&["LIMIT"]), "WHERE")?;
    let most = if cursor.takes_word("LIMIT") { Some(number(cursor, "how many rows")?) } else { None };
    Ok(TapeVerb::Trace(step, when, most))
}

/// A condition up to the end, if this word comes before it.
fn condition(cursor: &mut Cursor<'_>, word: &str) -> Result<Option<Condition>, SqlError> {
    if cursor.is_done() {
        return Ok(None);
    }
    cursor.expect_words(&[word])?;
    if cursor.is_done() {
        return Err(cursor.unexpected("a condition"));
    }
    let rest = cursor.remainder();
    let span = rest.extent();
    let text = span.text(rest.text()).to_string();
    // Whether it is one is seen now, with its place.
    crate::parse::read_expression(&mut rest.clone())?;
    Ok(Some(Condition { text, span }))
}

/// `bars`, `bars@3`.
fn version(cursor: &mut Cursor<'_>) -> Result<Version, SqlError> {
    cursor.takes_token(&Token::Comma);
    let name = cursor.name("a version of a step: bars@3")?;
    // `bars@3` may be read as one word.
    if let Some((step, digits)) = name.text.rsplit_once('@')
        && let Ok(number) = digits.parse()
    {
        return Ok(Version { name: Name { text: step.into(), span: name.span }, number: Some(number) });
    }
    let number = match cursor.peek() {
        Some(Token::AtSign) => {
            cursor.next();
            Some(number(cursor, "the number of a version")?)
        }
        _ => None,
    };
    Ok(Version { name, number })
}

fn number<T: std::str::FromStr>(cursor: &mut Cursor<'_>, what: &str) -> Result<T, SqlError> {
    let parsed = match cursor.peek() {
        Some(Token::Number(digits, _)) => digits.parse().ok(),
        _ => None,
    };
    let number = parsed.ok_or_else(|| cursor.unexpected(what))?;
    cursor.next();
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Statement;

    fn read(text: &str) -> Result<TapeVerb, SqlError> {
        match crate::parse(text)?.remove(0).value {
            Statement::Tape(verb) => Ok(verb),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn recordings_say_what_and_how_long() {
        for (text, until) in [
            ("RECORD trades AS monday", RecordUntil::Ended),
            ("RECORD trades FOR 60 s AS monday", RecordUntil::Time(std::time::Duration::from_secs(60))),
            ("record trades for 60s as monday", RecordUntil::Time(std::time::Duration::from_secs(60))),
            ("RECORD trades FOR '2 min' AS monday", RecordUntil::Time(std::time::Duration::from_secs(120))),
            ("RECORD trades ROWS 500 AS monday", RecordUntil::Records(500)),
        ] {
            let TapeVerb::Record(record) = read(text).expect(text) else { panic!("{text}") };
            assert_eq!((record.until, record.name.text.as_str(), record.taps.len()), (until, "monday", 1), "{text}");
        }
        let TapeVerb::Record(two) = read("RECORD demo.trades, quotes FROM LATEST ROWS 5 AS t;").expect("reads") else {
            panic!("another verb")
        };
        let names: Vec<&str> = two.taps.iter().map(|tap| tap.text.as_str()).collect();
        assert_eq!((names, two.from), (vec!["demo.trades", "quotes"], Some(RecordFrom::Latest)));
    }

    #[test]
    fn replays_say_how_fast_and_which_stretch() {
        let replay = |text: &str| match read(text).expect(text) {
            TapeVerb::Replay(replay) => replay,
            other => panic!("{other:?}"),
        };
        assert_eq!(replay("REPLAY monday").rate, Rate::Max);
        assert_eq!(replay("REPLAY monday RATE 10x").rate, Rate::Times(10.0));
        assert_eq!(replay("REPLAY monday RATE 0.5x LOOP").rate, Rate::Times(0.5));
        let whole = replay("REPLAY monday RATE MAX FROM 12:04 TO '2026-01-01 12:05:00' THEN LIVE");
        assert_eq!((whole.rate, whole.then), (Rate::Max, Then::Live));
        assert!(matches!(whole.from, Some(TapePlace::Time(text, _)) if text == "12:04"));
        assert!(matches!(whole.to, Some(TapePlace::Time(text, _)) if text == "2026-01-01 12:05:00"));
        assert_eq!(replay("REPLAY monday FROM RECORD 7").from, Some(TapePlace::Record(7)));
    }

    #[test]
    fn the_words_of_the_debugger() {
        assert_eq!(read("STEP").expect("reads"), TapeVerb::Step(1, StepUnit::Event));
        assert_eq!(read("STEP 3 WATERMARKS").expect("reads"), TapeVerb::Step(3, StepUnit::Watermark));
        assert_eq!(read("STEP WINDOW").expect("reads"), TapeVerb::Step(1, StepUnit::Window));
        assert_eq!(read("BACK 10").expect("reads"), TapeVerb::Back(10));
        assert!(
            matches!(read("GOTO 12:04:05.5").expect("reads"), TapeVerb::Goto(TapePlace::Time(text, _)) if text == "12:04:05.5")
        );
        let TapeVerb::Break(step, Some(when)) =
            read("BREAK ON bars WHEN volume > 1000 AND symbol = 'A;B'").expect("reads")
        else {
            panic!("another verb")
        };
        assert_eq!((step.text.as_str(), when.text.as_str()), ("bars", "volume > 1000 AND symbol = 'A;B'"));
        assert!(matches!(read("BREAK OFF").expect("reads"), TapeVerb::BreakOff(None)));
        assert!(matches!(read("TRACE bars").expect("reads"), TapeVerb::Trace(_, None, None)));
        assert!(matches!(read("TRACE bars LIMIT 3").expect("reads"), TapeVerb::Trace(_, None, Some(3))));
        match read("TRACE bars WHERE volume > 3 LIMIT 2").expect("reads") {
            TapeVerb::Trace(_, Some(when), Some(2)) => assert_eq!(when.text, "volume > 3"),
            other => panic!("{other:?}"),
        }
        let traced = read("TRACE RECORD trades PARTITION 2 OFFSET 17").expect("reads");
        assert!(matches!(traced, TapeVerb::TraceRecord { partition: 2, offset: 17, .. }));
        let TapeVerb::Diff(left, right) = read("DIFF bars@3 bars@4").expect("reads") else { panic!("another verb") };
        assert_eq!((left.number, right.number, right.name.text.as_str()), (Some(3), Some(4), "bars"));
        assert!(matches!(read("CHECK bars ORDER SEEDS 5").expect("reads"), TapeVerb::CheckOrder(_, Some(5))));
        assert!(matches!(read("DROP TAPE monday").expect("reads"), TapeVerb::Drop { if_exists: false, .. }));
    }

    #[test]
    fn what_makes_no_sense_is_said_with_its_place() {
        for (text, message) in [
            ("RECORD trades", "AS with a name for the tape"),
            ("RECORD trades FOR bananas AS t", "no length of time"),
            ("REPLAY monday RATE 0", "no rate"),
            ("REPLAY monday RATE fast", "no rate"),
            ("GOTO", "a place on the tape"),
            ("STEP 3 BANANAS", "EVENT, WATERMARK or WINDOW"),
            ("BREAK bars", "ON"),
            ("BREAK ON bars WHEN", "a condition"),
            ("TRACE bars WHERE x >", "an expression"),
            ("DIFF bars@3", "a version of a step"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.message.contains(message), "{text}: {}", error.message);
            assert!(error.span.is_some(), "{text}");
        }
    }
}
