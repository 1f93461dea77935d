//! `CHECK step ORDER`: whether the answer over the tape depends on the order in which the partitions' records
//! came in between each other.

use std::fmt::Write as _;

use millstream_record::Batch;
use millstream_sql::statement::Name;

use crate::fault::{Class, Fault};
use crate::fold::Fold;
use crate::render::{Columns, Format, Look, to_text};
use crate::reply::Reply;
use crate::session::Session;
use crate::status::count;
use crate::tape::player::nothing_replayed;
use crate::tape::{Depends, Orders};
use crate::verbs::{check, trace};

/// So many other orders are tried if nothing else is said.
const SEEDS: u64 = 10;
/// So many rows of each answer are shown.
const SHOWN: usize = 10;

/// `CHECK name ORDER [SEEDS n]`.
pub fn check(session: &Session, step: &Name, seeds: Option<u64>) -> Result<Reply, Fault> {
    let replaying = session.replaying.clone().ok_or_else(nothing_replayed)?;
    let orders = Orders::new(session, check::whole(session, step)?, &replaying)?;
    let (records, partitions) = orders.size();
    if partitions < 2 {
        let message = "they came in one order only: what is on the tape comes from one partition";
        return Ok(Reply::Plan(format!("{}: {message}", step.text)));
    }
    let seeds = seeds.unwrap_or(SEEDS).clamp(1, 10_000);
    match orders.depends(seeds, session)? {
        None => {
            let over = format!("{} records of {partitions} partitions", count(records as u64));
            let part = if orders.end() < replaying.to {
                format!(" · those up to record {}: more do not fit into memory", count(orders.end().saturating_sub(1)))
            } else {
                String::new()
            };
            Ok(Reply::Plan(format!("{}: the same answer in {seeds} other orders of {over}{part}", step.text)))
        }
        Some(depends) => Err(told(session, step, &replaying.tape, &depends)?),
    }
}

fn told(
    session: &Session,
    step: &Name,
    tape: &millstream_connect::tape::Tape,
    depends: &Depends,
) -> Result<Fault, Fault> {
    let Depends { seed, records, other, rows, other_rows } = depends;
    let mut text = format!(
        "{} depends on the order of arrival (seed {seed}); {} are enough to see it",
        step.text,
        if records.len() == 1 { "1 record".into() } else { format!("{} records", count(records.len() as u64)) },
    );
    for (what, order, rows) in [("as on the tape", records, rows), ("in another order", other, other_rows)] {
        let _ = write!(text, "\n{what}:\n{}\nthe answer:\n{}", trace::places(tape, order), drawn(session, rows)?);
    }
    Ok(Fault::new(Class::Comparison, "E0803", text.trim_end().to_string()))
}

fn drawn(session: &Session, fold: &Fold) -> Result<String, Fault> {
    let batches: Vec<Batch> = fold.batches(SHOWN)?.into_iter().take(1).map(Batch::insert).collect();
    let Some(first) = batches.first() else { return Ok("(no row)".into()) };
    let look = Look { zone: session.settings.zone(), ..Look::plain() };
    Ok(to_text(Format::Csv, Columns::of(first.rows.schema()), &batches, &look).trim_end().to_string())
}
