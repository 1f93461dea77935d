//! The stretch of a recorded tape that goes along with a job as its test: a tape that is named, or the one that is
//! replayed.

use millstream_connect::tape::Tape;
use millstream_plan::Tap;
use millstream_record::{PartitionId, Sample};

use crate::fault::{Class, Fault};
use crate::session::Session;
use crate::status::count;
use crate::tape;

/// The test of a job holds no more than so many records …
const MOST_RECORDS: u64 = 1_000_000;
/// … and so many bytes of values, keys and headers.
const MOST_BYTES: usize = 64 << 20;

/// A stretch of a tape.
pub struct Stretch {
    tape: Tape,
    from: u64,
    to: u64,
}

impl Stretch {
    /// The tape of this name, or the one that is replayed; of that the stretch that is. `None` without either.
    pub fn of(session: &Session, name: Option<&str>) -> Result<Option<Stretch>, Fault> {
        let replaying =
            session.replaying.as_ref().filter(|replaying| name.is_none_or(|name| name == replaying.tape.name()));
        let stretch = match (replaying, name) {
            (Some(replaying), _) => Stretch { tape: replaying.tape.clone(), from: replaying.from, to: replaying.to },
            (None, Some(name)) => {
                let tape = session.tapes.open(name)?;
                let to = tape.meta().records;
                Stretch { tape, from: 0, to }
            }
            (None, None) => return Ok(None),
        };
        let records = stretch.to - stretch.from;
        if records > MOST_RECORDS {
            return Err(
                stretch.too_much(&format!("{} records", count(records)), &format!("{} records", count(MOST_RECORDS)))
            );
        }
        Ok(Some(stretch))
    }

    /// The name of the tape.
    pub fn name(&self) -> &str {
        self.tape.name()
    }

    /// The records of a tap with all its partitions, those without a record among them; `None` if it was not recorded.
    pub fn records(&self, tap: &Tap) -> Result<Option<(Sample, Vec<PartitionId>)>, Fault> {
        let Some(number) = tape::recorded(&self.tape, tap) else { return Ok(None) };
        let sample = tape::stretch(&self.tape, number, self.from..self.to);
        if sample.bytes() > MOST_BYTES {
            let megabytes = |bytes: usize| format!("{} MB", bytes >> 20);
            return Err(
                self.too_much(&format!("{} of {}", megabytes(sample.bytes()), tap.name), &megabytes(MOST_BYTES))
            );
        }
        Ok(Some((sample, self.tape.meta().partitions(number))))
    }

    fn too_much(&self, held: &str, most: &str) -> Fault {
        let name = self.name();
        let message = format!("the tape '{name}' holds {held}, and the test of a job takes at most {most}");
        Fault::new(Class::Query, "E0430", message)
            .hint(format!("name a shorter stretch: REPLAY {name} FROM '12:00' TO '12:05'; and then EXPORT …"))
            .hint("or leave ON out: what is kept of each table becomes the test")
    }
}
