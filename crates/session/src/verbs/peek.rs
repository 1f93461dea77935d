//! `PEEK`: some records of a topic as they are, before any schema. Nothing is joined or committed.

use chrono::NaiveDateTime;
use millstream_record::{Limits, Millis, Offset, PartitionId, Positions, RawRecord, RawScan, RawStart, Sample};
use millstream_sql::statement::{Peek, PeekFrom};
use millstream_sql::{Span, SqlError};

use crate::fault::Fault;
use crate::place;
use crate::records;
use crate::reply::Reply;
use crate::session::Session;

/// So many records are shown if nothing else is said.
const LIMIT: u64 = 10;
/// No more than this, whatever is said.
const MOST: u64 = 100_000;

/// `PEEK place …`.
pub fn peek(session: &Session, peek: &Peek) -> Result<Reply, Fault> {
    let found = place::find(session, &peek.place)?;
    if found.footer(&session.stop)?.is_some() {
        let error = SqlError::new("E0713", "files of Parquet hold rows and no records to show as they are");
        return Err(error.at(peek.place.span()).hint("TAP them, then FROM the table shows rows").into());
    }
    let limit = peek.limit.unwrap_or(LIMIT).min(MOST);
    let browse = found.connector.browse(found.table.as_deref(), &found.checked(&[])?)?;
    let start = match &peek.from {
        PeekFrom::Newest => RawStart::Newest(limit),
        PeekFrom::Earliest => RawStart::Earliest,
        PeekFrom::Timestamp(text, span) => RawStart::Timestamp(time(session, text, *span)?),
        PeekFrom::Offset(offset) => {
            let mut positions = Positions::new();
            for topic in browse.topics(&session.stop)? {
                let numbers = 0..topic.partitions as i32;
                positions
                    .extend(numbers.map(|number| (PartitionId::new(topic.name.as_str(), number), Offset(*offset))));
            }
            let wanted = |partition: &PartitionId| peek.partition.is_none_or(|number| number == partition.number);
            positions.retain(|partition, _: &mut Offset| wanted(partition));
            RawStart::Positions(positions)
        }
    };
    let first = match peek.from {
        PeekFrom::Offset(offset) => offset,
        _ => i64::MIN,
    };
    let scan = RawScan { start, follow: false, partition: peek.partition, stop: session.stop.clone() };
    let limits = Limits { records: usize::try_from(limit).unwrap_or(usize::MAX), ..Limits::default() };
    let sample = Sample::draw(browse.read(&scan)?.as_mut(), limits, &session.stop)?;
    // Where the log does not reach so far, it is read from its beginning; those records were not asked for.
    let asked = |record: &RawRecord<'_>| record.offset.0 >= first;
    Ok(Reply::Table(records::table(sample.records().map(|(record, _)| record).filter(asked))))
}

/// A time in the session's zone.
pub fn time(session: &Session, text: &str, span: Span) -> Result<Millis, Fault> {
    let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let text = text.trim();
    let whole = if text.len() == 10 { format!("{text} 00:00:00") } else { text.trim_end_matches('Z').to_string() };
    let parsed = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(&whole, form).ok());
    let parsed = parsed.ok_or_else(|| {
        SqlError::new("E0301", format!("'{text}' is not a time, for example '2026-01-01 00:00:00'")).at(span)
    })?;
    let zone: Option<chrono_tz::Tz> = session.settings.zone_name().parse().ok().filter(|_| !text.ends_with('Z'));
    let at = match zone {
        // A time that the clocks skip is the first one behind the gap.
        Some(zone) => parsed
            .and_local_timezone(zone)
            .latest()
            .map_or(parsed.and_utc().timestamp_millis(), |at| at.timestamp_millis()),
        None => parsed.and_utc().timestamp_millis(),
    };
    Ok(Millis(at))
}
