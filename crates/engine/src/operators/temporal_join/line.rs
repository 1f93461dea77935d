//! The line of one key: the versions of a right row by the time since which they hold, and the left rows that wait until
//! it is certain which of them held at their time.

use millstream_record::Kind;

/// No timer is set.
pub const NEVER: i64 = i64::MAX;

/// A left row that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its number in the store.
    pub row: u64,
    /// Its event time.
    pub time: i64,
    /// Of what kind it is, and what comes of it.
    pub kind: Kind,
}

/// A version, or the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    since: i64,
    row: u64,
    /// From here on there is no row.
    ends: bool,
}

/// What is known of a key.
#[derive(Debug)]
pub struct Line {
    /// When it will be looked at.
    pub timer: i64,
    /// In order of arrival.
    waiting: Vec<Waiting>,
    /// The earliest time of those.
    first: i64,
    /// In order of time.
    versions: Vec<Version>,
}

impl Default for Line {
    fn default() -> Line {
        Line { timer: NEVER, waiting: Vec::new(), first: NEVER, versions: Vec::new() }
    }
}

impl Line {
    /// A left row waits.
    pub fn wait(&mut self, waiting: Waiting) {
        self.first = self.first.min(waiting.time);
        self.waiting.push(waiting);
    }

    /// A version holds from here on, or none if it `ends`; the row whose place it takes, if it has the very time.
    pub fn put(&mut self, since: i64, row: u64, ends: bool) -> Option<u64> {
        let version = Version { since, row, ends };
        match self.versions.binary_search_by_key(&since, |version| version.since) {
            Ok(place) => Some(std::mem::replace(&mut self.versions[place], version).row),
            Err(place) => {
                self.versions.insert(place, version);
                None
            }
        }
    }

    /// The watermark at which there is something to do: a row need not wait any more, or a version is over for good.
    pub fn due(&self) -> i64 {
        self.first.min(self.versions.get(1).map_or(NEVER, |second| second.since))
    }

    /// The rows whose time the watermark has reached, in order of arrival, each with the version that held then.
    pub fn leave(&mut self, watermark: i64, leaving: &mut Vec<(Waiting, Option<u64>)>) {
        let versions = &self.versions;
        let held = |time: i64| {
            let place = versions.partition_point(|version| version.since <= time).checked_sub(1)?;
            Some(versions[place]).filter(|version| !version.ends).map(|version| version.row)
        };
        let mut first = NEVER;
        self.waiting.retain(|waiting| {
            let stays = waiting.time > watermark;
            if stays {
                first = first.min(waiting.time);
            } else {
                leaving.push((*waiting, held(waiting.time)));
            }
            stays
        });
        self.first = first;
    }

    /// Takes out the versions that are over when the watermark is reached; the one that holds then is kept, however old.
    pub fn forget(&mut self, watermark: i64) -> impl Iterator<Item = u64> + '_ {
        let over = self.versions.partition_point(|version| version.since <= watermark).saturating_sub(1);
        self.versions.drain(..over).map(|version| version.row)
    }

    /// Whether nothing is known of the key.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.versions.is_empty()
    }

    /// The rows that wait, with their kinds.
    pub fn waiting(&self) -> impl Iterator<Item = (u64, Kind)> + '_ {
        self.waiting.iter().map(|waiting| (waiting.row, waiting.kind))
    }

    /// The rows of the versions, and whether they end one.
    pub fn versions(&self) -> impl Iterator<Item = (u64, bool)> + '_ {
        self.versions.iter().map(|version| (version.row, version.ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(line: &mut Line, watermark: i64) -> Vec<(u64, Option<u64>)> {
        let mut leaving = Vec::new();
        line.leave(watermark, &mut leaving);
        leaving.into_iter().map(|(waiting, version)| (waiting.row, version)).collect()
    }

    #[test]
    fn a_row_meets_the_version_of_its_time() {
        let mut line = Line::default();
        line.put(10, 1, false);
        line.put(20, 2, true);
        assert_eq!(line.put(15, 3, false), None, "out of order, it finds its place");
        assert_eq!(line.put(15, 4, false), Some(3), "of the same time the last holds");
        assert_eq!(line.due(), 15, "then the first version is over");
        for (row, time) in [(7, 25), (8, 9), (9, 14), (10, 15), (11, 30)] {
            line.wait(Waiting { row, time, kind: Kind::Insert });
        }
        assert_eq!(left(&mut line, 25), [(7, None), (8, None), (9, Some(1)), (10, Some(4))]);
        assert_eq!(line.forget(18).collect::<Vec<_>>(), [1], "the newest that holds is kept");
        assert_eq!(line.forget(99).collect::<Vec<_>>(), [4], "and so is the end of the last one");
        assert_eq!(line.due(), 30);
        assert_eq!(left(&mut line, 30), [(11, None)]);
        assert_eq!((line.due(), line.is_empty()), (NEVER, false));
    }
}
