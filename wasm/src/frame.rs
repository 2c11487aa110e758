//! The frame: u32 salt, u32 body length, u32 crc32c, u32 unsynced, body (u8 tag, payload), little
//! endian.
//!
//! The salt is the segment's. What does not begin with it is none of the segment's frames, but space
//! that was never used or what an earlier use of the file has left.
//!
//! `unsynced` says how many records before this one were not yet known to be synced when it was
//! written. A frame with LSN l thus promises that every record below `l - unsynced` is on disk.

use crate::checksum;
use crate::number::MAX_LSN;

/// Bytes before the body.
pub const HEADER_LENGTH: usize = 16;
/// Where in the header each number is.
pub const SALT_AT: usize = 0;
pub const LENGTH_AT: usize = 4;
pub const CHECKSUM_AT: usize = 8;
pub const UNSYNCED_AT: usize = 12;
/// A body holds at least its tag.
pub const MIN_FRAME_LENGTH: usize = HEADER_LENGTH + 1;
/// The longest body. A longer length can only be damage, so it is never trusted for allocation.
pub const MAX_BODY_LENGTH: u32 = 16 * 1024 * 1024;
/// The largest distance a promise may leave open.
pub const MAX_UNSYNCED: u32 = 65_535;

/// Whether a frame may leave that many records before it unpromised.
pub fn unsynced_is_possible(unsynced: u32, lsn: u64) -> bool {
    unsynced <= MAX_UNSYNCED && u64::from(unsynced) <= lsn
}

/// The four little-endian bytes at an offset. The caller has checked the bounds.
pub fn read_u32(bytes: &[u8], offset: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(word)
}

/// Seals the first `count` frames, which stand one behind the other from the start of the bytes, each
/// with its body length and its body already in place. The first has LSN `lsn` and leaves `unsynced`
/// records before it unpromised, every further one has one more of both. Returns how many bytes they
/// have, or `None`, with nothing written, if they cannot be frames or are not all there.
pub fn seal(bytes: &mut [u8], count: u32, unsynced: u32, salt: u32, lsn: u64) -> Option<usize> {
    let further = u64::from(count.saturating_sub(1));
    let last_unsynced = u32::try_from(u64::from(unsynced) + further).ok()?;
    if lsn + further > MAX_LSN || !unsynced_is_possible(last_unsynced, lsn + further) {
        return None;
    }
    let length = length_of(bytes, count)?;
    let (mut unsynced, mut lsn) = (unsynced, lsn);
    let mut rest = &mut bytes[..length];
    while let Some((header, behind)) = rest.split_first_chunk_mut::<HEADER_LENGTH>() {
        let body_length = read_u32(header, LENGTH_AT) as usize;
        let (body, behind) = behind.split_at_mut(body_length);
        let crc = checksum::of_frame(body, unsynced, salt, lsn);
        header[SALT_AT..LENGTH_AT].copy_from_slice(&salt.to_le_bytes());
        header[CHECKSUM_AT..UNSYNCED_AT].copy_from_slice(&crc.to_le_bytes());
        header[UNSYNCED_AT..].copy_from_slice(&unsynced.to_le_bytes());
        unsynced += 1;
        lsn += 1;
        rest = behind;
    }
    Some(length)
}

/// How many bytes that many frames have, by their body lengths.
fn length_of(bytes: &[u8], count: u32) -> Option<usize> {
    let mut length = 0;
    for _ in 0..count {
        let header = bytes.get(length..length + HEADER_LENGTH)?;
        let body_length = read_u32(header, LENGTH_AT);
        if !(1..=MAX_BODY_LENGTH).contains(&body_length) {
            return None;
        }
        length += HEADER_LENGTH + body_length as usize;
        if length > bytes.len() {
            return None;
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsealed(bodies: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for body in bodies {
            bytes.extend_from_slice(b"salt");
            bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
            bytes.extend_from_slice(b"crc.uns.");
            bytes.extend_from_slice(body);
        }
        bytes
    }

    #[test]
    fn seals_in_place() {
        let mut bytes = unsealed(&[b"abc", b"d"]);
        bytes.extend_from_slice(b"more");
        assert_eq!(seal(&mut bytes, 2, 1, 9, 5), Some(36));
        let word = |offset| read_u32(&bytes, offset);
        assert_eq!((word(0), word(4), word(12), &bytes[16..19]), (9, 3, 1, &b"abc"[..]));
        assert_eq!((word(19), word(23), word(31), &bytes[35..]), (9, 1, 2, &b"dmore"[..]));
        assert_eq!(word(8), checksum::of_frame(b"abc", 1, 9, 5));
        assert_eq!(word(27), checksum::of_frame(b"d", 2, 9, 6));
        assert_eq!(seal(&mut bytes, 0, 0, 9, 0), Some(0));
    }

    #[test]
    fn refuses_what_no_frames_can_be() {
        let mut bytes = unsealed(&[b"abc", &[7; 5]]);
        let untouched = bytes.clone();
        assert_eq!(seal(&mut bytes, 3, 0, 0, 9), None);
        assert_eq!(seal(&mut bytes, u32::MAX, 0, 0, 9), None);
        assert_eq!(seal(&mut bytes[..39], 2, 0, 0, 9), None);
        assert_eq!(seal(&mut bytes[..28], 2, 0, 0, 9), None);
        assert_eq!(seal(&mut bytes, 2, 6, 0, 5), None);
        assert_eq!(seal(&mut bytes, 2, MAX_UNSYNCED, 0, 1 << 40), None);
        assert_eq!(seal(&mut bytes, 2, u32::MAX, 0, 1 << 40), None);
        assert_eq!(seal(&mut bytes, 2, 0, 0, MAX_LSN), None);
        for wrong in [0_u32, MAX_BODY_LENGTH + 1, u32::MAX] {
            let mut bytes = bytes.clone();
            bytes[23..27].copy_from_slice(&wrong.to_le_bytes());
            let untouched = bytes.clone();
            assert_eq!(seal(&mut bytes, 2, 0, 0, 9), None, "{wrong}");
            assert_eq!(bytes, untouched);
        }
        assert_eq!(bytes, untouched);
        assert_eq!(seal(&mut bytes, 2, MAX_UNSYNCED - 1, 0, 1 << 40), Some(40));
        assert_eq!(seal(&mut bytes, 2, 5, 0, 5), Some(40));
        assert_eq!(seal(&mut bytes, 2, 0, 0, MAX_LSN - 1), Some(40));
    }
}
