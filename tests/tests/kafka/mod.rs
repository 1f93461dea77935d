//! The Kafka connector against a real Apache Kafka. Topics are filled and judged by the plain client
//! ([`millstream_tests::topics`]); tables are read through the traits that the engine uses.

mod bounds;
mod browse;
mod commands;
mod failures;
mod live;
mod sinks;
mod table;
mod tapes;
mod transactions;
mod why;
