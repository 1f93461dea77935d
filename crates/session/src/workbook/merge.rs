//! Two sessions on one workspace: what has changed between two readings of the workbook, and a file that holds
//! the changes of both. Text against text, name by name; what a piece means is not looked at.

use super::file::{Key, Pieces};

/// The names whose pieces are not the same, in the order of the file.
pub fn changed(before: &Pieces, now: &Pieces) -> Vec<Key> {
    let gone = before.keys().filter(|key| !now.contains_key(key));
    let other = now.iter().filter(|(key, piece)| before.get(key) != Some(piece)).map(|(key, _)| key);
    let mut keys: Vec<Key> = gone.chain(other).cloned().collect();
    keys.sort();
    keys
}

/// `theirs` with these pieces as they are in `mine`.
pub fn with(mut theirs: Pieces, keys: &[Key], mine: &Pieces) -> Pieces {
    for key in keys {
        match mine.get(key) {
            Some(piece) => theirs.insert(key.clone(), piece.clone()),
            None => theirs.remove(key),
        };
    }
    theirs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Pieces {
        text.split_whitespace().map(|word| (Key::Table(word[..1].to_string()), word[1..].to_string())).collect()
    }

    /// What each of two sessions has done to what both had read.
    #[test]
    fn changes_of_both_sides_stand_in_the_end() {
        for (both, mine, theirs, wanted) in [
            ("a1 b1", "a1 b1 c1", "a1 b1 d1", "a1 b1 c1 d1"),
            ("a1 b1", "a2 b1", "a1 b2", "a2 b2"),
            ("a1 b1", "b1", "a1", ""),
            ("a1 b1", "a1", "a1 b2", "a1"),
            ("a1", "a2", "a3", "a2"),
            ("", "", "x1", "x1"),
        ] {
            let (both, mine, theirs) = (pieces(both), pieces(mine), pieces(theirs));
            assert_eq!(with(theirs, &changed(&both, &mine), &mine), pieces(wanted));
        }
    }
}
