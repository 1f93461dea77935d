//! Statements that declare something.
