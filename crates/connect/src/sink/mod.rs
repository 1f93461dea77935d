//! Sinks without a source: print and blackhole.
