//! Dead letters: with `'bad-records' = 'dead-letter'` a record that cannot be used is written to an embedded
//! topic, its bytes untouched, with headers that say where it came from and why it was refused; or into a
//! table, whatever its connector, as a row with the columns of `TABLE$errors`.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use millstream_connect::topic::{Producer, Record};
use millstream_plan::Tap;
use millstream_record::{Batch, DeadLetters, Rejected, Result, Sink};
use millstream_sql::{Relation, SqlError};

use crate::aside::errors;
use crate::fault::Fault;
use crate::session::Session;
use crate::types;

/// The longest reason that is written.
const REASON_BYTES: usize = 1024;

/// The place for dead letters, if the session asks for it.
pub fn place(session: &Session) -> std::result::Result<Option<Arc<dyn DeadLetters>>, Fault> {
    let settings = session.settings.options();
    if settings.text("bad-records") != Some("dead-letter") {
        return Ok(None);
    }
    match (settings.text("bad-records.topic"), settings.text("bad-records.table")) {
        (Some(topic), None) => {
            if !session.topics().exists(topic)? {
                session.topics().create(topic, 1)?;
            }
            let producer = session.topics().producer(topic)?;
            Ok(Some(Arc::new(Letters(Mutex::new(Post { way: Way::Topic(producer), unsafe_yet: false })))))
        }
        (None, Some(table)) => {
            let way = into_table(session, table)?;
            Ok(Some(Arc::new(Letters(Mutex::new(Post { way, unsafe_yet: false })))))
        }
        (None, None) => {
            let error = SqlError::new("E0704", "'bad-records' = 'dead-letter' needs a topic to write to");
            let error = error.hint("SET 'bad-records.topic' = 'rejected'; or --dead-letter rejected");
            Err(error.hint("SET 'bad-records.table' = 'name'; writes into a table, of Kafka or of files").into())
        }
        (Some(_), Some(_)) => {
            let message = "'bad-records.topic' and 'bad-records.table' are both set, but a record goes to one place";
            Err(SqlError::new("E0704", message).hint("RESET 'bad-records.topic';").into())
        }
    }
}

/// A sink for rows of errors, in the columns that the table has of them.
fn into_table(session: &Session, name: &str) -> std::result::Result<Way, Fault> {
    let Relation::Table(table) = session.catalog.lookup(name, None)? else {
        let message = format!("'{name}' is a view; dead letters need a table to be written into");
        return Err(SqlError::new("E0704", message).into());
    };
    let columns = columns(&table.tap)?;
    let (connector, options) = session.outside.opening(&table.tap)?;
    let sink = connector.sink(&table.tap.name, &table.tap.physical(), &table.tap.primary_key, &options)?;
    Ok(Way::Table { sink, columns })
}

/// Which of the columns of errors a table takes.
fn columns(tap: &Tap) -> std::result::Result<Vec<usize>, SqlError> {
    let schema = crate::aside::errors_schema();
    let known = || {
        let known = schema.fields().iter().map(|field| format!("{} {}", field.name(), types::name(field.data_type())));
        known.collect::<Vec<_>>().join(", ")
    };
    let place = |column: millstream_record::Column| {
        let found = schema.fields().iter().position(|field| *field.name() == column.name);
        found.filter(|&place| *schema.field(place).data_type() == column.data_type).ok_or_else(|| {
            let (table, column) = (&tap.name, &column.name);
            let message = format!("the column '{column}' of '{table}' cannot be filled with dead letters");
            SqlError::new("E0704", message).hint(format!("a table for them has some of these columns: {}", known()))
        })
    };
    tap.physical().into_iter().map(place).collect()
}

struct Letters(Mutex<Post>);

struct Post {
    way: Way,
    /// Whether letters have been sent that may not survive a crash yet.
    unsafe_yet: bool,
}

enum Way {
    Topic(Producer),
    Table { sink: Box<dyn Sink>, columns: Vec<usize> },
}

impl DeadLetters for Letters {
    fn send(&self, rejected: &[Rejected]) -> Result<()> {
        let mut post = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        post.unsafe_yet = true;
        match &mut post.way {
            Way::Topic(producer) => rejected.iter().try_for_each(|record| write(producer, record)),
            Way::Table { sink, columns } => {
                let rows: RecordBatch = errors(&crate::aside::errors_schema(), rejected).project(columns)?;
                sink.write(&Batch::insert(rows))
            }
        }
    }

    fn flush(&self) -> Result<()> {
        let mut post = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::take(&mut post.unsafe_yet) {
            return Ok(());
        }
        match &mut post.way {
            Way::Topic(producer) => producer.flush(),
            Way::Table { sink, .. } => sink.flush(),
        }
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
