//! What a run of zero bytes does to a crc32c, without running through it.
//!
//! A crc32c is a polynomial over two elements, modulo the Castagnoli polynomial, with the highest
//! power in the lowest bit. A zero byte multiplies it by x^8, so n of them are one multiplication
//! by x^(8n), which is put together from a table of powers, one digit (base 256) of n at a time.

use crate::unwind::POLYNOMIAL;

const ONE: u32 = 1 << 31;
const ONE_BYTE: u32 = ONE >> 8;
/// Base-256 digits of the longest run: that of 2^32 - 1 bytes.
const DIGITS: usize = 4;
const POWERS: [[u32; 256]; DIGITS] = powers();

const fn powers() -> [[u32; 256]; DIGITS] {
    let mut table = [[ONE; 256]; DIGITS];
    let mut step = ONE_BYTE;
    let mut digit = 0;
    while digit < DIGITS {
        let mut value = 1;
        while value < 256 {
            table[digit][value] = multiply(table[digit][value - 1], step);
            value += 1;
        }
        step = multiply(table[digit][255], step);
        digit += 1;
    }
    table
}

const fn multiply(one: u32, other: u32) -> u32 {
    let mut product = 0;
    let mut factor = other;
    let mut bit = 32;
    while bit > 0 {
        bit -= 1;
        // All ones or nothing, in place of a branch that no processor can foretell.
        product ^= factor & (one >> bit & 1).wrapping_neg();
        factor = factor >> 1 ^ POLYNOMIAL & (factor & 1).wrapping_neg();
    }
    product
}

/// The difference that two checksums have after `length` more bytes that are the same for both,
/// given the difference they have now.
pub fn difference_after(difference: u32, length: u32) -> u32 {
    let mut result = difference;
    for (powers, digit) in POWERS.iter().zip(length.to_le_bytes()) {
        if digit != 0 {
            result = multiply(powers[usize::from(digit)], result);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_crate() {
        let mut length = 1_u32;
        while length < 1 << 31 {
            for near in [length - 1, length, length + 1, length | 0x5a5a] {
                for difference in [1, 0xdead_beef, u32::MAX] {
                    let expected = crc32c::crc32c_combine(difference, 0, near as usize);
                    assert_eq!(difference_after(difference, near), expected, "{near}");
                }
            }
            length *= 2;
        }
    }
}
