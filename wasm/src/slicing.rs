//! crc32c of short runs of bytes, sixteen of them at a step ("slicing", Kounavis and Berry 2005).
//!
//! WebAssembly has no instruction for a checksum, so tables are all there is. A step of sixteen bytes
//! in place of the crate's eight waits half as often for the state of the step before, and bytes
//! need not be aligned. The crate stays the reference: the tests compare with it.

use crate::unwind::FORWARD;

/// Bytes of a step.
pub const STEP: usize = 16;

/// What a byte does to the state once so many more bytes have followed it.
static TABLES: [[u32; 256]; STEP] = tables();

const fn tables() -> [[u32; 256]; STEP] {
    let mut tables = [FORWARD; STEP];
    let mut behind = 1;
    while behind < STEP {
        let mut byte = 0;
        while byte < 256 {
            let state = tables[behind - 1][byte];
            tables[behind][byte] = FORWARD[(state & 0xff) as usize] ^ state >> 8;
            byte += 1;
        }
        behind += 1;
    }
    tables
}

/// What the byte of a word does, counted from its lowest, once so many bytes have followed it.
#[inline(always)]
fn effect<const BEHIND: usize>(word: u64, byte: u32) -> u32 {
    TABLES[BEHIND][(word >> (8 * byte)) as usize & 0xff]
}

/// The state after sixteen bytes, given as two little-endian words.
#[inline(always)]
pub fn step_16(state: u32, first: u64, second: u64) -> u32 {
    let first = first ^ u64::from(state);
    // What does not depend on the state comes first: the processor need not wait for it.
    let second = effect::<7>(second, 0)
        ^ effect::<6>(second, 1)
        ^ effect::<5>(second, 2)
        ^ effect::<4>(second, 3)
        ^ effect::<3>(second, 4)
        ^ effect::<2>(second, 5)
        ^ effect::<1>(second, 6)
        ^ effect::<0>(second, 7);
    let free = effect::<11>(first, 4)
        ^ effect::<10>(first, 5)
        ^ effect::<9>(first, 6)
        ^ effect::<8>(first, 7)
        ^ second;
    (effect::<15>(first, 0) ^ effect::<14>(first, 1))
        ^ (effect::<13>(first, 2) ^ effect::<12>(first, 3))
        ^ free
}

/// The state after eight bytes.
#[inline(always)]
pub fn step_8(state: u32, word: u64) -> u32 {
    let word = word ^ u64::from(state);
    let free =
        effect::<3>(word, 4) ^ effect::<2>(word, 5) ^ effect::<1>(word, 6) ^ effect::<0>(word, 7);
    (effect::<7>(word, 0) ^ effect::<6>(word, 1))
        ^ (effect::<5>(word, 2) ^ effect::<4>(word, 3))
        ^ free
}

/// The state after four bytes.
#[inline(always)]
pub fn step_4(state: u32, word: u32) -> u32 {
    let word = u64::from(word ^ state);
    (effect::<3>(word, 0) ^ effect::<2>(word, 1)) ^ (effect::<1>(word, 2) ^ effect::<0>(word, 3))
}

/// The state after any bytes.
#[inline(always)]
pub fn run(mut state: u32, bytes: &[u8]) -> u32 {
    let (steps, rest) = bytes.as_chunks::<STEP>();
    for step in steps {
        let [first, second] = words(step);
        state = step_16(state, first, second);
    }
    let rest = match rest.split_first_chunk() {
        Some((word, rest)) => {
            state = step_8(state, u64::from_le_bytes(*word));
            rest
        }
        None => rest,
    };
    let rest = match rest.split_first_chunk() {
        Some((word, rest)) => {
            state = step_4(state, u32::from_le_bytes(*word));
            rest
        }
        None => rest,
    };
    for &byte in rest {
        state = effect::<0>(u64::from(state ^ u32::from(byte)), 0) ^ state >> 8;
    }
    state
}

#[inline(always)]
fn words(bytes: &[u8; STEP]) -> [u64; 2] {
    let whole = u128::from_le_bytes(*bytes);
    [whole as u64, (whole >> 64) as u64]
}
