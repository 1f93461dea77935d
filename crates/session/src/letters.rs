//! Dead letters: with `'bad-records' = 'dead-letter'` a record that cannot be read is written to an
//! embedded topic, its bytes untouched, with headers that say where it came from and why it was refused.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use millstream_connect::topic::{Producer, Record};
use millstream_engine::Doors;
use millstream_record::{Poll, Positions, Reader, Rejected, Result, Scan, Source};
use millstream_sql::SqlError;

use crate::fault::Fault;
use crate::session::Session;

/// The longest reason that is written.
const REASON_BYTES: usize = 1024;

/// Puts a writer of dead letters behind every source, if the session asks for it.
pub fn send(session: &Session, doors: &mut Doors) -> std::result::Result<(), Fault> {
    let settings = session.settings.options();
    if settings.text("bad-records") != Some("dead-letter") {
        return Ok(());
    }
    let Some(topic) = settings.text("bad-records.topic") else {
        let error = SqlError::new("E0704", "'bad-records' = 'dead-letter' needs a topic to write to");
        return Err(error.hint("SET 'bad-records.topic' = 'rejected'; or --dead-letter rejected").into());
    };
    if !session.topics().exists(topic)? {
        session.topics().create(topic, 1)?;
    }
    let letters = Arc::new(Mutex::new(session.topics().producer(topic)?));
    let wrapped = |inner| Box::new(Letters { inner, letters: letters.clone() }) as Box<dyn Source>;
    let sources = std::mem::take(&mut doors.sources);
    doors.sources = sources.into_iter().map(|(name, source)| (name, wrapped(source))).collect();
    Ok(())
}

/// A source whose refused records are written down.
struct Letters {
    inner: Box<dyn Source>,
    letters: Arc<Mutex<Producer>>,
}

impl Source for Letters {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn bounded(&self) -> bool {
        self.inner.bounded()
    }

    fn has_kinds(&self) -> bool {
        self.inner.has_kinds()
    }

    fn open(&self, scan: Scan) -> Result<Box<dyn Reader>> {
        Ok(Box::new(LettersReader { inner: self.inner.open(scan)?, letters: self.letters.clone(), unsafe_yet: false }))
    }
}

struct LettersReader {
    inner: Box<dyn Reader>,
    letters: Arc<Mutex<Producer>>,
    /// Whether letters have been sent that may not survive a crash yet.
    unsafe_yet: bool,
}

impl Reader for LettersReader {
    fn poll(&mut self, wait: Duration) -> Result<Poll> {
        let said = self.inner.poll(wait)?;
        match &said {
            Poll::Rows(fetched) if !fetched.rejected.is_empty() => {
                let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
                fetched.rejected.iter().try_for_each(|record| write(&mut letters, record))?;
                self.unsafe_yet = true;
            }
            Poll::Nothing | Poll::End => self.flush()?,
            _ => {}
        }
        Ok(said)
    }

    fn positions(&self) -> Positions {
        self.inner.positions()
    }

    fn lag(&self) -> Option<u64> {
        self.inner.lag()
    }
}

impl LettersReader {
    fn flush(&mut self) -> Result<()> {
        if std::mem::take(&mut self.unsafe_yet) {
            self.letters.lock().unwrap_or_else(PoisonError::into_inner).flush()?;
        }
        Ok(())
    }
}

impl Drop for LettersReader {
    fn drop(&mut self) {
        // A run that was stopped keeps what it has refused so far; there is nobody to tell if that fails.
        let _ = self.flush();
    }
}

fn write(letters: &mut Producer, record: &Rejected) -> Result<()> {
    let mut end = record.reason.len().min(REASON_BYTES);
    while !record.reason.is_char_boundary(end) {
        end -= 1;
    }
    let numbers = [record.partition.number.to_string(), record.offset.0.to_string(), record.length.to_string()];
    let headers = [
        ("error.detail", Some(&record.reason.as_bytes()[..end])),
        ("src.topic", Some(record.partition.topic.as_bytes())),
        ("src.partition", Some(numbers[0].as_bytes())),
        ("src.offset", Some(numbers[1].as_bytes())),
        // Of a record that is longer than its letter, how long it was.
        ("src.length", (record.bytes.len() < record.length).then_some(numbers[2].as_bytes())),
    ];
    let told = if record.bytes.len() < record.length { &headers[..] } else { &headers[..4] };
    let value = Some(record.bytes.as_slice());
    letters.send(&Record { value, headers: told, timestamp: record.timestamp, ..Record::default() })?;
    Ok(())
}
