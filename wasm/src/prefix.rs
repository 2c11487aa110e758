//! Checksums of any part of a long run of bytes, in a time that does not depend on its length.
//!
//! The checksum from the start is noted at every 64th byte, once. A checksum that goes on over a
//! part then follows from the notes at both ends of it: two checksums that run over the same bytes
//! differ, in the end, by what `shift` says, whatever the bytes are.

use crate::shift;
use crc32c::crc32c_append;

/// Bytes between two notes: small enough to run through, large enough to keep the notes few.
const STRIDE: usize = 64;
/// Below this, running through the part is as fast.
const SHORT: usize = 256;

/// How many notes a run of bytes needs.
pub const fn notes_for(length: usize) -> usize {
    length / STRIDE + 1
}

/// A run of bytes with its notes. They are made when first needed.
pub struct Prefixes<'a> {
    bytes: &'a [u8],
    notes: &'a mut [u32],
    noted: bool,
}

impl<'a> Prefixes<'a> {
    /// `notes` has at least `notes_for` entries, of any value.
    pub fn new(bytes: &'a [u8], notes: &'a mut [u32]) -> Self {
        debug_assert!(notes.len() >= notes_for(bytes.len()));
        Prefixes { bytes, notes, noted: false }
    }

    /// The checksum `crc` continued over the part of that length at the offset.
    pub fn continue_over(&mut self, crc: u32, offset: usize, length: usize) -> u32 {
        if length <= SHORT {
            return crc32c_append(crc, &self.bytes[offset..offset + length]);
        }
        self.note();
        let difference = crc ^ self.up_to(offset);
        self.up_to(offset + length) ^ shift::difference_after(difference, length as u32)
    }

    fn note(&mut self) {
        if self.noted {
            return;
        }
        self.noted = true;
        let mut crc = 0;
        self.notes[0] = crc;
        for (part, note) in self.bytes.chunks_exact(STRIDE).zip(&mut self.notes[1..]) {
            crc = crc32c_append(crc, part);
            *note = crc;
        }
    }

    /// The checksum of the bytes before the offset.
    fn up_to(&self, offset: usize) -> u32 {
        let note = offset / STRIDE;
        crc32c_append(self.notes[note], &self.bytes[note * STRIDE..offset])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_running_through() {
        let bytes: Vec<u8> = (0..3000_u32).map(|index| ((index * index) >> 3) as u8).collect();
        for length in [0, 1, 63, 64, 65, 257, 300, 1023, 1024, 2999, 3000] {
            let bytes = &bytes[..length];
            let mut notes = vec![7; notes_for(length)];
            let mut prefixes = Prefixes::new(bytes, &mut notes);
            for start in (0..=length).step_by(7) {
                for end in (start..=length).step_by(61).chain([length]) {
                    let expected = crc32c_append(99, &bytes[start..end]);
                    assert_eq!(prefixes.continue_over(99, start, end - start), expected);
                }
            }
        }
    }
}
