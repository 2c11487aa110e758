//! Reads the frames of a segment one after the other, up to the first that is not valid.
//!
//! Guarantees: every frame in the table is valid in its own place, and `Stop` says where and why
//! the scan ended. The bytes may be anything.

use crate::checksum;
use crate::frame::{
    CHECKSUM_AT, HEADER_LENGTH, LENGTH_AT, MAX_BODY_LENGTH, SALT_AT, UNSYNCED_AT, read_u32,
    unsynced_is_possible,
};
use crate::number::MAX_LSN;
use crate::plain;

/// Words per frame in the table: frame offset, body length, unsynced, tag, and the high and the low
/// half of the transaction's number, if the record is a plain one.
pub const COLUMNS: usize = 6;
/// High half of the number where the record is not plain. Nor is one whose number has it.
pub const NOT_PLAIN: u32 = u32::MAX;

/// Why a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopKind {
    /// The table is full; go on at the stop.
    TableFull = 0,
    /// No byte is left.
    Clean = 1,
    /// Bytes are left, but fewer than a header has, and they could be the beginning of one.
    ShortHeader = 2,
    /// The body length is 0.
    ZeroLength = 3,
    /// The body length is above the maximum.
    TooLong = 4,
    /// The body would run past the end.
    PastEnd = 5,
    /// The checksum differs: damage, or another place's frame.
    Checksum = 6,
    /// The checksum is right, but no writer makes such a promise.
    ImpossiblePromise = 7,
    /// What is left does not begin with the segment's salt: space that was not used, or damage.
    OtherSalt = 8,
}

/// Where and why a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    pub kind: StopKind,
    pub offset: usize,
    pub lsn: u64,
}

/// A valid frame.
struct Frame {
    body_length: u32,
    unsynced: u32,
    tag: u8,
    /// Number of the transaction, or one whose high half is `NOT_PLAIN`.
    transaction: u64,
}

/// Scans the whole slice from `start`; the first frame has LSN `lsn`. Returns how many rows of the
/// table were filled, and the stop.
pub fn scan(bytes: &[u8], start: usize, salt: u32, lsn: u64, table: &mut [u32]) -> (usize, Stop) {
    let mut rows = table.chunks_exact_mut(COLUMNS);
    let (mut offset, mut lsn, mut count) = (start, lsn, 0);
    let kind = loop {
        // Before the look at the table: a table that is just full has nothing to go on with.
        if offset >= bytes.len() {
            break StopKind::Clean;
        }
        let Some(row) = rows.next() else {
            break StopKind::TableFull;
        };
        let frame = match read(&bytes[offset..], salt, lsn) {
            Ok(frame) => frame,
            Err(kind) => break kind,
        };
        row.copy_from_slice(&[
            offset as u32,
            frame.body_length,
            frame.unsynced,
            u32::from(frame.tag),
            (frame.transaction >> 32) as u32,
            frame.transaction as u32,
        ]);
        count += 1;
        lsn += 1;
        offset += HEADER_LENGTH + frame.body_length as usize;
    };
    (count, Stop { kind, offset, lsn })
}

/// The frame at the start of the slice.
fn read(bytes: &[u8], salt: u32, lsn: u64) -> Result<Frame, StopKind> {
    let shown = &bytes[SALT_AT..bytes.len().min(LENGTH_AT)];
    if !salt.to_le_bytes().starts_with(shown) {
        return Err(StopKind::OtherSalt);
    }
    if bytes.len() < HEADER_LENGTH {
        return Err(StopKind::ShortHeader);
    }
    let body_length = read_u32(bytes, LENGTH_AT);
    if body_length == 0 {
        return Err(StopKind::ZeroLength);
    }
    if body_length > MAX_BODY_LENGTH {
        return Err(StopKind::TooLong);
    }
    let Some(body) = bytes.get(HEADER_LENGTH..HEADER_LENGTH + body_length as usize) else {
        return Err(StopKind::PastEnd);
    };
    let unsynced = read_u32(bytes, UNSYNCED_AT);
    // No frame can have an LSN above the safe integers, whatever its checksum says.
    if lsn > MAX_LSN
        || read_u32(bytes, CHECKSUM_AT) != checksum::of_frame(body, unsynced, salt, lsn)
    {
        return Err(StopKind::Checksum);
    }
    if !unsynced_is_possible(unsynced, lsn) {
        return Err(StopKind::ImpossiblePromise);
    }
    let transaction = plain::transaction(body).unwrap_or(u64::from(NOT_PLAIN) << 32);
    Ok(Frame { body_length, unsynced, tag: body[0], transaction })
}

/// Whether a frame with that LSN stands at the start of the slice.
pub fn is_frame(bytes: &[u8], salt: u32, lsn: u64) -> bool {
    read(bytes, salt, lsn).is_ok()
}

/// Whether the salt stands anywhere in the slice.
pub fn has_salt(bytes: &[u8], salt: u32) -> bool {
    bytes.windows(LENGTH_AT).any(|word| read_u32(word, 0) == salt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::seal;

    fn segment(bodies: &[&[u8]], salt: u32, lsn: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, body) in bodies.iter().enumerate() {
            let offset = bytes.len();
            bytes.extend_from_slice(&(body.len() as u64).rotate_left(32).to_le_bytes());
            bytes.extend_from_slice(&[0; 8]);
            bytes.extend_from_slice(body);
            let frame = &mut bytes[offset..];
            assert_eq!(seal(frame, 1, 0, salt, lsn + index as u64), Some(frame.len()));
        }
        bytes
    }

    #[test]
    fn reads_what_was_sealed() {
        let bytes = segment(&[b"a", b"bcd"], 5, 7);
        let mut table = [0; 3 * COLUMNS];
        let (count, stop) = scan(&bytes, 0, 5, 7, &mut table);
        assert_eq!(count, 2);
        assert_eq!(table[..6], [0, 1, 0, u32::from(b'a'), NOT_PLAIN, 0]);
        assert_eq!(table[6..12], [17, 3, 0, u32::from(b'b'), NOT_PLAIN, 0]);
        assert_eq!(stop, Stop { kind: StopKind::Clean, offset: 36, lsn: 9 });
    }

    #[test]
    fn tells_the_transaction_of_a_plain_record() {
        let end = b"\x03\x81\xa3txn\xcf\0\0\x06\x5d\xd0\x83\x74\x12";
        let mut largest = *end;
        largest[7..].fill(0xff);
        let bytes = segment(&[end, &largest], 5, 7);
        let mut table = [0; 2 * COLUMNS];
        assert_eq!(scan(&bytes, 0, 5, 7, &mut table).0, 2);
        assert_eq!(table[3..6], [3, 0x65d, 0xd083_7412]);
        assert_eq!(table[9..11], [3, NOT_PLAIN]);
    }

    #[test]
    fn says_why_it_ended() {
        let bytes = segment(&[b"a", b"bcd"], 5, 7);
        let kind =
            |bytes: &[u8], salt, lsn| scan(bytes, 0, salt, lsn, &mut [0; 3 * COLUMNS]).1.kind;
        for length in 18..33 {
            assert_eq!(kind(&bytes[..length], 5, 7), StopKind::ShortHeader, "{length}");
            let mut other = bytes[..length].to_vec();
            other[17] = 6;
            assert_eq!(kind(&other, 5, 7), StopKind::OtherSalt, "{length}");
        }
        assert_eq!(kind(&bytes[..35], 5, 7), StopKind::PastEnd);
        assert_eq!(kind(&bytes, 6, 7), StopKind::OtherSalt);
        assert_eq!(kind(&bytes, 5, 8), StopKind::Checksum);
        assert_eq!(kind(&[0; 16], 5, 7), StopKind::OtherSalt);
        assert_eq!(kind(&[0; 16], 0, 7), StopKind::ZeroLength);
        assert_eq!(kind(&[255; 16], u32::MAX, 7), StopKind::TooLong);
        assert_eq!(scan(&bytes, 0, 5, 7, &mut [0; COLUMNS]).1.kind, StopKind::TableFull);
        assert_eq!(scan(&bytes, 0, 5, 7, &mut [0; 2 * COLUMNS]).1.kind, StopKind::Clean);
    }

    #[test]
    fn finds_the_salt_anywhere() {
        for at in 0..20 {
            let mut bytes = [0; 24];
            assert!(!has_salt(&bytes, 0x0403_0201));
            bytes[at..at + 4].copy_from_slice(&[1, 2, 3, 4]);
            assert!(has_salt(&bytes, 0x0403_0201));
            assert!(!has_salt(&bytes[..at + 3], 0x0403_0201));
        }
    }
}
