//! Tells a torn end from corruption: is there, after an invalid frame, a valid one that promises
//! that the bad place had been synced?
//!
//! Every later offset is looked at, not only those that the lengths lead to: a damaged length must
//! not hide what follows. A valid frame whose promise stops short of the bad place is no evidence
//! (its block reached the disk before an earlier one) and does not end the search. Nor are its
//! bytes skipped: the search then needs no trust in any length, and where a body holds something
//! that looks like a covering frame, the answer errs towards corruption, which loses nothing.
//!
//! What an earlier use of the file has left is full of frames that were valid once, and as the LSN
//! is searched for, so many would be valid for some LSN by chance that most ends would be called
//! corrupt. So a frame begins with the segment's salt: a chance of one in 2^32 before all others.
//!
//! Guarantees: the answer is exact, and the time grows with the number of bytes only, whatever the
//! bytes are. Even bytes in which the salt stands everywhere must not take minutes, as they would if
//! every body that begins somewhere were run through, and a search with a budget would call a torn
//! end corrupt. Hence the notes of `prefix`, and hence the LSN is solved for (`unwind`) and not tried.

use crate::checksum;
use crate::frame::{
    CHECKSUM_AT, HEADER_LENGTH, LENGTH_AT, MAX_BODY_LENGTH, MAX_UNSYNCED, MIN_FRAME_LENGTH,
    SALT_AT, UNSYNCED_AT, read_u32,
};
use crate::number::MAX_LSN;
use crate::prefix::Prefixes;
use crate::scan;
use crate::unwind;
use std::ops::RangeInclusive;

/// Within this distance so few LSNs are possible at so few places that no checksum fits by chance.
const NEAR: usize = 4096;

/// What is searched for behind a bad frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// A frame that promises that the bad place was synced: the proof that it is damaged.
    Promise,
    /// A frame to go on reading at, once the damage is proven. It will be believed, so it needs more
    /// than a checksum that fits some LSN: among millions of places one fits by chance. It is near, or
    /// the next frame follows it, or nothing does.
    Frame,
}

/// A valid frame behind the bad place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub offset: usize,
    pub lsn: u64,
}

/// Searches behind the bad frame, which starts at `from` and should have had LSN `lsn`. `notes`
/// has room for the notes of all bytes.
pub fn find(
    search: Search,
    bytes: &[u8],
    from: usize,
    salt: u32,
    lsn: u64,
    notes: &mut [u32],
) -> Option<Found> {
    // The bad frame itself has at least the minimal length, and so has any that follows.
    let first = from.checked_add(MIN_FRAME_LENGTH)?;
    let last = bytes.len().checked_sub(MIN_FRAME_LENGTH)?;
    let mut prefixes = Prefixes::new(bytes, notes);
    for offset in first..=last {
        if read_u32(bytes, offset + SALT_AT) != salt {
            continue;
        }
        let body_length = read_u32(bytes, offset + LENGTH_AT);
        if body_length.wrapping_sub(1) >= MAX_BODY_LENGTH
            || body_length as usize > bytes.len() - offset - HEADER_LENGTH
        {
            continue;
        }
        // At most this many frames fit before the offset, the bad one included. To cover the bad
        // one, a promise has to reach below the others.
        let places = (offset - from) / MIN_FRAME_LENGTH;
        let unsynced = read_u32(bytes, offset + UNSYNCED_AT);
        if unsynced > MAX_UNSYNCED || search == Search::Promise && unsynced as usize >= places {
            continue;
        }
        let head = checksum::of_head(body_length, unsynced);
        let crc = prefixes.continue_over(head, offset + HEADER_LENGTH, body_length as usize);
        let before_lsn = checksum::append_salt(crc, salt);
        let reach = if search == Search::Promise { u64::from(unsynced) } else { 0 };
        let range = lsn + reach + 1..=MAX_LSN.min(lsn + places as u64);
        if let Some(lsn) = solve(before_lsn, read_u32(bytes, offset + CHECKSUM_AT), range) {
            let end = offset + HEADER_LENGTH + body_length as usize;
            if search == Search::Promise || is_confirmed(bytes, offset - from, end, salt, lsn) {
                return Some(Found { offset, lsn });
            }
        }
    }
    None
}

/// Whether a frame that ends at `end` is more than a coincidence.
fn is_confirmed(bytes: &[u8], distance: usize, end: usize, salt: u32, lsn: u64) -> bool {
    let rest = &bytes[end..];
    distance <= NEAR || scan::is_frame(rest, salt, lsn + 1) || !scan::has_salt(rest, salt)
}

/// The LSN within the range that makes the checksum right. At most two high words are possible, as
/// no segment holds 2^32 frames.
fn solve(before: u32, crc: u32, range: RangeInclusive<u64>) -> Option<u64> {
    let (first, last) = (range.start() >> 32, range.end() >> 32);
    (first..=last)
        .map(|high| high << 32 | u64::from(unwind::low_word(before, crc, high as u32)))
        .find(|lsn| range.contains(lsn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::seal;
    use crate::prefix::notes_for;

    const SALT: u32 = 0xdead_beef;

    fn push(bytes: &mut Vec<u8>, body: &[u8], unsynced: u32, lsn: u64) -> usize {
        let offset = bytes.len();
        bytes.extend_from_slice(&(body.len() as u64).rotate_left(32).to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(body);
        let length = HEADER_LENGTH + body.len();
        assert_eq!(seal(&mut bytes[offset..], 1, unsynced, SALT, lsn), Some(length));
        offset
    }

    fn search(bytes: &[u8], from: usize, lsn: u64) -> Option<Found> {
        find(Search::Promise, bytes, from, SALT, lsn, &mut vec![0; notes_for(bytes.len())])
    }

    #[test]
    fn finds_any_frame_where_no_promise_is_asked() {
        let mut bytes = vec![0xff; 30];
        let offset = push(&mut bytes, b"same batch", 7, 11);
        let notes = &mut vec![0; notes_for(bytes.len())];
        assert_eq!(find(Search::Promise, &bytes, 0, SALT, 10, notes), None);
        let found = Some(Found { offset, lsn: 11 });
        assert_eq!(find(Search::Frame, &bytes, 0, SALT, 10, notes), found);
    }

    #[test]
    fn finds_a_covering_promise_only() {
        for first in [10, u64::from(u32::MAX) - 1, MAX_LSN - 3] {
            for body_length in [1, 3, 1000, 100_000] {
                let mut bytes = vec![0xff; 30];
                push(&mut bytes, &vec![b'a'; body_length], 1, first + 1);
                assert_eq!(search(&bytes, 0, first), None);
                let offset = push(&mut bytes, &vec![b'b'; body_length], 1, first + 2);
                assert_eq!(search(&bytes, 0, first), Some(Found { offset, lsn: first + 2 }));
            }
        }
    }

    #[test]
    fn goes_on_far_away_only_where_another_frame_follows() {
        let mut bytes = vec![0xff; 3 * NEAR];
        let offset = push(&mut bytes, b"first", 7, 100);
        let end = bytes.len();
        bytes.extend_from_slice(b"something that is no frame, with the salt: \xef\xbe\xad\xde");
        let notes = &mut vec![0; notes_for(bytes.len())];
        assert_eq!(find(Search::Frame, &bytes, 0, SALT, 10, notes), None);
        let found = Some(Found { offset, lsn: 100 });
        assert_eq!(find(Search::Frame, &bytes[..end], 0, SALT, 10, notes), found);
        bytes.truncate(end);
        push(&mut bytes, b"second", 8, 101);
        bytes.extend_from_slice(b"something");
        let notes = &mut vec![0; notes_for(bytes.len())];
        assert_eq!(find(Search::Frame, &bytes, 0, SALT, 10, notes), found);
    }

    #[test]
    fn ignores_an_lsn_that_does_not_fit_before() {
        let mut bytes = vec![0xff; 25];
        push(&mut bytes, b"far", 0, 12);
        assert_eq!(search(&bytes, 0, 10), None);
        assert_eq!(search(&bytes, 0, 11), Some(Found { offset: 25, lsn: 12 }));
        assert_eq!(search(&bytes, usize::MAX, 11), None);
        assert_eq!(search(&bytes[..5], 0, 11), None);
    }
}
