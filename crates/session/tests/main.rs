//! Stories of the session from outside. One binary, so that it is linked once.

mod infer;
