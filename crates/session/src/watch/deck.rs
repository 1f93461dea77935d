//! Steps that are watched over a tape: one play-head moves them all, by the keys of whoever watches. It has no thread: the
//! screen asks for what is due whenever it draws.

use std::sync::Arc;

use millstream_record::Clock;
use millstream_sql::statement::{Rate, StepUnit, Then};

use super::Feed;
use crate::fault::Fault;
use crate::render::Zone;
use crate::session::Session;
use crate::tape::player::{Phase, Player, Standing};

/// Rates between which one goes up and down.
const RATES: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0, 1000.0];

/// The play-head of steps that are watched.
pub struct Deck {
    player: Player,
    clock: Arc<dyn Clock>,
    steps: Vec<String>,
}

/// What is done with the play-head.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// Stops the time, or lets it go by.
    Toggle,
    /// Goes on by a record.
    Event,
    /// Goes on until a watermark has moved.
    Watermark,
    /// Goes on until a window has closed.
    Window,
    /// Goes so many records back.
    Back(u64),
    /// Goes to this part of the tape, from 0 to 1.
    Seek(f64),
    /// Time goes by faster, or slower.
    Faster(bool),
    /// The play-head was moved by a statement.
    Moved,
}

impl Session {
    /// The play-head for these steps. `None` outside of a replay, and in one that goes on with the live topics: that is
    /// a run like others. One that was never moved begins to play.
    pub fn deck(&mut self, steps: Vec<String>) -> Result<Option<Deck>, Fault> {
        if self.replaying.as_ref().is_none_or(|replaying| replaying.then == Then::Live) {
            return Ok(None);
        }
        let player = self.player(&steps.iter().map(String::as_str).collect::<Vec<_>>())?;
        let standing = player.standing();
        if standing.phase == Phase::Paused && standing.position == standing.stretch.0 {
            player.resume(self.clock.now())?;
        }
        Ok(Some(Deck { player, clock: self.clock.clone(), steps }))
    }
}

impl Deck {
    /// A feed for each step, with the rows that stand where the play-head is.
    pub fn feeds(&self, zone: Zone) -> Result<Vec<Feed>, Fault> {
        let feed = |step: &String| Feed::over(&self.player, step, self.clock.clone(), zone);
        let feeds = self.steps.iter().map(feed).collect::<Result<Vec<_>, _>>()?;
        self.show_standing(&feeds)?;
        Ok(feeds)
    }

    /// Where the play-head stands.
    pub fn standing(&self) -> Standing {
        self.player.standing()
    }

    /// Gives the feeds some of what has become due. `false` if nothing more is due.
    pub fn advance(&self, feeds: &[Feed]) -> Result<bool, Fault> {
        let before = self.player.standing().position;
        let happened = self.player.advance(self.clock.now())?;
        let here = self.player.standing().position;
        if here < before {
            // The tape began again.
            self.show_standing(feeds)?;
        } else {
            self.hand_out(feeds, happened)?;
        }
        Ok(here > before)
    }

    /// Moves the play-head.
    pub fn control(&self, feeds: &[Feed], control: &Control) -> Result<(), Fault> {
        let player = &self.player;
        let step = |unit| self.hand_out(feeds, player.step(1, unit)?);
        match control {
            Control::Toggle if player.standing().phase == Phase::Playing => player.pause(),
            Control::Toggle => {
                let again = player.standing().phase == Phase::Ended;
                player.resume(self.clock.now())?;
                return if again { self.show_standing(feeds) } else { Ok(()) };
            }
            Control::Event => return step(StepUnit::Event),
            Control::Watermark => return step(StepUnit::Watermark),
            Control::Window => return step(StepUnit::Window),
            Control::Back(records) => {
                player.back(*records)?;
                return self.show_standing(feeds);
            }
            Control::Seek(part) => {
                let (from, to) = player.standing().stretch;
                let records = to.saturating_sub(from) as f64 * part.clamp(0.0, 1.0);
                player.seek(from.saturating_add(records as u64))?;
                return self.show_standing(feeds);
            }
            Control::Faster(faster) => player.rate(other_rate(player.standing().rate, *faster), self.clock.now()),
            Control::Moved => return self.show_standing(feeds),
        }
        Ok(())
    }

    /// Stops the time: nobody watches any more.
    pub fn leave(&self) {
        self.player.pause();
    }

    fn hand_out(&self, feeds: &[Feed], happened: Vec<crate::tape::player::Happened>) -> Result<(), Fault> {
        for change in happened {
            if let Some(feed) = self.steps.iter().position(|step| *step == change.step) {
                feeds[feed].take(&change.batch, change.at)?;
            }
        }
        Ok(())
    }

    /// What was shown is void: the rows that stand here take its place.
    fn show_standing(&self, feeds: &[Feed]) -> Result<(), Fault> {
        for (step, feed) in self.steps.iter().zip(feeds) {
            feed.restart(&self.player.state_of(step)?)?;
        }
        Ok(())
    }
}

/// The rate above or below; above all of them there is no waiting at all.
fn other_rate(rate: Rate, faster: bool) -> Rate {
    match (rate, faster) {
        (Rate::Max, true) => Rate::Max,
        (Rate::Max, false) => Rate::Times(RATES[RATES.len() - 1]),
        (Rate::Times(times), true) => RATES.into_iter().find(|known| *known > times).map_or(Rate::Max, Rate::Times),
        (Rate::Times(times), false) => {
            Rate::Times(RATES.into_iter().rev().find(|known| *known < times).unwrap_or(RATES[0]))
        }
    }
}

/// Where on the tape, from 0 to 1.
pub fn part(standing: &Standing) -> f64 {
    let (from, to) = standing.stretch;
    let length = to.saturating_sub(from).max(1);
    standing.position.saturating_sub(from) as f64 / length as f64
}

/// `10x`, `max`.
pub fn rate_text(standing: &Standing) -> String {
    match standing.rate {
        Rate::Times(times) => format!("{times}x"),
        Rate::Max => "max".into(),
    }
}
