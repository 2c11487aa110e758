//! The checksum of a frame: one crc32c stream of body length, unsynced, body, salt, LSN.
//!
//! Salt and LSN are not in the frame's bytes. Being part of the checksum they bind the frame to its
//! segment and to its place. They come last, so that the state after the body can be kept while
//! several places are tried (see `promise`).

use crate::slicing;
use crc32c::crc32c_append;

/// Fixed parts of the stream, aligned as the crc32c software loop likes its input best.
#[repr(align(8))]
struct Aligned<const N: usize>([u8; N]);

/// The checksum of the stream before the body.
pub fn of_head(body_length: u32, unsynced: u32) -> u32 {
    let head = u64::from(body_length) | u64::from(unsynced) << 32;
    crc32c_append(0, &Aligned(head.to_le_bytes()).0)
}

/// The checksum continued over the salt; only the LSN is missing then.
pub fn append_salt(crc: u32, salt: u32) -> u32 {
    crc32c_append(crc, &Aligned(salt.to_le_bytes()).0)
}

/// The whole checksum of a frame, whose body has at most `MAX_BODY_LENGTH` bytes.
#[inline(always)]
pub fn of_frame(body: &[u8], unsynced: u32, salt: u32, lsn: u64) -> u32 {
    let head = body.len() as u64 | u64::from(unsynced) << 32;
    let (state, rest) = match body.split_first_chunk() {
        Some((first, rest)) => (slicing::step_16(!0, head, u64::from_le_bytes(*first)), rest),
        None => (slicing::step_8(!0, head), body),
    };
    let state = slicing::step_4(slicing::run(state, rest), salt);
    !slicing::step_8(state, lsn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_stream() {
        let mut stream = vec![3, 0, 0, 0, 7, 0, 0, 0, b'a', b'b', b'c'];
        stream.extend_from_slice(&0x0102_0304_u32.to_le_bytes());
        let before_salt = crc32c_append(of_head(3, 7), b"abc");
        assert_eq!(append_salt(before_salt, 0x0102_0304), crc32c::crc32c(&stream));
        stream.extend_from_slice(&0x0005_0607_0809_0a0b_u64.to_le_bytes());
        assert_eq!(
            of_frame(b"abc", 7, 0x0102_0304, 0x0005_0607_0809_0a0b),
            crc32c::crc32c(&stream)
        );
    }

    #[test]
    fn agrees_with_the_crate_for_bodies_of_every_length() {
        let bytes: Vec<u8> = (0..400_u32).map(|index| ((index * index) >> 3) as u8).collect();
        for length in 0..=300 {
            for start in [0, 1, 5, 8, 100] {
                let body = &bytes[start..start + length];
                let (unsynced, salt, lsn) = (length as u32 * 77, 0x89ab_cdef, (start as u64) << 40);
                let crc = append_salt(crc32c_append(of_head(length as u32, unsynced), body), salt);
                let expected = crc32c_append(crc, &lsn.to_le_bytes());
                assert_eq!(of_frame(body, unsynced, salt, lsn), expected, "{start}, {length}");
            }
        }
    }
}
