//! Checkpoints across crates: whatever is interrupted wherever, the outcome is that of an undisturbed run.

mod catalogue;
mod copies;
mod disk;
mod kills;
mod model;
mod network;
mod page;
mod savepoints;
mod site;
mod spill;
mod threaded;
