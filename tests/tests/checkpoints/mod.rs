//! Checkpoints across crates: whatever is interrupted wherever, the outcome is that of an undisturbed run.

mod copies;
mod kills;
mod model;
mod site;
mod threaded;
