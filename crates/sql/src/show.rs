//! Declarations back to text.
