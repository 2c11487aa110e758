//! The frame: u32 body length, u32 crc32c, u32 unsynced, body (u8 tag, payload), little endian.
//!
//! `unsynced` says how many records before this one were not yet known to be synced when it was
//! written. A frame with LSN l thus promises that every record below `l - unsynced` is on disk.

use crate::checksum;
use crate::number::MAX_LSN;

/// Bytes before the body.
pub const HEADER_LENGTH: usize = 12;
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

/// Writes the header before a body that is already in place; false if the frame cannot be.
pub fn seal(
    bytes: &mut [u8],
    offset: usize,
    body_length: u32,
    unsynced: u32,
    salt: u32,
    lsn: u64,
) -> bool {
    let possible = (1..=MAX_BODY_LENGTH).contains(&body_length)
        && lsn <= MAX_LSN
        && unsynced_is_possible(unsynced, lsn);
    let frame_length = HEADER_LENGTH + body_length as usize;
    if !possible || offset > bytes.len() || frame_length > bytes.len() - offset {
        return false;
    }
    let (header, body) = bytes[offset..offset + frame_length].split_at_mut(HEADER_LENGTH);
    let crc = checksum::of_frame(body, unsynced, salt, lsn);
    header[..4].copy_from_slice(&body_length.to_le_bytes());
    header[4..8].copy_from_slice(&crc.to_le_bytes());
    header[8..].copy_from_slice(&unsynced.to_le_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seals_in_place() {
        let mut bytes = *b"..............abc..";
        assert!(seal(&mut bytes, 2, 3, 1, 9, 5));
        assert_eq!(&bytes[..2], b"..");
        assert_eq!(&bytes[14..], b"abc..");
        assert_eq!(read_u32(&bytes, 2), 3);
        assert_eq!(read_u32(&bytes, 6), checksum::of_frame(b"abc", 1, 9, 5));
        assert_eq!(read_u32(&bytes, 10), 1);
    }

    #[test]
    fn refuses_what_no_frame_can_be() {
        let mut bytes = [0; 32];
        assert!(seal(&mut bytes, 0, 20, 0, 0, 0));
        let untouched = bytes;
        assert!(!seal(&mut bytes, 0, 21, 0, 0, 0));
        assert!(!seal(&mut bytes, 20, 1, 0, 0, 0));
        assert!(!seal(&mut bytes, usize::MAX, 1, 0, 0, 0));
        assert!(!seal(&mut bytes, 0, 0, 0, 0, 0));
        assert!(!seal(&mut bytes, 0, u32::MAX, 0, 0, 0));
        assert!(!seal(&mut bytes, 0, 1, 6, 0, 5));
        assert!(!seal(&mut bytes, 0, 1, MAX_UNSYNCED + 1, 0, 1 << 40));
        assert!(!seal(&mut bytes, 0, 1, 0, 0, MAX_LSN + 1));
        assert_eq!(bytes, untouched);
    }
}
