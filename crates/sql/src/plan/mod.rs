//! From the tree of a query to a graph of operators.
