//! Types as written: Flink's names, read from tokens.
