//! The watermark of an operator: the lowest of its inputs, of which each may come from several lanes.
//! Inputs that are idle are left out; when all are, the watermark stands still.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, BooleanArray, Int32Array, Int64Array, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use millstream_record::{Mark, Message, Millis};

use crate::error::Result;
use crate::inspect::Input;

/// Follows the watermarks of all inputs of one operator.
#[derive(Debug)]
pub struct InputClock {
    /// Per port: the first lane it hears from, and a slot per lane.
    ports: Vec<(usize, Vec<Slot>)>,
    watermark: Millis,
}

#[derive(Clone, Debug)]
struct Slot {
    watermark: Millis,
    idle: bool,
}

impl InputClock {
    /// A clock for ports that each hear from these lanes.
    pub fn new(ports: impl Iterator<Item = Range<usize>>) -> Self {
        let slots =
            |lanes: Range<usize>| (lanes.start, vec![Slot { watermark: Millis::MIN, idle: false }; lanes.len()]);
        InputClock { ports: ports.map(slots).collect(), watermark: Millis::MIN }
    }

    /// The number of the input that `lane` is to `port`, counted over all ports.
    pub fn slot(&self, port: usize, lane: usize) -> usize {
        let before: usize = self.ports[..port].iter().map(|(_, slots)| slots.len()).sum();
        before + lane - self.ports[port].0
    }

    /// How many inputs there are over all ports.
    pub fn slot_count(&self) -> usize {
        self.ports.iter().map(|(_, slots)| slots.len()).sum()
    }

    /// Turns a message of one input into a message in the operator's own time, if there is anything to say.
    pub fn take(&mut self, port: usize, lane: usize, message: Message) -> Option<Message> {
        let (first, slots) = &self.ports[port];
        let slot = lane - first;
        let alone = self.ports.len() == 1 && slots.len() == 1;
        match message {
            Message::Batch(mut batch) => {
                let before = self.hear(port, slot, None);
                if !alone || before.is_some() {
                    batch.marks = before
                        .map(|watermark| Mark { after: 0, watermark })
                        .into_iter()
                        .chain(batch.marks.iter().filter_map(|mark| {
                            let watermark = self.hear(port, slot, Some(mark.watermark))?;
                            Some(Mark { watermark, ..*mark })
                        }))
                        .collect();
                } else if let Some(last) = batch.watermark() {
                    self.hear(port, slot, Some(last));
                }
                Some(Message::Batch(batch))
            }
            Message::Watermark(watermark) => self.hear(port, slot, Some(watermark)).map(Message::Watermark),
            Message::End => self.hear(port, slot, Some(Millis::MAX)).map(Message::Watermark),
            Message::Idle => {
                self.ports[port].1[slot].idle = true;
                let all_idle = self.slots().all(|slot| slot.idle);
                if all_idle { Some(Message::Idle) } else { self.advance().map(Message::Watermark) }
            }
            barrier @ Message::Barrier(_) => Some(barrier),
        }
    }

    /// Whether an input has ended, in all the lanes it comes from.
    pub fn ended(&self, port: usize) -> bool {
        self.ports[port].1.iter().all(|slot| slot.watermark == Millis::MAX)
    }

    /// How far each input has come by itself: the lowest of the lanes it comes from that are awake.
    pub fn inputs(&self) -> Vec<Input> {
        let input = |(_, slots): &(usize, Vec<Slot>)| {
            let awake = slots.iter().filter(|slot| !slot.idle).map(|slot| slot.watermark).min();
            let asleep = slots.iter().map(|slot| slot.watermark).min().unwrap_or(Millis::MIN);
            Input { watermark: awake.unwrap_or(asleep), idle: awake.is_none() }
        };
        self.ports.iter().map(input).collect()
    }

    /// An input is awake, and perhaps further than before. The operator's watermark, if that moves it.
    fn hear(&mut self, port: usize, slot: usize, watermark: Option<Millis>) -> Option<Millis> {
        let slot = &mut self.ports[port].1[slot];
        slot.idle = false;
        if let Some(watermark) = watermark {
            slot.watermark = slot.watermark.max(watermark);
        }
        self.advance()
    }

    fn advance(&mut self) -> Option<Millis> {
        let lowest = self.slots().filter(|slot| !slot.idle).map(|slot| slot.watermark).min()?;
        let moved = lowest > self.watermark;
        self.watermark = self.watermark.max(lowest);
        moved.then_some(lowest)
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.ports.iter().flat_map(|(_, slots)| slots)
    }

    /// The clock as a table: a row per slot with its port, and one (port -1) for the operator itself.
    pub fn save(&self) -> Result<RecordBatch> {
        let slots = (0i32..).zip(&self.ports).flat_map(|(port, (_, slots))| slots.iter().map(move |slot| (port, slot)));
        let own = Slot { watermark: self.watermark, idle: false };
        let rows: Vec<(i32, &Slot)> = slots.chain([(-1, &own)]).collect();
        Ok(RecordBatch::try_from_iter([
            ("port", Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0))) as Arc<dyn Array>),
            ("watermark", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1.watermark.0)))),
            ("idle", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.1.idle))))),
        ])?)
    }

    /// Takes what `save` gave. A port that hears from another number of lanes than it did has, in all of
    /// them, come as far as the slowest of those that were.
    pub fn load(&mut self, table: &RecordBatch) {
        let ports = table.column(0).as_primitive::<Int32Type>().values();
        let watermarks = table.column(1).as_primitive::<Int64Type>();
        let idle = table.column(2).as_boolean();
        let saved = |port: i32| -> Vec<Slot> {
            let rows = ports.iter().enumerate().filter(|&(_, &at)| at == port);
            rows.map(|(row, _)| Slot { watermark: Millis(watermarks.value(row)), idle: idle.value(row) }).collect()
        };
        for (port, (_, slots)) in (0i32..).zip(&mut self.ports) {
            let was = saved(port);
            if was.len() == slots.len() {
                slots.clone_from_slice(&was);
            } else if let Some(slowest) = was.iter().map(|slot| slot.watermark).min() {
                slots.fill(Slot { watermark: slowest, idle: was.iter().all(|slot| slot.idle) });
            }
        }
        if let [own] = saved(-1).as_slice() {
            self.watermark = own.watermark;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_all_inputs_are_silent_the_watermark_stands_still() {
        let mut clock = InputClock::new([0..1, 1..2].into_iter());
        let mut at = |port: usize, message: Message| match clock.take(port, port, message) {
            Some(Message::Watermark(watermark)) => Some(watermark.0),
            Some(Message::Idle) => Some(-1),
            Some(other) => panic!("{other:?} says nothing of time"),
            None => None,
        };
        assert_eq!(at(0, Message::Watermark(Millis(5))), None, "nothing is known of the other one");
        assert_eq!(at(1, Message::Watermark(Millis(3))), Some(3));
        assert_eq!(at(1, Message::Idle), Some(5), "who is silent holds nobody");
        assert_eq!(at(0, Message::Idle), Some(-1), "all are silent: that is said, and the watermark stays");
        assert_eq!(at(1, Message::Watermark(Millis(4))), None, "who wakes up behind it does not take it back");
        assert_eq!(at(0, Message::Watermark(Millis(9))), None);
        assert_eq!(at(1, Message::Watermark(Millis(7))), Some(7));
    }
}
