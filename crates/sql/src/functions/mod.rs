//! The functions of Flink SQL under their own names.
