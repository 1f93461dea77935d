//! The one search that JSON spends its time in: the first byte that a string cannot simply contain.
//! Sixteen bytes a step with SSE2, which every x86-64 has, so nothing is detected at run time and the
//! search is inlined where it is used; eight bytes a step elsewhere. This is the only `unsafe` file of
//! the format: one unaligned load of sixteen bytes that the slice is known to hold.

/// The place of the first `"`, `\` or control character at or behind `at`; `bytes.len()` if there is none.
#[inline]
pub(super) fn end_of_plain(bytes: &[u8], mut at: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let found = special_16(block);
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += 16;
    }
    #[cfg(not(target_arch = "x86_64"))]
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let found = special_8(u64::from_le_bytes(*block));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    bytes.get(at..).map_or(bytes.len(), |rest| {
        rest.iter()
            .position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ')
            .map_or(bytes.len(), |found| at + found)
    })
}

/// One bit for each of sixteen bytes that is `"`, `\` or a control character.
#[cfg(target_arch = "x86_64")]
#[inline]
fn special_16(block: &[u8; 16]) -> u32 {
    use std::arch::x86_64::*;
    // SAFETY: SSE2 is part of x86-64; the load reads the sixteen bytes of `block` and needs no alignment.
    unsafe {
        let bytes = _mm_loadu_si128(block.as_ptr().cast());
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
        let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)) as u32
    }
}

/// The high bit of the lowest special byte is set; bits above it may be wrong, as borrows travel upwards.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn special_8(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let backslash = zero(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    quote | backslash | control
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plainly(bytes: &[u8], at: usize) -> usize {
        (at..bytes.len()).find(|&at| matches!(bytes[at], b'"' | b'\\' | 0..0x20)).unwrap_or(bytes.len())
    }

    proptest! {
        #[test]
        fn finds_what_a_loop_finds(bytes in proptest::collection::vec(prop_oneof![8 => 0x20u8.., 1 => any::<u8>()], 0..100), at in 0usize..110) {
            let at = at.min(bytes.len());
            prop_assert_eq!(end_of_plain(&bytes, at), plainly(&bytes, at));
        }

        #[test]
        fn words_find_what_a_loop_finds(bytes: [u8; 8]) {
            let found = special_8(u64::from_le_bytes(bytes));
            let place = if found == 0 { 8 } else { found.trailing_zeros() as usize / 8 };
            prop_assert_eq!(place, plainly(&bytes, 0));
        }
    }
}
