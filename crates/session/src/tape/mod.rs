//! Tapes in a session: recording them, and replaying them through steps.

mod clock;
mod condition;
mod head;
mod heard;
mod order;
mod pace;
mod play;
pub mod player;
mod reel;
mod replaying;
mod seat;
mod taping;
#[cfg(test)]
mod tests;
mod trace;

pub use condition::Condition;
pub use heard::recording;
pub use order::{Depends, Orders};
pub use play::Play;
pub use reel::{Reel, recorded, sample, stretch};
pub use replaying::{Replaying, place};
pub use seat::Seat;
pub use taping::Taping;
pub use trace::{Fate, Traced, reach, stretch_of};
