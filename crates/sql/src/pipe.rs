//! Pipe syntax: a query in the order of its steps.
