//! Seeded generators of demo topics.
