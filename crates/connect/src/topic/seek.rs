//! From words to offsets: where in each partition reading begins and ends. All of it is answered by
//! bisection over the appends, however long the topic is.

use std::collections::BTreeMap;

use millstream_record::{Error, Millis, Positions, Result};

use super::append::{Append, State};
use super::block::Block;
use super::bounds::{Bound, Start};
use super::cut::Cutter;
use super::follower::Follower;
use super::packer::unpack;
use crate::loss::{OnLoss, made_again};

/// Positions of an earlier run, and what to do if they mean nothing any more.
#[derive(Clone, Copy)]
pub(super) struct Resume<'a> {
    pub positions: &'a Positions,
    pub on_loss: OnLoss,
}

/// A reader of the topic from `resume`, or else from `start`, to `bound`. Gives the offsets at which it
/// begins and ends in each partition.
pub(super) fn open(
    mut follower: Follower,
    start: &Start,
    bound: &Bound,
    resume: Option<Resume<'_>>,
) -> Result<(Cutter, Vec<i64>, Vec<Option<i64>>)> {
    let state = follower.state()?;
    let from = match resume {
        Some(resume) => resumed(&follower, &state, resume)?,
        None => begin(&mut follower, &state, start)?,
    };
    let ends = end(&mut follower, &state, bound, &from)?;
    let appends = follower.newest()?.map_or(0, |number| number + 1);
    let next = follower.first(appends, |state| state.partitions.iter().zip(&from).any(|(at, &from)| at.next > from))?;
    Ok((Cutter::new(follower, next, from.clone(), ends.clone()), from, ends))
}

fn begin(follower: &mut Follower, state: &State, start: &Start) -> Result<Vec<i64>> {
    match start {
        Start::Earliest => Ok(vec![0; state.partitions.len()]),
        Start::Latest => Ok(state.partitions.iter().map(|standing| standing.next).collect()),
        Start::Timestamp(time) => at_time(follower, state, *time),
        Start::Offsets(offsets) => {
            check_partitions(follower, state, offsets)?;
            let beyond = offsets.iter().find(|&(&partition, &at)| at > state.partitions[partition as usize].next);
            if let Some((&partition, offset)) = beyond {
                return Err(Error::Invalid(format!(
                    "reading of topic '{}' cannot begin at offset {offset} of partition {partition}: the partition ends at {}",
                    follower.place().name,
                    state.partitions[partition as usize].next
                )));
            }
            Ok((0..state.partitions.len() as u32).map(|number| offsets.get(&number).copied().unwrap_or(0)).collect())
        }
    }
}

/// Where an earlier run stood. A partition that it does not name is read from its start; one that it names must
/// still be there, of the same topic, and reach so far, or the policy says where to go on.
fn resumed(follower: &Follower, state: &State, resume: Resume<'_>) -> Result<Vec<i64>> {
    let Resume { positions, on_loss } = resume;
    let name = &follower.place().name;
    let made_again = made_again(name, positions.topics(), &follower.place().ids());
    let mut from = vec![0; state.partitions.len()];
    for (partition, offset) in positions {
        let place = format!("partition {} of topic '{name}'", partition.number);
        let number = usize::try_from(partition.number).ok().filter(|&number| number < from.len());
        let Some(number) = number.filter(|_| partition.topic == *name) else {
            let reason = || format!("the saved position belongs to {partition}, which is not there");
            // There is nothing to go on with in it; the other partitions go on.
            on_loss.go_on(&place, || made_again.clone().unwrap_or_else(reason), (0, 0))?;
            continue;
        };
        let end = state.partitions[number].next;
        let beyond = || format!("reading was at offset {}, but the partition ends at {end}", offset.0);
        from[number] = match &made_again {
            Some(reason) => on_loss.go_on(&place, || reason.clone(), (0, end))?,
            None if offset.0 < 0 || offset.0 > end => on_loss.go_on(&place, beyond, (0, end))?,
            None => offset.0,
        };
    }
    Ok(from)
}

fn end(follower: &mut Follower, state: &State, bound: &Bound, from: &[i64]) -> Result<Vec<Option<i64>>> {
    match bound {
        Bound::Unbounded => Ok(vec![None; from.len()]),
        Bound::Latest => Ok(state.partitions.iter().map(|standing| Some(standing.next)).collect()),
        Bound::Timestamp(time) => Ok(at_time(follower, state, *time)?.into_iter().map(Some).collect()),
        Bound::Offsets(offsets) => {
            check_partitions(follower, state, offsets)?;
            let end = |(number, &from): (usize, &i64)| Some(offsets.get(&(number as u32)).map_or(from, |&end| end));
            Ok(from.iter().enumerate().map(end).collect())
        }
    }
}

fn check_partitions(follower: &Follower, state: &State, offsets: &BTreeMap<u32, i64>) -> Result<()> {
    match offsets.keys().find(|&&number| number as usize >= state.partitions.len()) {
        None => Ok(()),
        Some(number) => Err(Error::Invalid(format!(
            "topic '{}' has no partition {number}: it has {}, counted from 0",
            follower.place().name,
            state.partitions.len()
        ))),
    }
}

/// In each partition the offset of the first record whose timestamp is `time` or later; the end where
/// there is none.
fn at_time(follower: &mut Follower, state: &State, time: Millis) -> Result<Vec<i64>> {
    let appends = follower.newest()?.map_or(0, |number| number + 1);
    let mut offsets = Vec::with_capacity(state.partitions.len());
    for (partition, standing) in state.partitions.iter().enumerate() {
        let number = follower.first(appends, |state| {
            let standing = state.partitions[partition];
            standing.next > 0 && standing.newest >= time.0
        })?;
        if number == appends {
            offsets.push(standing.next);
            continue;
        }
        let (state, found) = follower.wait_for(number, |value| first_in(value, partition as u32, time))?;
        let behind = found.ok_or_else(|| follower.damaged(number))?;
        offsets.push(state.partitions[partition].next - behind);
    }
    Ok(offsets)
}

/// How many records of `partition` the append holds from the first one on that is as late as `time`.
fn first_in(value: &[u8], partition: u32, time: Millis) -> Option<i64> {
    let mut append = Append::default();
    append.read(value)?;
    let entry = append.blocks.iter().find(|entry| entry.partition == partition)?;
    let mut raw = Vec::new();
    unpack(entry.codec, entry.unpacked, &value[entry.stored.clone()], &mut raw)?;
    let mut times = Vec::new();
    Block::parse(&raw)?.timestamps(&raw, 0..entry.count, &mut times)?;
    let index = times.iter().position(|&at| at >= time.0)?;
    Some((entry.count - index) as i64)
}
