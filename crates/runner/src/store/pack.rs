//! A pack: named pieces of bytes in one file. Many small tables share a pack, so that a checkpoint costs
//! few syncs; a large one has a pack of its own, which the next checkpoint links instead of writing it
//! again while the table stays as it is.
//!
//! `MSPACK1\n`, then for each piece: length of its owner's name (4 bytes, little-endian), of its own name
//! (4), of its bytes (8); and these three. Whether a pack is sound is told by the length and the CRC-32 in
//! the manifest.

const MAGIC: &[u8; 8] = b"MSPACK1\n";

/// A piece of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Whose it is: an operator in a lane, or the sinks.
    pub owner: &'a str,
    /// What it is of the owner's.
    pub name: &'a str,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// An empty pack.
pub fn begin() -> Vec<u8> {
    MAGIC.to_vec()
}

/// Adds a piece to a pack.
pub fn add(pack: &mut Vec<u8>, piece: Piece<'_>) {
    pack.extend_from_slice(&(piece.owner.len() as u32).to_le_bytes());
    pack.extend_from_slice(&(piece.name.len() as u32).to_le_bytes());
    pack.extend_from_slice(&(piece.bytes.len() as u64).to_le_bytes());
    pack.extend_from_slice(piece.owner.as_bytes());
    pack.extend_from_slice(piece.name.as_bytes());
    pack.extend_from_slice(piece.bytes);
}

/// The pieces of a pack; `None` if it makes no sense.
pub fn pieces(pack: &[u8]) -> Option<Vec<Piece<'_>>> {
    let mut rest = pack.strip_prefix(MAGIC)?;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let owner = u32::from_le_bytes(take(&mut rest, 4)?.try_into().ok()?);
        let name = u32::from_le_bytes(take(&mut rest, 4)?.try_into().ok()?);
        let bytes = u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
        pieces.push(Piece {
            owner: std::str::from_utf8(take(&mut rest, owner as usize)?).ok()?,
            name: std::str::from_utf8(take(&mut rest, name as usize)?).ok()?,
            bytes: take(&mut rest, usize::try_from(bytes).ok()?)?,
        });
    }
    Some(pieces)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(given in prop::collection::vec((".{0,9}", ".{0,9}", prop::collection::vec(any::<u8>(), 0..40)), 0..9)) {
            let mut pack = begin();
            given.iter().for_each(|(owner, name, bytes)| add(&mut pack, Piece { owner, name, bytes }));
            let read = pieces(&pack).expect("sound");
            let read: Vec<_> = read.iter().map(|piece| (piece.owner.to_string(), piece.name.to_string(), piece.bytes.to_vec())).collect();
            prop_assert_eq!(read, given);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = pieces(&[MAGIC.as_slice(), &bytes].concat());
        }
    }
}
