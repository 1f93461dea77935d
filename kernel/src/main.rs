//! The binary `millstream-kernel`: a session behind the Jupyter protocol.

fn main() {}
