//! Records that nobody sent: the ready-made demo topics (`'connector' = 'demo'`) and Flink's `datagen`.
//!
//! A demo is a list of columns and a function from (seed, number) to the bytes of a record, so equal seeds
//! give equal records, any stretch can be made by itself, and several threads can make one topic. Demos
//! feed tables, embedded topics ([`fill`]) and benchmarks alike. Chance comes from the seed and time from
//! the clock that is handed in.

mod accelerometer;
mod browse;
mod camera;
mod chat;
mod connector;
mod datagen;
mod demo;
mod dice;
mod fill;
mod json;
mod maker;
mod nexmark;
mod pace;
mod rhythm;
mod source;
mod trades;
mod words;

pub use connector::{DemoConnector, START};
pub use datagen::DatagenConnector;
pub use demo::{Demo, Made, demo, demos};
pub use fill::{fill, produce};
