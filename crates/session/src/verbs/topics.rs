//! `SHOW TOPICS`: which topics there are, how large, how fresh, and what they look like.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};
use millstream_record::{Options, TopicInfo};
use millstream_sql::statement::Place;
use millstream_sql::types::INSTANT_ZONE;

use crate::fault::Fault;
use crate::infer;
use crate::place;
use crate::reply::Reply;
use crate::session::Session;
use crate::strings::{like, table};

/// `SHOW TOPICS [IN place] [LIKE pattern]`. Without a place: the embedded topics and the demos.
pub fn show(session: &Session, place: Option<&Place>, pattern: Option<&str>) -> Result<Reply, Fault> {
    let mut all: Vec<TopicInfo> = Vec::new();
    match place {
        Some(place) => {
            let found = place::find(session, place)?;
            let browse = found.connector.browse(found.table.as_deref(), &found.checked(&[])?)?;
            all.extend(browse.topics(&session.stop)?);
        }
        None => {
            for name in ["topic", "demo"] {
                let connector = session.outside.connector(name)?;
                let options = Options::check([], &[connector.options()])?;
                all.extend(connector.browse(None, &options)?.topics(&session.stop)?);
            }
        }
    }
    all.retain(|info| like(pattern, &info.name));
    let numbers =
        |of: &dyn Fn(&TopicInfo) -> Option<i64>| -> ArrayRef { Arc::new(Int64Array::from_iter(all.iter().map(of))) };
    let small = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok());
    let newest = all.iter().map(|info| info.newest.map(|at| at.0));
    let looks = all.iter().map(|info| infer::guess(&info.glimpse).words());
    Ok(table([
        ("topic", Arc::new(StringArray::from_iter_values(all.iter().map(|info| &info.name))) as ArrayRef),
        ("partitions", numbers(&|info| Some(i64::from(info.partitions)))),
        ("records", numbers(&|info| small(info.records))),
        ("bytes", numbers(&|info| small(info.bytes))),
        ("newest", Arc::new(TimestampMillisecondArray::from_iter(newest).with_timezone(INSTANT_ZONE))),
        ("looks like", Arc::new(StringArray::from_iter_values(looks))),
    ]))
}
