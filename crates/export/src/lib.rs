//! A plan, written for someone else: a folder that runs without the workbench, how it is said to Flink, and what
//! cannot be said there.
//!
//! What the folder holds is worked out as values ([`Job`] to [`Folder`]); only [`Staged`] touches the disk.
//! This crate does not know how anything runs, and opens no topic.

mod badge;
mod collect;
mod container;
pub mod flink;
mod folder;
mod job;
mod kubernetes;
mod native;
mod readme;
mod secret;
mod settings;
mod stage;
mod yaml;

pub use badge::{Badge, Obstacle, Setting, badge};
pub use collect::{Wanted, collect};
pub use folder::{Evidence, Folder};
pub use job::{Function, Insert, Job, Policies, Step};
pub use secret::Secret;
pub use stage::Staged;
