//! Runs crc32c backwards, to solve for an LSN instead of trying one after the other.
//!
//! A step of the CRC, `next = T[low8(state ^ byte)] ^ state >> 8`, can be undone: the top byte of
//! every table entry differs, so the top byte of `next` names the entry. For 32 bits of input the
//! result is a bijection of those bits: exactly one value of the low LSN word fits a checksum.

/// The polynomial of Castagnoli, bits reversed.
pub const POLYNOMIAL: u32 = 0x82f6_3b78;

pub const FORWARD: [u32; 256] = forward();
const ENTRY_OF_TOP_BYTE: [u8; 256] = entry_of_top_byte();

const fn forward() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

const fn entry_of_top_byte() -> [u8; 256] {
    let mut entries = [0; 256];
    let mut index = 0;
    while index < 256 {
        entries[(FORWARD[index] >> 24) as usize] = index as u8;
        index += 1;
    }
    entries
}

/// The state before four bytes, given the state after them.
fn before_word(state: u32, word: u32) -> u32 {
    let mut state = state;
    for byte in word.to_be_bytes() {
        let entry = ENTRY_OF_TOP_BYTE[(state >> 24) as usize];
        let shifted = state ^ FORWARD[usize::from(entry)];
        state = shifted << 8 | u32::from(entry ^ byte);
    }
    state
}

/// The low word of the LSN that turns the checksum before the LSN into the whole one.
pub fn low_word(crc_before_lsn: u32, crc: u32, high_word: u32) -> u32 {
    // A crc32c is its state inverted. Input meets the state by exclusive or only, so the state
    // that four zero bytes would need is the true state with the true bytes mixed in.
    let after_low = before_word(!crc, high_word);
    before_word(after_low, 0) ^ !crc_before_lsn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crc32c::{crc32c, crc32c_append};

    #[test]
    fn finds_the_low_word() {
        let mut state = 1_u64;
        for _ in 0..1000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(12_345);
            let before = crc32c(&state.to_le_bytes());
            let lsn = state.rotate_left(17);
            let crc = crc32c_append(before, &lsn.to_le_bytes());
            assert_eq!(low_word(before, crc, (lsn >> 32) as u32), lsn as u32);
        }
    }
}
