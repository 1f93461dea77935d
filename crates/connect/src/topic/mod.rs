//! Embedded durable topics.
