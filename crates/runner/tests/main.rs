//! The lean runner from outside, as a container starts it: jobs that bring functions of Rust along.

mod functions;
