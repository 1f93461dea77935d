//! The manifest of a checkpoint: what it holds, of which job and which graph. It is written last, and a
//! folder without a sound one is no checkpoint. Behind the JSON stands a line with its CRC-32; every other
//! file is named in it with length and CRC-32.

use std::collections::BTreeMap;
use std::path::Path;

use millstream_engine::Standing;
use millstream_record::{Offset, PartitionId, Positions};
use serde::{Deserialize, Serialize};

/// The newest format that this program reads. It writes it where state lies in pieces, and else the one before.
pub const FORMAT: u32 = 2;

/// What a checkpoint holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// See [`FORMAT`].
    pub format: u32,
    /// The release that wrote it.
    pub written_by: String,
    /// The number of the checkpoint, from 1.
    pub epoch: u64,
    /// The job.
    pub job: String,
    /// The process that wrote it.
    pub run: String,
    /// How many lanes the state is spread over.
    pub parallelism: usize,
    /// What each operator with state does, by its uid: state fits only the operator that wrote it.
    pub operators: BTreeMap<String, String>,
    /// What each source reads, by the uid of its scan.
    pub reads: BTreeMap<String, String>,
    /// Where each source stands, by the uid of its scan.
    pub sources: BTreeMap<String, Source>,
    /// All other files of the checkpoint.
    pub files: BTreeMap<String, Sum>,
    /// The files with state that did not fit into memory, by operator and lane, in order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pieces: BTreeMap<String, Vec<String>>,
}

/// Where a source stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Whether it has ended.
    pub ended: bool,
    /// The next record to read of each partition.
    pub next: Vec<Place>,
    /// By which ids the other side knows the topics, where it tells.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<String, String>,
}

/// A place in a partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The topic or file.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// By which a file is known to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Its length in bytes.
    pub length: u64,
    /// The CRC-32 (IEEE) of its bytes.
    pub crc: u32,
}

impl Sum {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Sum {
        Sum { length: bytes.len() as u64, crc: crc32(bytes) }
    }
}

/// A sum as the bytes come.
#[derive(Default)]
pub struct Running {
    length: u64,
    crc: flate2::Crc,
}

impl Running {
    /// Takes the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.crc.update(bytes);
    }

    /// The sum of all of them.
    pub fn sum(&self) -> Sum {
        Sum { length: self.length, crc: self.crc.sum() }
    }
}

impl From<&Standing> for Source {
    fn from(standing: &Standing) -> Self {
        let place = |(partition, offset): (&PartitionId, &Offset)| Place {
            topic: partition.topic.to_string(),
            partition: partition.number,
            offset: offset.0,
        };
        let topics = standing.positions.topics().iter().map(|(topic, id)| (topic.to_string(), id.to_string()));
        Source { ended: standing.ended, next: standing.positions.iter().map(place).collect(), topics: topics.collect() }
    }
}

impl From<&Source> for Standing {
    fn from(source: &Source) -> Self {
        let place = |place: &Place| (PartitionId::new(place.topic.as_str(), place.partition), Offset(place.offset));
        let ids = source.topics.iter().map(|(topic, id)| (topic.as_str().into(), id.as_str().into()));
        let positions: Positions = source.next.iter().map(place).collect();
        Standing { ended: source.ended, positions: positions.of_topics(ids.collect()) }
    }
}

impl Manifest {
    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a manifest has only text keys");
        let crc = crc32(&json);
        json.extend_from_slice(format!("\n{crc:08x}\n").as_bytes());
        json
    }

    /// Reads the file's bytes; a sentence if they are damaged or of a newer release.
    pub fn read(bytes: &[u8]) -> Result<Manifest, String> {
        let damaged = || "its manifest is damaged".to_string();
        let (json, crc) = bytes.split_at_checked(bytes.len().saturating_sub(10)).ok_or_else(damaged)?;
        if *crc != *format!("\n{:08x}\n", crc32(json)).as_bytes() {
            return Err(damaged());
        }
        #[derive(Deserialize)]
        struct Format {
            format: u32,
            written_by: String,
        }
        let head: Format = serde_json::from_slice(json).map_err(|_| damaged())?;
        if head.format > FORMAT {
            let Format { format, written_by } = head;
            return Err(format!(
                "it was written by Millstream {written_by} in format {format}, this program reads up to {FORMAT}; use that release or a newer one"
            ));
        }
        serde_json::from_slice(json).map_err(|_| damaged())
    }

    /// A value that another manifest does not have (FNV-1a over the file's bytes).
    pub fn digest(&self) -> u64 {
        fnv(&self.bytes())
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Where a manifest stands in its checkpoint.
pub fn path(folder: &Path) -> std::path::PathBuf {
    folder.join("MANIFEST.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let next = vec![Place { topic: "bids".into(), partition: 3, offset: 42 }];
        let source = Source { ended: false, next, topics: [("bids".into(), "x9".into())].into() };
        Manifest {
            format: FORMAT,
            written_by: "0.1.0".into(),
            epoch: 7,
            job: "j".into(),
            run: "r".into(),
            parallelism: 2,
            operators: [("high/window-aggregate/0".into(), "window-aggregate …".into())].into(),
            reads: [("high/scan/0".into(), "bids".into())].into(),
            sources: [("high/scan/0".into(), source)].into(),
            files: [("state.pack".into(), Sum::of(b"x"))].into(),
            pieces: [("high/window-aggregate/0@0".into(), vec!["piece-3.pack".into()])].into(),
        }
    }

    #[test]
    fn whatever_byte_is_flipped_or_cut_off_is_noticed() {
        let bytes = manifest().bytes();
        assert_eq!(Manifest::read(&bytes), Ok(manifest()));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(Manifest::read(&flipped).is_err(), "byte {at}");
            assert!(Manifest::read(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_newer_format_is_named_with_its_release() {
        let newer = Manifest { format: FORMAT + 1, written_by: "9.9.9".into(), ..manifest() };
        let refused = Manifest::read(&newer.bytes()).expect_err("too new");
        assert!(refused.contains("written by Millstream 9.9.9"), "{refused}");
    }
}
