//! Plans as text. Each file in `tests/plans/` holds queries with the graph (or the error) that they give; a file is
//! written anew with `UPDATE_PLANS=1`. The recorded cases of Flink must plan, or be refused by construct.

mod cases;
mod hinted;
mod inserts;
mod snapshots;
mod tables;
