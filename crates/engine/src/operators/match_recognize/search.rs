//! The search over the rows that a batch lets go. All partitions take their first row, then their second one, and
//! so on: so the conditions that look at earlier rows are computed for many partitions at once.

use arrow::array::{BooleanArray, RecordBatch, UInt32Array};

use super::condition::{Answer, Bound, Condition, Source, answers};
use super::partition::{Partition, Search};
use super::queue::Run;
use super::ripe::{Line, Ripe, RipeRow};
use super::sight::{Reads, Sight};
use crate::error::Result;
use crate::rows::RowStore;
use crate::take::take_column;

/// A match that came out.
#[derive(Clone, Debug)]
pub struct Found {
    pub group: u32,
    pub run: Run,
    /// The time at which it came out.
    pub time: i64,
    /// Which mark of the batch let it out,
    pub mark: u32,
    /// whether a row did, or time that had passed,
    pub by_row: bool,
    /// and what tells it from others of that time.
    pub tie: u64,
}

/// The pattern with its conditions.
pub struct Seeker {
    pub search: Search,
    conditions: Vec<Condition>,
    /// Of each state, the variables whose conditions look at earlier rows and may be asked there.
    asked: Vec<Vec<usize>>,
}

/// The rows at hand: ripe, and in columns.
pub struct Hand<'a> {
    pub ripe: &'a Ripe,
    pub rows: RecordBatch,
    /// Per variable what its plain condition says of each of them; `None` where it has none.
    plain: Vec<Option<Vec<Answer>>>,
}

/// A question to a condition: of which line, which of its runs, and where the answer goes.
struct Question {
    line: usize,
    run: usize,
    slot: usize,
}

impl Seeker {
    /// A search with the conditions of its variables, in the order of the pattern.
    pub fn new(search: Search, conditions: Vec<Condition>) -> Seeker {
        let looks_back = |variable: &usize| conditions[*variable].rest.is_some();
        let states = 0..search.automaton.len() as u16;
        let asked = states.map(|state| search.automaton.asks(state).into_iter().filter(looks_back).collect()).collect();
        Seeker { search, conditions, asked }
    }

    /// The rows at hand, with what can be said of each of them alone.
    pub fn hand<'a>(&self, ripe: &'a Ripe, rows: RecordBatch) -> Hand<'a> {
        let count = rows.num_rows();
        let said = |bound: &Bound| {
            answers(count, &mut |from, rows_asked| {
                let column = |source: &Source| match *source {
                    Source::Row(column) => rows.column(column).slice(from, rows_asked),
                    Source::Read(_) => unreachable!("a plain condition reads no other row"),
                };
                bound.test(bound.sources().iter().map(column).collect(), rows_asked)
            })
        };
        let plain = self.conditions.iter().map(|condition| condition.plain.as_ref().map(said)).collect();
        Hand { ripe, rows, plain }
    }

    /// Lets every partition take its rows; the matches that come out.
    pub fn walk(
        &self,
        hand: &Hand<'_>,
        lines: &[Line],
        partitions: &mut [Partition],
        store: &RowStore,
        reads: &mut Reads,
    ) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let waves = lines.first().map_or(0, |line| line.rows.len());
        for number in 0..waves {
            let active = lines.partition_point(|line| line.rows.len() > number);
            let lines = &lines[..active];
            for line in lines {
                let time = hand.ripe.rows[line.rows[number] as usize].time;
                partitions[line.group as usize].prepare(&self.search);
                self.expire(line.group, time, hand.ripe, partitions, &mut found)?;
            }
            let table = self.ask(&Wave { hand, lines, number, partitions, store }, reads);
            for (line, base) in lines.iter().zip(table.starts) {
                let partition = &mut partitions[line.group as usize];
                self.step(hand, line, line.rows[number], partition, &table.answers[base..], &mut found)?;
            }
        }
        Ok(found)
    }

    /// Lets a partition take the row at this place; `answers` are those of its runs.
    fn step(
        &self,
        hand: &Hand<'_>,
        line: &Line,
        at: u32,
        partition: &mut Partition,
        answers: &[Answer],
        found: &mut Vec<Found>,
    ) -> Result<()> {
        let RipeRow { number, time, mark, .. } = hand.ripe.rows[at as usize];
        let variables = self.conditions.len();
        let mut verdict = |run: usize, variable: usize| {
            let plain = hand.plain[variable].as_ref().map_or(Ok(true), |answers| answers[at as usize].holds())?;
            let looks_back = self.conditions[variable].rest.is_some();
            Ok(plain && (!looks_back || answers[run * variables + variable].holds()?))
        };
        let mut out = Vec::new();
        partition.waiting -= 1;
        partition.take(&self.search, number, time, &mut verdict, &mut out)?;
        let (group, tie) = (line.group, u64::from(at));
        found.extend(out.into_iter().map(|run| Found { group, run, time, mark, by_row: true, tie }));
        Ok(())
    }

    /// Drops the runs of a partition whose time is over at `now`, each at its time.
    pub fn expire(
        &self,
        group: u32,
        now: i64,
        ripe: &Ripe,
        partitions: &mut [Partition],
        found: &mut Vec<Found>,
    ) -> Result<()> {
        let partition = &mut partitions[group as usize];
        while let Some(time) = partition.expires_at(&self.search).filter(|&time| time <= now) {
            let mut out = Vec::new();
            partition.expire(&self.search, time, &mut out)?;
            for run in out {
                let tie = partition.number(run.start);
                found.push(Found { group, run, time, mark: ripe.mark_at(time), by_row: false, tie });
            }
        }
        Ok(())
    }

    /// Asks the conditions that look at earlier rows about the next row of each line.
    fn ask(&self, wave: &Wave<'_>, reads: &mut Reads) -> Table {
        if self.asked.iter().all(Vec::is_empty) {
            return Table { answers: Vec::new(), starts: vec![0; wave.lines.len()] };
        }
        let (questions, mut table) = self.questions(wave);
        for (variable, questions) in questions.iter().enumerate().filter(|(_, questions)| !questions.is_empty()) {
            let Some(rest) = &self.conditions[variable].rest else { continue };
            let said = answers(questions.len(), &mut |from, count| {
                wave.test(rest, variable, &questions[from..from + count], reads)
            });
            for (question, answer) in questions.iter().zip(said) {
                table.answers[question.slot] = answer;
            }
        }
        table
    }

    /// What is to be asked of each variable's condition: of a row that its plain part lets through.
    fn questions(&self, wave: &Wave<'_>) -> (Vec<Vec<Question>>, Table) {
        let variables = self.conditions.len();
        let mut questions: Vec<Vec<Question>> = (0..variables).map(|_| Vec::new()).collect();
        let (mut starts, mut slots) = (Vec::with_capacity(wave.lines.len()), 0);
        for (line, Line { group, rows }) in wave.lines.iter().enumerate() {
            starts.push(slots);
            let at = rows[wave.number] as usize;
            for (run, state) in wave.partitions[*group as usize].runs.runs().iter().map(|run| run.state).enumerate() {
                for &variable in &self.asked[usize::from(state)] {
                    let plain = wave.hand.plain[variable].as_ref();
                    if plain.is_none_or(|answers| matches!(answers[at], Answer::Yes)) {
                        questions[variable].push(Question { line, run, slot: slots + variable });
                    }
                }
                slots += variables;
            }
        }
        (questions, Table { answers: vec![Answer::No; slots], starts })
    }
}

/// The how-manyth row of every line that has so many.
struct Wave<'w> {
    hand: &'w Hand<'w>,
    lines: &'w [Line],
    number: usize,
    partitions: &'w [Partition],
    store: &'w RowStore,
}

impl Wave<'_> {
    /// What the condition of a variable says to these questions.
    fn test(&self, rest: &Bound, variable: usize, questions: &[Question], reads: &mut Reads) -> Result<BooleanArray> {
        let place = |question: &Question| self.lines[question.line].rows[self.number];
        let sight = |question: &Question| {
            let partition = &self.partitions[self.lines[question.line].group as usize];
            let row = &self.hand.ripe.rows[place(question) as usize];
            let at_hand = Some((variable, row.number));
            Sight { partition, run: &partition.runs.runs()[question.run], at_hand, time: row.time }
        };
        let sights: Vec<Sight<'_>> = questions.iter().map(sight).collect();
        let places = UInt32Array::from_iter_values(questions.iter().map(place));
        let column = |source: &Source| match *source {
            Source::Row(column) => take_column(self.hand.rows.column(column), &places),
            Source::Read(read) => reads.column(read, self.store, &sights),
        };
        rest.test(rest.sources().iter().map(column).collect::<Result<_>>()?, questions.len())
    }
}

/// The answers about the next row of each line: a slot for each run and variable.
struct Table {
    answers: Vec<Answer>,
    /// The first slot of each line.
    starts: Vec<usize>,
}
