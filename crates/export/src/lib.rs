//! A plan, written for someone else: how it is said to Flink, and what cannot be said there.
//!
//! This crate does not know how anything runs, and opens nothing.

mod badge;

pub use badge::{Badge, Obstacle, Setting, badge};
