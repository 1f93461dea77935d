//! The description of a tape: what was recorded, which logs it comes from, and where the recording stands.
//! It is stored as JSON beside the chunks, and written together with them.

use std::sync::Arc;

use millstream_record::{FileOrigin, Millis, Offset, PartitionId, Positions, TimestampType};
use serde_json::{Value, json};

/// The version of the layout that this program writes and reads.
const LAYOUT: u64 = 2;

/// A tap whose records are on the tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The name of the tap.
    pub tap: String,
    /// Its connector.
    pub connector: String,
    /// How the tap was declared when it was recorded.
    pub declared: String,
    /// Whether the tap gives rows and no records: each is a record in the format of [`super::row_format`].
    pub rows: bool,
    /// The next offset to record of each of its partitions.
    pub next: Positions,
}

/// One ordered log that the tape holds records of, and what all its records share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The number of the recorded tap.
    pub recorded: usize,
    /// Topic and partition, or the file.
    pub partition: PartitionId,
    /// What the timestamps mean.
    pub timestamp_type: TimestampType,
    /// The names that the first line of a file gives to the fields.
    pub header: Option<Arc<[String]>>,
    /// What is known of the file.
    pub file: Option<Arc<FileOrigin>>,
}

/// What became of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is under way, or was cut short.
    Open,
    /// It is complete; nothing is added any more.
    Sealed,
}

/// The description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// What became of the recording.
    pub state: State,
    /// When it was begun.
    pub created: Millis,
    /// The time on the tape when it was begun or, if records are older, of the first of them.
    pub from: Millis,
    /// The time on the tape when it ended: there may have been silence behind the last record.
    pub until: Millis,
    /// How many records.
    pub records: u64,
    /// Bytes of keys, values and headers.
    pub payload_bytes: u64,
    /// The taps.
    pub recorded: Vec<Recorded>,
    /// The logs.
    pub logs: Vec<Log>,
}

impl Meta {
    /// The description of a tape of these taps that is begun now.
    pub fn new(recorded: Vec<Recorded>, now: Millis) -> Meta {
        Meta {
            state: State::Open,
            created: now,
            from: now,
            until: now,
            records: 0,
            payload_bytes: 0,
            recorded,
            logs: Vec::new(),
        }
    }

    /// All partitions of a recorded tap, also those without records.
    pub fn partitions(&self, recorded: usize) -> Vec<PartitionId> {
        let of_logs = self.logs.iter().filter(|log| log.recorded == recorded).map(|log| &log.partition);
        let mut all: Vec<PartitionId> = self.recorded[recorded].next.keys().chain(of_logs).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// As JSON.
    pub fn write(&self) -> Value {
        let recorded = |recorded: &Recorded| {
            let next: Vec<Value> =
                recorded.next.iter().map(|(id, next)| json!([&*id.topic, id.number, next.0])).collect();
            json!({
                "tap": recorded.tap, "connector": recorded.connector, "declared": recorded.declared, "rows": recorded.rows,
                "next": next,
            })
        };
        json!({
            "layout": LAYOUT,
            "sealed": self.state == State::Sealed,
            "created": self.created.0,
            "from": self.from.0,
            "until": self.until.0,
            "records": self.records,
            "payload_bytes": self.payload_bytes,
            "taps": self.recorded.iter().map(recorded).collect::<Vec<_>>(),
            "logs": self.logs.iter().map(Log::write).collect::<Vec<_>>(),
        })
    }

    /// Reads what `write` gave; else why it cannot be read.
    pub fn read(value: &Value) -> Result<Meta, String> {
        match value.get("layout").and_then(Value::as_u64) {
            Some(LAYOUT) => {}
            Some(other) => return Err(format!("it has layout {other}, this program reads layout {LAYOUT}")),
            None => return Err("it does not describe a tape".into()),
        }
        read(value).ok_or_else(|| "its description is damaged".into())
    }
}

fn read(value: &Value) -> Option<Meta> {
    let millis = |field: &str| Some(Millis(value.get(field)?.as_i64()?));
    let recorded = |value: &Value| {
        let text = |field: &str| Some(value.get(field)?.as_str()?.to_string());
        let next = |entry: &Value| {
            let number = i32::try_from(entry.get(1)?.as_i64()?).ok()?;
            Some((PartitionId::new(entry.get(0)?.as_str()?, number), Offset(entry.get(2)?.as_i64()?)))
        };
        let next = value.get("next")?.as_array()?.iter().map(next).collect::<Option<_>>()?;
        let rows = value.get("rows")?.as_bool()?;
        Some(Recorded { tap: text("tap")?, connector: text("connector")?, declared: text("declared")?, rows, next })
    };
    let recorded: Vec<Recorded> = value.get("taps")?.as_array()?.iter().map(recorded).collect::<Option<_>>()?;
    let logs: Vec<Log> = value.get("logs")?.as_array()?.iter().map(Log::read).collect::<Option<_>>()?;
    logs.iter().all(|log| log.recorded < recorded.len()).then_some(())?;
    Some(Meta {
        state: if value.get("sealed")?.as_bool()? { State::Sealed } else { State::Open },
        created: millis("created")?,
        from: millis("from")?,
        until: millis("until")?,
        records: value.get("records")?.as_u64()?,
        payload_bytes: value.get("payload_bytes")?.as_u64()?,
        recorded,
        logs,
    })
}

impl Log {
    fn write(&self) -> Value {
        let file = self.file.as_ref().map(
            |file| json!({ "path": file.path, "name": file.name, "size": file.size, "modified": file.modified_ms }),
        );
        json!({
            "tap": self.recorded,
            "topic": &*self.partition.topic,
            "partition": self.partition.number,
            "timestamps": self.timestamp_type.word(),
            "header": self.header.as_deref(),
            "file": file,
        })
    }

    fn read(value: &Value) -> Option<Log> {
        let timestamps = value.get("timestamps")?.as_str()?;
        let types = [TimestampType::None, TimestampType::CreateTime, TimestampType::LogAppendTime];
        let header = match value.get("header")? {
            Value::Null => None,
            names => {
                let names = names.as_array()?.iter().map(|name| Some(name.as_str()?.to_string()));
                Some(names.collect::<Option<Vec<_>>>()?.into())
            }
        };
        let file = match value.get("file")? {
            Value::Null => None,
            file => Some(Arc::new(FileOrigin {
                path: file.get("path")?.as_str()?.into(),
                name: file.get("name")?.as_str()?.into(),
                size: file.get("size")?.as_i64()?,
                modified_ms: file.get("modified")?.as_i64()?,
            })),
        };
        let number = i32::try_from(value.get("partition")?.as_i64()?).ok()?;
        Some(Log {
            recorded: usize::try_from(value.get("tap")?.as_u64()?).ok()?,
            partition: PartitionId::new(value.get("topic")?.as_str()?, number),
            timestamp_type: types.into_iter().find(|kind| kind.word() == timestamps)?,
            header,
            file,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_comes_back() {
        let partition = PartitionId::new("t\u{1b}\"", 3);
        let log = Log {
            recorded: 0,
            partition: partition.clone(),
            timestamp_type: TimestampType::LogAppendTime,
            header: Some(vec!["a".to_string(), "b".to_string()].into()),
            file: Some(Arc::new(FileOrigin { path: "/x/y".into(), name: "y".into(), size: 7, modified_ms: -1 })),
        };
        let plain = Log { header: None, file: None, partition: PartitionId::new("u", 0), ..log.clone() };
        let recorded = Recorded {
            tap: "demo.trades".into(),
            connector: "kafka".into(),
            declared: "CREATE TABLE …".into(),
            rows: true,
            next: Positions::from([(partition, Offset(i64::MAX))]),
        };
        let mut meta = Meta::new(vec![recorded], Millis(5));
        (meta.state, meta.records, meta.logs) = (State::Sealed, 12, vec![log, plain]);
        assert_eq!(Meta::read(&meta.write()).expect("sound"), meta);
        assert_eq!(meta.partitions(0).len(), 2);
        let mut later = meta.write();
        later["layout"] = json!(3);
        assert_eq!(Meta::read(&later).expect_err("later"), "it has layout 3, this program reads layout 2");
        let mut damaged = meta.write();
        damaged["logs"][0]["tap"] = json!(1);
        assert_eq!(Meta::read(&damaged).expect_err("no such tap"), "its description is damaged");
    }
}
