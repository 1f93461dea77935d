//! A short value that changes when the meaning of a graph changes: a checkpoint carries it, and a state
//! that was made by another graph is not loaded by mistake.

use std::fmt;

use crate::Graph;

/// 64 bits over the shown form of every operator (FNV-1a, Fowler, Noll, Vo 1991: stable across builds,
/// which the standard hasher does not promise).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of a graph.
    pub fn of(graph: &Graph) -> Fingerprint {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        for byte in graph.to_string().bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Fingerprint(hash)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
