//! Tests of the operators through a whole pipeline: stories in files (`stories/*.txt`), and properties
//! over random input. Nothing here looks inside the engine.

mod changes;
mod drive;
mod graph;
mod joins;
mod models;
mod patterns;
mod properties;
mod ranks;
mod searches;
mod stories;
mod story;
