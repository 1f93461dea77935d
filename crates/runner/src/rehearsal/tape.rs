//! The input of a test: records of several tables as they are, in the order of their arrival. It is a small tape
//! that a person can read and change, and it is written the same way every time.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_record::{FileOrigin, PartitionId, RawRecords, Sample, TimestampType};

use super::line::{Head, Partition, Record, Table, VERSION, hex, read, spell, unhex};
use crate::fault::Fault;

/// Records of several tables.
#[derive(Debug, Default)]
pub struct Tape {
    tables: BTreeMap<String, Taped>,
    /// Records of one partition each, in the order of their arrival.
    pieces: Vec<(String, RawRecords)>,
}

/// A table of a tape.
#[derive(Debug)]
pub struct Taped {
    /// The values are rows in JSON, whatever the table's own format is.
    pub rows: bool,
    /// Records of each partition without any, to begin others like them.
    empty: Vec<RawRecords>,
}

impl Taped {
    /// Its partitions, also those of which there is no record.
    pub fn partitions(&self) -> impl Iterator<Item = &PartitionId> {
        let mut seen: Vec<&PartitionId> = Vec::new();
        for empty in &self.empty {
            if !seen.contains(&&empty.partition) {
                seen.push(&empty.partition);
            }
        }
        seen.into_iter()
    }
}

/// Records of one table, to be written.
pub struct Recorded {
    /// The name of the table.
    pub table: String,
    /// Whether the values are rows in JSON, whatever the table's own format is.
    pub rows: bool,
    /// The records.
    pub sample: Arc<Sample>,
    /// All its partitions, also those of which there is no record.
    pub partitions: Vec<PartitionId>,
    /// Whether the records come from the same tape as those of other tables, which says who came first.
    pub of_one_tape: bool,
}

impl Tape {
    /// Writes samples as a tape.
    pub fn write(samples: &[Recorded]) -> Vec<u8> {
        let mut head = Head { tape: VERSION, tables: BTreeMap::new() };
        let mut lines: Vec<(i64, u64, usize, Record)> = Vec::new();
        for (number, Recorded { table: name, rows, sample, partitions, of_one_tape }) in samples.iter().enumerate() {
            let mut table = Table { rows: *rows, partitions: Vec::new() };
            for part in sample.parts() {
                table.partitions.push(described(part));
            }
            for partition in partitions {
                if !sample.parts().iter().any(|part| part.partition == *partition) {
                    table.partitions.push(described(&RawRecords::new(partition.clone())));
                }
            }
            // What arrived together keeps its order, also where the clock went back.
            let mut latest = i64::MIN;
            for (place, at, arrival) in sample.places() {
                latest = latest.max(arrival.at.0);
                let record = sample.parts()[place].record(at);
                let (key, key_hex) = spell(record.key);
                let (value, value_hex) = spell(record.value);
                let headers = record.headers.iter().map(|(name, value)| (name.clone(), value.as_deref().map(hex)));
                let line = Record {
                    table: name.clone(),
                    place,
                    offset: record.offset.0,
                    arrival: latest,
                    timestamp: record.timestamp.map(|at| at.0),
                    key,
                    key_hex,
                    headers: headers.collect(),
                    value,
                    value_hex,
                };
                lines.push((latest, if *of_one_tape { arrival.rank } else { 0 }, number, line));
            }
            head.tables.insert(name.clone(), table);
        }
        lines.sort_by_key(|(at, rank, number, _)| (*at, *rank, *number));
        let mut out = Vec::new();
        let json = |out: &mut Vec<u8>, value: serde_json::Result<Vec<u8>>| {
            out.extend(value.expect("lines have text as keys"));
            out.push(b'\n');
        };
        json(&mut out, serde_json::to_vec(&head));
        lines.iter().for_each(|(_, _, _, line)| json(&mut out, serde_json::to_vec(line)));
        out
    }

    /// Reads what [`Tape::write`] wrote, or somebody by hand; `file` names it in errors.
    pub fn read(text: &str, file: &str) -> Result<Tape, Fault> {
        let wrong = |line: usize, why: &str| Fault::plan(format!("{file}:{line}: {why}"));
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let Some((_, first)) = lines.next() else { return Err(wrong(1, "the tape is empty")) };
        let head: Head = serde_json::from_str(first).map_err(|error| wrong(1, &error.to_string()))?;
        if head.tape != VERSION {
            return Err(wrong(1, &format!("a tape of version {}; this program reads {VERSION}", head.tape)));
        }
        let mut tape = Tape::default();
        for (name, table) in head.tables {
            let empty = table.partitions.into_iter().map(empty).collect::<Result<_, _>>();
            let empty = empty.map_err(|why: String| wrong(1, &why))?;
            tape.tables.insert(name, Taped { rows: table.rows, empty });
        }
        for (number, line) in lines {
            let wrong = |why: &str| wrong(number + 1, why);
            let record: Record = serde_json::from_str(line).map_err(|error| wrong(&error.to_string()))?;
            tape.add(record).map_err(|why| wrong(&why))?;
        }
        Ok(tape)
    }

    fn add(&mut self, record: Record) -> Result<(), String> {
        let Record { table, place, offset, timestamp, key, key_hex, headers, value, value_hex, .. } = record;
        let taped = self.tables.get(&table).ok_or_else(|| format!("the first line names no table {table}"))?;
        let empty = taped.empty.get(place).ok_or_else(|| format!("{table} has no partition at place {place}"))?;
        let (key, value) = (read(key, key_hex)?, read(value, value_hex)?);
        let header = |(name, digits): (String, Option<String>)| Ok((name, digits.as_deref().map(unhex).transpose()?));
        let headers = headers.into_iter().map(header).collect::<Result<Vec<_>, String>>()?;
        let goes_on =
            self.pieces.last().is_some_and(|(name, last)| *name == table && empty.fits(last) && last.len() < MOST);
        if !goes_on {
            self.pieces.push((table, empty.clone()));
        }
        let (_, piece) = self.pieces.last_mut().expect("one was added if there was none");
        piece.offsets.push(offset);
        piece.values.push(value.as_deref());
        piece.keys.get_or_insert_default().push(key.as_deref());
        piece.timestamps.get_or_insert_default().push(timestamp.unwrap_or(-1));
        piece.headers.get_or_insert_default().push(headers);
        Ok(())
    }

    /// A table of the tape.
    pub fn table(&self, name: &str) -> Option<&Taped> {
        self.tables.get(name)
    }

    /// Records of one partition each with the names of their tables, in the order of arrival.
    pub fn pieces(&self) -> impl Iterator<Item = (&str, &RawRecords)> {
        self.pieces.iter().map(|(name, records)| (name.as_str(), records))
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(|(_, records)| records.len()).sum()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// So many records of one partition are decoded at once.
const MOST: usize = 4096;

fn described(part: &RawRecords) -> Partition {
    let known = part.timestamp_type != TimestampType::None;
    Partition {
        topic: part.partition.topic.to_string(),
        partition: part.partition.number,
        timestamps: known.then(|| part.timestamp_type.word().to_string()),
        header: part.header.as_ref().map(|names| names.to_vec()),
        file: part.file.as_ref().map(|file| (file.size, file.modified_ms)),
    }
}

/// Records of a partition like those described, but none yet.
fn empty(described: Partition) -> Result<RawRecords, String> {
    let Partition { topic, partition, timestamps, header, file } = described;
    let mut records = RawRecords::new(PartitionId::new(topic.as_str(), partition));
    let kinds = [TimestampType::None, TimestampType::CreateTime, TimestampType::LogAppendTime];
    records.timestamp_type = match &timestamps {
        None => TimestampType::None,
        Some(word) => {
            let known = kinds.into_iter().find(|kind| kind.word() == word);
            known.ok_or_else(|| format!("there are no timestamps of the kind '{word}'"))?
        }
    };
    records.header = header.map(Into::into);
    records.file = file.map(|(size, modified_ms)| {
        let name = topic.rsplit('/').next().unwrap_or(&topic).to_string();
        Arc::new(FileOrigin { path: topic.clone(), name, size, modified_ms })
    });
    (records.keys, records.timestamps, records.headers) =
        (Some(Default::default()), Some(Vec::new()), Some(Vec::new()));
    Ok(records)
}

#[cfg(test)]
mod tests {
    use millstream_record::{Millis, Received};

    use super::*;

    fn sample() -> Sample {
        let mut received = Vec::new();
        for (partition, ats) in [(1, [1, 4]), (0, [2, 3])] {
            let mut records = RawRecords::new(PartitionId::new("t", partition));
            records.timestamp_type = TimestampType::CreateTime;
            for (offset, at) in ats.into_iter().enumerate() {
                records.offsets.push(offset as i64);
                records.values.push((at != 3).then_some(format!("{at}").as_bytes()));
                records.keys.get_or_insert_default().push(Some(&[0xff, at as u8]));
                records.timestamps.get_or_insert_default().push(at);
                records.headers.get_or_insert_default().push(vec![("h".into(), Some(vec![1])), ("n".into(), None)]);
            }
            received.push(Received::by_timestamp(records, &mut Millis(0)));
        }
        Sample::of(received)
    }

    fn written(sample: Sample) -> Vec<u8> {
        let partitions = sample.partitions().to_vec();
        let sample = Arc::new(sample);
        Tape::write(&[Recorded { table: "t".into(), rows: false, sample, partitions, of_one_tape: false }])
    }

    #[test]
    fn a_tape_is_read_as_it_was_written() {
        let bytes = written(sample());
        let text = String::from_utf8(bytes.clone()).expect("text");
        let tape = Tape::read(&text, "input.jsonl").expect("reads");
        assert_eq!((tape.len(), tape.table("t").expect("there").partitions().count()), (4, 2));
        let ats: Vec<i64> = tape.pieces().flat_map(|(_, piece)| piece.timestamps.clone().expect("known")).collect();
        assert_eq!(ats, [1, 2, 3, 4], "in the order of arrival");
        let tombstone = tape.pieces().flat_map(|(_, piece)| piece.iter()).nth(2).expect("the third");
        assert_eq!((tombstone.value, tombstone.key), (None, Some(&[0xff, 3][..])));
        assert_eq!(tombstone.headers, [("h".to_string(), Some(vec![1])), ("n".to_string(), None)]);
        assert_eq!(written(sample()), bytes, "the same every time");
    }

    #[test]
    fn tables_of_one_tape_keep_their_order_within_a_millisecond() {
        use millstream_record::Arrival;
        let one = |table: &str, ranks: &[u64]| {
            let mut records = RawRecords::new(PartitionId::new(table, 0));
            ranks.iter().for_each(|rank| {
                records.offsets.push(records.offsets.len() as i64);
                records.values.push(Some(rank.to_string().as_bytes()));
            });
            let arrivals = ranks.iter().map(|&rank| Arrival { rank, place: 0, at: Millis(5) }).collect();
            let sample = Arc::new(Sample::of([Received { records, arrivals }]));
            let partitions = vec![PartitionId::new(table, 0), PartitionId::new(table, 1)];
            Recorded { table: table.into(), rows: false, sample, partitions, of_one_tape: true }
        };
        let bytes = Tape::write(&[one("a", &[2, 3]), one("b", &[1, 4])]);
        let tape = Tape::read(std::str::from_utf8(&bytes).expect("text"), "in").expect("reads");
        let order: Vec<&str> = tape.pieces().map(|(table, _)| table).collect();
        assert_eq!(order, ["b", "a", "b"], "1, then 2 and 3, then 4");
        assert_eq!(tape.table("a").expect("there").partitions().count(), 2, "one is silent");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let refused = |text: &str| Tape::read(text, "in").expect_err("wrong").message;
        assert_eq!(refused(""), "in:1: the tape is empty");
        assert!(refused("{\"tape\":9,\"tables\":{}}").contains("version 9"));
        let head = "{\"tape\":1,\"tables\":{\"t\":{\"partitions\":[{\"topic\":\"t\",\"partition\":0}]}}}";
        let record = |rest: &str| format!("{head}\n{{\"offset\":0,\"arrival\":0,{rest}}}");
        assert_eq!(refused(&record("\"table\":\"u\"")), "in:2: the first line names no table u");
        assert_eq!(refused(&record("\"table\":\"t\",\"place\":3")), "in:2: t has no partition at place 3");
        assert!(refused(&record("\"table\":\"t\",\"value_hex\":\"0\"")).contains("hexadecimal"));
        assert!(refused(&record("\"table\":\"t\",\"valu\":\"0\"")).starts_with("in:2: unknown field"));
    }
}
