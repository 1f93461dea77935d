//! `INTERVAL '…' UNIT` as a number.
